"""The stage machine: which rung a set stands on, judged from its closed pseudo positions.

Pure: standing, results, time and gates in; a `StageChange` or None out. At most one change for each
set and closed frame. All times are frames' opening times in ms, as in the results.

What counts. In Base (evaluating, failed, paused, active) the positions opened after the set last
failed, or all; in Main and Real only positions opened strictly after the decision to enter. The
evidence says "before" and "since" of positions opened before and since that moment.

Where the table of stages leaves a choice:

- A fall goes one rung down: Real to Main, which counts afresh; Main to Base active, which judges
  its last positions as ever.
- Falls are looked at before climbs, and no set enters a rung that it would leave at once: to climb
  it also meets what the higher rung's fall rules ask. So a set paused for its drawdown doesn't
  return while the drawdown stands, and one fallen from Main for ten bad positions doesn't re-enter
  on the same ten.
- "The last 10" are ten: with fewer that rule doesn't fire yet. An unknown number breaks no fall
  rule and passes no climb rule.
"""

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from trading.tournament import requirements
from trading.tournament.gates import Gates
from trading.tournament.requirements import Requirement
from trading.tournament.results import Results
from trading.tournament.stage import Stage
from trading.tournament.statistics import (
    MS_PER_HOUR,
    chance_of_luck,
    expectancy_of_last,
    statistics_of,
)

BEGINNING_MS = -(2**62)
"""Since when a set that never changed stands where it stands: since it exists."""

NO_CHECK_MS = 2**62
"""The next check of a set that only a newly closed position can move."""


FALLS = {
    Stage.BASE_EVALUATING: Stage.BASE_FAILED,
    Stage.BASE_ACTIVE: Stage.BASE_PAUSED,
    Stage.MAIN: Stage.BASE_ACTIVE,
    Stage.REAL: Stage.MAIN,
}
CLIMBS = {
    Stage.BASE_FAILED: Stage.BASE_EVALUATING,
    Stage.BASE_EVALUATING: Stage.BASE_ACTIVE,
    Stage.BASE_PAUSED: Stage.BASE_ACTIVE,
    Stage.BASE_ACTIVE: Stage.MAIN,
    Stage.MAIN: Stage.REAL,
}


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a set stands: `stage` since the frame `since_ms`.

    `base_from_ms` is the frame on which it last failed: Base counts positions opened after it.
    Both are `BEGINNING_MS` for a set that never changed, never failed.
    """

    stage: Stage = Stage.BASE_EVALUATING
    since_ms: int = BEGINNING_MS
    base_from_ms: int = BEGINNING_MS

    @property
    def counted_from_ms(self) -> int:
        """Positions opened strictly after this moment count."""
        return self.since_ms if self.stage.counts_after_entering else self.base_from_ms

    def moved(self, stage: Stage, frame_ms: int) -> "Standing":
        """The standing after a change on that frame."""
        failed = stage is Stage.BASE_FAILED
        return Standing(stage, frame_ms, frame_ms if failed else self.base_from_ms)


@dataclass(frozen=True, slots=True)
class Evidence:
    """Why a set changed its stage.

    `counted_before`, `counted_since` and their expectancies are the kept positions opened before
    and since the moment from which the left stage counted. The further figures are of the `judged`
    ones: the since, or as many of the last of them as the stage looks at. None = unknown, or no
    losses. `chance_of_luck` is corrected for `sets_tried`. `decided_by`: on a fall the rule that
    was broken, on a climb all that were met.
    """

    frame_ms: int
    counted_before: int
    expectancy_before_units: float | None
    counted_since: int
    expectancy_since_units: float | None
    judged: int
    win_rate: float | None
    profit_factor: float | None
    drawdown_units: float
    drawdown_hours: float
    longest_drawdown_hours: float
    chance_of_luck: float | None
    sets_tried: int
    decided_by: tuple[Requirement, ...]

    def as_json(self) -> dict[str, Any]:
        """Plain numbers, texts and lists, for storing."""
        plain = dataclasses.asdict(self)
        plain["decided_by"] = [
            dataclasses.asdict(requirement) | {"comparison": str(requirement.comparison)}
            for requirement in self.decided_by
        ]
        return plain


@dataclass(frozen=True, slots=True)
class StageChange:
    """A set moves from `before` to `after`, at the close of the frame `evidence.frame_ms`."""

    before: Stage
    after: Stage
    evidence: Evidence

    @property
    def is_climb(self) -> bool:
        """Whether it goes up."""
        return self.after.code > self.before.code


def judge(
    standing: Standing, results: Results, *, now_ms: int, sets_tried: int, gates: Gates
) -> StageChange | None:
    """The change that a set's results call for at the close of the frame `now_ms`, if any.

    `results` are all kept results of the set; `sets_tried` is the number of sets in the
    tournament, for the chance of luck.
    """
    judged = judged_results(standing, results, gates)
    broken = next(
        (each for each in _to_stay(standing.stage, judged, now_ms, gates) if not each.met), None
    )
    if broken is not None:
        decided_by: tuple[Requirement, ...] = (broken,)
        after = FALLS[standing.stage]
    elif standing.stage in CLIMBS:
        met = []
        for each in _to_climb(standing, judged, now_ms, sets_tried, gates):
            if not each.met:
                return None
            met.append(each)
        decided_by = tuple(met)
        after = CLIMBS[standing.stage]
    else:
        return None
    evidence = _evidence(standing, results, judged, now_ms, sets_tried, decided_by)
    return StageChange(standing.stage, after, evidence)


def requirements_for_next(
    standing: Standing, results: Results, *, now_ms: int, sets_tried: int, gates: Gates
) -> tuple[Requirement, ...]:
    """All that the next rung asks, with what was found: how far the set is. Empty at Real.

    Arguments as for `judge`.
    """
    judged = judged_results(standing, results, gates)
    return tuple(_to_climb(standing, judged, now_ms, sets_tried, gates))


def judged_results(standing: Standing, results: Results, gates: Gates) -> Results:
    """The results that decide at this stage: those that count, or the last of them."""
    counted = results.opened_after(standing.counted_from_ms)
    if standing.stage in (Stage.BASE_ACTIVE, Stage.BASE_PAUSED):
        return counted.last(gates.active_window)
    if standing.stage is Stage.REAL:
        return counted.last(gates.real_window)
    return counted


def next_check_ms(standing: Standing, results: Results, gates: Gates) -> int:
    """From when the passing of time alone may move the set, if no position closes before.

    For a set that `judge` has just left where it is. `NO_CHECK_MS` if time can't move it.
    """
    if standing.stage is Stage.BASE_FAILED:
        return standing.since_ms + int(gates.base_fail_pause_hours * MS_PER_HOUR)
    if standing.stage is Stage.REAL and gates.real_fall_drawdown_hours is not None:
        judged = judged_results(standing, results, gates)
        since_ms = statistics_of(judged.net_units, judged.closed_ms, 0).drawdown_since_ms
        if since_ms is not None:
            return since_ms + int(gates.real_fall_drawdown_hours * MS_PER_HOUR)
    return NO_CHECK_MS


def _to_stay(stage: Stage, judged: Results, now_ms: int, gates: Gates) -> Iterator[Requirement]:
    if stage is Stage.MAIN:
        return requirements.to_stay_in_main(judged, gates)
    if stage not in FALLS:
        return iter(())
    statistics = statistics_of(judged.net_units, judged.closed_ms, now_ms)
    if stage is Stage.BASE_EVALUATING:
        return requirements.to_stay_in_base(statistics, gates)
    if stage is Stage.BASE_ACTIVE:
        return requirements.to_stay_active(statistics, gates)
    return requirements.to_stay_in_real(judged, statistics, gates)


def _to_climb(
    standing: Standing, judged: Results, now_ms: int, sets_tried: int, gates: Gates
) -> Iterator[Requirement]:
    stage = standing.stage
    if stage is Stage.REAL:
        return iter(())
    if stage is Stage.BASE_FAILED:
        return requirements.to_leave_failure(now_ms - standing.since_ms, gates)
    statistics = statistics_of(judged.net_units, judged.closed_ms, now_ms)
    if stage is Stage.BASE_EVALUATING:
        return requirements.to_become_active(judged, statistics, now_ms, gates)
    if stage is Stage.BASE_PAUSED:
        return requirements.to_return_active(statistics, gates)
    if stage is Stage.BASE_ACTIVE:
        return requirements.to_enter_main(judged, statistics, gates)
    return requirements.to_enter_real(judged, statistics, now_ms, sets_tried, gates)


def _evidence(
    standing: Standing,
    results: Results,
    judged: Results,
    now_ms: int,
    sets_tried: int,
    decided_by: tuple[Requirement, ...],
) -> Evidence:
    before = results.opened_until(standing.counted_from_ms).net_units
    since = results.opened_after(standing.counted_from_ms).net_units
    statistics = statistics_of(judged.net_units, judged.closed_ms, now_ms)
    return Evidence(
        frame_ms=now_ms,
        counted_before=len(before),
        expectancy_before_units=expectancy_of_last(before, len(before)),
        counted_since=len(since),
        expectancy_since_units=expectancy_of_last(since, len(since)),
        judged=statistics.closed,
        win_rate=statistics.win_rate,
        profit_factor=statistics.profit_factor,
        drawdown_units=statistics.drawdown_units,
        drawdown_hours=statistics.drawdown_hours,
        longest_drawdown_hours=statistics.longest_drawdown_hours,
        chance_of_luck=chance_of_luck(judged.net_units, sets_tried),
        sets_tried=sets_tried,
        decided_by=decided_by,
    )
