"""Last prices for screens: read from the board in as few round trips as there are venues."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

import structlog
from redis.exceptions import RedisError

from trading.market import board
from trading.market.board import BoardPrice

log = structlog.get_logger(__name__)

Venue = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Prices:
    """Prices by (venue, symbol). `reachable` is False where the board did not answer."""

    by_market: dict[tuple[Venue, str], BoardPrice]
    reachable: bool

    def of(self, venue: Venue, symbol: str) -> BoardPrice | None:
        """The newest price of one market; None where nobody knows one."""
        return self.by_market.get((venue, symbol))


def read_prices(markets: Iterable[tuple[Venue, str]]) -> Prices:
    """Give the newest prices of `markets`. A board that can't be reached leaves them unknown."""
    symbols: dict[Venue, set[str]] = defaultdict(set)
    for venue, symbol in markets:
        symbols[venue].add(symbol)
    found: dict[tuple[Venue, str], BoardPrice] = {}
    try:
        for venue, wanted in symbols.items():
            for symbol, price in board.read(*venue, sorted(wanted)).items():
                found[venue, symbol] = price
    except (RedisError, OSError) as error:
        log.warning("monitoring.price_board_unreachable", error=str(error))
        return Prices({}, reachable=False)
    return Prices(found, reachable=True)
