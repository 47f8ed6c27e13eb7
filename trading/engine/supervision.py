"""Supervision: every active connection has an engine; practice is brought to life."""

from connections.models import Connection
from connections.practice import advance_practice, practice_connection
from trading.choices import DesiredState
from trading.models import Engine


def supervise() -> None:
    """Give every active connection its engine, running; take the practice connection onward.

    Runs every 5 s and may run twice at once: all it does is conditional.
    """
    practice = practice_connection()
    if practice is not None:
        advance_practice(practice)
    missing = Connection.objects.filter(is_active=True, engine=None)
    Engine.objects.bulk_create(
        [Engine(connection=connection, desired=DesiredState.RUNNING) for connection in missing],
        ignore_conflicts=True,
    )
