"""Nudges: a message to the hosts so that a click acts at once. Losing one loses nothing."""

import structlog
from django.db import transaction
from kombu.exceptions import OperationalError

from cts.celery import app

log = structlog.get_logger(__name__)


def nudge_after_commit() -> None:
    """Send a nudge once the caller's transaction is committed."""
    transaction.on_commit(_send)


def _send() -> None:
    try:
        app.send_task("trading.tasks.nudge_engines", expires=5, retry=False)
    except OperationalError as error:
        log.info("nudge_not_sent", error=str(error))
