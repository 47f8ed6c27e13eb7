"""The lease of an engine: one holder at a time, by the database's clock, with a fencing token.

A host claims, renews every 5 s and releases. The token grows with every claim, so what a former
holder decided can be told apart. The holder itself stops before the lease ends, by its monotonic
clock, whether or not it can reach the database (design promise 1).
"""

import time
from datetime import timedelta
from typing import Self

from django.db import transaction
from django.db.models import DateTimeField, Exists, ExpressionWrapper, F, OuterRef, Q, QuerySet
from django.db.models.functions import Now

from positions.choices import OrderState, PositionState, StopKind
from positions.fencing import LeaseLost
from positions.models import LivePosition, Order
from trading.choices import DesiredState
from trading.models import Engine

EXPIRES_S = 15.0
RENEW_EVERY_S = 5.0
# Sending stops this long before the lease ends: longer than a request may be under way.
MARGIN_S = 3.0


def _end_of_lease() -> ExpressionWrapper:
    return ExpressionWrapper(Now() + timedelta(seconds=EXPIRES_S), output_field=DateTimeField())


def claimable() -> QuerySet[Engine]:
    """Give engines that somebody wants and nobody holds, the longest abandoned first.

    Wanted: its connection is active and it is not to be stopped; or a position can't be left.
    """
    wanted = Q(connection__is_active=True) & ~Q(desired=DesiredState.STOPPED)
    return Engine.objects.filter(
        wanted | Q(connection__in=unfinished().values("connection_id")),
        Q(lease_expires_at=None) | Q(lease_expires_at__lt=Now()),
    ).order_by(F("lease_expires_at").asc(nulls_first=True), "id")


def unfinished() -> QuerySet[LivePosition]:
    """Give positions that need an engine even where it is to be stopped.

    They are closing or on their way in, have no stop yet, or an order of theirs has no answer. A
    lost entry keeps nobody: it is asked for again when the engine runs.
    """
    orders = Order.objects.filter(position=OuterRef("pk"))
    in_flight = (OrderState.INTENT, OrderState.SENT, OrderState.UNKNOWN)
    opening = Q(state=PositionState.OPENING) & ~Exists(orders.filter(state=OrderState.LOST))
    unprotected = Q(state=PositionState.OPEN, stop_kind=StopKind.NONE)
    unanswered = Q(state=PositionState.OPEN) & Exists(orders.filter(state__in=in_flight))
    return LivePosition.objects.filter(
        Q(state=PositionState.CLOSING) | opening | unprotected | unanswered
    )


class Lease:
    """One claim of one engine. Satisfies positions.fencing.Fence."""

    def __init__(self, engine_id: int, holder: str, token: int, claimed_at: float) -> None:
        self.engine_id = engine_id
        self.holder = holder
        self.token = token
        self.progress_at = claimed_at
        self._sends_until = claimed_at + EXPIRES_S - MARGIN_S

    @classmethod
    def claim(cls, engine_id: int, holder: str) -> Self | None:
        """Take an engine that nobody holds; None where somebody else was first. Two statements."""
        claimed_at = time.monotonic()
        with transaction.atomic():
            taken = Engine.objects.filter(
                Q(lease_expires_at=None) | Q(lease_expires_at__lt=Now()), pk=engine_id
            ).update(
                lease_holder=holder,
                lease_token=F("lease_token") + 1,
                lease_expires_at=_end_of_lease(),
                heartbeat_at=Now(),
            )
            if not taken:
                return None
            token = Engine.objects.values_list("lease_token", flat=True).get(pk=engine_id)
        return cls(engine_id, holder, token, claimed_at)

    def renew(self, **fields: object) -> bool:
        """Extend the lease and write the heartbeat (with `fields`); False where it is lost."""
        started = time.monotonic()
        renewed = self._mine().update(
            lease_expires_at=_end_of_lease(), heartbeat_at=Now(), **fields
        )
        self._sends_until = started + EXPIRES_S - MARGIN_S if renewed else 0.0
        return bool(renewed)

    def release(self) -> None:
        """Give the engine back at once; nothing happens where it is lost already."""
        self._sends_until = 0.0
        self._mine().update(lease_expires_at=None, lease_holder="")

    def holds(self) -> bool:
        """Tell whether the lease certainly still stands, by the monotonic clock."""
        return time.monotonic() < self._sends_until

    def confirm(self) -> None:
        """Check and lock the lease in the caller's transaction; raises LeaseLost."""
        if not transaction.get_connection().in_atomic_block:
            raise transaction.TransactionManagementError("expected confirm() in a transaction")
        if not self._mine().select_for_update(of=("self",)).values_list("pk").first():
            raise LeaseLost(f"engine {self.engine_id}: token {self.token} is not the newest")

    def permits_entries(self) -> bool:
        """Tell, in the caller's transaction, whether the engine is to run and is not halted."""
        wanted = Q(desired=DesiredState.RUNNING, halted_at=None)
        return bool(self._mine().filter(wanted).select_for_update(of=("self",)).first())

    def _mine(self) -> QuerySet[Engine]:
        return Engine.objects.filter(
            pk=self.engine_id,
            lease_holder=self.holder,
            lease_token=self.token,
            lease_expires_at__gt=Now(),
        )
