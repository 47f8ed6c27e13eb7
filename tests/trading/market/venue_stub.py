"""A venue whose exchange is a list of candles and quotes in memory."""

from dataclasses import dataclass, field
from decimal import Decimal

from django.utils import timezone

from connections.gateway.errors import Unavailable
from connections.gateway.types import CandleRow, MarketSpec, Ticker
from trading.market.venues import Venue


def spec(symbol: str = "BTC/USDT:USDT", **changes: object) -> MarketSpec:
    """A market of the USDT perpetual."""
    values: dict[str, object] = {
        "symbol": symbol,
        "base": symbol.split("/")[0],
        "quote": "USDT",
        "lot": Decimal("0.001"),
        "tick": Decimal("0.1"),
        "min_quantity": Decimal("0.001"),
        "min_notional": Decimal(5),
        "contract_size": Decimal(1),
        "is_trading": True,
    }
    return MarketSpec(**{**values, **changes})  # type: ignore[arg-type]


@dataclass
class ExchangeStub:
    """What the tests say the exchange answers; `calls` counts the questions."""

    specs: dict[str, MarketSpec] = field(default_factory=dict)
    candle_rows: dict[str, list[CandleRow]] = field(default_factory=dict)
    last: dict[str, Decimal] = field(default_factory=dict)
    down: set[str] = field(default_factory=set)
    calls: list[tuple[str, object]] = field(default_factory=list)

    def markets(self) -> dict[str, MarketSpec]:
        self.calls.append(("markets", None))
        return self.specs

    def quotes(self, symbols: list[str]) -> dict[str, Ticker]:
        self.calls.append(("quotes", tuple(symbols)))
        if "quotes" in self.down:
            raise Unavailable("the exchange is out of reach")
        now = timezone.now()
        return {
            symbol: Ticker(symbol, self.last[symbol], self.last[symbol], self.last[symbol], now)
            for symbol in symbols
            if symbol in self.last
        }

    def candles(
        self, symbol: str, timeframe: str, since_ms: int | None = None, limit: int = 500
    ) -> list[CandleRow]:
        self.calls.append(("candles", (symbol, since_ms)))
        if symbol in self.down:
            raise Unavailable("the exchange is out of reach")
        rows = [row for row in self.candle_rows.get(symbol, []) if row.open_ms >= (since_ms or 0)]
        return rows[:limit]


@dataclass(frozen=True, slots=True)
class StubbedVenue(Venue):
    """A venue that asks the stub."""

    exchange_stub: ExchangeStub = field(default_factory=ExchangeStub, compare=False)

    def gateway(self) -> ExchangeStub:  # type: ignore[override]
        return self.exchange_stub


def candle(open_ms: int, close: float = 100.0) -> CandleRow:
    """A quiet candle."""
    return CandleRow(open_ms, close, close + 1, close - 1, close, 3.0)
