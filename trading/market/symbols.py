"""Markets of a venue and which symbols a connection trades (domain section 5)."""

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal

from django.utils import timezone

from connections.choices import SymbolOrder
from connections.gateway.types import MarketSpec, Ticker
from connections.models import Connection
from trading.market.venues import Venue
from trading.models import Market

MAIN_LIST = ("BTC", "ETH", "BNB", "XRP", "ADA", "SOL")
QUOTE = "USDT"
SYNC_EVERY = timedelta(hours=24)


def sync_markets(venue: Venue) -> int:
    """Write the venue's USDT markets with lot, tick and minimum; give how many.

    At most once a day, one upsert. Raises GatewayError where the exchange can't be asked.
    """
    now = timezone.now()
    rows = Market.objects.filter(
        exchange=venue.exchange, environment=venue.environment, market_type=venue.market_type
    )
    if rows.filter(synced_at__gt=now - SYNC_EVERY).exists():
        return 0
    markets = [
        Market(
            exchange=venue.exchange,
            environment=venue.environment,
            market_type=venue.market_type,
            symbol=spec.symbol,
            base=spec.base,
            quote=spec.quote,
            lot=spec.lot,
            tick=spec.tick,
            min_quantity=spec.min_quantity,
            min_notional=spec.min_notional,
            contract_size=spec.contract_size,
            is_trading=spec.is_trading,
            synced_at=now,
        )
        for spec in venue.gateway().markets().values()
        if spec.quote == QUOTE
    ]
    Market.objects.bulk_create(
        markets,
        update_conflicts=True,
        unique_fields=["exchange", "environment", "market_type", "symbol"],
        update_fields=[
            "lot",
            "tick",
            "min_quantity",
            "min_notional",
            "contract_size",
            "is_trading",
            "synced_at",
        ],
    )
    return len(markets)


def choose_symbols(
    connection: Connection, specs: Mapping[str, MarketSpec], tickers: Mapping[str, Ticker]
) -> list[str]:
    """Give forced symbols + (the main list, or the top N by the connection's order).

    Only USDT markets that trade; a forced symbol that the venue does not have is left out.
    """
    tradable = {
        symbol: spec for symbol, spec in specs.items() if spec.is_trading and spec.quote == QUOTE
    }
    forced = [symbol for symbol in connection.forced_symbols if symbol in tradable]
    ranked = [symbol for symbol in _ranked(connection, tradable, tickers) if symbol not in forced]
    if connection.symbol_order != SymbolOrder.MAIN:
        ranked = ranked[: connection.symbol_count]
    return [*forced, *ranked]


def _ranked(
    connection: Connection, specs: Mapping[str, MarketSpec], tickers: Mapping[str, Ticker]
) -> list[str]:
    order = connection.symbol_order
    if order == SymbolOrder.MAIN:
        by_base = {spec.base: symbol for symbol, spec in specs.items()}
        return [by_base[base] for base in MAIN_LIST if base in by_base]
    if order == SymbolOrder.ALPHABETICAL:
        return sorted(specs)

    def figure(symbol: str) -> Decimal | None:
        ticker = tickers.get(symbol)
        if ticker is None:
            return None
        return ticker.quote_volume_24h if order == SymbolOrder.VOLUME else ticker.change_24h_pct

    known = {symbol: figure(symbol) for symbol in specs}
    return sorted(
        (symbol for symbol, value in known.items() if value is not None),
        key=lambda symbol: (-(known[symbol] or Decimal(0)), symbol),
    )
