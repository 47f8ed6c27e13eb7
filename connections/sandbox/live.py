"""Live public prices of a real exchange, by polling; the trading stays pretended.

Last prices are fetched every two seconds, one-minute candles once a minute. When the exchange can't
be reached the prices grow old, and from 15 seconds on the sandbox refuses orders rather than trade
on them. After a restart the minutes that were missed are played through from the fetched candles
(up to 1,000 of them), so that stops trigger as they would have.
"""

from __future__ import annotations

import asyncio
import logging
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from typing import Any, Protocol

from ccxt.base.errors import BaseError

from .candles import Candle, SymbolFacts
from .errors import SetupError
from .feed import DAY_MS, Interest, Kline, PriceEvent, PublicTrade, Tick, interval_floor
from .instruments import decimals_of, sensible_price_decimals

logger = logging.getLogger(__name__)

DEFAULT_BASES = (
    "BTC", "ETH", "BNB", "XRP", "ADA", "SOL", "DOGE", "LTC", "LINK", "DOT", "AVAX", "TRX",
)  # fmt: skip
POLL_SECS = 2.0
REQUEST_TIMEOUT_SECS = 10.0
MAX_AGE_MS = 15_000
MINUTE_MS = 60_000
HISTORY_MINUTES = 1_000
KEPT_TICKS = 50_000
FETCH_ERRORS = (BaseError, TimeoutError, OSError)


class PublicClient(Protocol):
    """The part of a ccxt.async_support exchange that is used here."""

    id: str
    markets: dict[str, Any]

    async def load_markets(self) -> Any: ...

    async def fetch_tickers(self, symbols: list[str]) -> dict[str, Any]: ...

    async def fetch_ohlcv(
        self, symbol: str, timeframe: str, since: int | None, limit: int
    ) -> list[list[float]]: ...

    async def close(self) -> None: ...


class _History:
    """One-minute candles and ticks of one symbol."""

    def __init__(self, decimals: int) -> None:
        self.decimals = decimals
        self.minutes: dict[int, Candle] = {}
        self.ticks: list[Tick] = []
        self._serial = 0

    def add_tick(self, time_ms: int, price: float) -> None:
        if self.ticks and time_ms <= self.ticks[-1].time_ms:
            return
        self._serial += 1
        exact = Decimal(f"{price:.{self.decimals}f}")
        self.ticks.append(Tick(self._serial, time_ms, exact))
        if len(self.ticks) > KEPT_TICKS:
            del self.ticks[: KEPT_TICKS // 10]
        minute_ms = time_ms // MINUTE_MS * MINUTE_MS
        value = float(exact)
        seen = self.minutes.get(minute_ms)
        if seen is None:
            self.minutes[minute_ms] = Candle(value, value, value, value, 0.0)
        else:
            high, low = max(seen.high, value), min(seen.low, value)
            self.minutes[minute_ms] = Candle(seen.open, high, low, value, seen.volume)

    def add_minutes(self, rows: Sequence[Sequence[float]]) -> None:
        for row in rows:
            o, h, low, c, volume = (float(value or 0) for value in row[1:6])
            self.minutes[int(row[0])] = Candle(o, h, low, c, volume)

    def play_minutes(self, now_ms: int) -> None:
        """Makes ticks of closed candles, so that what was missed can be played."""
        for open_ms in sorted(self.minutes):
            candle = self.minutes[open_ms]
            if open_ms + MINUTE_MS > now_ms:
                break
            rising = candle.close >= candle.open
            turns = (candle.low, candle.high) if rising else (candle.high, candle.low)
            for part, price in enumerate((candle.open, *turns, candle.close)):
                self.add_tick(open_ms + part * 15_000, price)

    def tick_at(self, at_ms: int) -> Tick | None:
        index = bisect_right(self.ticks, at_ms, key=lambda tick: tick.time_ms)
        return self.ticks[index - 1] if index else None


class LiveFeed:
    """A `PriceFeed` over a ccxt client. `open` it before use, and let `poll_for_ever` run."""

    max_age_ms = MAX_AGE_MS

    def __init__(self, client: PublicClient, clock: Callable[[], int]) -> None:
        self._client = client
        self._clock = clock
        self._histories: dict[str, _History] = {}
        self._names: dict[str, str] = {}
        self._facts: list[SymbolFacts] = []
        self._fetched_ms = 0
        self._candles_fetched_ms = 0
        self.last_error = ""

    async def open(self) -> None:
        """Loads markets, candles and first prices. Raises SetupError when that fails."""
        try:
            await self._timed(self._client.load_markets())
            names = [f"{base}/USDT" for base in DEFAULT_BASES]
            self._names = {
                name.replace("/", ""): name for name in names if name in self._client.markets
            }
            if not self._names:
                raise SetupError(f"{self._client.id} trades none of {', '.join(names)}")
            tickers = await self._timed(self._client.fetch_tickers(list(self._names.values())))
            for symbol, name in self._names.items():
                await self._open_symbol(symbol, name, float(tickers[name]["last"]))
        except FETCH_ERRORS as error:
            raise SetupError(
                f"can't get prices of {self._client.id}: {_reason(error)}; try --synthetic or "
                "--replay"
            ) from error
        self._take_tickers(tickers)
        self._candles_fetched_ms = self._clock()

    async def _open_symbol(self, symbol: str, name: str, last: float) -> None:
        tick_size = self._client.markets[name]["precision"]["price"]
        found = decimals_of(Decimal(repr(float(tick_size)))) if tick_size else 8
        history = _History(sensible_price_decimals(last, found))
        rows = await self._timed(self._client.fetch_ohlcv(name, "1m", None, HISTORY_MINUTES))
        history.add_minutes(rows)
        history.play_minutes(self._clock())
        self._histories[symbol] = history
        self._facts.append(SymbolFacts(symbol, last, history.decimals))

    async def poll_for_ever(self) -> None:
        while True:
            await self.poll()
            await asyncio.sleep(POLL_SECS)

    async def poll(self) -> None:
        """Fetches prices once; a failure is remembered, reported, and makes the prices age."""
        try:
            names = list(self._names.values())
            self._take_tickers(await self._timed(self._client.fetch_tickers(names)))
            if self._clock() - self._candles_fetched_ms > MINUTE_MS:
                await self._fetch_candles()
        except FETCH_ERRORS as error:
            if not self.last_error:
                logger.warning("no prices from %s: %s", self._client.id, _reason(error))
            self.last_error = _reason(error)
        else:
            self.last_error = ""

    async def _fetch_candles(self) -> None:
        for symbol, name in self._names.items():
            rows = await self._timed(self._client.fetch_ohlcv(name, "1m", None, 3))
            self._histories[symbol].add_minutes(rows)
        self._candles_fetched_ms = self._clock()

    async def _timed(self, fetching: Any) -> Any:
        return await asyncio.wait_for(fetching, REQUEST_TIMEOUT_SECS)

    def _take_tickers(self, tickers: dict[str, Any]) -> None:
        now_ms = self._clock()
        for symbol, name in self._names.items():
            last = tickers.get(name, {}).get("last")
            if last:
                self._histories[symbol].add_tick(now_ms, float(last))
        self._fetched_ms = now_ms

    async def close(self) -> None:
        await self._client.close()

    @property
    def identity(self) -> str:
        return f"live:{self._client.id}"

    @property
    def description(self) -> str:
        return f"live public prices of {self._client.id}, {len(self._names)} symbols"

    @property
    def facts(self) -> Sequence[SymbolFacts]:
        return self._facts

    def state(self) -> dict[str, int]:
        return {}

    def status(self, at_ms: int) -> dict[str, object]:
        age_ms = at_ms - self._fetched_ms
        return {
            "description": self.description,
            "ageMs": age_ms,
            "stale": age_ms > MAX_AGE_MS,
            "error": self.last_error,
        }

    def tick(self, symbol: str, at_ms: int) -> Tick | None:
        return self._histories[symbol].tick_at(at_ms)

    def events(self, after_ms: int, until_ms: int, interest: Interest) -> Iterator[PriceEvent]:
        found: list[PriceEvent] = []
        for symbol, history in self._histories.items():
            if interest(symbol) is None:
                continue
            start = bisect_right(history.ticks, after_ms, key=lambda tick: tick.time_ms)
            stop = bisect_right(history.ticks, until_ms, key=lambda tick: tick.time_ms)
            found += [PriceEvent(t.time_ms, symbol, t) for t in history.ticks[start:stop]]
        return iter(sorted(found, key=lambda event: event.time_ms))

    def klines(
        self,
        symbol: str,
        interval_ms: int,
        start_ms: int | None,
        end_ms: int,
        limit: int,
        now_ms: int,
    ) -> list[Kline]:
        """Made of one-minute candles; intervals below a minute are made of the polled prices."""
        minutes = self._histories[symbol].minutes
        if interval_ms < MINUTE_MS:
            minutes = self._seconds(symbol, interval_ms)
        groups: dict[int, list[tuple[int, Candle]]] = {}
        for open_ms in sorted(minutes):
            slot = interval_floor(open_ms, interval_ms)
            if (start_ms is None or slot >= start_ms) and slot <= end_ms and open_ms <= now_ms:
                groups.setdefault(slot, []).append((open_ms, minutes[open_ms]))
        klines = [
            _merge(slot, slot + interval_ms - 1, [candle for _, candle in group])
            for slot, group in groups.items()
        ]
        return klines[-limit:] if start_ms is None else klines[:limit]

    def _seconds(self, symbol: str, interval_ms: int) -> dict[int, Candle]:
        slots: dict[int, Candle] = {}
        for tick in self._histories[symbol].ticks:
            value = float(tick.price)
            slot = tick.time_ms // interval_ms * interval_ms
            seen = slots.get(slot, Candle(value, value, value, value, 0.0))
            high, low = max(seen.high, value), min(seen.low, value)
            slots[slot] = Candle(seen.open, high, low, value, 0.0)
        return slots

    def day(self, symbol: str, at_ms: int) -> Kline | None:
        minutes = self._histories[symbol].minutes
        recent = [minutes[m] for m in sorted(minutes) if at_ms - DAY_MS < m <= at_ms]
        return _merge(at_ms - DAY_MS, at_ms, recent) if recent else None

    def trades(self, symbol: str, at_ms: int, limit: int) -> list[PublicTrade]:
        """The polled prices; their size isn't known and shown as zero."""
        history = self._histories[symbol]
        stop = bisect_right(history.ticks, at_ms, key=lambda tick: tick.time_ms)
        return [
            PublicTrade(tick.serial, tick.time_ms, tick.price, 0.0, buyer_is_maker=False)
            for tick in history.ticks[max(0, stop - limit) : stop]
        ]


def _merge(open_ms: int, close_ms: int, candles: Sequence[Candle]) -> Kline:
    volume = sum(candle.volume for candle in candles)
    quote = sum(c.volume * (c.open + c.high + c.low + c.close) / 4 for c in candles)
    return Kline(
        open_ms,
        close_ms,
        candles[0].open,
        max(candle.high for candle in candles),
        min(candle.low for candle in candles),
        candles[-1].close,
        volume,
        quote,
        len(candles),
    )


def _reason(error: BaseException) -> str:
    return (str(error) or type(error).__name__)[:200]


def public_client(exchange_id: str) -> PublicClient:
    """A ccxt client without keys. Raises SetupError for an exchange that ccxt doesn't know."""
    import ccxt.async_support as ccxt_async  # about 100 MB: only where it is used

    if exchange_id not in ccxt_async.exchanges:
        raise SetupError(f"ccxt knows no exchange {exchange_id!r}: expected a ccxt id like binance")
    options = {"enableRateLimit": True, "timeout": int(REQUEST_TIMEOUT_SECS * 1000)}
    client: PublicClient = getattr(ccxt_async, exchange_id)(options)
    return client
