"""The price board: the newest price of every market, in the cache, with its age.

One writer per venue (the poller), any number of readers. A price stays readable after it went
stale, with its age, so that a screen can say how old it is; decisions refuse stale ones.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from django.core.cache import cache

from connections.gateway.types import Ticker

STALE_AFTER_S = 5.0
KEPT_S = 24 * 3600
# A 24 h figure is read once a minute; it is gone when it was not for this long.
DAY_KEPT_S = 300


@dataclass(frozen=True, slots=True)
class BoardPrice:
    """The newest price of one market. `at`: when it was received, UTC."""

    symbol: str
    last: Decimal
    bid: Decimal | None
    ask: Decimal | None
    change_24h_pct: Decimal | None
    at: datetime

    def age_s(self, now: datetime) -> float:
        """Seconds since it was received, at least 0."""
        return max(0.0, (now - self.at).total_seconds())

    def is_stale(self, now: datetime) -> bool:
        """Tell whether it is too old to decide by (domain section 9: 5 s)."""
        return self.age_s(now) > STALE_AFTER_S

    def spread_pct(self) -> Decimal | None:
        """(ask - bid) / bid in percent; None where a side is unknown."""
        if self.bid is None or self.ask is None or self.bid <= 0:
            return None
        return (self.ask - self.bid) / self.bid * 100


def write(exchange: str, environment: str, market_type: str, quotes: Iterable[Ticker]) -> int:
    """Put the newest last, bid and ask on the board; give how many. One round trip."""
    values = {
        _key("price", exchange, environment, market_type, quote.symbol): {
            "last": str(quote.last),
            "bid": _text(quote.bid),
            "ask": _text(quote.ask),
            "at": quote.at.timestamp(),
        }
        for quote in quotes
    }
    if values:
        cache.set_many(values, timeout=KEPT_S)
    return len(values)


def write_day(exchange: str, environment: str, market_type: str, tickers: Iterable[Ticker]) -> None:
    """Put the 24 h change of each symbol on the board. One round trip."""
    values = {
        _key("day", exchange, environment, market_type, ticker.symbol): str(ticker.change_24h_pct)
        for ticker in tickers
        if ticker.change_24h_pct is not None
    }
    if values:
        cache.set_many(values, timeout=DAY_KEPT_S)


def read(
    exchange: str, environment: str, market_type: str, symbols: Sequence[str]
) -> dict[str, BoardPrice]:
    """Give the newest price of each symbol that has one. One round trip."""
    venue = (exchange, environment, market_type)
    found = cache.get_many(
        [_key(kind, *venue, symbol) for symbol in symbols for kind in ("price", "day")]
    )
    board = {}
    for symbol in symbols:
        price = found.get(_key("price", *venue, symbol))
        if price is not None:
            board[symbol] = BoardPrice(
                symbol=symbol,
                last=Decimal(price["last"]),
                bid=_decimal(price["bid"]),
                ask=_decimal(price["ask"]),
                change_24h_pct=_decimal(found.get(_key("day", *venue, symbol))),
                at=datetime.fromtimestamp(price["at"], UTC),
            )
    return board


def _key(kind: str, exchange: str, environment: str, market_type: str, symbol: str) -> str:
    return f"board:{kind}:{exchange}:{environment}:{market_type}:{symbol}"


def _text(value: Decimal | None) -> str | None:
    return None if value is None else str(value)


def _decimal(value: str | None) -> Decimal | None:
    return None if value is None else Decimal(value)
