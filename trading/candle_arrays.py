"""Candles as columns of numbers: what indications, kernel and back-test calculate on.

Pure calculation: nothing here knows a database or an exchange. The table of candles is turned into
these arrays at the edge (`Candles.from_rows`).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

PRICE_COLUMNS = ("open", "high", "low", "close")


class InvalidCandlesError(ValueError):
    """Candles that can't be calculated on; the text says which one and why."""


@dataclass(frozen=True, slots=True, eq=False)
class Candles:
    """Closed candles of one symbol and timeframe, oldest first.

    Every column has the same length `n`. A missing candle is simply absent: the arrays hold the
    candles that exist, and nothing is filled in.

    `open_ms` is the opening time in milliseconds since the epoch, UTC, strictly increasing; prices
    are in quote currency, finite and above zero; `volume` is in base units, finite, not negative.

    Raises `InvalidCandlesError` where one of that doesn't hold.
    """

    open_ms: Integers
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats

    def __post_init__(self) -> None:
        object.__setattr__(self, "open_ms", _column("open_ms", self.open_ms, np.int64))
        for name in (*PRICE_COLUMNS, "volume"):
            object.__setattr__(self, name, _column(name, getattr(self, name), np.float64))
            if len(getattr(self, name)) != len(self.open_ms):
                raise InvalidCandlesError(
                    f"Candles: expected {len(self.open_ms)} values of {name}, as many as open_ms, "
                    f"was {len(getattr(self, name))}."
                )
        self._check_times()
        self._check_values()

    @classmethod
    def already_checked(
        cls,
        open_ms: Integers,
        open_: Floats,
        high: Floats,
        low: Floats,
        close: Floats,
        volume: Floats,
    ) -> Self:
        """Candles from columns whose values were checked before, frame by frame: no second look.

        For the running engine, which checks a frame once when it arrives. Everybody else
        constructs `Candles(...)`.
        """
        candles = cls.__new__(cls)
        for name, column in zip(
            ("open_ms", *PRICE_COLUMNS, "volume"),
            (open_ms, open_, high, low, close, volume),
            strict=True,
        ):
            object.__setattr__(candles, name, column)
        return candles

    @classmethod
    def from_rows(cls, rows: Iterable[Sequence[float]]) -> Self:
        """Candles from rows of (open_ms, open, high, low, close, volume), oldest first.

        Raises `InvalidCandlesError` for a row of another width or an impossible value.
        """
        kept = list(rows)
        for position, row in enumerate(kept):
            if len(row) != 6:
                raise InvalidCandlesError(
                    f"Candle {position}: expected 6 values (open_ms, open, high, low, close, "
                    f"volume), was {len(row)}."
                )
        columns = [[row[index] for row in kept] for index in range(6)]
        return cls(
            np.array(columns[0], dtype=np.int64),
            *(np.array(column, dtype=np.float64) for column in columns[1:]),
        )

    def __len__(self) -> int:
        return len(self.open_ms)

    def part(self, start: int, stop: int) -> Self:
        """The candles `start` .. `stop - 1` as views on the same memory."""
        chosen = slice(start, stop)
        return self.already_checked(
            self.open_ms[chosen],
            self.open[chosen],
            self.high[chosen],
            self.low[chosen],
            self.close[chosen],
            self.volume[chosen],
        )

    def _check_times(self) -> None:
        wrong = np.flatnonzero(np.diff(self.open_ms) <= 0)
        if len(wrong):
            later = int(wrong[0]) + 1
            raise InvalidCandlesError(
                f"Candle {later}: expected an opening time after {self.open_ms[later - 1]} ms, "
                f"was {self.open_ms[later]} ms. Sort the candles and drop duplicates."
            )

    def _check_values(self) -> None:
        for name in PRICE_COLUMNS:
            column = getattr(self, name)
            _refuse_where(~(np.isfinite(column) & (column > 0)), name, column, "a price above zero")
        _refuse_where(self.high < self.low, "high", self.high, "a high that isn't below the low")
        bad_volume = ~(np.isfinite(self.volume) & (self.volume >= 0))
        _refuse_where(bad_volume, "volume", self.volume, "a volume of zero or more")


def check_frame(
    open_: float, high: float, low: float, close: float, volume: float
) -> tuple[float, float, float, float, float]:
    """The five numbers of one frame as floats, under the rules of `Candles`.

    Raises `InvalidCandlesError` for a price that isn't finite and above zero, a high below the low
    or a volume that isn't finite and zero or more.
    """
    prices = (float(open_), float(high), float(low), float(close))
    for name, price in zip(PRICE_COLUMNS, prices, strict=True):
        if not 0 < price < float("inf"):
            raise InvalidCandlesError(f"Frame: expected {name} to be above zero, was {price}.")
    if prices[1] < prices[2]:
        raise InvalidCandlesError(
            f"Frame: expected a high that isn't below the low {prices[2]}, was {prices[1]}."
        )
    if not 0 <= float(volume) < float("inf"):
        raise InvalidCandlesError(f"Frame: expected a volume of zero or more, was {volume}.")
    return (*prices, float(volume))


def _column(name: str, values: object, kind: type) -> NDArray[np.generic]:
    try:
        column: NDArray[np.generic] = np.asarray(values, dtype=kind, order="C")
    except (TypeError, ValueError) as problem:
        raise InvalidCandlesError(f"Candles: expected numbers in {name}: {problem}") from problem
    if column.ndim != 1:
        raise InvalidCandlesError(
            f"Candles: expected {name} with one dimension, was {column.ndim}."
        )
    return column


def _refuse_where(wrong: NDArray[np.bool_], name: str, column: Floats, expected: str) -> None:
    places = np.flatnonzero(wrong)
    if len(places):
        first = int(places[0])
        raise InvalidCandlesError(
            f"Candle {first}: expected {expected} in {name}, was {column[first]}."
        )
