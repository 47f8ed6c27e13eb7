"""Switch live and preset trading on an active connection (domain section 4)."""

from collections.abc import Sequence

from django.db.models import Q

from connections.choices import OFFERED_INDICATIONS, IndicationType
from connections.models import Connection
from connections.services.state import (
    authorise,
    change_state,
    place_and_money,
    refuse_deleted,
)
from cts.actors import Actor
from cts.errors import Refused


def switch_live_on(
    *,
    actor: Actor,
    connection: Connection,
    indication_types: Sequence[str],
    trailing: bool = True,
    block: bool = True,
    dca: bool = False,
    confirmation: str,
) -> Connection:
    """Let the main engine send orders of `indication_types` on an active connection.

    `confirmation` must be the connection's name, typed by the person. On a live connection it
    changes the choices. Raises Refused, naming the field at fault, and PermissionDenied.
    """
    authorise(actor, connection)
    refuse_deleted(connection)
    chosen = _chosen(indication_types)
    if confirmation != connection.name:
        raise Refused(
            "connection.not_confirmed",
            f"Live trading on {place_and_money(connection)}: type the connection's name, "
            f'"{connection.name}", to confirm.',
            field="confirmation",
        )
    was_on = connection.live_trading
    done = change_state(
        actor=actor,
        connection=connection,
        action="connection.live_choices_changed" if was_on else "connection.live_on",
        values={
            "live_trading": True,
            "indication_types": chosen,
            "trailing_enabled": trailing,
            "block_enabled": block,
            "dca_enabled": dca,
        },
        where=Q(is_active=True, last_test_ok=True, live_trading=was_on),
        note={"environment": connection.environment},
    )
    if done:
        return connection
    refuse_deleted(connection)
    if connection.is_active and connection.last_test_ok and connection.live_trading != was_on:
        raise Refused(
            "connection.changed_meanwhile",
            f"Somebody else switched live trading of {connection.name} meanwhile: look again.",
        )
    if not connection.last_test_ok:
        raise Refused(
            "connection.test_failed",
            f"{connection.name}: its last test did not pass. Test it before switching live on.",
        )
    raise Refused(
        "connection.not_active",
        f"{connection.name} is {connection.state}: add it to the dashboard before switching "
        f"live trading on.",
    )


def switch_live_off(*, actor: Actor, connection: Connection) -> Connection:
    """Stop new entries of the main engine; open positions are managed to their end.

    Idempotent. Raises Refused (connection.deleted) and PermissionDenied.
    """
    authorise(actor, connection)
    done = change_state(
        actor=actor,
        connection=connection,
        action="connection.live_off",
        values={"live_trading": False},
    )
    if not done:
        refuse_deleted(connection)
    return connection


def switch_preset_off(*, actor: Actor, connection: Connection) -> Connection:
    """Stop new entries of the preset engine; open positions are managed to their end.

    Idempotent. Raises Refused (connection.deleted) and PermissionDenied.
    """
    authorise(actor, connection)
    done = change_state(
        actor=actor,
        connection=connection,
        action="connection.preset_off",
        values={"preset_trading": False},
    )
    if not done:
        refuse_deleted(connection)
    return connection


def _chosen(indication_types: Sequence[str]) -> list[str]:
    unknown = [name for name in indication_types if name not in IndicationType.values]
    offered = ", ".join(OFFERED_INDICATIONS)
    if unknown:
        raise Refused(
            "connection.unknown_indication",
            f"Expected indication types out of {offered}, was {str(unknown[0])[:40]!r}.",
            field="indication_types",
        )
    missing = [name for name in indication_types if name not in OFFERED_INDICATIONS]
    if missing:
        raise Refused(
            "connection.indication_not_offered",
            f"{missing[0]} is not offered yet: choose out of {offered}.",
            field="indication_types",
        )
    if not indication_types:
        raise Refused(
            "connection.no_indication",
            f"Choose at least one indication type: {offered}.",
            field="indication_types",
        )
    return [name for name in IndicationType.values if name in indication_types]
