import dataclasses
import json

import pytest

from trading.tournament.gates import DEFAULT_GATES, PRACTICE_GATES, Gates, InvalidGatesError


def test_the_defaults_are_the_products():
    assert DEFAULT_GATES.as_json() == {
        "base_fail_min_closed": 10,
        "base_fail_win_rate_below": 0.40,
        "base_fail_pause_hours": 24,
        "active_min_closed": 50,
        "active_min_win_rate": 0.45,
        "active_min_win_loss_ratio": 1.2,
        "active_expectancy_above_units": 0,
        "active_window": 50,
        "active_fall_win_rate_below": 0.38,
        "active_max_drawdown_share": 0.30,
        "active_return_win_rate": 0.43,
        "main_min_expectancy_units": 0.3,
        "main_fall_window": 10,
        "main_fall_expectancy_below_units": 0,
        "real_min_counted": 20,
        "real_min_expectancy_units": 0.6,
        "real_min_profit_factor": 1.2,
        "real_max_longest_drawdown_hours": 12,
        "real_max_chance_of_luck": 0.20,
        "real_window": 30,
        "real_fall_window": 10,
        "real_fall_expectancy_below_units": 0,
        "real_fall_drawdown_hours": 12,
    }


@pytest.mark.parametrize("gates", [DEFAULT_GATES, PRACTICE_GATES])
def test_gates_survive_json(gates):
    assert Gates.from_json(json.loads(json.dumps(gates.as_json()))) == gates


def test_equal_gates_are_stored_alike():
    whole, broken = (Gates(base_fail_pause_hours=hours) for hours in (24, 24.0))
    assert json.dumps(whole.as_json()) == json.dumps(broken.as_json())


def test_every_threshold_is_described():
    for field in dataclasses.fields(Gates):
        assert f"`{field.name}`" in Gates.__doc__, field.name


def test_practice_is_looser_and_the_defaults_are_not():
    assert DEFAULT_GATES.looser_than(DEFAULT_GATES) == ()
    assert DEFAULT_GATES.looser_than(PRACTICE_GATES) == ()
    looser = PRACTICE_GATES.looser_than(DEFAULT_GATES)
    assert "real_min_counted" in looser
    assert "real_max_chance_of_luck" in looser
    assert "base_fail_pause_hours" not in looser


@pytest.mark.parametrize(
    ("change", "is_looser"),
    [
        ({"real_min_profit_factor": 1.1}, True),
        ({"real_min_profit_factor": 1.3}, False),
        ({"real_max_chance_of_luck": 0.3}, True),
        ({"real_max_chance_of_luck": 0.1}, False),
        ({"real_fall_expectancy_below_units": -0.1}, True),
        ({"real_fall_expectancy_below_units": 0.1}, False),
        ({"active_max_drawdown_share": None}, True),
    ],
)
def test_looser_knows_each_thresholds_direction(change, is_looser):
    gates = dataclasses.replace(DEFAULT_GATES, **change)
    assert gates.looser_than(DEFAULT_GATES) == (tuple(change) if is_looser else ())


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"active_min_closed": 0}, "active_min_closed: expected a whole number from 1 to 750, was"),
        ({"active_min_closed": None}, "active_min_closed: expected a whole number"),
        ({"active_min_closed": 2.5}, "active_min_closed: expected a whole number"),
        ({"active_min_win_rate": 45}, "active_min_win_rate: expected a number from 0 to 1, or off"),
        ({"active_min_win_rate": "high"}, "active_min_win_rate: .* was 'high'"),
        ({"real_max_chance_of_luck": 0}, "real_max_chance_of_luck: expected .* from 0.01 to 1"),
        ({"base_fail_pause_hours": None}, "base_fail_pause_hours: expected a number from 0 to 720"),
        ({"real_min_expectancy_units": float("nan")}, "real_min_expectancy_units: .* was nan"),
        ({"luck": 1}, "unknown thresholds luck"),
    ],
)
def test_a_bad_threshold_says_its_range(change, complaint):
    with pytest.raises(InvalidGatesError, match=complaint):
        Gates.from_json(DEFAULT_GATES.as_json() | change)
