"""What gateways of all processes share through Redis, and never wait for.

No order may hang on the cache: it is asked with a short time-out of its own, and after a failure
not at all for a while.
"""

import logging
import threading
import time
from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar

from django.conf import settings
from django.core.cache.backends.base import BaseCache
from django.core.cache.backends.redis import RedisCache
from redis.exceptions import RedisError

T = TypeVar("T")

TIMEOUT_S = 0.25
# After a failure the cache is left alone for so long, by this process.
SILENCE_S = 5.0

_logger = logging.getLogger(__name__)
_lock = threading.Lock()
_silent_until = 0.0


def ask_cache(action: Callable[[BaseCache], T]) -> T | None:
    """Give what `action` gives when it is handed the cache; None where Redis doesn't answer."""
    global _silent_until
    if time.monotonic() < _silent_until:
        return None
    try:
        return action(_impatient_cache(settings.REDIS_URL))
    except (RedisError, OSError) as error:
        with _lock:
            _silent_until = time.monotonic() + SILENCE_S
        _logger.warning(
            "Redis does not answer, calls to exchanges go on without it for %g s: %s",
            SILENCE_S,
            error,
        )
        return None


@cache
def _impatient_cache(location: str) -> BaseCache:
    default: dict[str, Any] = dict(settings.CACHES["default"])
    times = {"socket_timeout": TIMEOUT_S, "socket_connect_timeout": TIMEOUT_S}
    return RedisCache(location, {**default, "OPTIONS": {**default.get("OPTIONS", {}), **times}})
