"""Background work of the trading floor. Every task: ids as arguments, idempotent, expires."""

import structlog
from celery import shared_task
from django.core.cache import cache

from connections.gateway.errors import GatewayError
from trading.engine import supervision
from trading.engine.bootstep import current_host
from trading.market.polling import close_frames, poll_day, poll_prices
from trading.market.venues import Venue, venues_in_use

log = structlog.get_logger(__name__)
POLL_EXPIRES_S = 3
LONGEST_POLL_S = 60


@shared_task(expires=POLL_EXPIRES_S)
def poll_venues() -> None:
    """Beat, every second: have each venue in use polled, each by its own task."""
    for venue in venues_in_use():
        poll_venue.apply_async(args=venue.parts, expires=POLL_EXPIRES_S)


@shared_task(expires=POLL_EXPIRES_S)
def poll_venue(exchange: str, environment: str, market_type: str) -> None:
    """Poll one venue's prices and store its closed frames; one at a time for each venue."""
    venue = Venue(exchange, environment, market_type)
    lock = f"poll:{':'.join(venue.parts)}"
    if not cache.add(lock, 1, timeout=LONGEST_POLL_S):
        return
    try:
        poll_prices(venue)
        close_frames(venue)
    except GatewayError as error:
        log.warning("poll_failed", venue=":".join(venue.parts), code=error.code, error=str(error))
    finally:
        cache.delete(lock)


@shared_task(expires=50)
def poll_days() -> None:
    """Beat, every minute: the 24 h figures of each venue in use."""
    for venue in venues_in_use():
        try:
            poll_day(venue)
        except GatewayError as error:
            log.warning("day_poll_failed", venue=":".join(venue.parts), error=str(error))


@shared_task(expires=10)
def supervise() -> None:
    """Beat, every 5 s: every active connection has its engine; unattended ones are looked at."""
    supervision.supervise()


@shared_task(expires=5)
def nudge_engines() -> None:
    """Have the host that gets this look at the database at once."""
    host = current_host()
    if host is not None:
        host.nudge()
