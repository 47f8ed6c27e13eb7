import numpy as np
import pytest
from scipy import stats

from trading.tournament.statistics import (
    MS_PER_HOUR,
    chance_of_luck,
    expectancy_of_last,
    statistics_of,
)


def of(nets, hours=None, now=None):
    hours = range(1, len(nets) + 1) if hours is None else hours
    closed_ms = np.array([hour * MS_PER_HOUR for hour in hours], dtype=np.int64)
    now_ms = (len(nets) if now is None else now) * MS_PER_HOUR
    return statistics_of(np.array(nets, dtype=np.float64), closed_ms, now_ms)


def test_the_figures_of_a_mixed_row():
    found = of([5, -3, -3, 9, 0, -2])
    assert (found.closed, found.wins, found.losses) == (6, 2, 3)
    assert found.win_rate == pytest.approx(2 / 6)
    assert found.mean_win_units == pytest.approx(7)
    assert found.mean_loss_units == pytest.approx(8 / 3)
    assert found.win_loss_ratio == pytest.approx(7 / (8 / 3))
    assert found.expectancy_units == pytest.approx(1)
    assert found.gross_profit_units == pytest.approx(14)
    assert found.gross_loss_units == pytest.approx(8)
    assert found.profit_factor == pytest.approx(14 / 8)
    assert found.cumulative_units == pytest.approx(6)
    assert found.drawdown_units == pytest.approx(6)
    assert found.drawdown_share == pytest.approx(6 / 14)


def test_nothing_closed_is_unknown_everywhere():
    found = of([])
    assert found.closed == 0
    for name in (
        "win_rate",
        "mean_win_units",
        "mean_loss_units",
        "win_loss_ratio",
        "expectancy_units",
        "profit_factor",
        "drawdown_since_ms",
        "drawdown_share",
    ):
        assert getattr(found, name) is None, name
    assert not found.has_losses


def test_no_losses_is_no_number():
    found = of([5, 0, 2])
    assert found.profit_factor is None
    assert found.win_loss_ratio is None
    assert not found.has_losses
    assert found.win_rate == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("nets", "hours", "now", "current", "longest"),
    [
        ([5, 5], [1, 2], 9, 0, 0),
        ([5, -3], [1, 2], 9, 7, 7),  # still below the peak of 5
        ([5, -3, 3], [1, 2, 6], 9, 0, 4),  # back at the peak after four hours
        ([5, -3, 2], [1, 2, 6], 9, 7, 7),
        ([-1], [3], 10, 7, 7),  # the first peak is zero
        ([5, -3, 4, -1, 2], [1, 2, 8, 9, 10], 30, 0, 6),
        ([5, -3, 4, -1], [1, 2, 8, 9], 30, 21, 21),
    ],
)
def test_drawdown_times_run_from_exit_to_exit_or_to_now(nets, hours, now, current, longest):
    found = of(nets, hours, now)
    assert found.drawdown_hours == pytest.approx(current)
    assert found.longest_drawdown_hours == pytest.approx(longest)
    assert (found.drawdown_since_ms is None) == (current == 0)


def test_a_rounding_error_below_the_peak_is_no_drawdown():
    nets = [0.1, 0.1, -1.1, 1.1]
    assert sum(nets) < 0.1 + 0.1
    found = of(nets, now=99)
    assert found.drawdown_hours == 0
    assert found.longest_drawdown_hours == pytest.approx(1)


def test_lengths_must_agree():
    with pytest.raises(ValueError, match=r"as many exit times as results \(2\), was 1"):
        statistics_of(np.array([1.0, 2.0]), np.array([1], dtype=np.int64), 5)


def test_the_expectancy_of_the_last_needs_that_many():
    nets = np.array([9.0, 1.0, 2.0])
    assert expectancy_of_last(nets, 2) == pytest.approx(1.5)
    assert expectancy_of_last(nets, 3) == pytest.approx(4)
    assert expectancy_of_last(nets, 4) is None
    assert expectancy_of_last(nets, 0) is None


@pytest.mark.parametrize("tried", [1, 24, 1_352_736])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_chance_of_luck_is_students_test_deflated_by_sidak(tried, seed):
    nets = np.random.default_rng(seed).normal(0.8, 3, 25)
    p = stats.ttest_1samp(nets, 0, alternative="greater").pvalue
    assert chance_of_luck(nets, tried) == pytest.approx(1 - (1 - p) ** tried, rel=1e-9)


def test_a_tiny_p_isnt_lost_to_rounding():
    nets = 5 + np.random.default_rng(4).normal(0, 1, 100)
    p = stats.ttest_1samp(nets, 0, alternative="greater").pvalue
    assert 0 < p < 1e-50
    assert chance_of_luck(nets, 1000) == pytest.approx(1000 * p, rel=1e-6)


def test_more_sets_tried_make_luck_likelier():
    nets = np.random.default_rng(5).normal(1, 3, 30)
    chances = [chance_of_luck(nets, tried) for tried in (1, 10, 100, 1000)]
    assert chances == sorted(chances)
    assert chances[0] < chances[-1] <= 1


@pytest.mark.parametrize(
    "nets",
    [
        [],
        [5.0],
        [5.0, 5.0, 5.0],
        # The same take-profit at different prices: equal but for the last digits.
        [4.999999999999982, 5.000000000000005, 5.000000000000027, 4.999999999999982],
    ],
)
def test_luck_without_spread_is_unknown(nets):
    assert chance_of_luck(np.array(nets), 10) is None


def test_certain_losers_are_surely_no_skill():
    assert chance_of_luck(np.array([-5.0, -5.1, -4.9] * 10), 10) == pytest.approx(1)


def test_at_least_one_set_was_tried():
    with pytest.raises(ValueError, match="at least one set tried, was 0"):
        chance_of_luck(np.array([1.0, 2.0]), 0)
