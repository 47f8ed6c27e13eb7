"""Polling one venue: tickers onto the board, closed frames into the candle table."""

import structlog

from connections.gateway.errors import GatewayError
from trading.market import board
from trading.market.candles import fetch_missing
from trading.market.venues import TICKER_BASES, Venue, symbols_in_use
from trading.models import Market, Tournament

log = structlog.get_logger(__name__)


def poll_prices(venue: Venue) -> int:
    """Put the newest prices of the venue's symbols on the board; give how many.

    Raises GatewayError: the prices on the board then grow stale, and say so.
    """
    gateway = venue.gateway()
    markets = gateway.markets()
    shown = [s for s, spec in markets.items() if spec.base in TICKER_BASES and spec.quote == "USDT"]
    symbols = sorted({*symbols_in_use(venue), *shown} & set(markets))
    return board.write(*venue.parts, gateway.quotes(symbols).values())


def poll_day(venue: Venue) -> None:
    """Put the 24 h change of all the venue's markets on the board. Raises GatewayError."""
    gateway = venue.gateway()
    board.write_day(*venue.parts, gateway.tickers(list(gateway.markets())).values())


def close_frames(venue: Venue) -> int:
    """Store every frame of the venue's tournaments that closed since; give how many rows.

    A symbol whose candles can't be fetched is left for the next round and holds up no other.
    """
    stored = 0
    tournaments = Tournament.objects.filter(
        exchange=venue.exchange, environment=venue.environment, market_type=venue.market_type
    ).exclude(origin_ms=None)
    for tournament in tournaments:
        markets = Market.objects.filter(
            exchange=venue.exchange,
            environment=venue.environment,
            market_type=venue.market_type,
            symbol__in=tournament.symbols,
        )
        for market in markets:
            try:
                stored += fetch_missing(
                    venue=venue,
                    market=market,
                    timeframe=tournament.timeframe,
                    since_ms=tournament.origin_ms or 0,
                )
            except GatewayError as error:
                log.warning(
                    "frame_not_fetched", symbol=market.symbol, code=error.code, error=str(error)
                )
    return stored
