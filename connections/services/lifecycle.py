"""Enable, add to the dashboard, remove from it, disable, delete, restore (domain section 4)."""

from datetime import timedelta

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone

from connections.models import Connection
from connections.open_positions import open_positions
from connections.services.state import ALL_OFF, authorise, change_state, refuse_deleted
from connections.services.testing import test_connection
from cts.actors import Actor
from cts.errors import Refused

# A passed test this young is taken as it is when a connection is enabled.
TEST_IS_FRESH = timedelta(minutes=5)


def enable(*, actor: Actor, connection: Connection) -> Connection:
    """Make a disabled connection ready to trade; an enabled one stays as it is.

    Runs the connection test where the last one did not pass within five minutes: up to 30 s, so
    not inside a transaction. Raises Refused (connection.test_failed) where it does not pass, and
    PermissionDenied.
    """
    authorise(actor, connection)
    connection.refresh_from_db()
    refuse_deleted(connection)
    if connection.is_enabled:
        return connection
    tested_at = connection.last_test_at
    fresh = tested_at is not None and timezone.now() - tested_at < TEST_IS_FRESH
    if not (connection.last_test_ok and fresh):
        test = test_connection(actor=actor, connection=connection)
        if not test.ok:
            raise Refused(
                "connection.test_failed", f"{connection.name} was not enabled: {test.message}"
            )
    done = change_state(
        actor=actor,
        connection=connection,
        action="connection.enabled",
        values={"is_enabled": True},
        # A test of former credentials proves nothing about these.
        where=Q(last_test_ok=True, api_key=connection.api_key, api_secret=connection.api_secret),
    )
    if not done:
        refuse_deleted(connection)
        raise Refused(
            "connection.test_failed",
            f"{connection.name} was not enabled: its credentials changed meanwhile; test it again.",
        )
    return connection


def activate(*, actor: Actor, connection: Connection) -> Connection:
    """Add an enabled connection to the dashboard: its engine collects data from now on.

    Idempotent. Raises Refused (connection.not_enabled) and PermissionDenied.
    """
    authorise(actor, connection)
    done = change_state(
        actor=actor,
        connection=connection,
        action="connection.activated",
        values={"is_active": True},
        where=Q(is_enabled=True),
    )
    if not done:
        refuse_deleted(connection)
        raise Refused(
            "connection.not_enabled",
            f"{connection.name} is disabled: enable it first, which tests its credentials.",
        )
    return connection


def deactivate(*, actor: Actor, connection: Connection) -> Connection:
    """Remove a connection from the dashboard; live and preset trading go off with it.

    Idempotent. Open positions stay, with their stops on the exchange: open_positions() names
    them. Raises Refused (connection.deleted) and PermissionDenied.
    """
    return _switch_off(
        actor,
        connection,
        "connection.deactivated",
        {"is_active": False, "live_trading": False, "preset_trading": False},
    )


def disable(*, actor: Actor, connection: Connection) -> Connection:
    """Put a connection out of use, live and preset trading first. It is kept.

    Idempotent. Open positions stay, with their stops on the exchange: open_positions() names
    them. Raises Refused (connection.deleted) and PermissionDenied.
    """
    return _switch_off(actor, connection, "connection.disabled", ALL_OFF)


def delete(*, actor: Actor, connection: Connection) -> Connection:
    """Delete softly: the row and its history stay, nobody sees or uses it any more.

    Idempotent. Raises Refused (connection.has_open_positions) and PermissionDenied.
    """
    authorise(actor, connection)
    try:
        with transaction.atomic():
            change_state(
                actor=actor,
                connection=connection,
                action="connection.deleted",
                values={**ALL_OFF, "deleted_at": timezone.now()},
            )
            # Asked after live went off in this transaction, so that nothing opens in between.
            _require_no_open_positions(connection)
    except Refused:
        connection.refresh_from_db()
        raise
    return connection


def restore(*, actor: Actor, connection: Connection) -> Connection:
    """Bring a deleted connection back, disabled, with its credentials and history.

    Idempotent. Raises Refused (connection.name_taken) where the owner has another connection of
    that name by now, and PermissionDenied; nothing is changed then.
    """
    authorise(actor, connection)
    try:
        change_state(
            actor=actor,
            connection=connection,
            action="connection.restored",
            values={"deleted_at": None},
            deleted=True,
        )
    except IntegrityError as error:
        raise Refused(
            "connection.name_taken",
            f"{connection.owner.get_username()} has another connection "
            f'"{connection.name}" by now: rename that one, then restore this one.',
            field="name",
        ) from error
    return connection


def _require_no_open_positions(connection: Connection) -> None:
    remaining = open_positions(connection)
    if remaining:
        raise Refused(
            "connection.has_open_positions",
            f"{connection.name} has {len(remaining)} open live position(s) "
            f"({', '.join(remaining[:5])}): close them before deleting it.",
        )


def _switch_off(
    actor: Actor, connection: Connection, action: str, values: dict[str, bool]
) -> Connection:
    authorise(actor, connection)
    remaining = open_positions(connection)
    done = change_state(
        actor=actor,
        connection=connection,
        action=action,
        values=values,
        note={"open_positions": remaining} if remaining else None,
    )
    if not done:
        refuse_deleted(connection)
    return connection
