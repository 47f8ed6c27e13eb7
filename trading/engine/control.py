"""What people want of an engine: start, pause, resume, stop.

The desired state is in the database; the host that holds the lease sees it at its next cycle.
"""

from django.db import transaction
from django.utils import timezone

from connections.models import Connection
from cts.activity import log_action
from cts.actors import Actor
from cts.errors import Refused
from cts.roles import Act, require
from positions.models import LivePosition
from positions.models.positions import OPEN_STATES
from trading.choices import DesiredState
from trading.engine.nudge import nudge_after_commit
from trading.models import Engine, EngineChange


def start(*, actor: Actor, engine: Engine) -> Engine:
    """Want the engine running.

    Raises Refused where the connection is not active, PermissionDenied where the role forbids.
    """
    if not engine.connection.is_active:
        raise Refused(
            "engine.connection_not_active",
            f"{engine.connection.name} is {engine.connection.state}: enable it and add it to the "
            "dashboard first.",
        )
    return _want(actor, engine, DesiredState.RUNNING, "start")


def pause(*, actor: Actor, engine: Engine, why: str = "") -> Engine:
    """Want no new entries; stops, take-profits, trailing, fills and data go on."""
    if engine.desired == DesiredState.STOPPED:
        raise Refused("engine.stopped", "The engine is stopped: there is nothing to pause.")
    return _want(actor, engine, DesiredState.PAUSED, "pause", why)


def resume(*, actor: Actor, engine: Engine) -> Engine:
    """End a pause, or a halt by a limit: losses count anew from this moment."""
    if engine.desired == DesiredState.STOPPED:
        raise Refused("engine.stopped", "The engine is stopped: start it instead.")
    return _want(actor, engine, DesiredState.RUNNING, "resume")


def stop(*, actor: Actor, engine: Engine, leave_positions: bool = False) -> Engine:
    """Want the loop to end. Exchange-side stops of open positions stay in place.

    Raises Refused "engine.open_positions" while live positions are open, unless the caller said
    to leave them.
    """
    open_positions = LivePosition.objects.filter(
        connection=engine.connection, state__in=OPEN_STATES
    ).count()
    if open_positions and not leave_positions:
        noun = "position is" if open_positions == 1 else "positions are"
        raise Refused(
            "engine.open_positions",
            f"{open_positions} live {noun} open. Stopping leaves their stops on the exchange, but "
            "nobody watches take-profit and trailing. Confirm to stop anyway, or pause instead.",
        )
    return _want(actor, engine, DesiredState.STOPPED, "stop")


def engine_of(connection: Connection) -> Engine:
    """Give the connection's engine, made on first use, stopped."""
    engine, _ = Engine.objects.get_or_create(connection=connection)
    return engine


def _want(actor: Actor, engine: Engine, desired: DesiredState, verb: str, why: str = "") -> Engine:
    require(actor, Act.OPERATE_ENGINE, owner_id=engine.connection.owner_id)
    with transaction.atomic():
        row = Engine.objects.select_for_update().get(pk=engine.pk)
        before = row.desired
        resumes = desired == DesiredState.RUNNING and row.halted_at is not None
        if before != desired or resumes:
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
                before={"desired": before, "halted": resumes},
                after={"desired": desired, "halted": False},
            )
        nudge_after_commit()
    engine.refresh_from_db()
    return engine
