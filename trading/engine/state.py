"""What an engine really does, written down: actual state, phase, progress, with a history."""

import time

from django.db import transaction
from django.utils import timezone

from positions.fencing import LeaseLost
from trading.choices import ActualState, Phase
from trading.engine.lease import Lease
from trading.models import Engine, EngineChange


def note_actual(
    *, engine: Engine, lease: Lease, actual: ActualState, why: str = "", reason: str = ""
) -> None:
    """Write the actual state, if it changed, with an entry in the engine's history.

    `reason` is shown as long as the state stands (why it is halted or in error). Raises LeaseLost.
    """
    if engine.actual == actual and engine.reason == reason:
        return
    with transaction.atomic():
        lease.confirm()
        before = Engine.objects.values_list("actual", flat=True).get(pk=engine.pk)
        Engine.objects.filter(pk=engine.pk).update(actual=actual, reason=reason)
        if before != actual:
            EngineChange.objects.create(
                engine=engine,
                at=timezone.now(),
                column="actual",
                before=before,
                after=actual,
                who=lease.holder,
                why=why,
            )
    engine.actual, engine.reason = actual, reason


def note_phase(*, engine: Engine, lease: Lease, phase: Phase, progress_pct: int = 0) -> None:
    """Write where a starting engine is; this also renews its lease. Raises LeaseLost."""
    if not lease.renew(phase=phase, progress_pct=progress_pct):
        raise LeaseLost(f"engine {engine.pk}: the lease ran out while it started")
    lease.progress_at = time.monotonic()
    engine.phase, engine.progress_pct = phase, progress_pct
