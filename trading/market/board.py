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


def write(exchange: str, environment: str, market_type: str, tickers: Iterable[Ticker]) -> int:
    """Put tickers on the board; give how many. One round trip."""
    values = {
        _key(exchange, environment, market_type, ticker.symbol): {
            "symbol": ticker.symbol,
            "last": str(ticker.last),
            "bid": _text(ticker.bid),
            "ask": _text(ticker.ask),
            "change": _text(ticker.change_24h_pct),
            "at": ticker.at.timestamp(),
        }
        for ticker in tickers
    }
    if values:
        cache.set_many(values, timeout=KEPT_S)
    return len(values)


def read(
    exchange: str, environment: str, market_type: str, symbols: Sequence[str]
) -> dict[str, BoardPrice]:
    """Give the newest price of each symbol that has one. One round trip."""
    keys = [_key(exchange, environment, market_type, symbol) for symbol in symbols]
    return {
        value["symbol"]: BoardPrice(
            symbol=value["symbol"],
            last=Decimal(value["last"]),
            bid=_decimal(value["bid"]),
            ask=_decimal(value["ask"]),
            change_24h_pct=_decimal(value["change"]),
            at=datetime.fromtimestamp(value["at"], UTC),
        )
        for value in cache.get_many(keys).values()
    }


def _key(exchange: str, environment: str, market_type: str, symbol: str) -> str:
    return f"board:{exchange}:{environment}:{market_type}:{symbol}"


def _text(value: Decimal | None) -> str | None:
    return None if value is None else str(value)


def _decimal(value: str | None) -> Decimal | None:
    return None if value is None else Decimal(value)
