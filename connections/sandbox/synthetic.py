"""A seeded random walk that looks like five-minute candles of large coins.

The walk is geometric with volatility that comes in clusters (a GARCH(1,1) around a long-run level)
and fat-tailed shocks; a common factor moves all coins together. Candle n of a symbol depends on the
seed and on n alone: every run with the same seed sees the same prices.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

from .candles import Candle, CandleColumns, CandleSpan, SymbolFacts

TIMEFRAME_MS = 5 * 60_000
# start price, decimals of the tick, volatility of a five-minute return, traded quote per candle
COINS: dict[str, tuple[float, int, float, float]] = {
    "BTCUSDT": (64000.0, 2, 0.0014, 6_000_000.0),
    "ETHUSDT": (3200.0, 2, 0.0018, 3_500_000.0),
    "BNBUSDT": (580.0, 1, 0.0016, 900_000.0),
    "XRPUSDT": (0.58, 4, 0.0021, 800_000.0),
    "ADAUSDT": (0.45, 4, 0.0023, 300_000.0),
    "SOLUSDT": (150.0, 2, 0.0026, 1_800_000.0),
    "DOGEUSDT": (0.13, 5, 0.0028, 700_000.0),
    "LTCUSDT": (82.0, 2, 0.0021, 200_000.0),
    "LINKUSDT": (14.5, 2, 0.0025, 250_000.0),
    "DOTUSDT": (6.4, 3, 0.0024, 150_000.0),
    "AVAXUSDT": (31.0, 2, 0.0027, 220_000.0),
    "TRXUSDT": (0.12, 5, 0.0012, 180_000.0),
}
COMMON_SHARE = 0.6
MAX_LOG_DISTANCE = 1.2  # a soft rubber band keeps prices within about a factor of three
KEPT_CANDLES = 200_000
PRUNE_AT = 260_000


class _Walk:
    """The walk of one coin; its state is what the next candle depends on."""

    def __init__(self, seed: int, symbol: str, common: list[float]) -> None:
        price, self.decimals, self.sigma, self.turnover = COINS[symbol]
        # The generator is for prices, never for secrets.
        self.random = random.Random(f"{seed}:{symbol}")  # noqa: S311
        self.start = math.log(price)
        self.log_price = self.start
        self.close = price
        self.variance = self.sigma**2
        self.common = common

    def next_candle(self, number: int) -> Candle:
        gauss = self.random.gauss
        long_run = self.sigma**2
        volatility = math.sqrt(self.variance)
        shock = COMMON_SHARE * self.common[number] + math.sqrt(1 - COMMON_SHARE**2) * gauss(0, 1)
        if self.random.random() < 0.004:
            shock *= 3.0
        step = max(-0.12, min(0.12, volatility * shock))
        band = (self.start - self.log_price) / MAX_LOG_DISTANCE
        self.variance = min(
            0.03 * long_run + 0.12 * step * step + 0.85 * self.variance, 60 * long_run
        )
        self.log_price += step + 0.02 * volatility * band
        before = self.close
        self.close = round(math.exp(self.log_price), self.decimals)
        upper = abs(gauss(0, 0.45)) * volatility
        lower = abs(gauss(0, 0.45)) * volatility
        high = max(before, self.close, round(max(before, self.close) * (1 + upper), self.decimals))
        low = min(before, self.close, round(min(before, self.close) * (1 - lower), self.decimals))
        busy = math.exp(gauss(0, 0.35)) * (0.5 + volatility / self.sigma)
        volume = round(self.turnover * busy / self.close, 5)
        return Candle(before, high, low, self.close, volume)


class SyntheticSource:
    """An endless `CandleSource`. Only the last 200,000 candles or so stay in memory."""

    timeframe_ms = TIMEFRAME_MS
    lap_length = None

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._common: list[float] = []
        self._common_random = random.Random(f"{seed}:common")  # noqa: S311 - prices, not secrets
        self._walks = {symbol: _Walk(seed, symbol, self._common) for symbol in COINS}
        self._columns = {symbol: CandleColumns() for symbol in COINS}
        self._dropped = dict.fromkeys(COINS, 0)

    @property
    def identity(self) -> str:
        return f"synthetic:{self.seed}"

    @property
    def description(self) -> str:
        return f"synthetic prices, seed {self.seed}, {len(COINS)} symbols, 5m candles, endless"

    @property
    def facts(self) -> Sequence[SymbolFacts]:
        return [SymbolFacts(symbol, coin[0], coin[1]) for symbol, coin in COINS.items()]

    @property
    def oldest(self) -> int:
        return max(self._dropped.values())

    def candle(self, symbol: str, number: int) -> Candle:
        self._grow(symbol, number + 1)
        return self._columns[symbol].candle(self._index(symbol, number))

    def span(self, symbol: str, start: int, stop: int) -> CandleSpan:
        self._grow(symbol, stop)
        first = self._index(symbol, start)
        return self._columns[symbol].span(first, first + stop - start)

    def _index(self, symbol: str, number: int) -> int:
        index = number - self._dropped[symbol]
        if index < 0:
            raise IndexError(f"expected candle {self.oldest} or later, was {number}")
        return index

    def _grow(self, symbol: str, stop: int) -> None:
        columns = self._columns[symbol]
        number = self._dropped[symbol] + len(columns)
        if number >= stop:
            return
        walk = self._walks[symbol]
        while number < stop:
            if number >= len(self._common):
                self._common.append(self._common_random.gauss(0, 1))
            columns.append(walk.next_candle(number))
            number += 1
        if len(columns) > PRUNE_AT:
            surplus = len(columns) - KEPT_CANDLES
            columns.drop_first(surplus)
            self._dropped[symbol] += surplus
