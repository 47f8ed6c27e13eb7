"""Choices of the trading floor."""

from django.db.models import TextChoices


class Timeframe(TextChoices):
    """The length of a frame; milliseconds in TIMEFRAME_MS."""

    S1 = "1s", "1 second"
    M1 = "1m", "1 minute"
    M5 = "5m", "5 minutes"
    M15 = "15m", "15 minutes"
    H1 = "1h", "1 hour"


TIMEFRAME_MS: dict[str, int] = {
    Timeframe.S1: 1_000,
    Timeframe.M1: 60_000,
    Timeframe.M5: 300_000,
    Timeframe.M15: 900_000,
    Timeframe.H1: 3_600_000,
}


class DesiredState(TextChoices):
    """What a person wants of an engine."""

    STOPPED = "stopped", "Stopped"
    RUNNING = "running", "Running"
    PAUSED = "paused", "Paused"


class ActualState(TextChoices):
    """What an engine really does."""

    STOPPED = "stopped", "Stopped"
    STARTING = "starting", "Starting"
    RUNNING = "running", "Running"
    PAUSED = "paused", "Paused"
    HALTED = "halted", "Halted by a limit"
    ERROR = "error", "Error"


class Phase(TextChoices):
    """Where an engine is on its way up."""

    NONE = "", "-"
    SYMBOLS = "symbols", "Loading symbols"
    HISTORY = "history", "Loading history"
    REPLAY = "replay", "Replaying sets"
    RECONCILE = "reconcile", "Reconciling"
    CYCLE = "cycle", "Running"


class GateProfile(TextChoices):
    """Which gates a tournament's stages use."""

    DEFAULT = "default", "Default"
    PRACTICE = "practice", "Practice (sandbox only)"
