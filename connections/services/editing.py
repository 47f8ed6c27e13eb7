"""Change how a connection trades, or the credentials it uses."""

from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone

from connections.models import Connection
from connections.open_positions import open_positions
from connections.services.state import authorise, change_state, refuse_deleted
from connections.services.validation import (
    name_taken,
    require_known_settings,
    require_valid,
    sealed_credentials,
)
from cts.activity import log_action
from cts.actors import Actor
from cts.errors import Refused

# The account's modes at the exchange: they can't change under an open position.
_MODES = ("margin_mode", "position_mode")


def edit_connection(*, actor: Actor, connection: Connection, **settings: Any) -> Connection:
    """Change fields of connections.services.validation.EDITABLE; what is equal stays untouched.

    Raises Refused, naming the field at fault, and PermissionDenied; nothing is changed then.
    """
    authorise(actor, connection)
    require_known_settings(settings)
    connection.refresh_from_db()
    refuse_deleted(connection)
    if "name" in settings:
        settings["name"] = str(settings["name"]).strip()
    for mode in _MODES:
        if settings.get(mode, getattr(connection, mode)) != getattr(connection, mode):
            _refuse_with_open_positions(connection, mode)
    candidate = Connection.objects.get(pk=connection.pk)
    for name, value in settings.items():
        setattr(candidate, name, value)
    require_valid(candidate)
    # full_clean() has turned the values into their fields' types ("2" into 2).
    values = {name: getattr(candidate, name) for name in settings}
    try:
        done = change_state(
            actor=actor, connection=connection, action="connection.edited", values=values
        )
    except IntegrityError as error:
        raise name_taken(candidate) from error
    if not done:
        refuse_deleted(connection)
    return connection


def replace_credentials(
    *,
    actor: Actor,
    connection: Connection,
    api_key: str,
    api_secret: str,
    passphrase: str = "",
) -> Connection:
    """Store other credentials for a disabled connection; it has to be tested anew.

    Raises Refused (connection.not_disabled; connection.credentials_...) and PermissionDenied.
    """
    authorise(actor, connection)
    values = sealed_credentials(api_key, api_secret, passphrase)
    with transaction.atomic():
        changed = Connection.objects.filter(
            Q(is_enabled=False), pk=connection.pk, deleted_at__isnull=True
        ).update(
            **values,
            last_test_at=None,
            last_test_ok=None,
            last_test_message="",
            balance_quote=None,
            balance_at=None,
            updated_at=timezone.now(),
        )
        former_hint = connection.key_hint
        connection.refresh_from_db()
        if changed:
            log_action(
                actor=actor,
                action="connection.credentials_replaced",
                obj=connection,
                before={"key_hint": former_hint},
                after=values,
            )
    if not changed:
        refuse_deleted(connection)
        raise Refused(
            "connection.not_disabled",
            f"{connection.name} is {connection.state}: disable it, then replace its credentials.",
        )
    return connection


def _refuse_with_open_positions(connection: Connection, mode: str) -> None:
    remaining = open_positions(connection)
    if remaining:
        raise Refused(
            "connection.has_open_positions",
            f"{connection.name} has {len(remaining)} open live position(s): close them before "
            f"changing the {mode.replace('_', ' ')}.",
            field=mode,
        )
