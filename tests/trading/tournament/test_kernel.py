import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.trading.tournament.price_walks import candles_of_bars, random_walk
from tests.trading.tournament.reference import Closed, pseudo_fills
from trading.candle_arrays import Candles
from trading.tournament.closed_positions import ClosedPosition, ExitReason, closed_position
from trading.tournament.grid import rule_of
from trading.tournament.kernel import CLOSED_DTYPE, flat_states, walk_set
from trading.tournament.set_spec import SetSpec, Side, Source, Trailing

COST = 0.001
SOURCE = Source.of("direction", N=3)
FLAT = (1000.0, 1000.0, 1000.0, 1000.0)


def walked(spec: SetSpec, candles: Candles, fired: list[int], cost: float = COST):
    state = flat_states(1)
    rows = np.zeros(len(candles) // 2 + 1, dtype=CLOSED_DTYPE)
    count = walk_set(
        rule_of(spec),
        state,
        np.array(fired, dtype=np.int8),
        cost,
        candles.open_ms,
        candles.open,
        candles.high,
        candles.low,
        candles.close,
        rows,
    )
    return [closed_position(row, spec.side) for row in rows[:count]], state[0]


def as_reference(position: ClosedPosition) -> Closed:
    return Closed(
        position.opened_ms,
        position.closed_ms,
        position.frames_held,
        position.entry,
        position.exit,
        position.best,
        str(position.reason),
        position.result_units,
        position.net_units,
    )


def assert_like_reference(spec, candles, fired, cost=COST):
    closed, state = walked(spec, candles, fired, cost)
    expected, still_open = pseudo_fills(spec, candles, fired, cost)
    assert [as_reference(position) for position in closed] == expected
    assert bool(state["is_open"]) == (still_open is not None)
    if still_open is not None:
        assert (state["entry"], state["best"], state["opened_ms"], state["frames_held"]) == (
            still_open.entry,
            still_open.best,
            still_open.opened_ms,
            still_open.frames,
        )
    return closed


def spec_of(side=Side.LONG, tp=10, sl=0.5, trailing=None) -> SetSpec:
    return SetSpec(SOURCE, side, tp, sl, trailing)


def mirrored(bar):
    open_, high, low, close = bar
    return (2000 - open_, 2000 - low, 2000 - high, 2000 - close)


# With entry 1000 and a unit of 1: target 1010, stop 995; trailing armed at 1003, 2 below the best.
TRAILING = Trailing(0.3, 0.2)
CASES = {
    "target within the range": (None, [(1000, 1012, 999, 1011)], "take_profit", 1010),
    "stop within the range": (None, [(1000, 1001, 990, 1000)], "stop_loss", 995),
    "touching the stop is enough": (None, [(1000, 1000, 995, 996)], "stop_loss", 995),
    "touching the target is enough": (None, [(1000, 1010, 1000, 1000)], "take_profit", 1010),
    "stop and target in one frame: the stop": (None, [(1000, 1020, 990, 1015)], "stop_loss", 995),
    "gap below the stop fills at the open": (None, [(980, 1020, 975, 1000)], "stop_loss", 980),
    "gap above the target fills at the open": (
        None,
        [(1020, 1025, 980, 990)],
        "take_profit",
        1020,
    ),
    "arming and retracing in one frame is no exit": (TRAILING, [(1000, 1005, 1000, 1001)], None, 0),
    "the next frame's retrace is": (
        TRAILING,
        [(1000, 1005, 1000, 1004), (1004, 1004.5, 1001, 1002)],
        "trailing_stop",
        1003,
    ),
    "gap below the trailing level fills at the open": (
        TRAILING,
        [(1000, 1005, 1000, 1004), (1001, 1009, 1001, 1008)],
        "trailing_stop",
        1001,
    ),
    "gap below both is the stop's": (
        TRAILING,
        [(1000, 1005, 1000, 1004), (990, 1000, 985, 990)],
        "stop_loss",
        990,
    ),
    "trailing and target in one frame: the trailing": (
        TRAILING,
        [(1000, 1005, 1000, 1004), (1004, 1015, 1002, 1012)],
        "trailing_stop",
        1003,
    ),
    "not armed below the start": (
        TRAILING,
        [(1000, 1002.9, 1000, 1002), (1002, 1002, 996, 997)],
        None,
        0,
    ),
}


@pytest.mark.parametrize("side", list(Side))
@pytest.mark.parametrize("name", CASES)
def test_the_order_of_belief(name, side):
    trailing, bars, reason, price = CASES[name]
    bars = [FLAT, *bars]
    if side is Side.SHORT:
        bars, price = [mirrored(bar) for bar in bars], 2000 - price
    fired = [side.sign] + [0] * (len(bars) - 1)
    closed = assert_like_reference(spec_of(side, trailing=trailing), candles_of_bars(bars), fired)
    if reason is None:
        assert closed == []
        return
    assert [position.reason for position in closed] == [ExitReason(reason)]
    assert closed[0].exit == pytest.approx(price)
    assert closed[0].frames_held == len(bars) - 1
    assert closed[0].result_units == pytest.approx(side.sign * (price - 1000))
    assert closed[0].net_units == closed[0].result_units - 1


@pytest.mark.parametrize("side", list(Side))
def test_reaching_the_start_exactly_arms_the_trailing(side):
    # 6.25 % of 1000 is exact in floats, so best and start are equal and not merely near.
    bars = [FLAT, (1000.0, 1062.5, 1000.0, 1060.0), (1060.0, 1060.0, 1040.0, 1045.0)]
    if side is Side.SHORT:
        bars = [mirrored(bar) for bar in bars]
    spec = spec_of(side, tp=100, sl=1.0, trailing=Trailing(6.25, 1.0))
    closed = assert_like_reference(spec, candles_of_bars(bars), [side.sign, 0, 0])
    assert [position.reason for position in closed] == [ExitReason.TRAILING_STOP]
    assert closed[0].exit == 1000 + side.sign * 52.5


def test_an_entry_on_the_last_frame_stays_open():
    closed, state = walked(spec_of(), candles_of_bars([FLAT, FLAT]), [0, 1])
    assert closed == []
    assert state["is_open"]
    assert state["frames_held"] == 0


def test_the_entry_frame_itself_is_no_exit():
    wide = (1000, 1100, 900, 1000)
    closed, state = walked(spec_of(), candles_of_bars([wide]), [1])
    assert closed == []
    assert state["best"] == 1000


def test_the_signal_of_the_exit_frame_is_not_used_and_the_next_is():
    target = (1000.0, 1012.0, 1000.0, 1000.0)
    candles = candles_of_bars([FLAT, target, FLAT, target])
    closed, state = walked(spec_of(), candles, [1, 1, 0, 0])
    assert len(closed) == 1
    assert not state["is_open"]
    closed, _ = walked(spec_of(), candles, [1, 1, 1, 0])
    assert [position.opened_ms for position in closed] == candles.open_ms[[0, 2]].tolist()


def test_signals_while_open_or_of_the_other_side_change_nothing():
    candles = random_walk(seed=3, frames=60)
    alone = walked(spec_of(), candles, [1] + [0] * (len(candles) - 1))[0]
    noise = [1] + [0] * (len(candles) - 1)
    held = alone[0].frames_held
    noise[1 : held + 1] = [1, -1] * (held // 2) + [1] * (held % 2)
    assert walked(spec_of(), candles, noise)[0] == alone
    assert walked(spec_of(), candles, [-1] * len(candles))[0] == []


bars = st.tuples(
    st.integers(-16, 16), st.integers(-16, 16), st.integers(0, 12), st.integers(0, 12)
).map(
    lambda parts: (
        1000.0 + parts[0],
        1000.0 + max(parts[0], parts[1]) + parts[2],
        1000.0 + min(parts[0], parts[1]) - parts[3],
        1000.0 + parts[1],
    )
)
specs = st.builds(
    SetSpec,
    source=st.just(SOURCE),
    side=st.sampled_from(list(Side)),
    tp_units=st.sampled_from([2, 5, 10, 22]),
    sl_ratio=st.sampled_from([0.2, 0.5, 1.0, 2.2]),
    trailing=st.sampled_from([None, Trailing(0.3, 0.1), Trailing(0.5, 0.5), Trailing(1.0, 0.3)]),
)


@given(
    spec=specs,
    frames=st.lists(st.tuples(bars, st.sampled_from([-1, 0, 1, 1])), min_size=1, max_size=30),
    cost=st.sampled_from([0.0001, 0.001, 0.002]),
)
@settings(max_examples=400, deadline=None)
def test_any_frames_fill_like_the_slow_reference(spec, frames, cost):
    candles = candles_of_bars([bar for bar, _ in frames])
    assert_like_reference(spec, candles, [side for _, side in frames], cost)


@pytest.mark.parametrize("seed", [21, 22])
@pytest.mark.parametrize("side", list(Side))
def test_long_walks_fill_like_the_slow_reference_with_every_reason(seed, side):
    candles = random_walk(seed=seed, frames=4000)
    fired = np.random.default_rng(seed).choice([-1, 0, 1], size=len(candles)).tolist()
    closed = assert_like_reference(spec_of(side, trailing=Trailing(0.3, 0.1)), candles, fired)
    assert {position.reason for position in closed} == set(ExitReason)
    assert len(closed) > 200


def test_later_frames_change_no_earlier_exit():
    candles = random_walk(seed=23, frames=500)
    fired = np.random.default_rng(23).choice([-1, 0, 1], size=len(candles)).tolist()
    spec = spec_of(trailing=Trailing(0.3, 0.1))
    whole = walked(spec, candles, fired)[0]
    assert len(whole) > 20
    for stop in (1, 2, 100, 250, 401):
        part = candles.part(0, stop)
        until = [each for each in whole if each.closed_ms <= int(part.open_ms[-1])]
        assert walked(spec, part, fired[:stop])[0] == until
