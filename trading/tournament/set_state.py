"""One set of a book as it stands, as an object: for pages, the API and the database."""

from dataclasses import dataclass

from trading.tournament.set_spec import SetSpec, Side
from trading.tournament.stage import Stage
from trading.tournament.statistics import Statistics


@dataclass(frozen=True, slots=True)
class OpenPosition:
    """An open pseudo position: entry at the close of the frame `opened_ms`.

    `best` is the most favourable price since, at least the entry; `frames_held` the frames lived
    through; `stage` as its `PositionOpened` said.
    """

    side: Side
    opened_ms: int
    entry: float
    best: float
    frames_held: int
    stage: Stage


@dataclass(frozen=True, slots=True)
class SetState:
    """One set after the newest frame of its symbol.

    `since_ms` is the frame of the last stage change, `counted_from_ms` the frame after which
    opened positions count; both None if there is none. `closed_total` counts all that ever closed;
    `statistics` are of those kept, `counted` of those that count at this stage.
    """

    key: str
    symbol: str
    spec: SetSpec
    stage: Stage
    since_ms: int | None
    counted_from_ms: int | None
    closed_total: int
    statistics: Statistics
    counted: Statistics
    open_position: OpenPosition | None
