"""Venues: (exchange, environment, market type). Public data is fetched once per venue."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from connections.models import Connection
from positions.models import LivePosition
from positions.models.positions import OPEN_STATES
from trading.models import Engine

if TYPE_CHECKING:
    from connections.gateway.gateway import Gateway

TICKER_BASES = ("BTC", "ETH", "BNB", "SOL")


@dataclass(frozen=True, slots=True)
class Venue:
    """Where public market data comes from."""

    exchange: str
    environment: str
    market_type: str

    @classmethod
    def of(cls, connection: Connection) -> "Venue":
        """Give the venue that a connection trades on."""
        return cls(*connection.venue)

    @property
    def parts(self) -> tuple[str, str, str]:
        """(exchange, environment, market type)."""
        return (self.exchange, self.environment, self.market_type)

    def gateway(self) -> "Gateway":
        """Give the keyless gateway of the venue, shared in this process."""
        from connections.gateway.factory import public_gateway  # imports ccxt: 100 MB

        return public_gateway(*self.parts)


def venues_in_use() -> list[Venue]:
    """Give the venues of active connections, in a fixed order. One query."""
    columns = ("exchange", "environment", "market_type")
    rows = Connection.objects.filter(is_active=True).order_by(*columns).values_list(*columns)
    return [Venue(*row) for row in rows.distinct()]


def symbols_in_use(venue: Venue) -> list[str]:
    """Give what the venue's engines trade and whatever has an open position. Two queries."""
    on_venue = {
        "connection__exchange": venue.exchange,
        "connection__environment": venue.environment,
        "connection__market_type": venue.market_type,
    }
    symbols: set[str] = set()
    for chosen in Engine.objects.filter(connection__is_active=True, **on_venue).values_list(
        "symbols", flat=True
    ):
        symbols.update(chosen)
    symbols.update(
        LivePosition.objects.filter(state__in=OPEN_STATES, **on_venue)
        .order_by("symbol")
        .values_list("symbol", flat=True)
        .distinct()
    )
    return sorted(symbols)
