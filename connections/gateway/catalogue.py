"""Which exchanges there are, known without importing ccxt (which costs about 100 MB)."""

import difflib
import importlib.util
from functools import lru_cache
from pathlib import Path

from connections.choices import Environment, MarketType
from cts.errors import Refused

# ccxt ids of one market type of an exchange: a connection names the exchange and the market type.
_PARTS: dict[str, tuple[str, MarketType]] = {
    "binanceusdm": ("binance", MarketType.USDT_PERPETUAL),
    "binancecoinm": ("binance", MarketType.COIN_PERPETUAL),
    "krakenfutures": ("kraken", MarketType.USDT_PERPETUAL),
    "kucoinfutures": ("kucoin", MarketType.USDT_PERPETUAL),
}
NO_CONNECTOR = frozenset({"pionex", "orangex"})


@lru_cache(maxsize=1)
def exchange_ids() -> frozenset[str]:
    """Give every exchange that the installed ccxt connects to."""
    spec = importlib.util.find_spec("ccxt")
    if spec is None or spec.origin is None:
        raise RuntimeError("expected ccxt to be installed, it isn't; run `make run`")
    return frozenset(
        path.stem for path in Path(spec.origin).parent.glob("*.py") if path.stem != "__init__"
    ) - frozenset(_PARTS)


@lru_cache(maxsize=256)
def streams(client_id: str) -> bool:
    """Tell whether ccxt has a WebSocket client for the ccxt id."""
    spec = importlib.util.find_spec("ccxt")
    return (
        spec is not None
        and spec.origin is not None
        and (Path(spec.origin).parent / "pro" / f"{client_id}.py").exists()
    )


def require_offered(exchange: str, environment: str, market_type: str) -> None:
    """Raise Refused, naming the field at fault, unless the gateway can serve the venue."""
    if exchange in _PARTS:
        whole, part = _PARTS[exchange]
        raise Refused(
            "connection.unknown_exchange",
            f'Expected the exchange "{whole}" with the market type "{part}", was "{exchange}".',
            field="exchange",
        )
    if exchange in NO_CONNECTOR:
        raise Refused(
            "connection.no_connector", f"{exchange}: no connector in ccxt.", field="exchange"
        )
    if exchange not in exchange_ids():
        raise Refused(
            "connection.unknown_exchange",
            f'Expected an exchange that ccxt knows, was "{exchange[:40]}".{_suggestion(exchange)}',
            field="exchange",
        )
    if market_type == MarketType.COIN_PERPETUAL:
        raise Refused(
            "connection.market_type_not_offered",
            "Coin perpetuals are not offered yet: choose Spot or USDT perpetual.",
            field="market_type",
        )
    if environment == Environment.SANDBOX and exchange != "binance":
        raise Refused(
            "connection.sandbox_speaks_binance",
            f'The sandbox speaks Binance\'s protocol only: expected "binance", was "{exchange}".',
            field="exchange",
        )


def _suggestion(exchange: str) -> str:
    near = difflib.get_close_matches(exchange, sorted(exchange_ids()), n=3, cutoff=0.6)
    return f" Did you mean {' or '.join(near)}?" if near else ""
