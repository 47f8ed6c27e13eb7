"""The practice connection: a newcomer's first account, on the sandbox exchange."""

from datetime import timedelta

from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone

from connections.choices import Environment, IndicationType, MarketType
from connections.gateway.errors import GatewayError
from connections.gateway.factory import public_gateway
from connections.models import Connection
from connections.services.creation import create_connection
from connections.services.lifecycle import activate, enable
from connections.services.live_trading import switch_live_on
from cts.actors import Actor
from cts.choices import Role
from cts.errors import Refused
from cts.models import ActivityEntry, User

NAME = "Practice"
ACTOR_NAME = "practice"
SET_UP = "connection.live_on"
PAUSE_AFTER_FAILED_TEST = timedelta(minutes=1)


def set_up_practice() -> Connection | None:
    """Create the first admin's practice connection where no connection was ever made.

    Gives the new connection, None where there is one already. Asks nothing of the sandbox, which
    need not run yet. Raises Refused in production, without an admin, without the sandbox's key.
    """
    if settings.ENVIRONMENT != "development":
        raise Refused(
            "practice.not_in_production",
            "The practice connection is made with ENVIRONMENT=development only.",
        )
    if Connection.objects.exists():
        return None
    owner = User.objects.filter(role=Role.ADMIN, is_active=True).order_by("pk").first()
    if owner is None:
        raise Refused(
            "practice.no_admin", "There is no admin yet: create one, then set up practice."
        )
    key = getattr(settings, "SANDBOX_KEY", "")
    secret = getattr(settings, "SANDBOX_SECRET", "")
    if not key or not secret:
        raise Refused(
            "practice.no_key",
            "Expected CTS_SANDBOX_KEY and CTS_SANDBOX_SECRET, the sandbox's first account.",
        )
    return create_connection(
        actor=Actor.system(ACTOR_NAME),
        owner=owner,
        name=NAME,
        exchange="binance",
        environment=Environment.SANDBOX,
        market_type=MarketType.USDT_PERPETUAL,
        api_key=key,
        api_secret=secret,
    )


def practice_connection() -> Connection | None:
    """Give the practice connection that is still on its way to live trading, if there is one."""
    candidates = Connection.objects.filter(
        name=NAME, environment=Environment.SANDBOX, deleted_at__isnull=True
    ).order_by("pk")
    return next((one for one in candidates if _was_made_here(one) and not _arrived(one)), None)


def advance_practice(connection: Connection) -> bool:
    """Take the practice connection from created to live: test, enable, activate, live on.

    Gives True when there is nothing more to do: it went live once, whatever a person did with it
    since. Gives False where the sandbox doesn't answer yet: call again later. Asks the sandbox
    (at most 30 s), so not inside a transaction.
    """
    if connection.environment != Environment.SANDBOX or _arrived(connection):
        return True
    if _failed_lately(connection) or not _sandbox_answers(connection):
        return False
    actor = Actor.system(ACTOR_NAME)
    try:
        enable(actor=actor, connection=connection)
        activate(actor=actor, connection=connection)
        switch_live_on(
            actor=actor,
            connection=connection,
            indication_types=[IndicationType.DIRECTION],
            confirmation=connection.name,
        )
    except Refused as refused:
        # Anything but a failed test means that a person was faster: it is theirs now.
        return refused.code != "connection.test_failed"
    return True


def _sandbox_answers(connection: Connection) -> bool:
    # Asked without a test, which would leave a row for every second of waiting.
    try:
        public_gateway(*connection.venue).clock_skew_ms()
    except GatewayError:
        return False
    return True


def _failed_lately(connection: Connection) -> bool:
    tested_at = connection.last_test_at
    return (
        connection.last_test_ok is False
        and tested_at is not None
        and timezone.now() - tested_at < PAUSE_AFTER_FAILED_TEST
    )


def _arrived(connection: Connection) -> bool:
    return _entries(connection).filter(action=SET_UP).exists()


def _was_made_here(connection: Connection) -> bool:
    return _entries(connection).filter(action="connection.created", actor_name=ACTOR_NAME).exists()


def _entries(connection: Connection) -> QuerySet[ActivityEntry]:
    return ActivityEntry.objects.filter(
        object_type=Connection._meta.label_lower, object_id=str(connection.pk)
    )
