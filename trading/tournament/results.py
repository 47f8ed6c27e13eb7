"""The last results of every set, in arrays: what statistics and stages are judged on."""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from trading.candle_arrays import Floats, Integers

RESULTS_KEPT_RANGE = (50, 750)
DEFAULT_RESULTS_KEPT = 250


class Results(NamedTuple):
    """Closed positions of one set in the order in which they closed; columns of one length.

    Times are frames' opening times in ms, `net_units` net results. A set holds one position at a
    time, so this is also the order in which they opened.
    """

    opened_ms: Integers
    closed_ms: Integers
    net_units: Floats

    def opened_after(self, moment_ms: int) -> "Results":
        """Those whose signal's frame opened strictly later than `moment_ms`."""
        first = int(np.searchsorted(self.opened_ms, moment_ms, side="right"))
        return Results(self.opened_ms[first:], self.closed_ms[first:], self.net_units[first:])

    def opened_until(self, moment_ms: int) -> "Results":
        """The others: signal's frame not later than `moment_ms`."""
        first = int(np.searchsorted(self.opened_ms, moment_ms, side="right"))
        return Results(self.opened_ms[:first], self.closed_ms[:first], self.net_units[:first])

    def last(self, count: int) -> "Results":
        """The newest `count`, or all if there are fewer."""
        first = max(0, len(self.net_units) - count)
        return Results(self.opened_ms[first:], self.closed_ms[first:], self.net_units[first:])


class ResultStore:
    """The newest results of `sets` sets, appended from kernel rows.

    The last `kept` are kept: when a set's results reach `kept` x 1.2 (300 for 250) the oldest go.
    That is storage, not a cap: `total` goes on counting.

    Arrays: `opened_ms`, `closed_ms`, `net_units` of shape (sets, capacity), of which the first
    `stored[set]` columns are in use; `total[set]` is how many ever closed. Raises `ValueError` for
    `kept` out of range.
    """

    def __init__(self, sets: int, kept: int = DEFAULT_RESULTS_KEPT) -> None:
        low, high = RESULTS_KEPT_RANGE
        if not low <= kept <= high:
            raise ValueError(f"Results kept: expected {low} to {high} for each set, was {kept}.")
        capacity = kept + kept // 5
        self.kept = kept
        self.opened_ms = np.zeros((sets, capacity), dtype=np.int64)
        self.closed_ms = np.zeros((sets, capacity), dtype=np.int64)
        self.net_units = np.zeros((sets, capacity), dtype=np.float64)
        self.stored = np.zeros(sets, dtype=np.int64)
        self.total = np.zeros(sets, dtype=np.int64)

    def append(self, closed: NDArray[np.void], first_set: int) -> None:
        """Adds rows of `kernel.CLOSED_DTYPE`; their `set` counts from `first_set`."""
        _append(
            closed,
            first_set,
            self.kept,
            self.opened_ms,
            self.closed_ms,
            self.net_units,
            self.stored,
            self.total,
        )

    def of(self, number: int) -> Results:
        """The kept results of one set, as views: use them before the next `append`."""
        stored = int(self.stored[number])
        return Results(
            self.opened_ms[number, :stored],
            self.closed_ms[number, :stored],
            self.net_units[number, :stored],
        )

    def expectancies(self) -> Floats:
        """Mean kept net result of every set in units; NaN for a set without any."""
        return _means(self.net_units, self.stored)


@njit(nogil=True, cache=True)
def _append(closed, first_set, kept, opened_ms, closed_ms, net_units, stored, total):  # type: ignore[no-untyped-def]
    for row in range(len(closed)):
        number = first_set + closed[row].set
        column = stored[number]
        opened_ms[number, column] = closed[row].opened_ms
        closed_ms[number, column] = closed[row].closed_ms
        net_units[number, column] = closed[row].net_units
        column += 1
        if column == opened_ms.shape[1]:
            dropped = column - kept
            for place in range(kept):
                opened_ms[number, place] = opened_ms[number, place + dropped]
                closed_ms[number, place] = closed_ms[number, place + dropped]
                net_units[number, place] = net_units[number, place + dropped]
            column = kept
        stored[number] = column
        total[number] += 1


@njit(nogil=True, cache=True)
def _means(net_units, stored):  # type: ignore[no-untyped-def]
    means = np.full(len(stored), np.nan)
    for number in range(len(stored)):
        if stored[number] > 0:
            means[number] = net_units[number, : stored[number]].mean()
    return means
