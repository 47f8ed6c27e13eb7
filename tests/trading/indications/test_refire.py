import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.trading.indications.reference import without_early_refires as reference
from trading.indications.declaration import Signals
from trading.indications.refire import NEVER_FIRED_MS, may_fire, without_early_refires


def _kept(sides, open_ms, last_fired_ms=NEVER_FIRED_MS):
    side = np.array(sides, dtype=np.int8)
    signals = Signals(side, np.where(side, 0.5, 0.0))
    return without_early_refires(signals, np.array(open_ms, dtype=np.int64), last_fired_ms)


def test_one_second_frames_fire_every_fifteen_seconds():
    kept = _kept([1] * 40, [1000 * second for second in range(40)])
    assert np.flatnonzero(kept.side).tolist() == [0, 15, 30]
    assert np.flatnonzero(kept.strength).tolist() == [0, 15, 30]


def test_minute_frames_may_fire_on_each():
    assert _kept([1, 1, -1], [0, 60_000, 120_000]).side.tolist() == [1, 1, -1]


def test_the_other_side_waits_too():
    assert _kept([1, -1, -1], [0, 14_000, 15_000]).side.tolist() == [1, 0, -1]


def test_a_suppressed_signal_does_not_count_as_fired():
    assert _kept([1, 1, 1], [0, 10_000, 16_000]).side.tolist() == [1, 0, 1]


def test_what_fired_before_the_first_frame_counts():
    assert _kept([1, 1], [10_000, 15_000], last_fired_ms=0).side.tolist() == [0, 1]


def test_the_first_signal_fires_whatever_its_time():
    assert may_fire(0, NEVER_FIRED_MS)


@given(
    st.lists(
        st.tuples(st.sampled_from([-1, 0, 1]), st.sampled_from([1000, 5000, 14_999, 15_000])),
        max_size=40,
    )
)
@settings(max_examples=100, deadline=None)
def test_the_rule_is_that_of_the_slow_reference(frames):
    sides = [side for side, _ in frames]
    open_ms = np.cumsum([gap for _, gap in frames]).tolist()
    assert _kept(sides, open_ms).side.tolist() == reference(sides, open_ms)
