"""What a screen says about an engine: wanted and actual state, pulse, pace, progress."""

from dataclasses import dataclass
from datetime import datetime

from trading.choices import ActualState, DesiredState, Phase
from trading.models import Engine

LOST_AFTER_S = 15.0


@dataclass(frozen=True, slots=True)
class EngineStatus:
    """One engine as seen at one moment. `heartbeat_age_s` is None before the first heartbeat."""

    engine: Engine | None
    heartbeat_age_s: float | None

    @property
    def is_lost(self) -> bool:
        """Tell whether it should run but has been silent for more than 15 s (domain section 11)."""
        if self.engine is None or self.engine.desired == DesiredState.STOPPED:
            return False
        return self.heartbeat_age_s is None or self.heartbeat_age_s > LOST_AFTER_S

    @property
    def word(self) -> str:
        """The state in a word or two."""
        if self.engine is None:
            return "Never started"
        if self.is_lost:
            waiting = self.engine.actual == ActualState.STOPPED or self.heartbeat_age_s is None
            return "Waiting for a worker" if waiting else "Lost"
        return ActualState(self.engine.actual).label

    @property
    def tone(self) -> str:
        """How the state is coloured: good, busy, muted or bad."""
        if self.engine is None:
            return "muted"
        if self.is_lost or self.engine.actual in (ActualState.ERROR, ActualState.HALTED):
            return "bad"
        if self.engine.actual == ActualState.RUNNING:
            return "good"
        return "muted" if self.engine.actual == ActualState.STOPPED else "busy"

    @property
    def phase_label(self) -> str:
        """The phase on the way up; empty while it runs, stands or is lost."""
        engine = self.engine
        if (
            engine is None
            or self.is_lost
            or engine.actual != ActualState.STARTING
            or not engine.phase
        ):
            return ""
        return Phase(engine.phase).label

    @property
    def is_following(self) -> bool:
        """Tell whether the actual state is still on its way to the desired one."""
        return (
            self.engine is not None
            and not self.is_lost
            and self.engine.desired != (self.engine.actual)
        )

    @property
    def can_start(self) -> bool:
        """Tell whether start is the act that makes sense."""
        return self.engine is None or self.engine.desired == DesiredState.STOPPED

    @property
    def can_pause(self) -> bool:
        """Tell whether pause is an act that makes sense."""
        return self.engine is not None and self.engine.desired == DesiredState.RUNNING

    @property
    def can_resume(self) -> bool:
        """Tell whether resume is an act that makes sense: after a pause or a halt."""
        return self.engine is not None and (
            self.engine.desired == DesiredState.PAUSED
            or (self.engine.desired == DesiredState.RUNNING and self.engine.halted_at is not None)
        )

    @property
    def can_stop(self) -> bool:
        """Tell whether stop is an act that makes sense."""
        return self.engine is not None and self.engine.desired != DesiredState.STOPPED


def engine_status(engine: Engine | None, now: datetime) -> EngineStatus:
    """Give how `engine` (None: never made) stands at `now`. No query."""
    if engine is None or engine.heartbeat_at is None:
        return EngineStatus(engine, None)
    return EngineStatus(engine, max(0.0, (now - engine.heartbeat_at).total_seconds()))
