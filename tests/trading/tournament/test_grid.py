import dataclasses
import json

import numpy as np
import pytest

from trading.tournament.grid import PRACTICE_GRID, Grid, rule_of
from trading.tournament.kernel import RULE_DTYPE
from trading.tournament.set_spec import InvalidSetError, SetSpec, Side, Source, Trailing, parse_code

FULL = Grid(
    sources=tuple(
        Source.of(type_, N=length) for type_ in ("direction", "move") for length in range(3, 31)
    )
)


def test_the_default_exits_are_924():
    assert FULL.sets_per_symbol == 56 * 2 * 924
    assert FULL.count(symbols=12) == 12 * 56 * 2 * 924
    assert FULL.tp_units == (2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22)
    assert FULL.sl_ratios[:3] == (0.2, 0.3, 0.4)
    assert FULL.sl_ratios[-1] == 2.2
    assert len(FULL.sl_ratios) == 21


def test_the_practice_grid_is_the_agreed_one():
    codes = [spec.code for spec in PRACTICE_GRID.specs()]
    assert len(codes) == PRACTICE_GRID.sets_per_symbol == 3 * 2 * 2 * 2
    assert codes[0] == "direction:N=3:long:tp=6:sl=0.5:trail=none"
    assert codes[1] == "direction:N=3:long:tp=6:sl=0.5:trail=0.3,0.1"
    assert codes[2] == "direction:N=3:long:tp=10:sl=0.5:trail=none"
    assert codes[4] == "direction:N=3:short:tp=6:sl=0.5:trail=none"
    assert codes[8] == "direction:N=5:long:tp=6:sl=0.5:trail=none"
    assert codes[-1] == "direction:N=10:short:tp=10:sl=0.5:trail=0.3,0.1"


@pytest.mark.parametrize("grid", [PRACTICE_GRID, FULL])
def test_numbers_and_sets_answer_each_other(grid):
    for index in np.random.default_rng(1).integers(0, grid.sets_per_symbol, 50).tolist():
        spec = grid.spec_at(index)
        assert grid.index_of(spec) == index
        assert grid.index_of(parse_code(spec.code)) == index


def test_numbers_outside_the_grid_are_refused():
    for index in (-1, 24):
        with pytest.raises(IndexError, match=f"expected 0 to 23, was {index}"):
            PRACTICE_GRID.spec_at(index)
    strange = dataclasses.replace(PRACTICE_GRID.spec_at(0), tp_units=8)
    with pytest.raises(InvalidSetError, match=r"tp=8.* isn't in this tournament's grid"):
        PRACTICE_GRID.index_of(strange)


def test_the_rules_say_what_the_specs_say():
    rules = PRACTICE_GRID.rules()
    assert rules.dtype == RULE_DTYPE
    for index, spec in enumerate(PRACTICE_GRID.specs()):
        rule = rules[index]
        assert PRACTICE_GRID.sources[rule["source"]] == spec.source
        assert rule["side"] == spec.side.sign
        assert rule["tp_units"] == spec.tp_units
        assert rule["sl_ratio"] == spec.sl_ratio
        if spec.trailing is None:
            assert np.isnan(rule["trail_start_pct"])
            assert np.isnan(rule["trail_stop_pct"])
        else:
            assert rule["trail_start_pct"] == spec.trailing.start_pct
            assert rule["trail_stop_pct"] == spec.trailing.stop_pct


def test_the_rule_of_one_set_is_its_row_in_the_grid():
    spec = PRACTICE_GRID.spec_at(13)
    own, row = rule_of(spec)[0], PRACTICE_GRID.rules()[13]
    assert own["source"] == 0
    for name in RULE_DTYPE.names[1:]:
        np.testing.assert_array_equal(own[name], row[name])


@pytest.mark.parametrize("grid", [PRACTICE_GRID, FULL])
def test_a_grid_survives_json(grid):
    assert Grid.from_json(json.loads(json.dumps(grid.as_json()))) == grid


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"sides": ["up"]}, "sides: expected long or short, was 'up'"),
        ({"sources": ["direction:N=99"]}, "N: expected a whole number from 3 to 30"),
        ({"sources": "direction:N=9"}, "sources: expected a list"),
        ({"sources": []}, "sources: expected at least one entry"),
        ({"tp_units": [6, 6.0]}, "tp_units: expected at least one entry and none twice"),
        ({"sl_ratios": [0]}, "sl: expected 0.1 to 5"),
        ({"trailings": [[1]]}, r"trailings: expected null or \[start_pct, stop_pct\], was \[1\]"),
        ({"position_cost": 0.1}, "position_cost: expected 0.0001 to 0.002 as a fraction of price"),
        ({"colour": 1}, "Grid: expected the fields"),
    ],
)
def test_a_bad_stored_grid_says_what_is_wrong(change, complaint):
    with pytest.raises(InvalidSetError, match=complaint):
        Grid.from_json(PRACTICE_GRID.as_json() | change)


def test_the_position_cost_scales_nothing_but_the_unit():
    cheap = dataclasses.replace(PRACTICE_GRID, position_cost=0.0005)
    assert cheap.position_cost == 0.0005
    for name in RULE_DTYPE.names:
        np.testing.assert_array_equal(cheap.rules()[name], PRACTICE_GRID.rules()[name])
    assert cheap != PRACTICE_GRID
    spec = SetSpec(Source.of("direction", N=3), Side.LONG, 6, 0.5, Trailing(0.3, 0.1))
    assert cheap.index_of(spec) == 1
