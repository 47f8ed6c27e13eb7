"""Source candles: what a replay or a random walk offers, and how symbols are described."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol


class Candle(NamedTuple):
    """Open, high, low, close in quote units, volume in base units."""

    open: float
    high: float
    low: float
    close: float
    volume: float


@dataclass(frozen=True)
class SymbolFacts:
    """What a source knows about a symbol before the first tick."""

    symbol: str
    first_price: float
    price_decimals: int


class CandleSource(Protocol):
    """Candles of several symbols in step on one timeline, numbered from 0 without end.

    A source is a pure function: the same (symbol, number) is the same candle for ever.
    """

    timeframe_ms: int

    @property
    def identity(self) -> str:
        """Names the data, so that a state file can tell whether it belongs to it."""

    @property
    def description(self) -> str:
        """One line for people."""

    @property
    def facts(self) -> Sequence[SymbolFacts]: ...

    @property
    def lap_length(self) -> int | None:
        """Candles until the data start over; None for endless data."""

    @property
    def oldest(self) -> int:
        """The first candle that can still be asked for."""

    def candle(self, symbol: str, number: int) -> Candle: ...

    def span(self, symbol: str, start: int, stop: int) -> CandleSpan:
        """Candles start..stop-1 as columns."""


class CandleSpan(NamedTuple):
    """Columns of consecutive candles."""

    open: Sequence[float]
    high: Sequence[float]
    low: Sequence[float]
    close: Sequence[float]
    volume: Sequence[float]


class CandleColumns:
    """Candles of one symbol, stored as five arrays of doubles (40 bytes a candle)."""

    __slots__ = ("close", "high", "low", "open", "volume")

    def __init__(self) -> None:
        self.open = array("d")
        self.high = array("d")
        self.low = array("d")
        self.close = array("d")
        self.volume = array("d")

    def __len__(self) -> int:
        return len(self.open)

    def append(self, candle: Candle) -> None:
        self.open.append(candle.open)
        self.high.append(candle.high)
        self.low.append(candle.low)
        self.close.append(candle.close)
        self.volume.append(candle.volume)

    def candle(self, index: int) -> Candle:
        return Candle(
            self.open[index],
            self.high[index],
            self.low[index],
            self.close[index],
            self.volume[index],
        )

    def span(self, start: int, stop: int) -> CandleSpan:
        return CandleSpan(
            self.open[start:stop],
            self.high[start:stop],
            self.low[start:stop],
            self.close[start:stop],
            self.volume[start:stop],
        )

    def extend(self, other: CandleSpan) -> None:
        self.open.extend(other.open)
        self.high.extend(other.high)
        self.low.extend(other.low)
        self.close.extend(other.close)
        self.volume.extend(other.volume)

    def drop_first(self, count: int) -> None:
        for column in (self.open, self.high, self.low, self.close, self.volume):
            del column[:count]
