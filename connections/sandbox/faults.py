"""Faults on command: what can go wrong between a client and an exchange, at will.

A fault is one of the kinds below, with an optional path filter (`path`, a part of the request's
path; `method`), and ends after `times` matching requests or `seconds`; without either it stays
until it is cleared.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from enum import StrEnum


class FaultKind(StrEnum):
    LATENCY_MS = "latency_ms"  # the answer comes this much later
    DROP_ANSWER = "drop_answer"  # done, then the connection closes without an answer
    REFUSE = "refuse"  # the connection closes before anything is done
    HTTP_STATUS = "http_status"  # this status instead of an answer; nothing is done
    PARTIAL_FILL = "partial_fill"  # only this share of what could be filled is filled
    OUTAGE = "outage"  # every connection closes
    CLOCK_SKEW_MS = "clock_skew_ms"  # the exchange's clock is off by this much
    STALE_PRICES = "stale_prices"  # prices stand still


REQUEST_KINDS = frozenset(
    {
        FaultKind.LATENCY_MS,
        FaultKind.DROP_ANSWER,
        FaultKind.REFUSE,
        FaultKind.HTTP_STATUS,
        FaultKind.OUTAGE,
    }
)
VALUE_KINDS = frozenset(
    {
        FaultKind.LATENCY_MS,
        FaultKind.HTTP_STATUS,
        FaultKind.PARTIAL_FILL,
        FaultKind.CLOCK_SKEW_MS,
    }
)
FIELDS = frozenset({"kind", "value", "times", "seconds", "path", "method", "retry_after"})


@dataclass
class Fault:
    id: int
    kind: FaultKind
    value: Decimal
    times_left: int | None
    until: float | None
    path: str
    method: str
    retry_after_s: int

    def describe(self) -> dict[str, object]:
        left = None if self.until is None else max(0.0, self.until - time.monotonic())
        return {
            "id": self.id,
            "kind": self.kind.value,
            "value": str(self.value),
            "timesLeft": self.times_left,
            "secondsLeft": left,
            "path": self.path,
            "method": self.method,
            "retryAfter": self.retry_after_s,
        }


class Faults:
    """The faults that are in force."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._next_id = 1

    def add(self, wish: Mapping[str, object]) -> Fault:
        """Raises ValueError, in plain words, for a wish that can't be met."""
        unknown = set(wish) - FIELDS
        if unknown:
            raise ValueError(f"expected {sorted(FIELDS)}, found {sorted(unknown)}")
        try:
            kind = FaultKind(str(wish.get("kind")))
        except ValueError as error:
            kinds = ", ".join(kind.value for kind in FaultKind)
            raise ValueError(f"expected kind to be one of {kinds}") from error
        fault = Fault(
            id=self._next_id,
            kind=kind,
            value=_value(kind, wish.get("value")),
            times_left=_positive_int(wish, "times"),
            until=_until(wish.get("seconds")),
            path=str(wish.get("path") or ""),
            method=str(wish.get("method") or "").upper(),
            retry_after_s=_positive_int(wish, "retry_after") or 0,
        )
        self._next_id += 1
        self._faults.append(fault)
        return fault

    def in_force(self) -> list[dict[str, object]]:
        self._expire()
        return [fault.describe() for fault in self._faults]

    def clear(self, fault_id: int | None = None) -> int:
        """Ends one fault or all; gives how many."""
        kept = [f for f in self._faults if fault_id is not None and f.id != fault_id]
        ended = len(self._faults) - len(kept)
        self._faults = kept
        return ended

    def for_request(self, method: str, path: str) -> list[Fault]:
        """The faults that hit a request; each counts it."""
        if not self._faults:
            return []
        self._expire()
        hits = [
            fault
            for fault in self._faults
            if fault.kind in REQUEST_KINDS and fault.path in path and fault.method in ("", method)
        ]
        for fault in hits:
            self._use(fault)
        return hits

    def partial_fill(self) -> Decimal | None:
        """The share of the next fill that goes through, or None for all of it."""
        fault = self._standing(FaultKind.PARTIAL_FILL)
        if fault is None:
            return None
        self._use(fault)
        return fault.value

    @property
    def clock_skew_ms(self) -> int:
        fault = self._standing(FaultKind.CLOCK_SKEW_MS)
        return 0 if fault is None else int(fault.value)

    @property
    def prices_stand_still(self) -> bool:
        return self._standing(FaultKind.STALE_PRICES) is not None

    def _standing(self, kind: FaultKind) -> Fault | None:
        if not self._faults:
            return None
        self._expire()
        return next((fault for fault in self._faults if fault.kind is kind), None)

    def _use(self, fault: Fault) -> None:
        if fault.times_left is not None:
            fault.times_left -= 1

    def _expire(self) -> None:
        now = time.monotonic()
        self._faults = [
            fault
            for fault in self._faults
            if (fault.times_left is None or fault.times_left > 0)
            and (fault.until is None or fault.until > now)
        ]


def _value(kind: FaultKind, given: object) -> Decimal:
    if kind not in VALUE_KINDS:
        return Decimal(0)
    try:
        value = Decimal(str(given))
    except InvalidOperation as error:
        raise ValueError(f"expected value to be a number for {kind.value}") from error
    if not value.is_finite():
        raise ValueError(f"expected value to be a finite number for {kind.value}")
    if kind is FaultKind.PARTIAL_FILL and not 0 < value < 1:
        raise ValueError("expected value between 0 and 1 for partial_fill")
    if kind is FaultKind.HTTP_STATUS and not 400 <= value <= 599:
        raise ValueError("expected value between 400 and 599 for http_status")
    if kind is FaultKind.LATENCY_MS and not 0 <= value <= 600_000:
        raise ValueError("expected value between 0 and 600000 for latency_ms")
    return value


def _positive_int(wish: Mapping[str, object], name: str) -> int | None:
    given = wish.get(name)
    if given is None:
        return None
    if not isinstance(given, int) or isinstance(given, bool) or given < 1:
        raise ValueError(f"expected {name} to be a whole number above zero, found {given!r}")
    return given


def _until(seconds: object) -> float | None:
    if seconds is None:
        return None
    if not isinstance(seconds, int | float) or isinstance(seconds, bool) or seconds <= 0:
        raise ValueError(f"expected seconds to be a number above zero, found {seconds!r}")
    return time.monotonic() + seconds
