"""How a connection's state is changed: by conditional UPDATE, on record, in one transaction."""

from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from connections.models import Connection
from cts.activity import changes, log_action
from cts.actors import Actor
from cts.errors import Refused
from cts.roles import Act, require

ALL_OFF = {
    "is_enabled": False,
    "is_active": False,
    "live_trading": False,
    "preset_trading": False,
}


def authorise(actor: Actor, connection: Connection) -> None:
    """Raise PermissionDenied unless `actor` may manage `connection`."""
    require(actor, Act.MANAGE_CONNECTION, owner_id=connection.owner_id)


def change_state(
    *,
    actor: Actor,
    connection: Connection,
    action: str,
    values: Mapping[str, Any],
    where: Q | None = None,
    note: Mapping[str, Any] | None = None,
    deleted: bool = False,
) -> bool:
    """Set `values` on the row where `where` holds, and record what differs as `action`.

    Gives False, with nothing changed, where the row is deleted or `where` doesn't hold any more:
    somebody else was first. `connection` is refreshed either way. Nothing is recorded where
    nothing differs. `note` is recorded beside the change. `deleted` turns it round: the row has
    to be a deleted one.
    """
    with transaction.atomic():
        rows = Connection.objects.select_for_update().filter(
            where if where is not None else Q(), pk=connection.pk, deleted_at__isnull=not deleted
        )
        before = rows.values(*values).first()
        if before is None:
            matched = False
        else:
            matched = True
            was, becomes = changes(before, values)
            if becomes:
                rows.update(**becomes, updated_at=timezone.now())
        connection.refresh_from_db()
        if matched and becomes:
            log_action(
                actor=actor,
                action=action,
                obj=connection,
                before=was,
                after={**becomes, **(note or {})},
            )
    return matched


def refuse_deleted(connection: Connection) -> None:
    """Raise Refused where `connection` was deleted meanwhile."""
    if connection.deleted_at is not None:
        raise Refused("connection.deleted", f'The connection "{connection.name}" was deleted.')


def place_and_money(connection: Connection) -> str:
    """Name exchange and kind of money, for confirmations: "binance, real money"."""
    money = {"live": "real money", "testnet": "testnet", "sandbox": "sandbox"}
    return f"{connection.exchange}, {money[connection.environment]}"
