"""What each rung asks: for staying on it and for climbing to the next, as numbers to compare.

One list serves the decision, its evidence and the page that shows how far a set is from passing.
Each function yields the requirements of one rule of the stage table, in the order in which they are
looked at; switched-off gates yield nothing.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from trading.tournament.gates import Gates
from trading.tournament.results import Results
from trading.tournament.statistics import (
    MS_PER_HOUR,
    Statistics,
    chance_of_luck,
    expectancy_of_last,
    statistics_of,
)


class Comparison(StrEnum):
    """How `found` must compare with `needed`."""

    AT_LEAST = ">="
    MORE_THAN = ">"
    AT_MOST = "<="


@dataclass(frozen=True, slots=True)
class Requirement:
    """One gate against one number.

    `gate` is the field of `Gates`; `found` is None where the number is unknown, or where there are
    no losses to divide by. `met` says whether the requirement holds. The unit is the gate's, but
    for `active_max_drawdown_share`, where both numbers are units: drawdown against that share of
    the gross profit.
    """

    gate: str
    comparison: Comparison
    needed: float
    found: float | None
    met: bool

    @property
    def missing(self) -> float | None:
        """How far `found` is from `needed`, in the gate's unit: 0 if met, None if unknown."""
        if self.met:
            return 0.0
        return None if self.found is None else abs(self.needed - self.found)


def to_leave_failure(waited_ms: int, gates: Gates) -> Iterator[Requirement]:
    """Base failed to evaluating: the time has passed. `waited_ms` since the set failed."""
    yield _climb(
        "base_fail_pause_hours",
        Comparison.AT_LEAST,
        gates.base_fail_pause_hours,
        waited_ms / MS_PER_HOUR,
    )


def to_stay_in_base(statistics: Statistics, gates: Gates) -> Iterator[Requirement]:
    """Base evaluating: the win rate, once enough positions closed."""
    if gates.base_fail_win_rate_below is None or statistics.closed < gates.base_fail_min_closed:
        return
    yield _stay(
        "base_fail_win_rate_below",
        Comparison.AT_LEAST,
        gates.base_fail_win_rate_below,
        statistics.win_rate,
    )


def to_become_active(
    counted: Results, statistics: Statistics, now_ms: int, gates: Gates
) -> Iterator[Requirement]:
    """Base evaluating to active, on all that counts. `statistics` are those of `counted`."""
    yield _climb(
        "active_min_closed", Comparison.AT_LEAST, gates.active_min_closed, statistics.closed
    )
    if gates.active_min_win_rate is not None:
        yield _climb(
            "active_min_win_rate",
            Comparison.AT_LEAST,
            gates.active_min_win_rate,
            statistics.win_rate,
        )
    if gates.active_min_win_loss_ratio is not None:
        yield _ratio(
            "active_min_win_loss_ratio",
            gates.active_min_win_loss_ratio,
            statistics.win_loss_ratio,
            statistics,
        )
    if gates.active_expectancy_above_units is not None:
        yield _climb(
            "active_expectancy_above_units",
            Comparison.MORE_THAN,
            gates.active_expectancy_above_units,
            statistics.expectancy_units,
        )
    window = _statistics(counted.last(gates.active_window), now_ms)
    yield from to_stay_active(window, gates)


def to_stay_active(window: Statistics, gates: Gates) -> Iterator[Requirement]:
    """Base active, on the last `active_window`: win rate and drawdown."""
    if gates.active_fall_win_rate_below is not None:
        yield _stay(
            "active_fall_win_rate_below",
            Comparison.AT_LEAST,
            gates.active_fall_win_rate_below,
            window.win_rate,
        )
    if gates.active_max_drawdown_share is not None:
        yield _stay(
            "active_max_drawdown_share",
            Comparison.AT_MOST,
            gates.active_max_drawdown_share * window.gross_profit_units,
            window.drawdown_units,
        )


def to_return_active(window: Statistics, gates: Gates) -> Iterator[Requirement]:
    """Base paused to active, on the last `active_window`."""
    if gates.active_return_win_rate is not None:
        yield _climb(
            "active_return_win_rate",
            Comparison.AT_LEAST,
            gates.active_return_win_rate,
            window.win_rate,
        )
    yield from to_stay_active(window, gates)


def to_enter_main(window: Results, statistics: Statistics, gates: Gates) -> Iterator[Requirement]:
    """Base active to Main, on the last `active_window`, whose `statistics` are given too."""
    if gates.main_min_expectancy_units is not None:
        yield _climb(
            "main_min_expectancy_units",
            Comparison.AT_LEAST,
            gates.main_min_expectancy_units,
            statistics.expectancy_units,
        )
    yield from to_stay_in_main(window, gates)


def to_stay_in_main(counted: Results, gates: Gates) -> Iterator[Requirement]:
    """Main: the expectancy of the last `main_fall_window` that count."""
    if gates.main_fall_expectancy_below_units is not None:
        yield _stay(
            "main_fall_expectancy_below_units",
            Comparison.AT_LEAST,
            gates.main_fall_expectancy_below_units,
            expectancy_of_last(counted.net_units, gates.main_fall_window),
        )


def to_enter_real(
    counted: Results, statistics: Statistics, now_ms: int, sets_tried: int, gates: Gates
) -> Iterator[Requirement]:
    """Main to Real, on all that Main counted, whose `statistics` are given too."""
    yield _climb("real_min_counted", Comparison.AT_LEAST, gates.real_min_counted, statistics.closed)
    if gates.real_min_expectancy_units is not None:
        yield _climb(
            "real_min_expectancy_units",
            Comparison.AT_LEAST,
            gates.real_min_expectancy_units,
            statistics.expectancy_units,
        )
    if gates.real_min_profit_factor is not None:
        yield _ratio(
            "real_min_profit_factor",
            gates.real_min_profit_factor,
            statistics.profit_factor,
            statistics,
        )
    if gates.real_max_longest_drawdown_hours is not None:
        yield _climb(
            "real_max_longest_drawdown_hours",
            Comparison.AT_MOST,
            gates.real_max_longest_drawdown_hours,
            statistics.longest_drawdown_hours,
        )
    window = counted.last(gates.real_window)
    yield from to_stay_in_real(window, _statistics(window, now_ms), gates)
    if gates.real_max_chance_of_luck is not None:
        yield _climb(
            "real_max_chance_of_luck",
            Comparison.AT_MOST,
            gates.real_max_chance_of_luck,
            chance_of_luck(counted.net_units, sets_tried),
        )


def to_stay_in_real(window: Results, statistics: Statistics, gates: Gates) -> Iterator[Requirement]:
    """Real, on the last `real_window` that count: recent expectancy, present drawdown time."""
    if gates.real_fall_expectancy_below_units is not None:
        yield _stay(
            "real_fall_expectancy_below_units",
            Comparison.AT_LEAST,
            gates.real_fall_expectancy_below_units,
            expectancy_of_last(window.net_units, gates.real_fall_window),
        )
    if gates.real_fall_drawdown_hours is not None:
        yield _stay(
            "real_fall_drawdown_hours",
            Comparison.AT_MOST,
            gates.real_fall_drawdown_hours,
            statistics.drawdown_hours,
        )


def _statistics(results: Results, now_ms: int) -> Statistics:
    return statistics_of(results.net_units, results.closed_ms, now_ms)


def _climb(gate: str, comparison: Comparison, needed: float, found: float | None) -> Requirement:
    met = found is not None and _holds(comparison, needed, found)
    return Requirement(gate, comparison, needed, found, met)


def _stay(gate: str, comparison: Comparison, needed: float, found: float | None) -> Requirement:
    met = found is None or _holds(comparison, needed, found)
    return Requirement(gate, comparison, needed, found, met)


def _ratio(gate: str, needed: float, found: float | None, statistics: Statistics) -> Requirement:
    # Profits and no losses: better than any ratio, though it is no number.
    if found is None and statistics.wins and not statistics.has_losses:
        return Requirement(gate, Comparison.AT_LEAST, needed, None, met=True)
    return _climb(gate, Comparison.AT_LEAST, needed, found)


def _holds(comparison: Comparison, needed: float, found: float) -> bool:
    if comparison is Comparison.AT_LEAST:
        return found >= needed
    if comparison is Comparison.MORE_THAN:
        return found > needed
    return found <= needed
