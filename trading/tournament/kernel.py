"""Pseudo fills, compiled: one function advances one set by one frame.

`advance_set` is the only place where a pseudo position opens or closes. The book calls it for all
sets of a symbol and one frame (`advance_sets`), the back-test for one set and all frames
(`walk_set`); so both give the same numbers to the last digit.

Rows are records of NumPy structured arrays, so that many sets cost one array. Signs: +1 long, -1
short; a short is the mirror image of a long. NaN as trailing start or stop means no trailing: every
comparison with it is false.
"""

from enum import IntEnum

import numpy as np
from numba import njit
from numpy.typing import NDArray

RULE_DTYPE = np.dtype(
    [
        ("source", np.int64),  # number of the signal source
        ("side", np.int64),
        ("tp_units", np.float64),
        ("sl_ratio", np.float64),
        ("trail_start_pct", np.float64),
        ("trail_stop_pct", np.float64),
    ]
)
STATE_DTYPE = np.dtype(
    [
        ("is_open", np.int64),  # 0 or 1; the other fields mean something only while it is 1
        ("opened_ms", np.int64),  # opening time of the signal's frame, whose close is the entry
        ("frames_held", np.int64),  # frames lived through since, without an exit
        ("entry", np.float64),
        ("best", np.float64),  # most favourable price of those frames, at least the entry
    ]
)
CLOSED_DTYPE = np.dtype(
    [
        ("set", np.int64),  # number of the set within its symbol
        ("reason", np.int64),  # ExitCode
        ("opened_ms", np.int64),
        ("closed_ms", np.int64),  # opening time of the frame of the exit
        ("frames_held", np.int64),  # frames from entry to exit, the exit's frame included
        ("entry", np.float64),
        ("exit", np.float64),
        ("best", np.float64),  # as the exit rules knew it: without the exit's own frame
        ("result_units", np.float64),
        ("net_units", np.float64),
    ]
)


class ExitCode(IntEnum):
    """Which level a pseudo position closed at. Numbers are stored in checkpoints: never reuse."""

    NONE = 0
    STOP_LOSS = 1
    TRAILING_STOP = 2
    TAKE_PROFIT = 3


class StepCode(IntEnum):
    """What one frame did to one set."""

    NOTHING = 0
    OPENED = 1
    CLOSED = 2


_NONE = int(ExitCode.NONE)
_STOP_LOSS = int(ExitCode.STOP_LOSS)
_TRAILING_STOP = int(ExitCode.TRAILING_STOP)
_TAKE_PROFIT = int(ExitCode.TAKE_PROFIT)
_NOTHING = int(StepCode.NOTHING)
_OPENED = int(StepCode.OPENED)
_CLOSED = int(StepCode.CLOSED)


@njit(nogil=True, cache=True)
def exit_in_frame(rule, entry, best, position_cost, open_, high, low):  # type: ignore[no-untyped-def]
    """Exit of an open position in one frame after its entry: (`ExitCode`, price); NONE: (0, NaN).

    The order of belief: at the open stop, trailing, target; then within the range stop, trailing,
    target. `best` is the most favourable price of the frames before this one, at least the entry:
    a frame can't arm the trailing and trigger it too. A gap fills at the open, better or worse.
    """
    side = rule.side
    unit = entry * position_cost
    target = entry + side * (rule.tp_units * unit)
    stop = entry - side * (rule.sl_ratio * rule.tp_units * unit)
    armed = side * best >= side * (entry * (1.0 + side * (rule.trail_start_pct / 100.0)))
    trailing = best - side * (entry * rule.trail_stop_pct / 100.0)

    if side * open_ <= side * stop:
        return _STOP_LOSS, open_
    if armed and side * open_ <= side * trailing:
        return _TRAILING_STOP, open_
    if side * open_ >= side * target:
        return _TAKE_PROFIT, open_

    worst = low if side > 0 else high
    finest = high if side > 0 else low
    if side * worst <= side * stop:
        return _STOP_LOSS, stop
    if armed and side * worst <= side * trailing:
        return _TRAILING_STOP, trailing
    if side * finest >= side * target:
        return _TAKE_PROFIT, target
    return _NONE, np.nan


@njit(nogil=True, cache=True)
def advance_set(rule, state, fired_side, position_cost, frame_ms, open_, high, low, close, closed):  # type: ignore[no-untyped-def]
    """Advances one set by one closed frame; gives a `StepCode`.

    `state` (a record of `STATE_DTYPE`) is read and written; `closed` (a record of `CLOSED_DTYPE`)
    is written where the position closes, but for its `set`. `fired_side` is the sign that the
    set's source fires on this frame, 0 for none. A set that was open when the frame began takes no
    signal of this frame, whether it closes or not.
    """
    if state.is_open == 0:
        if fired_side != rule.side:
            return _NOTHING
        state.is_open = 1
        state.opened_ms = frame_ms
        state.frames_held = 0
        state.entry = close
        state.best = close
        return _OPENED

    reason, price = exit_in_frame(rule, state.entry, state.best, position_cost, open_, high, low)
    state.frames_held += 1
    if reason == _NONE:
        state.best = max(state.best, high) if rule.side > 0 else min(state.best, low)
        return _NOTHING

    result_units = rule.side * (price - state.entry) / (state.entry * position_cost)
    closed.reason = reason
    closed.opened_ms = state.opened_ms
    closed.closed_ms = frame_ms
    closed.frames_held = state.frames_held
    closed.entry = state.entry
    closed.exit = price
    closed.best = state.best
    closed.result_units = result_units
    closed.net_units = result_units - 1.0
    state.is_open = 0
    return _CLOSED


@njit(nogil=True, cache=True)
def advance_sets(  # type: ignore[no-untyped-def]
    rules, states, fired_sides, position_cost, frame_ms, open_, high, low, close, closed, opened
):
    """Advances all sets of one symbol by one closed frame; gives (closed, opened) counts.

    `rules` and `states` have one row for each set; `fired_sides` one sign for each source. The
    first rows of `closed` (`CLOSED_DTYPE`) and of `opened` (set numbers, int64) are written, in
    order of set numbers; both have room for every set.
    """
    closed_count = 0
    opened_count = 0
    for number in range(len(rules)):
        step = advance_set(
            rules[number],
            states[number],
            fired_sides[rules[number].source],
            position_cost,
            frame_ms,
            open_,
            high,
            low,
            close,
            closed[closed_count],
        )
        if step == _CLOSED:
            closed[closed_count].set = number
            closed_count += 1
        elif step == _OPENED:
            opened[opened_count] = number
            opened_count += 1
    return closed_count, opened_count


@njit(nogil=True, cache=True)
def walk_set(rules, states, fired, position_cost, open_ms, open_, high, low, close, closed):  # type: ignore[no-untyped-def]
    """Walks the one set of `rules[0]`, `states[0]` through all frames; gives how many closed.

    `fired` holds the source's sign for each frame; the first rows of `closed` are written. It has
    room for half the frames and one more: a position takes at least two frames.
    """
    count = 0
    for frame in range(len(open_ms)):
        step = advance_set(
            rules[0],
            states[0],
            fired[frame],
            position_cost,
            open_ms[frame],
            open_[frame],
            high[frame],
            low[frame],
            close[frame],
            closed[count],
        )
        if step == _CLOSED:
            closed[count].set = 0
            count += 1
    return count


def flat_states(sets: int) -> NDArray[np.void]:
    """States of that many sets without an open position."""
    return np.zeros(sets, dtype=STATE_DTYPE)
