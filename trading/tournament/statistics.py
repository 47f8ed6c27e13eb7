"""Statistics of closed positions: pure numbers of net results. Unknown is None, never invented."""

import math
from dataclasses import dataclass

import numpy as np
from numba import njit
from scipy import special

from trading.candle_arrays import Floats, Integers

MS_PER_HOUR = 3_600_000

# Results that differ by rounding only (every one the same take-profit) have no spread to test.
_SPREAD_OF_ROUNDING = 1e-9

# A cumulative result this close below its peak (units) is back at it: sums of floats round.
_ROUNDING_UNITS = 1e-9

_NO_DRAWDOWN_MS = -(2**62)


@dataclass(frozen=True, slots=True)
class Statistics:
    """What a row of closed positions amounts to, by net results in units.

    None means unknown: there is nothing to compute it from. A win has a net result above zero, a
    loss one below; exactly zero is neither, but counts as closed. `mean_loss_units` and
    `gross_loss_units` are written as positive numbers. `profit_factor` and `win_loss_ratio` are
    None also where there are positions but no losses: `has_losses` tells the two apart.

    `drawdown_units` is the deepest fall of the cumulative net result from its peak, which starts
    at zero before the first position. Drawdown times are in hours: from the exit that took the
    cumulative result below its peak to the exit that brought it back to it, or to now.
    `drawdown_since_ms` is when the present drawdown began, None if there is none.
    """

    closed: int
    wins: int
    losses: int
    win_rate: float | None
    mean_win_units: float | None
    mean_loss_units: float | None
    win_loss_ratio: float | None
    expectancy_units: float | None
    gross_profit_units: float
    gross_loss_units: float
    profit_factor: float | None
    cumulative_units: float
    drawdown_units: float
    drawdown_since_ms: int | None
    drawdown_hours: float
    longest_drawdown_hours: float

    @property
    def has_losses(self) -> bool:
        """False where the profit factor reads "no losses" (if anything closed at all)."""
        return self.losses > 0

    @property
    def drawdown_share(self) -> float | None:
        """Drawdown / gross profit; None without a profit to compare with."""
        if self.gross_profit_units == 0:
            return None
        return self.drawdown_units / self.gross_profit_units


def statistics_of(net_units: Floats, closed_ms: Integers, now_ms: int) -> Statistics:
    """Statistics of positions in the order in which they closed.

    `net_units` are net results in units and `closed_ms` the times of the exits, of one length;
    `now_ms` ends the present drawdown time. Raises `ValueError` where the lengths differ.
    """
    if len(net_units) != len(closed_ms):
        raise ValueError(
            f"Statistics: expected as many exit times as results ({len(net_units)}), "
            f"was {len(closed_ms)}."
        )
    wins, losses, profit, loss, total, drawdown, since_ms, longest_ms = _summary(
        net_units, closed_ms, now_ms
    )
    closed = len(net_units)
    mean_win = profit / wins if wins else None
    mean_loss = loss / losses if losses else None
    in_drawdown = since_ms != _NO_DRAWDOWN_MS
    return Statistics(
        closed=closed,
        wins=wins,
        losses=losses,
        win_rate=wins / closed if closed else None,
        mean_win_units=mean_win,
        mean_loss_units=mean_loss,
        win_loss_ratio=None if mean_win is None or mean_loss is None else mean_win / mean_loss,
        expectancy_units=total / closed if closed else None,
        gross_profit_units=profit,
        gross_loss_units=loss,
        profit_factor=profit / loss if losses else None,
        cumulative_units=total,
        drawdown_units=drawdown,
        drawdown_since_ms=since_ms if in_drawdown else None,
        drawdown_hours=(now_ms - since_ms) / MS_PER_HOUR if in_drawdown else 0.0,
        longest_drawdown_hours=longest_ms / MS_PER_HOUR,
    )


def expectancy_of_last(net_units: Floats, count: int) -> float | None:
    """Mean of the last `count` net results in units; None while there are fewer than `count`."""
    if len(net_units) < count or count < 1:
        return None
    return float(np.mean(net_units[-count:]))


def chance_of_luck(net_units: Floats, sets_tried: int) -> float | None:
    """Chance that the best of `sets_tried` sets without an edge would look at least this good.

    First p of a one-sided Student t test (mean net result > 0, n - 1 degrees of freedom): Student,
    "The probable error of a mean", Biometrika 6 (1908). Then Šidák's correction for having picked
    from many: 1 - (1 - p)^sets_tried, after Šidák, JASA 62 (1967); it takes the sets as
    independent, so with sets that resemble each other it overstates luck: the cautious error.

    Gives 0..1, or None where it can't be known: fewer than two results, or results without spread.
    Raises `ValueError` for `sets_tried` below one.
    """
    if sets_tried < 1:
        raise ValueError(f"Chance of luck: expected at least one set tried, was {sets_tried}.")
    closed = len(net_units)
    if closed < 2:
        return None
    mean = float(np.mean(net_units))
    deviation = float(np.std(net_units, ddof=1))
    if deviation <= _SPREAD_OF_ROUNDING * max(1.0, abs(mean)):
        return None
    t = mean / (deviation / math.sqrt(closed))
    p = float(special.stdtr(closed - 1, -t))
    if p >= 1.0:
        return 1.0
    # 1 - (1 - p)^n without losing a small p to rounding.
    return -math.expm1(sets_tried * math.log1p(-p))


@njit(nogil=True, cache=True)
def _summary(net_units, closed_ms, now_ms):  # type: ignore[no-untyped-def]
    wins = 0
    losses = 0
    profit = 0.0
    loss = 0.0
    total = 0.0
    peak = 0.0
    drawdown = 0.0
    since_ms = _NO_DRAWDOWN_MS
    longest_ms = 0
    for index in range(len(net_units)):
        net = net_units[index]
        total += net
        if net > 0:
            wins += 1
            profit += net
        elif net < 0:
            losses += 1
            loss -= net
        if total >= peak - _ROUNDING_UNITS:
            peak = max(peak, total)
            if since_ms != _NO_DRAWDOWN_MS:
                longest_ms = max(longest_ms, closed_ms[index] - since_ms)
                since_ms = _NO_DRAWDOWN_MS
        else:
            drawdown = max(drawdown, peak - total)
            if since_ms == _NO_DRAWDOWN_MS:
                since_ms = closed_ms[index]
    if since_ms != _NO_DRAWDOWN_MS:
        longest_ms = max(longest_ms, now_ms - since_ms)
    return wins, losses, profit, loss, total, drawdown, since_ms, longest_ms
