"""Plays source candles on the real clock, and cuts klines and ticks out of them.

The exchange's clock is always real time: time stamps, recvWindow, staleness, cooldowns, funding and
drawdown hours mean what they say. What `speed` N changes is the market: source candle k of length
tf occupies the real interval [anchor + k tf/N, anchor + (k+1) tf/N). At speed 5 a five-minute
candle is exactly one one-minute candle with the same open, high, low, close and volume; at speed
60 it lasts five seconds and a one-minute candle is made of twelve of them. The anchor lies on a
whole hour (a whole source candle where that is longer), `history_hours` before the start, so that
frames line up and there is a past.

Inside a candle the price goes from the open to one extreme, to the other, to the close (low first
when the candle rises) in straight lines, four ticks a second. Everything here is a pure function of
source, anchor, speed and time: it is the same before and after a restart and for every reader.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from .candles import Candle, CandleSource, SymbolFacts
from .errors import SetupError
from .feed import (
    DAY_MS,
    Interest,
    Kline,
    PriceBounds,
    PriceEvent,
    PublicTrade,
    Tick,
    interval_floor,
)

TICK_MS = 250
MIN_TICKS = 4
MIN_CANDLE_MS = 20
HOUR_MS = 3_600_000


class _Segment(NamedTuple):
    """Part of a candle's path, or several candles together."""

    open: float
    high: float
    low: float
    close: float
    volume: float
    quote_volume: float
    ticks: int


class CandlePath:
    """How the price moves inside a candle of `ticks` ticks (at least 4)."""

    def __init__(self, ticks: int) -> None:
        self.ticks = ticks
        first = max(1, ticks // 3)
        second = max(first + 1, 2 * ticks // 3)
        self.nodes = (0, first, second, ticks - 1)

    def node_prices(self, candle: Candle) -> tuple[float, float, float, float]:
        if candle.close >= candle.open:
            return candle.open, candle.low, candle.high, candle.close
        return candle.open, candle.high, candle.low, candle.close

    def price(self, candle: Candle, index: int) -> float:
        nodes = self.nodes
        prices = self.node_prices(candle)
        leg = min(2, bisect_right(nodes, index) - 1)
        start, stop = nodes[leg], nodes[leg + 1]
        if index == start:
            return prices[leg]
        if index == stop:
            return prices[leg + 1]
        share = (index - start) / (stop - start)
        return prices[leg] + (prices[leg + 1] - prices[leg]) * share

    def segment(self, candle: Candle, start: int, stop: int) -> _Segment:
        """Ticks start..stop-1 as one candle; volume in proportion to their number."""
        if start == 0 and stop == self.ticks:
            volume = candle.volume
            prices: list[float] = [candle.open, candle.low, candle.high, candle.close]
        else:
            volume = candle.volume * (stop - start) / self.ticks
            first, last = self.price(candle, start), self.price(candle, stop - 1)
            between = [
                price
                for node, price in zip(self.nodes, self.node_prices(candle), strict=True)
                if start <= node < stop
            ]
            prices = [first, *between, last]
        high, low = max(prices), min(prices)
        typical = (prices[0] + high + low + prices[-1]) / 4
        return _Segment(prices[0], high, low, prices[-1], volume, volume * typical, stop - start)


class CandleFeed:
    """A `PriceFeed` over a `CandleSource`."""

    max_age_ms = None

    def __init__(self, source: CandleSource, speed: Fraction, anchor_ms: int) -> None:
        self.source = source
        self.speed = speed
        self.anchor_ms = anchor_ms
        self._length = Fraction(source.timeframe_ms) / speed
        if self._length < MIN_CANDLE_MS:
            fastest = source.timeframe_ms // MIN_CANDLE_MS
            raise SetupError(f"expected a speed of at most {fastest}, found {float(speed):g}")
        self._path = CandlePath(max(MIN_TICKS, int(self._length) // TICK_MS))
        self._decimals = {fact.symbol: fact.price_decimals for fact in source.facts}
        self._day_cache: dict[str, tuple[int, _Segment | None]] = {}

    @property
    def identity(self) -> str:
        return f"{self.source.identity}@{self.speed}"

    @property
    def description(self) -> str:
        return f"{self.source.description}, speed {float(self.speed):g}"

    @property
    def facts(self) -> Sequence[SymbolFacts]:
        return self.source.facts

    def state(self) -> dict[str, int]:
        return {"anchor_ms": self.anchor_ms}

    def status(self, at_ms: int) -> dict[str, object]:
        number = self._number(at_ms)
        lap = self.source.lap_length
        return {
            "description": self.description,
            "speed": float(self.speed),
            "anchor": self.anchor_ms,
            "candle": number,
            "candleMs": float(self._length),
            "lap": 1 if lap is None else number // lap + 1,
            "candlesPerLap": lap,
        }

    def _start(self, number: int) -> int:
        """Real opening time of a source candle: anchor + number x length, rounded up."""
        length = self._length
        return self.anchor_ms - (-number * length.numerator // length.denominator)

    @property
    def _first_ms(self) -> int:
        """Where the remembered past begins."""
        return self._start(self.source.oldest)

    def _number(self, at_ms: int) -> int:
        length = self._length
        return (at_ms - self.anchor_ms) * length.denominator // length.numerator

    def _ticks_before(self, number: int, at_ms: int) -> int:
        """How many ticks of a candle come before a time."""
        start = self._start(number)
        duration = self._start(number + 1) - start
        count = -((start - at_ms) * self._path.ticks // duration)
        return max(0, min(self._path.ticks, count))

    def _tick_time(self, number: int, index: int) -> int:
        start = self._start(number)
        duration = self._start(number + 1) - start
        return start + index * duration // self._path.ticks

    def _price(self, symbol: str, value: float) -> Decimal:
        return Decimal(f"{value:.{self._decimals[symbol]}f}")

    def tick(self, symbol: str, at_ms: int) -> Tick | None:
        number = self._number(at_ms)
        if number < 0:
            return None
        index = self._ticks_before(number, at_ms + 1) - 1
        value = self._path.price(self.source.candle(symbol, number), index)
        serial = number * self._path.ticks + index
        return Tick(serial, self._tick_time(number, index), self._price(symbol, value))

    def events(self, after_ms: int, until_ms: int, interest: Interest) -> Iterator[PriceEvent]:
        path = self._path
        symbols = [fact.symbol for fact in self.facts]
        for number in range(max(0, self._number(after_ms)), self._number(until_ms) + 1):
            asked = {symbol: interest(symbol) for symbol in symbols}
            if not any(self._matters(symbol, number, asked[symbol]) for symbol in symbols):
                continue
            # Positions of several symbols share one margin: where one moves, all are looked at.
            candles = {
                symbol: self.source.candle(symbol, number)
                for symbol in symbols
                if asked[symbol] is not None
            }
            first = self._ticks_before(number, after_ms + 1)
            last = self._ticks_before(number, until_ms + 1)
            for index in range(first, last):
                time_ms = self._tick_time(number, index)
                serial = number * path.ticks + index
                for symbol, candle in candles.items():
                    price = self._price(symbol, path.price(candle, index))
                    yield PriceEvent(time_ms, symbol, Tick(serial, time_ms, price))

    def _matters(self, symbol: str, number: int, bounds: PriceBounds | None) -> bool:
        if bounds is None:
            return False
        candle = self.source.candle(symbol, number)
        below = bounds.low is not None and candle.low <= bounds.low
        above = bounds.high is not None and candle.high >= bounds.high
        return below or above

    def klines(
        self,
        symbol: str,
        interval_ms: int,
        start_ms: int | None,
        end_ms: int,
        limit: int,
        now_ms: int,
    ) -> list[Kline]:
        oldest = interval_floor(self._first_ms, interval_ms)
        last = interval_floor(end_ms, interval_ms)
        if start_ms is None:
            first = last - (limit - 1) * interval_ms
        else:
            floor = interval_floor(start_ms, interval_ms)
            first = floor if floor == start_ms else floor + interval_ms
        first = max(oldest, first)
        last = min(last, first + (limit - 1) * interval_ms)
        return [
            self._kline(symbol, open_ms, open_ms + interval_ms, now_ms)
            for open_ms in range(first, last + 1, interval_ms)
        ]

    def _kline(self, symbol: str, open_ms: int, close_ms: int, now_ms: int) -> Kline:
        segment = self._between(symbol, open_ms, min(close_ms, now_ms + 1))
        if segment is None:
            number = max(0, self._number(open_ms))
            index = max(0, self._ticks_before(number, open_ms) - 1)
            price = self._path.price(self.source.candle(symbol, number), index)
            segment = _Segment(price, price, price, price, 0.0, 0.0, 0)
        decimals = self._decimals[symbol]
        o, h, low, c = (
            round(x, decimals) for x in (segment.open, segment.high, segment.low, segment.close)
        )
        trades = segment.ticks if segment.volume > 0 else 0
        return Kline(
            open_ms, close_ms - 1, o, h, low, c, segment.volume, segment.quote_volume, trades
        )

    def _between(self, symbol: str, start_ms: int, stop_ms: int) -> _Segment | None:
        """Ticks with start <= time < stop as one segment; None where there are none."""
        start_ms = max(start_ms, self._first_ms)
        if stop_ms <= start_ms:
            return None
        first, last = self._number(start_ms), self._number(stop_ms - 1)
        parts: list[_Segment] = []
        skipped = self._ticks_before(first, start_ms)
        seen = self._ticks_before(last, stop_ms)
        whole_from, whole_to = first, last + 1
        if skipped > 0:
            whole_from = first + 1
            end = seen if first == last else self._path.ticks
            if end > skipped:
                candle = self.source.candle(symbol, first)
                parts.append(self._path.segment(candle, skipped, end))
        tail: list[_Segment] = []
        if seen < self._path.ticks and whole_from <= last:
            whole_to = last
            if seen > 0:
                tail.append(self._path.segment(self.source.candle(symbol, last), 0, seen))
        if whole_to > whole_from:
            parts.append(self._whole(symbol, whole_from, whole_to))
        parts.extend(tail)
        return _join(parts)

    def _whole(self, symbol: str, start: int, stop: int) -> _Segment:
        span = self.source.span(symbol, start, stop)
        quote_volume = sum(
            volume * (o + h + low + c) / 4 for o, h, low, c, volume in zip(*span, strict=True)
        )
        return _Segment(
            span.open[0],
            max(span.high),
            min(span.low),
            span.close[-1],
            sum(span.volume),
            quote_volume,
            (stop - start) * self._path.ticks,
        )

    def day(self, symbol: str, at_ms: int) -> Kline | None:
        number = self._number(at_ms)
        if number < 0:
            return None
        start_ms = max(self._first_ms, at_ms - DAY_MS)
        cached_number, closed = self._day_cache.get(symbol, (-1, None))
        if cached_number != number:
            closed = self._between(symbol, start_ms, self._start(number))
            self._day_cache[symbol] = (number, closed)
        current = self._between(symbol, self._start(number), at_ms + 1)
        segment = _join([part for part in (closed, current) if part is not None])
        if segment is None:
            return None
        decimals = self._decimals[symbol]
        o, h, low, c = (round(price, decimals) for price in segment[:4])
        volume, quote_volume, ticks = segment.volume, segment.quote_volume, segment.ticks
        return Kline(start_ms, at_ms, o, h, low, c, volume, quote_volume, ticks)

    def trades(self, symbol: str, at_ms: int, limit: int) -> list[PublicTrade]:
        newest = self.tick(symbol, at_ms)
        if newest is None:
            return []
        ticks = self._path.ticks
        found: list[PublicTrade] = []
        for serial in range(max(0, newest.serial - limit + 1), newest.serial + 1):
            number, index = divmod(serial, ticks)
            candle = self.source.candle(symbol, number)
            if candle.volume == 0:
                continue
            price = self._price(symbol, self._path.price(candle, index))
            time_ms = self._tick_time(number, index)
            falling = index > 0 and self._path.price(candle, index - 1) > float(price)
            found.append(PublicTrade(serial + 1, time_ms, price, candle.volume / ticks, falling))
        return found


def _join(parts: list[_Segment]) -> _Segment | None:
    if not parts:
        return None
    if len(parts) == 1:
        return parts[0]
    return _Segment(
        parts[0].open,
        max(part.high for part in parts),
        min(part.low for part in parts),
        parts[-1].close,
        sum(part.volume for part in parts),
        sum(part.quote_volume for part in parts),
        sum(part.ticks for part in parts),
    )


def anchor_for(source: CandleSource, speed: Fraction, now_ms: int, history_hours: float) -> int:
    """Where the timeline of a new sandbox begins: `history_hours` ago, on a whole hour, or on a
    whole source candle where that is longer."""
    length = Fraction(source.timeframe_ms) / speed
    grid = int(length) if length.denominator == 1 and length % HOUR_MS == 0 else HOUR_MS
    return int(now_ms - history_hours * HOUR_MS) // grid * grid
