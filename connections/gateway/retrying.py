"""Asks again what may be asked again: reads and idempotent calls, never orders."""

from collections.abc import Callable
from typing import TypeVar

from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception,
    stop_after_attempt,
    stop_before_delay,
    wait_random_exponential,
)

from connections.gateway.errors import BreakerOpen, RateLimited, TimedOut, Unavailable

T = TypeVar("T")

ATTEMPTS = 3
# No attempt starts later than this after the first one.
BUDGET_S = 10.0

_backoff = wait_random_exponential(multiplier=0.2, max=2.0)


def ask_again(call: Callable[[], T], *, attempts: int = ATTEMPTS) -> T:
    """Give what `call` gives, trying up to `attempts` times with exponential back-off and jitter.

    Only an exchange that can't be reached, is silent or asks for patience is asked again, and not
    before the time it asked for; an open circuit breaker is not. Raises the last error.
    """
    retrying = Retrying(
        stop=stop_after_attempt(attempts) | stop_before_delay(BUDGET_S),
        wait=_wait_s,
        retry=retry_if_exception(_may_pass),
        reraise=True,
    )
    return retrying(call)


def _may_pass(error: BaseException) -> bool:
    if isinstance(error, BreakerOpen):
        return False
    return isinstance(error, Unavailable | TimedOut | RateLimited)


def _wait_s(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome is not None else None
    asked_for = error.retry_after_s if isinstance(error, RateLimited) else None
    return max(_backoff(state), asked_for or 0.0)
