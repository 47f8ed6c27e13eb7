"""The circuit breaker: an exchange that fails again and again is left alone for a while.

Closed, it lets everything through; after FAILURES_TO_OPEN failures in a row, within a minute, it is
open and refuses at once; when its pause is over it is half-open and lets one call through, whose
outcome closes it or opens it for twice as long. There is one for each venue and one for each
connection, shared by all processes through Redis. Calls with priority, which shrink risk, always
pass; without Redis everything passes.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from django.core.cache.backends.base import BaseCache
from django.db.models import TextChoices

from connections.gateway.errors import (
    BreakerOpen,
    ExchangeBug,
    GatewayError,
    InsufficientFunds,
    NotFound,
    PermissionRefused,
    TimedOut,
    Unavailable,
)
from connections.gateway.shared_cache import ask_cache
from connections.gateway.venue import Venue

if TYPE_CHECKING:
    from connections.models import Connection

FAILURES_TO_OPEN = 5
WINDOW_S = 60
FIRST_PAUSE_S = 5.0
LONGEST_PAUSE_S = 60.0
# A probe whose process died is followed by another one after this; longer than a call takes.
PROBE_S = 30
# A breaker that nobody asked for so long after its pause starts afresh.
FORGOTTEN_AFTER_S = 600

_FAILURES = (Unavailable, TimedOut, ExchangeBug)
# Refusals that only an exchange in working order gives. Others may come from this side of the line
# (ccxt checks too) or say nothing about its health: they neither count nor absolve.
_ANSWERS = (NotFound, InsufficientFunds, PermissionRefused)


class BreakerStatus(TextChoices):
    """How a breaker stands; unknown where Redis doesn't answer (everything passes then)."""

    CLOSED = "closed", "closed"
    OPEN = "open", "open"
    HALF_OPEN = "half_open", "half-open"
    UNKNOWN = "unknown", "unknown"


@dataclass(frozen=True, slots=True)
class BreakerState:
    """A breaker for people: `failures` in a row while closed, `until` when its pause ends."""

    status: BreakerStatus
    failures: int = 0
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Admission:
    """A call that was let through: what its outcome has to change.

    `is_tainted`: failures are on record, or may be. `probes`: the scopes it is the probe of, each
    with the number of times it has opened in a row.
    """

    is_tainted: bool
    probes: tuple[tuple[str, int], ...] = ()


def breaker_state(of: "Venue | Connection") -> BreakerState:
    """Give how the breaker of a venue or of a connection stands. Asks Redis once."""
    scope = venue_scope(of) if isinstance(of, Venue) else connection_scope(of.pk)
    known = ask_cache(lambda cache: cache.get_many([_opening(scope), _count(scope)]))
    if known is None:
        return BreakerState(BreakerStatus.UNKNOWN)
    opening = known.get(_opening(scope))
    if opening is None:
        return BreakerState(BreakerStatus.CLOSED, failures=known.get(_count(scope), 0))
    until_s = opening[1]
    is_due = time.time() >= until_s
    return BreakerState(
        BreakerStatus.HALF_OPEN if is_due else BreakerStatus.OPEN,
        until=datetime.fromtimestamp(until_s, UTC),
    )


def venue_scope(venue: Venue) -> str:
    """Give the name under which the breaker of `venue` is kept."""
    return f"venue:{':'.join(venue)}"


def connection_scope(connection_id: int) -> str:
    """Give the name under which the breaker of a connection is kept."""
    return f"connection:{connection_id}"


@dataclass(frozen=True, slots=True)
class Breaker:
    """The breakers that one client's calls have to pass: its venue's, and its connection's."""

    label: str
    scopes: tuple[str, ...]

    @classmethod
    def of(cls, venue: Venue, connection_id: int | None = None) -> "Breaker":
        """Give the breakers of `venue` and, where the calls are a connection's, of that."""
        own = () if connection_id is None else (connection_scope(connection_id),)
        return cls(venue.label, (venue_scope(venue), *own))

    def admit(self, *, priority: bool) -> Admission:
        """Let a call through, or raise BreakerOpen: nothing was sent then.

        Asks Redis once while all is well, and not at all with `priority`.
        """
        if priority:
            return Admission(is_tainted=True)
        keys = [key(scope) for scope in self.scopes for key in (_opening, _count)]
        known = ask_cache(lambda cache: cache.get_many(keys))
        if not known:
            return Admission(is_tainted=known is None)
        openings = {
            scope: known[_opening(scope)] for scope in self.scopes if _opening(scope) in known
        }
        until_s = max((until_s for _, until_s in openings.values()), default=0.0)
        if time.time() < until_s:
            raise self._refusal(until_s)
        probes: list[tuple[str, int]] = []
        for scope, (times, _) in openings.items():
            if not _becomes_probe(scope):
                _give_back(probes)
                raise self._refusal(None)
            probes.append((scope, times))
        return Admission(is_tainted=True, probes=tuple(probes))

    def heard(self, admission: Admission) -> None:
        """Record that the exchange answered: closes what is open, forgets failures."""
        if not admission.is_tainted:
            return
        keys = [key(scope) for scope in self.scopes for key in (_opening, _count, _probe)]
        ask_cache(lambda cache: cache.delete_many(keys))

    def failed(self, error: GatewayError, admission: Admission) -> None:
        """Record what `error` says about the exchange's health."""
        if isinstance(error, _ANSWERS):
            self.heard(admission)
        elif isinstance(error, _FAILURES):
            probed = dict(admission.probes)
            for scope in self.scopes:
                if scope in probed:
                    _open_again(scope, probed[scope])
                else:
                    ask_cache(partial(_count_failure, scope))
        else:
            _give_back(admission.probes)

    def _refusal(self, until_s: float | None) -> BreakerOpen:
        if until_s is None:
            what_now = "one call is finding out whether it serves again; nothing else is sent"
        else:
            until = datetime.fromtimestamp(until_s, UTC)
            what_now = f"nothing is sent until {until:%H:%M:%S} UTC"
        return BreakerOpen(
            f"{self.label[0].upper()}{self.label[1:]} failed {FAILURES_TO_OPEN} times in a row: "
            f"{what_now}."
        )


def _opening(scope: str) -> str:
    # (times opened in a row, epoch seconds when the pause ends) while open or half-open.
    return f"breaker:{scope}:opening"


def _count(scope: str) -> str:
    return f"breaker:{scope}:failures"


def _probe(scope: str) -> str:
    return f"breaker:{scope}:probe"


def _count_failure(scope: str, cache: BaseCache) -> None:
    if cache.add(_count(scope), 1, WINDOW_S):
        return
    try:
        failures = cache.incr(_count(scope))
    except ValueError:
        cache.add(_count(scope), 1, WINDOW_S)  # the minute ended between the two
        return
    if failures >= FAILURES_TO_OPEN:
        # Of several who come here at once one opens it; while it is open, nobody opens it again.
        cache.add(_opening(scope), *_opened(times=1))


def _open_again(scope: str, times: int) -> None:
    def act(cache: BaseCache) -> None:
        cache.set(_opening(scope), *_opened(times=times + 1))
        cache.delete(_probe(scope))

    ask_cache(act)


def _opened(*, times: int) -> tuple[tuple[int, float], float]:
    """Give an opening and for how many seconds it is remembered."""
    pause_s = min(FIRST_PAUSE_S * 2 ** (times - 1), LONGEST_PAUSE_S)
    return (times, time.time() + pause_s), pause_s + FORGOTTEN_AFTER_S


def _becomes_probe(scope: str) -> bool:
    return ask_cache(lambda cache: cache.add(_probe(scope), 1, PROBE_S)) is not False


def _give_back(probes: Sequence[tuple[str, Any]]) -> None:
    keys = [_probe(scope) for scope, _ in probes]
    if keys:
        ask_cache(lambda cache: cache.delete_many(keys))
