"""What one engine holds in memory while it runs: its connection, gateway, symbols, figures."""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from connections.gateway.types import Balance, MarketSpec
from connections.models import Connection
from trading.engine.lease import Lease
from trading.market.venues import Venue
from trading.models import Engine
from trading.tournament.live_book import LiveBook, Opening

if TYPE_CHECKING:
    from connections.gateway.gateway import Gateway


@dataclass(slots=True)
class Session:
    """The state of one engine between cycles. Nothing in it outlives the lease."""

    engine: Engine
    lease: Lease
    gateway: "Gateway | None" = None
    specs: dict[str, MarketSpec] = field(default_factory=dict)
    symbols_at: datetime | None = None
    book: LiveBook | None = None
    openings_seen: int = 0
    openings_waiting: list[Opening] = field(default_factory=list)
    balance: Balance | None = None
    balance_asked_at: datetime | None = None
    compared_at: datetime | None = None
    out_of_sync: frozenset[str] = frozenset()
    vanished_answers: dict[tuple[str, str], int] = field(default_factory=dict)
    equity: Decimal | None = None

    @property
    def connection(self) -> Connection:
        """The connection as it was read at the start of this cycle."""
        return self.engine.connection

    @property
    def venue(self) -> Venue:
        """Where the connection's market data comes from."""
        return Venue.of(self.connection)

    def reach(self) -> "Gateway":
        """Give the connection's gateway; a change of credentials gives a new one."""
        from connections.gateway.factory import gateway_for  # imports ccxt: 100 MB

        self.gateway = gateway_for(self.connection)
        return self.gateway
