"""Comparing our open positions with the exchange's own figures (design promise 3)."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import structlog
from django.utils import timezone

from connections.choices import MarketType
from connections.models import Connection
from positions.choices import CloseReason, OrderState, PositionState, SyncState
from positions.entries import open_positions_of
from positions.models import LivePosition, Order
from positions.models.positions import OPEN_STATES
from positions.order_states import UNANSWERED
from positions.settlement import settle

if TYPE_CHECKING:
    from connections.gateway.gateway import Gateway

log = structlog.get_logger(__name__)
# Where figures differ, orders that came to nothing so lately are asked about once more.
ASKED_AGAIN_FOR = timedelta(minutes=10)
CAME_TO_NOTHING = (OrderState.CANCELED, OrderState.EXPIRED, OrderState.REJECTED)


@dataclass(frozen=True, slots=True)
class Difference:
    """One symbol and side where the figures differ, in base units."""

    symbol: str
    side: str
    ours: Decimal
    theirs: Decimal

    @property
    def has_vanished(self) -> bool:
        """Tell whether the exchange holds nothing of what we believe to be open."""
        return self.theirs == 0 and self.ours > 0


def compare_positions(*, connection: Connection, gateway: "Gateway") -> list[Difference]:
    """Compare sums of open quantity by symbol and side; mark each position synced or out of sync.

    A symbol out of sync takes no entries until the figures agree again. What the exchange holds
    beside ours is external: reported, never touched. Orders that ended there lately are asked
    about again, for a late fill. Raises GatewayError when the exchange can't be asked: a failed
    query says nothing. On spot there is nothing to compare.
    """
    if connection.market_type == MarketType.SPOT:
        LivePosition.objects.filter(
            connection=connection, sync_state=SyncState.PENDING, entry_quantity__gt=0
        ).update(sync_state=SyncState.SYNCED)
        return []
    reports = gateway.positions()
    ours: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    rows: dict[tuple[str, str], list[LivePosition]] = defaultdict(list)
    for position in open_positions_of(connection):
        ours[position.symbol, position.side] += position.open_quantity
        rows[position.symbol, position.side].append(position)
    theirs: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for report in reports:
        theirs[report.symbol, report.side] += report.quantity
    differences = []
    for key in sorted({*ours, *theirs}):
        agrees = ours[key] == theirs[key]
        if not agrees:
            differences.append(Difference(*key, ours[key], theirs[key]))
        _mark(rows[key], SyncState.SYNCED if agrees else SyncState.OUT_OF_SYNC)
    if differences:
        _look_for_late_fills(connection, {one.symbol for one in differences}, gateway)
    return differences


def write_off(*, connection: Connection, vanished: Difference, gateway: "Gateway") -> int:
    """Let the engine close, without an order, what the exchange no longer holds; give how many.

    For what somebody closed at the exchange, or the exchange liquidated. Call it only when several
    full answers said so; one targeted query has to say the same, and no order of the position may
    be in doubt. Its stops are cancelled by drive_close(). Raises GatewayError.
    """
    reports = gateway.positions([vanished.symbol])
    if any((one.symbol, one.side) == (vanished.symbol, vanished.side) for one in reports):
        return 0
    in_doubt = Order.objects.filter(state__in=UNANSWERED).values("position_id")
    written_off = (
        LivePosition.objects.filter(
            connection=connection,
            symbol=vanished.symbol,
            side=vanished.side,
            state__in=OPEN_STATES,
            entry_quantity__gt=0,
        )
        .exclude(close_reason=CloseReason.RECONCILED)
        .exclude(pk__in=in_doubt)
        .update(state=PositionState.CLOSING, close_reason=CloseReason.RECONCILED)
    )
    if written_off:
        log.error(
            "position_vanished",
            connection=connection.pk,
            symbol=vanished.symbol,
            side=vanished.side,
            quantity=str(vanished.ours),
        )
    return written_off


def _look_for_late_fills(
    connection: Connection, symbols: Collection[str], gateway: "Gateway"
) -> None:
    ended = Order.objects.filter(
        connection=connection,
        symbol__in=symbols,
        state__in=CAME_TO_NOTHING,
        sent_at__isnull=False,
        settled_at__gt=timezone.now() - ASKED_AGAIN_FOR,
    ).select_related("position")
    for order in ended:
        settle(order=order, gateway=gateway)


def _mark(positions: list[LivePosition], state: SyncState) -> None:
    changed = [position.pk for position in positions if position.sync_state != state]
    if changed:
        LivePosition.objects.filter(pk__in=changed).update(sync_state=state)
