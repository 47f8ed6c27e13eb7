import dataclasses

import numpy as np
import pytest

from tests.trading.indications.reference import REFERENCE, without_early_refires
from tests.trading.tournament.price_walks import histories, random_walk
from tests.trading.tournament.reference import pseudo_fills
from tests.trading.tournament.test_kernel import as_reference
from trading.candle_arrays import Candles
from trading.tournament.backtest import backtest_set
from trading.tournament.set_spec import InvalidSetError, Side, parse_code
from trading.tournament.statistics import statistics_of

CODES = [
    "direction:N=3:long:tp=6:sl=0.5:trail=none",
    "direction:N=10:short:tp=10:sl=0.5:trail=0.3,0.1",
    "move:N=5:long:tp=4:sl=1.2:trail=0.6,0.2",
    "move:N=3:short:tp=8:sl=0.2:trail=none",
]


@pytest.mark.parametrize("code", CODES)
def test_signals_and_fills_are_those_of_the_slow_reference(code):
    spec = parse_code(code)
    length = int(spec.source.params_by_name["N"])
    for name, candles in histories(frames=2500).items():
        closes = candles.close.tolist()
        sides = [
            REFERENCE[spec.source.type](closes, t, length, 0.001)[0] for t in range(len(closes))
        ]
        fired = without_early_refires(sides, candles.open_ms.tolist())
        expected, still_open = pseudo_fills(spec, candles, fired, 0.001)
        found = backtest_set(candles, spec, 0.001)
        assert [as_reference(each) for each in found.closed] == expected, name
        assert {each.side for each in found.closed} <= {spec.side}
        assert found.open_since_ms == (None if still_open is None else still_open.opened_ms)
        assert found.signals == sum(side != 0 for side in fired)
        assert found.summary == statistics_of(
            np.array([each.net_units for each in expected]),
            np.array([each.closed_ms for each in expected], dtype=np.int64),
            int(candles.open_ms[-1]),
        )
        if name.startswith("walk"):
            assert len(expected) > 10, name


def test_a_short_on_mirrored_returns_is_no_long_in_disguise():
    candles = random_walk(seed=61, frames=1500)
    long = parse_code(CODES[0])
    short = dataclasses.replace(long, side=Side.SHORT)
    opened = [
        {each.opened_ms for each in backtest_set(candles, spec, 0.001).closed}
        for spec in (long, short)
    ]
    assert opened[0]
    assert opened[1]
    assert not opened[0] & opened[1]


def test_a_higher_cost_asks_for_larger_moves():
    candles = random_walk(seed=62, frames=1500)
    spec = parse_code(CODES[0])
    cheap, dear = (backtest_set(candles, spec, cost) for cost in (0.0005, 0.002))
    assert len(cheap.closed) > len(dear.closed) > 0
    for result, cost in ((cheap, 0.0005), (dear, 0.002)):
        first = result.closed[0]
        assert first.result_units == (first.exit - first.entry) / (first.entry * cost)
        assert first.net_units == first.result_units - 1


def test_a_history_too_short_gives_nothing():
    nothing = backtest_set(Candles.from_rows([]), parse_code(CODES[0]), 0.001)
    assert nothing.closed == ()
    assert nothing.summary.closed == 0
    assert nothing.open_since_ms is None
    few = backtest_set(random_walk(seed=1, frames=6), parse_code(CODES[0]), 0.001)
    assert few.signals == 0


def test_the_position_cost_has_its_range():
    with pytest.raises(InvalidSetError, match=r"position_cost: expected 0.0001 to 0.002"):
        backtest_set(random_walk(seed=1, frames=6), parse_code(CODES[0]), 0.1)
