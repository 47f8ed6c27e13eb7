import dataclasses
import json

import numpy as np
import pytest

from trading.tournament.gates import DEFAULT_GATES, PRACTICE_GATES
from trading.tournament.results import Results
from trading.tournament.stage import Stage
from trading.tournament.stages import (
    BEGINNING_MS,
    CLIMBS,
    FALLS,
    NO_CHECK_MS,
    Standing,
    judge,
    next_check_ms,
    requirements_for_next,
)
from trading.tournament.statistics import MS_PER_HOUR

MINUTE_MS = 60_000
ENTERED_MS = 1_700_000_000_000
WIN, LOSS = 5.0, -3.0


def results(nets, *, first_ms=ENTERED_MS + 1, every_ms=2 * MINUTE_MS) -> Results:
    """One position after the other, each held for a minute."""
    opened = first_ms + every_ms * np.arange(len(nets), dtype=np.int64)
    return Results(opened, opened + MINUTE_MS, np.array(nets, dtype=np.float64))


def pattern(wins: int, losses: int, win=WIN, loss=LOSS) -> list[float]:
    """So many wins and losses, spread evenly, a win first."""
    total = wins + losses
    return [win if (index * wins) % total < wins else loss for index in range(total)]


def last_ms(found: Results) -> int:
    return int(found.closed_ms[-1]) if len(found.closed_ms) else ENTERED_MS


def standing(stage: Stage, since_ms=ENTERED_MS, base_from_ms=BEGINNING_MS) -> Standing:
    return Standing(stage, since_ms, base_from_ms)


def judged(stage, found: Results, *, gates=DEFAULT_GATES, now_ms=None, sets_tried=1, **where):
    return judge(
        standing(stage, **where),
        found,
        now_ms=last_ms(found) if now_ms is None else now_ms,
        sets_tried=sets_tried,
        gates=gates,
    )


def unmet(stage, found: Results, *, gates=DEFAULT_GATES, sets_tried=1) -> list[str]:
    wanted = requirements_for_next(
        standing(stage),
        found,
        now_ms=last_ms(found),
        sets_tried=sets_tried,
        gates=gates,
    )
    return [each.gate for each in wanted if not each.met]


# stage, net results, stage after (None: stays), the gates that stand in the way or decided
TABLE = [
    (Stage.BASE_EVALUATING, [], None, None),
    (Stage.BASE_EVALUATING, [LOSS] * 9, None, None),
    (Stage.BASE_EVALUATING, pattern(3, 7), Stage.BASE_FAILED, "base_fail_win_rate_below"),
    (Stage.BASE_EVALUATING, pattern(4, 6), None, None),
    (Stage.BASE_EVALUATING, pattern(23, 27), Stage.BASE_ACTIVE, None),
    (Stage.BASE_EVALUATING, pattern(23, 27)[:49], None, "active_min_closed"),
    (Stage.BASE_EVALUATING, pattern(22, 28), None, "active_min_win_rate"),
    (Stage.BASE_EVALUATING, pattern(30, 20, 2, -2), None, "active_min_win_loss_ratio"),
    (Stage.BASE_EVALUATING, pattern(45, 55, 11, -9), None, "active_expectancy_above_units"),
    (
        Stage.BASE_EVALUATING,
        [WIN] * 30 + [LOSS] * 20,
        None,
        "active_max_drawdown_share",
    ),
    (Stage.BASE_EVALUATING, [WIN] * 50, Stage.BASE_ACTIVE, None),
    (Stage.BASE_ACTIVE, pattern(30, 20, 2, -2.4), None, "main_min_expectancy_units"),
    (Stage.BASE_ACTIVE, pattern(25, 25, 2, -1), Stage.MAIN, None),
    (Stage.BASE_ACTIVE, pattern(18, 32, 9, -3), Stage.BASE_PAUSED, "active_fall_win_rate_below"),
    (Stage.BASE_ACTIVE, pattern(19, 31, 9, -3), Stage.MAIN, None),
    (
        Stage.BASE_ACTIVE,
        [WIN] * 30 + [LOSS] * 20,
        Stage.BASE_PAUSED,
        "active_max_drawdown_share",
    ),
    # Only the last fifty are looked at: what lies before would pause it.
    (Stage.BASE_ACTIVE, [LOSS] * 100 + pattern(25, 25), Stage.MAIN, None),
    (Stage.BASE_ACTIVE, [WIN] * 40 + [-1.0] * 10, None, "main_fall_expectancy_below_units"),
    (Stage.BASE_PAUSED, pattern(21, 29), None, "active_return_win_rate"),
    (Stage.BASE_PAUSED, pattern(22, 28), Stage.BASE_ACTIVE, None),
    (Stage.BASE_PAUSED, [WIN] * 30 + [LOSS] * 20, None, "active_max_drawdown_share"),
    (Stage.MAIN, [], None, "real_min_counted"),
    (Stage.MAIN, [LOSS] * 9, None, "real_min_counted"),
    (Stage.MAIN, [LOSS] * 10, Stage.BASE_ACTIVE, "main_fall_expectancy_below_units"),
    (Stage.MAIN, [WIN] * 5 + [LOSS] * 10, Stage.BASE_ACTIVE, "main_fall_expectancy_below_units"),
    (Stage.MAIN, pattern(16, 4), Stage.REAL, None),
    (Stage.MAIN, pattern(16, 4)[:19], None, "real_min_counted"),
    (Stage.MAIN, pattern(16, 4, 1.2, -2), None, "real_min_expectancy_units"),
    (Stage.MAIN, [30.0, *[-1.0] * 9, *[0.1] * 10], None, "real_max_chance_of_luck"),
    (Stage.MAIN, [WIN] * 20, None, "real_max_chance_of_luck"),  # no spread: unknown
    (Stage.REAL, [LOSS] * 9, None, None),
    (Stage.REAL, [LOSS] * 10, Stage.MAIN, "real_fall_expectancy_below_units"),
    (Stage.REAL, [WIN] * 20 + [LOSS] * 10, Stage.MAIN, "real_fall_expectancy_below_units"),
    (Stage.REAL, pattern(15, 15), None, None),
]


@pytest.mark.parametrize(("stage", "nets", "after", "gate"), TABLE)
def test_the_table_of_stages(stage, nets, after, gate):
    found = results(nets)
    change = judged(stage, found)
    if after is None:
        assert change is None
        if gate is not None:
            assert gate in unmet(stage, found)
        return
    assert change is not None
    assert (change.before, change.after) == (stage, after)
    if change.is_climb:
        assert CLIMBS[stage] is after
        assert all(each.met for each in change.evidence.decided_by)
        assert change.evidence.decided_by == requirements_for_next(
            standing(stage),
            found,
            now_ms=int(found.closed_ms[-1]),
            sets_tried=1,
            gates=DEFAULT_GATES,
        )
    else:
        assert FALLS[stage] is after
        assert [each.gate for each in change.evidence.decided_by] == [gate]
        assert not change.evidence.decided_by[0].met


def test_a_failed_set_rests_a_day_whatever_it_does():
    found = results([WIN] * 60)
    almost = judged(Stage.BASE_FAILED, found, now_ms=ENTERED_MS + 24 * MS_PER_HOUR - 1)
    assert almost is None
    change = judged(Stage.BASE_FAILED, found, now_ms=ENTERED_MS + 24 * MS_PER_HOUR)
    assert change.after is Stage.BASE_EVALUATING


def test_after_the_rest_only_what_came_since_the_failure_counts():
    failed = standing(Stage.BASE_EVALUATING).moved(Stage.BASE_FAILED, ENTERED_MS)
    back = failed.moved(Stage.BASE_EVALUATING, ENTERED_MS + 24 * MS_PER_HOUR)
    assert failed.counted_from_ms == back.counted_from_ms == ENTERED_MS
    before = results([LOSS] * 100, first_ms=ENTERED_MS - 200 * MS_PER_HOUR)
    assert before.opened_ms[-1] < ENTERED_MS
    since = results(pattern(23, 27))
    both = Results(*(np.concatenate(pair) for pair in zip(before, since, strict=True)))
    change = judge(
        back, both, now_ms=ENTERED_MS + 48 * MS_PER_HOUR, sets_tried=1, gates=DEFAULT_GATES
    )
    assert change.after is Stage.BASE_ACTIVE
    assert change.evidence.counted_before == 100
    assert change.evidence.expectancy_before_units == LOSS
    assert change.evidence.counted_since == 50


@pytest.mark.parametrize("stage", [Stage.MAIN, Stage.REAL])
def test_positions_opened_with_or_before_the_decision_do_not_count(stage):
    gates = dataclasses.replace(DEFAULT_GATES, main_fall_window=1, real_fall_window=1)
    on_it = results([LOSS], first_ms=ENTERED_MS)
    assert on_it.closed_ms[0] > ENTERED_MS
    assert judged(stage, on_it, gates=gates) is None
    after_it = results([LOSS], first_ms=ENTERED_MS + 1)
    assert judged(stage, after_it, gates=gates).after is FALLS[stage]


def test_real_looks_at_its_last_thirty():
    found = results([LOSS] * 3 + [WIN] + [WIN] * 29)
    gates = dataclasses.replace(DEFAULT_GATES, real_fall_window=33)
    assert judged(Stage.REAL, found, gates=gates) is None
    change = judged(Stage.REAL, results([WIN] * 25 + [LOSS] * 10))
    assert change.evidence.judged == 30
    assert change.evidence.counted_since == 35


def test_real_falls_by_time_alone_after_twelve_hours_below_its_peak():
    found = results([WIN, LOSS, 1.0])
    loss_ms = int(found.closed_ms[1])
    limit_ms = loss_ms + 12 * MS_PER_HOUR
    assert next_check_ms(standing(Stage.REAL), found, DEFAULT_GATES) == limit_ms
    assert judged(Stage.REAL, found, now_ms=limit_ms) is None
    change = judged(Stage.REAL, found, now_ms=limit_ms + 1)
    assert change.after is Stage.MAIN
    assert [each.gate for each in change.evidence.decided_by] == ["real_fall_drawdown_hours"]


def test_real_is_refused_after_a_drawdown_that_lasted_too_long():
    nets = [WIN, -1.0, *[0.1] * 2, *pattern(16, 4)]
    short = results(nets, every_ms=60 * MINUTE_MS)
    assert judged(Stage.MAIN, short).after is Stage.REAL
    long = results(nets, every_ms=300 * MINUTE_MS)
    assert unmet(Stage.MAIN, long) == ["real_max_longest_drawdown_hours"]


def test_to_enter_real_the_present_drawdown_is_that_of_the_last_thirty():
    gates = dataclasses.replace(
        DEFAULT_GATES, real_max_longest_drawdown_hours=None, real_max_chance_of_luck=None
    )
    found = results([100.0, -60.0, *[0.5] * 38], every_ms=30 * MINUTE_MS)
    assert judged(Stage.MAIN, found, gates=gates).after is Stage.REAL
    wider = dataclasses.replace(gates, real_window=40)
    assert unmet(Stage.MAIN, found, gates=wider) == ["real_fall_drawdown_hours"]


def test_the_more_sets_were_tried_the_more_is_asked_of_one():
    found = results(pattern(16, 4, 4, -3))
    assert judged(Stage.MAIN, found, sets_tried=1).after is Stage.REAL
    assert judged(Stage.MAIN, found, sets_tried=1_352_736) is None
    assert unmet(Stage.MAIN, found, sets_tried=1_352_736) == ["real_max_chance_of_luck"]


def test_only_failure_and_real_can_move_by_time():
    found = results([WIN, LOSS])
    moves = {stage: next_check_ms(standing(stage), found, DEFAULT_GATES) for stage in Stage}
    assert moves.pop(Stage.BASE_FAILED) == ENTERED_MS + 24 * MS_PER_HOUR
    assert moves.pop(Stage.REAL) == int(found.closed_ms[1]) + 12 * MS_PER_HOUR
    assert set(moves.values()) == {NO_CHECK_MS}
    assert next_check_ms(standing(Stage.REAL), results([WIN]), DEFAULT_GATES) == NO_CHECK_MS


def test_practice_asks_three_positions_at_each_rung_and_never_falls():
    losses = results([LOSS] * 3)
    assert judged(Stage.BASE_EVALUATING, results([LOSS] * 2), gates=PRACTICE_GATES) is None
    for stage, after in (
        (Stage.BASE_EVALUATING, Stage.BASE_ACTIVE),
        (Stage.BASE_ACTIVE, Stage.MAIN),
        (Stage.MAIN, Stage.REAL),
    ):
        assert judged(stage, losses, gates=PRACTICE_GATES).after is after
    assert judged(Stage.MAIN, results([WIN] * 2), gates=PRACTICE_GATES) is None
    many = results([LOSS] * 60, every_ms=5 * MS_PER_HOUR)
    assert judged(Stage.REAL, many, gates=PRACTICE_GATES) is None
    assert next_check_ms(standing(Stage.REAL), many, PRACTICE_GATES) == NO_CHECK_MS


def test_the_evidence_tells_before_from_since():
    before = results([LOSS, WIN], first_ms=ENTERED_MS - MS_PER_HOUR)
    since = results(pattern(16, 4))
    both = Results(*(np.concatenate(pair) for pair in zip(before, since, strict=True)))
    change = judged(Stage.MAIN, both, sets_tried=24)
    evidence = change.evidence
    assert (evidence.counted_before, evidence.counted_since, evidence.judged) == (2, 20, 20)
    assert evidence.expectancy_before_units == pytest.approx(1)
    assert evidence.expectancy_since_units == pytest.approx((16 * 5 - 4 * 3) / 20)
    assert evidence.win_rate == pytest.approx(0.8)
    assert evidence.profit_factor == pytest.approx(80 / 12)
    assert evidence.sets_tried == 24
    assert 0 < evidence.chance_of_luck < 0.2
    assert evidence.frame_ms == int(both.closed_ms[-1])


def test_evidence_is_stored_as_plain_json():
    change = judged(Stage.MAIN, results(pattern(16, 4)))
    stored = json.loads(json.dumps(change.evidence.as_json()))
    assert stored["counted_since"] == 20
    assert stored["decided_by"][0] == {
        "gate": "real_min_counted",
        "comparison": ">=",
        "needed": 20,
        "found": 20,
        "met": True,
    }


def test_how_far_a_set_is_from_the_next_rung():
    found = results(pattern(3, 7) + pattern(3, 7))
    wanted = {
        each.gate: each
        for each in requirements_for_next(
            standing(Stage.BASE_EVALUATING),
            found,
            now_ms=int(found.closed_ms[-1]),
            sets_tried=1,
            gates=DEFAULT_GATES,
        )
    }
    assert wanted["active_min_closed"].missing == 30
    assert wanted["active_min_win_rate"].missing == pytest.approx(0.15)
    assert wanted["active_min_win_loss_ratio"].missing == 0
    nothing = requirements_for_next(
        standing(Stage.BASE_EVALUATING), results([]), now_ms=0, sets_tried=1, gates=DEFAULT_GATES
    )
    assert {each.gate: each.missing for each in nothing}["active_min_win_rate"] is None
    assert (
        requirements_for_next(
            standing(Stage.REAL), found, now_ms=0, sets_tried=1, gates=DEFAULT_GATES
        )
        == ()
    )


def test_stages_are_ordered_and_numbered_from_low_to_high():
    assert [Stage.of_code(code) for code in range(6)] == list(Stage)
    assert all(after.code > stage.code for stage, after in CLIMBS.items())
    assert all(after.code < stage.code for stage, after in FALLS.items())
