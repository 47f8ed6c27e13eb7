"""Comparing our open positions with the exchange's own figures (design promise 3)."""

from collections import defaultdict
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

import structlog

from connections.choices import MarketType
from connections.models import Connection
from positions.choices import SyncState
from positions.entries import open_positions_of
from positions.models import LivePosition

if TYPE_CHECKING:
    from connections.gateway.gateway import Gateway

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Difference:
    """One symbol and side where the figures differ, in base units."""

    symbol: str
    side: str
    ours: Decimal
    theirs: Decimal


def compare_positions(*, connection: Connection, gateway: "Gateway") -> list[Difference]:
    """Compare sums of open quantity by symbol and side; mark each position synced or out of sync.

    A symbol out of sync takes no entries until the figures agree again. What the exchange holds
    beside ours is external: reported, never touched. Raises GatewayError when the exchange can't
    be asked: a failed query says nothing. On spot there is nothing to compare.
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
    return differences


def _mark(positions: list[LivePosition], state: SyncState) -> None:
    changed = [position.pk for position in positions if position.sync_state != state]
    if changed:
        LivePosition.objects.filter(pk__in=changed).update(sync_state=state)
