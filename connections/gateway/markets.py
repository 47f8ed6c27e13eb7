"""Markets, loaded once per venue and process and shared by all its clients."""

import logging
import threading
import time
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from connections.gateway.breaker import Breaker
from connections.gateway.calls import Calls
from connections.gateway.clients import build_client
from connections.gateway.errors import GatewayError
from connections.gateway.reports import market_spec
from connections.gateway.types import MarketSpec
from connections.gateway.venue import Venue

QUOTE = "USDT"
MAX_AGE_S = 3600.0
# After a reload that failed, the former markets serve this much longer.
REPRIEVE_S = 60.0

_logger = logging.getLogger(__name__)


@dataclass(slots=True)
class SharedMarkets:
    """The markets of one venue: our specs, and the ccxt client that others take theirs from."""

    specs: dict[str, MarketSpec]
    source: Any
    fresh_until: float


_loaded: dict[Venue, SharedMarkets] = {}
_locks: defaultdict[Venue, threading.Lock] = defaultdict(threading.Lock)


def shared_markets(
    venue: Venue, *, attempts: int, timeout_s: float, priority: bool = False
) -> SharedMarkets:
    """Give the markets of `venue`, loading them without keys where they are missing or old.

    Old ones serve on while the exchange can't be asked; with `priority` an open circuit breaker
    doesn't keep missing ones from being loaded. Raises a GatewayError where there are
    none yet, RuntimeError inside a transaction.
    """
    with _locks[venue]:
        known = _loaded.get(venue)
        if known is not None and time.monotonic() < known.fresh_until:
            return known
        try:
            _loaded[venue] = _load(venue, attempts=attempts, timeout_s=timeout_s, priority=priority)
        except GatewayError as error:
            if known is None:
                raise
            known.fresh_until = time.monotonic() + REPRIEVE_S
            _logger.warning("Markets of %s are not reloaded, the former serve: %s", venue, error)
        return _loaded[venue]


def forget_markets() -> None:
    """Let every venue load its markets anew at the next use."""
    _loaded.clear()


def _load(venue: Venue, *, attempts: int, timeout_s: float, priority: bool) -> SharedMarkets:
    source = build_client(venue, None, timeout_s=timeout_s)
    import ccxt

    calls = Calls(venue, source, Breaker.of(venue), attempts)
    raw_markets = calls.read(source.load_markets, priority=priority)
    specs = {}
    for raw in raw_markets.values():
        if not _is_traded(raw, venue):
            continue
        spec = market_spec(raw, digits_are_ticks=source.precisionMode == ccxt.TICK_SIZE)
        if spec is not None:
            specs[spec.symbol] = spec
    return SharedMarkets(specs, source, time.monotonic() + MAX_AGE_S)


def _is_traded(raw: Any, venue: Venue) -> bool:
    if venue.is_spot:
        return bool(raw.get("spot")) and raw.get("quote") == QUOTE
    return bool(raw.get("swap")) and bool(raw.get("linear")) and raw.get("settle") == QUOTE
