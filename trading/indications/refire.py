"""The re-fire rule: the same (symbol, type, parameters) fires again 15 s and one frame later.

Both must have passed since it last fired. Two signals always stand on different frames, so "one
frame later" holds by itself, and what is left to check is the 15 s between the frames' opening
times. It therefore bites on timeframes shorter than 15 s only. One clock serves both sides: it is
the source that fires, and a long right after a short of the same source is the same noise.
"""

import numpy as np
from numba import njit

from trading.candle_arrays import Integers
from trading.indications.declaration import Signals

REFIRE_AFTER_MS = 15_000
NEVER_FIRED_MS = -(2**62)
"""`last_fired_ms` of a source that hasn't fired yet."""


@njit(nogil=True, cache=True)
def may_fire(frame_ms: int, last_fired_ms: int) -> bool:
    """Whether a source that last fired at `last_fired_ms` may fire on the frame of `frame_ms`.

    Both are frames' opening times in ms; `NEVER_FIRED_MS` for a source that hasn't fired.
    """
    return frame_ms - last_fired_ms >= REFIRE_AFTER_MS


def without_early_refires(
    signals: Signals, open_ms: Integers, last_fired_ms: int = NEVER_FIRED_MS
) -> Signals:
    """`signals` of one source less those that come too soon after the one before.

    A suppressed signal doesn't count as fired. `open_ms` are the frames' opening times, as many as
    signals; `last_fired_ms` is when the source fired before the first of them.
    """
    kept = _kept(signals.side, open_ms, last_fired_ms)
    return Signals(
        np.where(kept, signals.side, 0).astype(np.int8), np.where(kept, signals.strength, 0.0)
    )


@njit(nogil=True, cache=True)
def _kept(side, open_ms, last_fired_ms):  # type: ignore[no-untyped-def]
    kept = np.zeros(len(side), dtype=np.bool_)
    for frame in range(len(side)):
        if side[frame] != 0 and may_fire(open_ms[frame], last_fired_ms):
            kept[frame] = True
            last_fired_ms = open_ms[frame]
    return kept
