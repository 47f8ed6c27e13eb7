"""move(N): continuation. The last N frames go one way, mostly and without a big step back."""

from collections.abc import Mapping

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from trading.candle_arrays import Candles
from trading.indications.declaration import (
    Category,
    Indication,
    Parameter,
    Signals,
    no_signals,
    strength_beyond,
)

MIN_MOVE_UNITS = 3
MAX_OPPOSITE_STEP_UNITS = 1


def frames_needed(params: Mapping[str, float]) -> int:
    """Frame t looks back to t - N."""
    return int(params["N"]) + 1


def calculate(candles: Candles, params: Mapping[str, float], position_cost: float) -> Signals:
    """Signals by m = c[t]/c[t-N]-1 and the N steps r[k] = c[k]/c[k-1]-1, k = t-N+1 .. t.

    They fire where abs(m) is at least 3 units, at least 60 % of the steps have m's sign and no
    step against it is larger than 1 unit; the side is the sign of m. The deciding quantity of the
    strength is abs(m).
    """
    length = int(params["N"])
    close = candles.close
    signals = no_signals(len(close))
    if len(close) < length + 1:
        return signals
    move = close[length:] / close[:-length] - 1.0
    steps = sliding_window_view(close[1:] / close[:-1] - 1.0, length)
    side = np.sign(move)
    with_the_move = np.where(side > 0, (steps > 0).sum(axis=1), (steps < 0).sum(axis=1))
    largest_opposite = np.where(side > 0, -steps.min(axis=1), steps.max(axis=1))
    threshold = MIN_MOVE_UNITS * position_cost
    fires = (
        (np.abs(move) >= threshold)
        # In whole numbers: 0.6 x N isn't exact in floats.
        & (10 * with_the_move >= 6 * length)
        & (largest_opposite <= MAX_OPPOSITE_STEP_UNITS * position_cost)
    )
    signals.side[length:][fires] = side[fires]
    signals.strength[length:][fires] = strength_beyond(np.abs(move[fires]), threshold)
    return signals


INDICATION = Indication(
    type="move",
    label="Move (continuation)",
    category=Category.MAIN,
    parameters=(Parameter("N", "Length", "frames", low=3, high=30, default=10, whole=True),),
    frames_needed=frames_needed,
    calculate=calculate,
)
