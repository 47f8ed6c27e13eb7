"""What the supervisor needs to know of a process, and how long it waits before a restart."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

FIRST_RESTART_SECS = 1.0
LONGEST_RESTART_SECS = 30.0
JITTER = 0.25


@dataclass(frozen=True, slots=True, eq=False)
class ProcessSpec:
    """One process: how it starts, when it is ready, when and how it stops."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    """Added to what the supervisor itself has."""
    is_ready: Callable[[], bool] | None = None
    """Answers within a second and raises nothing; None: ready as soon as it runs."""
    needed_by_prepare: bool = False
    """Started, and waited for, before the preparations of a start."""
    stop_stage: int = 0
    """Lower stages stop first; a stage begins when every process of the one before is gone."""
    grace_secs: float = 20.0
    """From SIGTERM to SIGKILL."""


def restart_delay_secs(failures: int, chance: float) -> float:
    """Give the pause before restart number `failures` (1, 2, …): 1 s doubling to 30 s.

    `chance` in [0, 1) adds up to a quarter, so that processes that died together come back apart.
    """
    doubled: float = FIRST_RESTART_SECS * 2 ** min(failures - 1, 10)
    return min(LONGEST_RESTART_SECS, doubled * (1 + JITTER * chance))
