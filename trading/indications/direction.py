"""direction(N): reversal. The N frames before went one way, the last N frames go the other."""

from collections.abc import Mapping

import numpy as np

from trading.candle_arrays import Candles
from trading.indications.declaration import (
    Category,
    Indication,
    Parameter,
    Signals,
    no_signals,
    strength_beyond,
)


def frames_needed(params: Mapping[str, float]) -> int:
    """Frame t looks back to t - 2N."""
    return 2 * int(params["N"]) + 1


def calculate(candles: Candles, params: Mapping[str, float], position_cost: float) -> Signals:
    """Signals by a = c[t-N]/c[t-2N]-1 and b = c[t]/c[t-N]-1.

    They fire where the signs of a and b differ and both moves are at least N/10 units; the side is
    the sign of b. The deciding quantity of the strength is the smaller of the two moves.
    """
    length = int(params["N"])
    close = candles.close
    signals = no_signals(len(close))
    if len(close) < 2 * length + 1:
        return signals
    move_before = close[length:-length] / close[: -2 * length] - 1.0
    move_since = close[2 * length :] / close[length:-length] - 1.0
    threshold = length / 10 * position_cost
    smaller = np.minimum(np.abs(move_before), np.abs(move_since))
    fires = (np.sign(move_before) != np.sign(move_since)) & (smaller >= threshold)
    signals.side[2 * length :][fires] = np.sign(move_since[fires])
    signals.strength[2 * length :][fires] = strength_beyond(smaller[fires], threshold)
    return signals


INDICATION = Indication(
    type="direction",
    label="Direction (reversal)",
    category=Category.MAIN,
    parameters=(Parameter("N", "Length", "frames", low=3, high=30, default=10, whole=True),),
    frames_needed=frames_needed,
    calculate=calculate,
)
