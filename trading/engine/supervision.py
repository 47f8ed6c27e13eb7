"""Supervision: every active connection has an engine; practice is brought to life."""

import structlog
from connections.practice import advance_practice

from connections.models import Connection
from cts.errors import Refused
from trading.choices import DesiredState
from trading.models import Engine

log = structlog.get_logger(__name__)


def supervise() -> None:
    """Give every active connection its engine, running; take the practice connection onward.

    Runs every 5 s and may run twice at once: all it does is conditional.
    """
    for connection in Connection.objects.filter(deleted_at=None, is_active=False):
        try:
            advance_practice(connection)
        except Refused as refused:
            log.info("practice_waits", connection=connection.pk, reason=refused.message)
    missing = Connection.objects.filter(is_active=True, engine=None)
    Engine.objects.bulk_create(
        [Engine(connection=connection, desired=DesiredState.RUNNING) for connection in missing],
        ignore_conflicts=True,
    )
