"""Create a connection: validated, its credentials sealed, disabled until it is tested."""

from typing import Any

from django.db import IntegrityError, transaction

from connections.choices import Environment, MarketType
from connections.gateway.catalogue import require_offered
from connections.models import Connection
from connections.services.validation import (
    EDITABLE,
    name_taken,
    require_known_settings,
    require_valid,
    sealed_credentials,
)
from cts.activity import log_action
from cts.actors import Actor
from cts.models import User
from cts.roles import Act, require


def create_connection(
    *,
    actor: Actor,
    owner: User,
    name: str,
    exchange: str,
    environment: str,
    market_type: str,
    api_key: str,
    api_secret: str,
    passphrase: str = "",
    **settings: Any,
) -> Connection:
    """Create a disabled connection of `owner`. Nothing is asked of the exchange.

    `settings` are fields of connections.services.validation.EDITABLE. The credentials are sealed
    at once and kept nowhere else. Raises Refused, naming the field at fault, and PermissionDenied.
    """
    require(actor, Act.MANAGE_CONNECTION, owner_id=owner.pk)
    require_known_settings(settings)
    exchange = exchange.strip().lower()
    require_offered(exchange, environment, market_type)
    connection = Connection(
        owner=owner,
        name=name.strip(),
        exchange=exchange,
        environment=Environment(environment) if environment in Environment.values else environment,
        market_type=MarketType(market_type) if market_type in MarketType.values else market_type,
        **sealed_credentials(api_key, api_secret, passphrase),
        **settings,
    )
    require_valid(connection)
    try:
        with transaction.atomic():
            connection.save(force_insert=True)
            log_action(
                actor=actor, action="connection.created", obj=connection, after=_facts(connection)
            )
    except IntegrityError as error:
        raise name_taken(connection) from error
    return connection


def _facts(connection: Connection) -> dict[str, Any]:
    names = ("exchange", "environment", "market_type", "key_hint", *EDITABLE)
    return {"owner": connection.owner.get_username()} | {
        name: getattr(connection, name) for name in names
    }
