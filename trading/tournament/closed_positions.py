"""A closed pseudo position as an object: for events, lists and the database, not for loops."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from trading.tournament.kernel import ExitCode
from trading.tournament.set_spec import Side


class ExitReason(StrEnum):
    """Why a pseudo position closed; the same words as a live position's close reasons."""

    TAKE_PROFIT = "take_profit"
    STOP_LOSS = "stop_loss"
    TRAILING_STOP = "trailing_stop"


REASON_OF_CODE = {
    ExitCode.STOP_LOSS: ExitReason.STOP_LOSS,
    ExitCode.TRAILING_STOP: ExitReason.TRAILING_STOP,
    ExitCode.TAKE_PROFIT: ExitReason.TAKE_PROFIT,
}


@dataclass(frozen=True, slots=True)
class ClosedPosition:
    """One pseudo position from entry to exit.

    `opened_ms` and `closed_ms` are the opening times of the frames of signal and exit; the entry
    is the close of the former. `frames_held` counts the frames from the one after the entry to the
    one of the exit. `best` is the most favourable price before the exit's frame, at least the
    entry. `result_units` is the signed move in units of the entry, `net_units` that less the
    round trip's cost (1 unit).
    """

    side: Side
    opened_ms: int
    closed_ms: int
    frames_held: int
    entry: float
    exit: float
    best: float
    reason: ExitReason
    result_units: float
    net_units: float


def closed_position(row: np.void, side: Side) -> ClosedPosition:
    """The object of one row of `kernel.CLOSED_DTYPE`."""
    _, reason, opened_ms, closed_ms, frames_held, entry, exit_, best, result, net = row.item()
    return ClosedPosition(
        side=side,
        opened_ms=opened_ms,
        closed_ms=closed_ms,
        frames_held=frames_held,
        entry=entry,
        exit=exit_,
        best=best,
        reason=REASON_OF_CODE[ExitCode(reason)],
        result_units=result,
        net_units=net,
    )
