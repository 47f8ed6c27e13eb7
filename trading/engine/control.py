"""What people want of an engine: start, pause, resume, stop.

The desired state is in the database; the host that holds the lease sees it at its next cycle.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import transaction
from django.utils import timezone

from connections.models import Connection
from cts.activity import log_action
from cts.actors import Actor
from cts.errors import Refused
from cts.roles import Act, require
from positions.choices import StopKind
from positions.models import LivePosition
from positions.models.positions import OPEN_STATES
from trading.choices import DesiredState
from trading.engine.nudge import nudge_after_commit
from trading.models import Engine, EngineChange


def start(*, actor: Actor, engine: Engine) -> Engine:
    """Want the engine running. A halt by a limit stands until somebody resumes.

    Raises Refused where the connection is not active, PermissionDenied where the role forbids.
    """
    with _changing(actor, engine) as row:
        if not row.connection.is_active:
            raise Refused(
                "engine.connection_not_active",
                f"{row.connection.name} is {row.connection.state}: enable it and add it to the "
                "dashboard first.",
            )
        _want(actor, row, DesiredState.RUNNING, "start")
    engine.refresh_from_db()
    return engine


def pause(*, actor: Actor, engine: Engine, why: str = "") -> Engine:
    """Want no new entries; stops, take-profits, trailing, fills and data go on.

    Raises Refused where it is stopped, PermissionDenied where the role forbids.
    """
    with _changing(actor, engine) as row:
        if row.desired == DesiredState.STOPPED:
            raise Refused("engine.stopped", "The engine is stopped: there is nothing to pause.")
        _want(actor, row, DesiredState.PAUSED, "pause", why)
    engine.refresh_from_db()
    return engine


def resume(*, actor: Actor, engine: Engine) -> Engine:
    """End a pause, or a halt by a limit: losses count anew from this moment.

    Raises Refused where it is stopped, PermissionDenied where the role forbids.
    """
    with _changing(actor, engine) as row:
        if row.desired == DesiredState.STOPPED:
            raise Refused("engine.stopped", "The engine is stopped: start it instead.")
        _want(actor, row, DesiredState.RUNNING, "resume", ends_halt=True)
    engine.refresh_from_db()
    return engine


def stop(*, actor: Actor, engine: Engine, leave_positions: bool = False) -> Engine:
    """Want the loop to end. Exchange-side stops of open positions stay in place; what is on its way
    in or out is seen to its end first.

    Raises Refused "engine.open_positions" while live positions are open, unless the caller said
    to leave them, PermissionDenied where the role forbids.
    """
    with _changing(actor, engine) as row:
        if not leave_positions:
            _refuse_with_open_positions(row)
        _want(actor, row, DesiredState.STOPPED, "stop")
    engine.refresh_from_db()
    return engine


def engine_of(connection: Connection) -> Engine:
    """Give the connection's engine, made on first use, stopped."""
    engine, _ = Engine.objects.get_or_create(connection=connection)
    return engine


@contextmanager
def _changing(actor: Actor, engine: Engine) -> Iterator[Engine]:
    """Give the engine's row, locked: no entry's intent is committed meanwhile."""
    require(actor, Act.OPERATE_ENGINE, owner_id=engine.connection.owner_id)
    with transaction.atomic():
        rows = Engine.objects.select_for_update(of=("self",)).select_related("connection")
        yield rows.get(pk=engine.pk)
        nudge_after_commit()


def _refuse_with_open_positions(row: Engine) -> None:
    kinds = LivePosition.objects.filter(
        connection=row.connection, state__in=OPEN_STATES
    ).values_list("stop_kind", flat=True)
    count = len(kinds)
    if not count:
        return
    noun = "position is" if count == 1 else "positions are"
    naked = sum(kind != StopKind.EXCHANGE for kind in kinds)
    warning = f" {naked} of them without a stop on the exchange!" if naked else ""
    raise Refused(
        "engine.open_positions",
        f"{count} live {noun} open.{warning} Stopping leaves their stops on the exchange, but "
        "nobody watches take-profit and trailing. Confirm to stop anyway, or pause instead.",
    )


def _want(
    actor: Actor,
    row: Engine,
    desired: DesiredState,
    verb: str,
    why: str = "",
    *,
    ends_halt: bool = False,
) -> None:
    before, was_halted = row.desired, row.halted_at is not None
    resumes = ends_halt and was_halted
    if before == desired and not resumes:
        return
    now = timezone.now()
    row.desired = desired
    fields = ["desired"]
    if resumes:
        why = why or "resumed after a halt"
        row.halted_at, row.limits_from, row.peak_equity_quote = None, now, None
        fields += ["halted_at", "limits_from", "peak_equity_quote"]
    row.save(update_fields=fields)
    EngineChange.objects.create(
        engine=row,
        at=now,
        column="desired",
        before=before,
        after=desired,
        who=actor.name,
        why=why,
    )
    log_action(
        actor=actor,
        action=f"engine.{verb}",
        obj=row,
        before={"desired": before, "halted": was_halted},
        after={"desired": desired, "halted": was_halted and not resumes},
    )
