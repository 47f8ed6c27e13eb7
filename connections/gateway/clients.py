"""Builds ccxt clients; the only place where ccxt is imported and credentials are revealed.

ccxt is imported at the first use: it costs about 100 MB and half a second, a client 0.3 MB.
"""

import logging
from functools import lru_cache
from typing import Any

from django.conf import settings

from connections.choices import Environment, MarketType
from connections.gateway.catalogue import require_offered
from connections.gateway.errors import NotOffered
from connections.gateway.venue import Keys, Venue

# 2400 weights a minute; ccxt's 50 ms is the former limit, and holds heavy reads up for seconds.
BINANCE_FUTURES_MS_PER_WEIGHT = 25

# Exchanges whose perpetuals are a class of their own in ccxt.
_PERPETUAL_CLIENTS = {
    "binance": "binanceusdm",
    "kraken": "krakenfutures",
    "kucoin": "kucoinfutures",
}


def client_id(venue: Venue) -> str:
    """Give the ccxt id that serves `venue`."""
    if venue.is_spot:
        return venue.exchange
    return _PERPETUAL_CLIENTS.get(venue.exchange, venue.exchange)


def build_client(venue: Venue, keys: Keys | None, *, timeout_s: float) -> Any:
    """Give a new ccxt client of `venue`, without keys where `keys` is None. Sends nothing.

    Raises Refused for a venue that can't be served, NotOffered where it has no testnet.
    """
    require_offered(venue.exchange, venue.environment, venue.market_type)
    client = _client_class(client_id(venue))(
        {
            "timeout": round(timeout_s * 1000),
            # ccxt spaces requests by their weight; the sandbox is this machine's own.
            "enableRateLimit": venue.environment != Environment.SANDBOX,
            "options": _options(venue),
        }
    )
    if client.id == "binanceusdm":
        client.rateLimit = BINANCE_FUTURES_MS_PER_WEIGHT
    if keys is not None:
        _give_credentials(client, keys)
    if venue.environment == Environment.TESTNET:
        _go_to_testnet(client, venue)
    elif venue.environment == Environment.SANDBOX:
        from connections.sandbox.adapter import divert

        # Below ccxt: it picks Binance's table of errors by the URL it believes it talks to.
        divert(client.session, settings.SANDBOX_URL)
    return client


@lru_cache(maxsize=64)
def _client_class(ccxt_id: str) -> type[Any]:
    import ccxt

    # At level DEBUG both log what they send, keys and signatures included.
    for name in ("ccxt", "urllib3"):
        logging.getLogger(name).setLevel(logging.WARNING)

    class StrictClient(getattr(ccxt, ccxt_id)):  # type: ignore[misc]
        """Numbers stay the strings that the exchange sent, and an answer is JSON or an error."""

        number = str

        def fetch(
            self, url: str, method: str = "GET", headers: Any = None, body: Any = None
        ) -> Any:
            """Send one request. Raises ccxt.BadResponse where ccxt would pass on a plain text."""
            answer = super().fetch(url, method, headers, body)
            # ccxt would read an empty object as an empty list: no orders, no positions.
            empty = answer == {} and ccxt_id.startswith("binance")
            if empty or not isinstance(answer, dict | list):
                raise ccxt.BadResponse(f"{self.id} expected JSON, was something else")
            return answer

    StrictClient.__name__ = StrictClient.__qualname__ = ccxt_id
    return StrictClient


def _options(venue: Venue) -> dict[str, Any]:
    if venue.exchange != "binance":
        return {"defaultType": "spot" if venue.is_spot else "swap"}
    options: dict[str, Any] = {
        # With keys, load_markets() would also ask for wallets and margin pairs.
        "fetchCurrencies": False,
        "fetchMargins": False,
        "fetchOpenOrders": {"warnWithoutSymbol": False},
        "fetchMarkets": {"types": ["spot" if venue.is_spot else "linear"]},
    }
    if not venue.is_spot:
        # Positions are read without the brackets; they only refine a margin figure unused here.
        options["leverageBrackets"] = {}
    return options


def _give_credentials(client: Any, keys: Keys) -> None:
    if client.requiredCredentials.get("walletAddress"):
        client.walletAddress = keys.api_key.reveal()
        client.privateKey = keys.api_secret.reveal()
        return
    client.apiKey = keys.api_key.reveal()
    client.secret = keys.api_secret.reveal()
    client.password = keys.passphrase.reveal() or None


def _go_to_testnet(client: Any, venue: Venue) -> None:
    if venue.exchange == "binance" and venue.market_type == MarketType.USDT_PERPETUAL:
        # Binance moved its futures testnet there; ccxt refuses the former address.
        client.enable_demo_trading(True)
    elif client.urls.get("test"):
        client.set_sandbox_mode(True)
    else:
        raise NotOffered(f"{venue.exchange} has no testnet.")
