"""The rungs that a set may stand on. By itself: pages need the names without the calculation."""

from enum import StrEnum


class Stage(StrEnum):
    """The rungs from low to high; the order is part of the contract."""

    BASE_FAILED = "base_failed"
    BASE_EVALUATING = "base_evaluating"
    BASE_PAUSED = "base_paused"
    BASE_ACTIVE = "base_active"
    MAIN = "main"
    REAL = "real"

    @property
    def code(self) -> int:
        """Its place from low to high: what arrays and checkpoints hold."""
        return _CODES[self]

    @classmethod
    def of_code(cls, code: int) -> "Stage":
        """The stage of a place."""
        return _STAGES[code]

    @property
    def counts_after_entering(self) -> bool:
        """Whether only positions opened after entering count (Main, Real)."""
        return self in (Stage.MAIN, Stage.REAL)


_STAGES = tuple(Stage)
_CODES = {stage: code for code, stage in enumerate(_STAGES)}
