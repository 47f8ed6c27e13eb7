"""What the exchange needs from prices, whichever way they come."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from typing import NamedTuple, Protocol

from .candles import SymbolFacts

INTERVALS_MS = {
    "1s": 1_000,
    "1m": 60_000,
    "3m": 180_000,
    "5m": 300_000,
    "15m": 900_000,
    "30m": 1_800_000,
    "1h": 3_600_000,
    "2h": 7_200_000,
    "4h": 14_400_000,
    "6h": 21_600_000,
    "8h": 28_800_000,
    "12h": 43_200_000,
    "1d": 86_400_000,
    "3d": 259_200_000,
    "1w": 604_800_000,
}
DAY_MS = 86_400_000
WEEK_OFFSET_MS = 4 * DAY_MS  # the epoch was a Thursday; weekly klines open on Mondays


class Tick(NamedTuple):
    """A price and when it came. `serial` grows by one with every tick of the symbol."""

    serial: int
    time_ms: int
    price: Decimal


class PriceEvent(NamedTuple):
    time_ms: int
    symbol: str
    tick: Tick


class Kline(NamedTuple):
    """A candle in the exchange's own (real) time; prices in quote, volume in base units."""

    open_ms: int
    close_ms: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    quote_volume: float
    trades: int


class PublicTrade(NamedTuple):
    trade_id: int
    time_ms: int
    price: Decimal
    quantity: float
    buyer_is_maker: bool


class PriceBounds(NamedTuple):
    """As long as a price stays strictly between these, nothing can happen to any order."""

    low: Decimal | None
    high: Decimal | None


Interest = Callable[[str], PriceBounds | None]


class PriceFeed(Protocol):
    """Prices of all symbols on the exchange's clock (real milliseconds since the epoch, UTC)."""

    @property
    def identity(self) -> str: ...

    @property
    def description(self) -> str: ...

    @property
    def facts(self) -> Sequence[SymbolFacts]: ...

    @property
    def max_age_ms(self) -> int | None:
        """Age from which a price is too old to trade on; None where prices can't be old."""

    def tick(self, symbol: str, at_ms: int) -> Tick | None:
        """The newest tick at or before a time; None before the first."""

    def events(self, after_ms: int, until_ms: int, interest: Interest) -> Iterator[PriceEvent]:
        """Ticks with after < time <= until, in order of time, of symbols somebody has an interest
        in (`interest` gives None for the others and is asked again as it goes)."""

    def klines(
        self,
        symbol: str,
        interval_ms: int,
        start_ms: int | None,
        end_ms: int,
        limit: int,
        now_ms: int,
    ) -> list[Kline]:
        """Klines that opened in start..end, as they are now (the newest is unfinished); the first
        `limit` after a start, else the last."""

    def day(self, symbol: str, at_ms: int) -> Kline | None:
        """The rolling 24 hours up to a time, as one kline."""

    def trades(self, symbol: str, at_ms: int, limit: int) -> list[PublicTrade]:
        """The newest public trades up to a time, oldest first."""

    def state(self) -> dict[str, int]:
        """What must be kept to go on along the same timeline after a restart."""

    def status(self, at_ms: int) -> dict[str, object]:
        """Facts for the status page."""


def interval_floor(at_ms: int, interval_ms: int) -> int:
    """Opening time of the kline that holds a time."""
    offset = WEEK_OFFSET_MS if interval_ms == INTERVALS_MS["1w"] else 0
    return (at_ms - offset) // interval_ms * interval_ms + offset


def join_bounds(one: PriceBounds | None, other: PriceBounds | None) -> PriceBounds | None:
    """The narrower of two pairs of bounds on each side."""
    if one is None or other is None:
        return one or other
    lows = [low for low in (one.low, other.low) if low is not None]
    highs = [high for high in (one.high, other.high) if high is not None]
    return PriceBounds(max(lows, default=None), min(highs, default=None))
