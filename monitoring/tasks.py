"""What the schedule runs for the monitoring floor."""

import time

from celery import shared_task
from django.core.cache import cache

BEAT_HEARTBEAT_KEY = "beat:heartbeat"
BEAT_HEARTBEAT_KEPT_SECS = 24 * 3600


@shared_task(name="monitoring.beat_heartbeat")
def beat_heartbeat() -> None:
    """Leave a mark that schedule, broker and a worker of `jobs` all work.

    Scheduled every 5 s; expires after 5 s, so a backlog never holds more than one.
    """
    cache.set(BEAT_HEARTBEAT_KEY, time.time(), BEAT_HEARTBEAT_KEPT_SECS)


def beat_heartbeat_age_secs() -> float | None:
    """Give how long ago the schedule last got through; None: not within a day."""
    marked_at = cache.get(BEAT_HEARTBEAT_KEY)
    return None if marked_at is None else max(0.0, time.time() - marked_at)
