"""What one closed frame of one symbol brought about in a book."""

from dataclasses import dataclass

from trading.tournament.closed_positions import ClosedPosition
from trading.tournament.set_spec import Side
from trading.tournament.stage import Stage
from trading.tournament.stages import StageChange


@dataclass(frozen=True, slots=True)
class PositionClosed:
    """A pseudo position of the set `key` closed.

    `set_index` numbers the sets of the whole tournament. `opened_stage` is the `stage` that its
    `PositionOpened` carried: whether it was a position of a Main or Real set.
    """

    set_index: int
    key: str
    opened_stage: Stage
    position: ClosedPosition


@dataclass(frozen=True, slots=True)
class PositionOpened:
    """A pseudo position of the set `key` opened at `entry`, the close of the frame `opened_ms`.

    `strength` is the signal's, 0..1. `stage` is the lower of the set's stages before and after
    this frame's decisions: a climb works on positions opened after it, a fall works at once. So
    every position that says Real is counted by Real, and every one that says Main by Main, save
    one that opens on the very frame of the fall from Real.
    """

    set_index: int
    key: str
    side: Side
    strength: float
    entry: float
    opened_ms: int
    stage: Stage


@dataclass(frozen=True, slots=True)
class SetMoved:
    """The set `key` changed its stage, decided at the close of the frame `frame_ms`."""

    set_index: int
    key: str
    frame_ms: int
    change: StageChange


@dataclass(frozen=True, slots=True)
class Advance:
    """All events of one frame, each list in order of set numbers.

    Within the frame positions close first, then stages are judged, then positions open.
    `frame_ms` is the frame's opening time.
    """

    symbol: str
    frame_ms: int
    closed: tuple[PositionClosed, ...]
    moved: tuple[SetMoved, ...]
    opened: tuple[PositionOpened, ...]
