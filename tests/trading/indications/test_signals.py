import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.trading.indications.reference import REFERENCE
from tests.trading.tournament.price_walks import candles_of_closes, random_walk
from trading.indications.registry import INDICATIONS, indication_of
from trading.tournament.recent_frames import RecentFrames

COST = 0.001

# Whole steps of one unit around 1,000 make ties with the thresholds common.
closes = st.lists(st.integers(-40, 40).map(lambda step: 1000.0 + step), min_size=1, max_size=60)


@pytest.mark.parametrize("type_", INDICATIONS)
@given(closes=closes, length=st.integers(3, 12))
@settings(max_examples=60, deadline=None)
def test_signals_are_those_of_the_slow_reference(type_, closes, length):
    signals = indication_of(type_).signals(candles_of_closes(closes), {"N": length}, COST)
    expected = [REFERENCE[type_](closes, t, length, COST) for t in range(len(closes))]
    assert list(zip(signals.side.tolist(), signals.strength.tolist(), strict=True)) == expected


@pytest.mark.parametrize("type_", INDICATIONS)
@pytest.mark.parametrize(("length", "step"), [(3, 0.002), (10, 0.001), (30, 0.0005)])
def test_a_walk_fires_on_both_sides_exactly_like_the_reference(type_, length, step):
    candles = random_walk(seed=5, frames=1500, step=step)
    signals = indication_of(type_).signals(candles, {"N": length}, COST)
    closes = candles.close.tolist()
    expected = [REFERENCE[type_](closes, t, length, COST) for t in range(len(closes))]
    assert signals.side.tolist() == [side for side, _ in expected]
    assert signals.strength.tolist() == [strength for _, strength in expected]
    assert {-1, 0, 1} == set(signals.side.tolist())
    assert signals.side.dtype == np.int8
    assert signals.strength.dtype == np.float64


@pytest.mark.parametrize("type_", INDICATIONS)
def test_later_candles_change_no_earlier_signal(type_):
    candles = random_walk(seed=6, frames=400)
    whole = indication_of(type_).signals(candles, {"N": 7}, COST)
    assert np.count_nonzero(whole.side) > 20
    for stop in (0, 1, 7, 14, 15, 16, 200, 333):
        part = indication_of(type_).signals(candles.part(0, stop), {"N": 7}, COST)
        np.testing.assert_array_equal(part.side, whole.side[:stop])
        np.testing.assert_array_equal(part.strength, whole.strength[:stop])


@pytest.mark.parametrize("type_", INDICATIONS)
@pytest.mark.parametrize(("length", "step"), [(3, 0.002), (11, 0.001), (30, 0.0005)])
def test_the_frames_needed_suffice_for_the_same_last_signal(type_, length, step):
    indication, params = indication_of(type_), {"N": length}
    candles = random_walk(seed=7, frames=700, step=step)
    whole = indication.signals(candles, params, COST)
    assert np.count_nonzero(whole.side) > 10
    recent = RecentFrames(symbols=1, kept=indication.frames_needed(params))
    for t in range(len(candles)):
        frame = tuple(
            float(getattr(candles, name)[t]) for name in ("open", "high", "low", "close", "volume")
        )
        recent.append(0, int(candles.open_ms[t]), frame)
        live = indication.signals(recent.newest(0), params, COST)
        assert live.side[-1] == whole.side[t]
        assert live.strength[-1] == whole.strength[t]


def test_direction_trades_the_turn():
    rise_after_fall = [100.0, 99.8, 99.6, 99.4, 99.6, 99.8, 100.0]
    signals = indication_of("direction").signals(candles_of_closes(rise_after_fall), {"N": 3}, COST)
    assert signals.side.tolist() == [0, 0, 0, 0, 0, 0, 1]
    mirrored = [200 - close for close in rise_after_fall]
    signals = indication_of("direction").signals(candles_of_closes(mirrored), {"N": 3}, COST)
    assert signals.side.tolist() == [0, 0, 0, 0, 0, 0, -1]


def test_direction_asks_both_moves_to_reach_the_threshold():
    # Ten frames ask for one unit, 0.1 %: here the fall before is 0.08 %, the rise after 0.3 %.
    closes = [100.0] * 10 + [99.92] * 10 + [100.22]
    signals = indication_of("direction").signals(candles_of_closes(closes), {"N": 10}, COST)
    assert not signals.side.any()
    closes = [100.0] * 10 + [99.88] * 10 + [100.22]
    signals = indication_of("direction").signals(candles_of_closes(closes), {"N": 10}, COST)
    assert signals.side[-1] == 1


def test_move_refuses_a_single_step_back_of_more_than_one_unit():
    smooth = [100.0, 100.3, 100.6, 100.55, 100.9, 101.2]
    assert indication_of("move").signals(candles_of_closes(smooth), {"N": 5}, COST).side[-1] == 1
    rough = [100.0, 100.3, 100.6, 100.4, 100.9, 101.2]
    assert indication_of("move").signals(candles_of_closes(rough), {"N": 5}, COST).side[-1] == 0


def test_move_takes_exactly_sixty_percent_of_the_steps():
    three_of_five = [100.0, 100.3, 100.6, 100.6, 100.6, 100.9]
    two_of_five = [100.0, 100.4, 100.4, 100.4, 100.4, 100.9]
    indication = indication_of("move")
    assert indication.signals(candles_of_closes(three_of_five), {"N": 5}, COST).side[-1] == 1
    assert indication.signals(candles_of_closes(two_of_five), {"N": 5}, COST).side[-1] == 0


def test_strength_is_half_at_twice_the_threshold():
    doubled = [100.0, 100.2, 100.4, 100.6]
    strength = indication_of("move").signals(candles_of_closes(doubled), {"N": 3}, COST).strength
    assert strength[-1] == pytest.approx(0.5)


def test_the_unit_is_the_position_cost():
    closes = [100.0, 100.2, 100.4, 100.6]
    candles = candles_of_closes(closes)
    assert indication_of("move").signals(candles, {"N": 3}, 0.001).side[-1] == 1
    assert indication_of("move").signals(candles, {"N": 3}, 0.002).side[-1] == 1
    assert indication_of("move").signals(candles, {"N": 3}, 0.00201).side[-1] == 0
