"""Candles: fetched where missing, stored once, read as arrays. Only closed frames are stored."""

from collections.abc import Iterable

from django.utils import timezone

from connections.gateway.types import CandleRow
from trading.candle_arrays import Candles
from trading.choices import TIMEFRAME_MS
from trading.market.venues import Venue
from trading.models import Candle, Market

PAGE = 500
# An exchange's own candle settles a moment after the frame's end.
SETTLE_MS = 250


def fetch_missing(*, venue: Venue, market: Market, timeframe: str, since_ms: int) -> int:
    """Fetch and store the closed frames from `since_ms` (or the newest stored one) to now.

    Gives how many rows were stored. Frames that the exchange does not have stay missing. Raises
    GatewayError; what was stored before stays.
    """
    step = TIMEFRAME_MS[timeframe]
    newest = newest_open_ms(market, timeframe)
    start = since_ms if newest is None else max(since_ms, newest + step)
    stored = 0
    while start + step + SETTLE_MS <= (now_ms := _now_ms()):
        rows = venue.gateway().candles(market.symbol, timeframe, since_ms=start, limit=PAGE)
        closed = [row for row in rows if row.open_ms + step + SETTLE_MS <= now_ms]
        fresh = [row for row in closed if row.open_ms >= start]
        if not fresh:
            break
        store(market=market, timeframe=timeframe, rows=fresh)
        stored += len(fresh)
        start = fresh[-1].open_ms + step
    return stored


def store(*, market: Market, timeframe: str, rows: Iterable[CandleRow]) -> None:
    """Write candles; one that is there already is corrected. One statement."""
    Candle.objects.bulk_create(
        [
            Candle(
                market=market,
                timeframe=timeframe,
                open_ms=row.open_ms,
                open=row.open,
                high=row.high,
                low=row.low,
                close=row.close,
                volume=row.volume,
            )
            for row in rows
        ],
        update_conflicts=True,
        unique_fields=["market", "timeframe", "open_ms"],
        update_fields=["open", "high", "low", "close", "volume"],
        batch_size=PAGE,
    )


def newest_open_ms(market: Market, timeframe: str) -> int | None:
    """Give the opening time of the newest stored frame. One index look-up."""
    return (
        Candle.objects.filter(market=market, timeframe=timeframe)
        .order_by("-open_ms")
        .values_list("open_ms", flat=True)
        .first()
    )


def read_arrays(*, market: Market, timeframe: str, since_ms: int) -> Candles | None:
    """Give the stored frames from `since_ms` on as arrays, None where there are none."""
    rows = list(
        Candle.objects.filter(market=market, timeframe=timeframe, open_ms__gte=since_ms)
        .order_by("open_ms")
        .values_list("open_ms", "open", "high", "low", "close", "volume")
    )
    return Candles.from_rows(rows) if rows else None


def _now_ms() -> int:
    return int(timezone.now().timestamp() * 1000)
