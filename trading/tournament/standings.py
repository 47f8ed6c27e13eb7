"""The standings of all sets of a book in one array."""

import numpy as np
from numpy.typing import NDArray

from trading.tournament.stage import Stage
from trading.tournament.stages import BEGINNING_MS, NO_CHECK_MS, Standing

STANDING_DTYPE = np.dtype(
    [
        ("stage", np.int64),  # Stage.code
        ("since_ms", np.int64),
        ("base_from_ms", np.int64),
        ("check_ms", np.int64),  # from when the set is judged even if no position closes
        ("opened_stage", np.int64),  # Stage.code that the open position carries
    ]
)


class Standings:
    """Where every set stands; a set is (number of its symbol, number within the symbol).

    `rows` is the array (`STANDING_DTYPE`, symbols x sets). A set is judged when a position of it
    closes, when time alone may move it, and on the frame after a move: one rung for each frame.
    """

    def __init__(self, symbols: int, sets_per_symbol: int) -> None:
        self.rows = np.zeros((symbols, sets_per_symbol), dtype=STANDING_DTYPE)
        self.rows["stage"] = Stage.BASE_EVALUATING.code
        self.rows["since_ms"] = BEGINNING_MS
        self.rows["base_from_ms"] = BEGINNING_MS
        self.rows["check_ms"] = NO_CHECK_MS

    def of(self, symbol: int, number: int) -> Standing:
        """The standing of one set."""
        stage, since_ms, base_from_ms, _, _ = self.rows[symbol, number].item()
        return Standing(Stage.of_code(stage), since_ms, base_from_ms)

    def due(self, symbol: int, frame_ms: int, closed: NDArray[np.int64]) -> list[int]:
        """Numbers of the symbol's sets to judge on this frame; `closed` had a position close."""
        due = self.rows["check_ms"][symbol] <= frame_ms
        due[closed] = True
        numbers: list[int] = np.flatnonzero(due).tolist()
        return numbers

    def stay(self, symbol: int, number: int, check_ms: int) -> None:
        """The set was judged and stays; time alone may move it from `check_ms`."""
        self.rows["check_ms"][symbol, number] = check_ms

    def move(self, symbol: int, number: int, stage: Stage, frame_ms: int) -> None:
        """The set moves to `stage` on this frame and is judged again on its next."""
        after = self.of(symbol, number).moved(stage, frame_ms)
        row = self.rows[symbol, number]
        row["stage"] = after.stage.code
        row["since_ms"] = after.since_ms
        row["base_from_ms"] = after.base_from_ms
        row["check_ms"] = frame_ms + 1

    def label_opened(self, symbol: int, number: int, before: Stage | None) -> Stage:
        """Notes and gives the stage that a position opening now carries.

        The lower of the stages before and after this frame's decision: a climb works on positions
        opened after it, a fall works at once. `before` is None where nothing was decided.
        """
        row = self.rows[symbol, number]
        stage = Stage.of_code(int(row["stage"]))
        if before is not None and before.code < stage.code:
            stage = before
        row["opened_stage"] = stage.code
        return stage

    def opened_stage(self, symbol: int, number: int) -> Stage:
        """The stage that the set's open, or just closed, position carries."""
        return Stage.of_code(int(self.rows[symbol, number]["opened_stage"]))

    def counts(self) -> dict[Stage, int]:
        """How many sets stand on each rung, every rung named."""
        counts = np.bincount(self.rows["stage"].ravel(), minlength=len(Stage))
        return {stage: int(counts[stage.code]) for stage in Stage}
