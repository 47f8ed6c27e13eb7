"""What goes to an exchange and what comes back: frozen, Decimal, UTC.

Symbols are unified: BTC/USDT on spot, BTC/USDT:USDT on the USDT perpetual. Quantities are in base
units (contracts x contract size), prices and notionals in quote currency.
"""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class MarketSpec:
    """What an exchange demands of orders in one market."""

    symbol: str
    base: str
    quote: str
    lot: Decimal
    tick: Decimal
    min_quantity: Decimal
    min_notional: Decimal
    contract_size: Decimal
    is_trading: bool


@dataclass(frozen=True, slots=True)
class Ticker:
    """The newest prices of a market. `at` is when they were received, by this machine's clock."""

    symbol: str
    last: Decimal
    bid: Decimal | None
    ask: Decimal | None
    at: datetime
    change_24h_pct: Decimal | None = None
    quote_volume_24h: Decimal | None = None


@dataclass(frozen=True, slots=True)
class CandleRow:
    """One candle; floats, since candles feed indicator arrays only."""

    open_ms: int
    open: float
    high: float
    low: float
    close: float
    volume: float


@dataclass(frozen=True, slots=True)
class Balance:
    """What an account holds of its quote currency (USDT): free for orders, and in all."""

    currency: str
    free: Decimal
    total: Decimal
    at: datetime


class ReportedState(StrEnum):
    """How an order stands at the exchange. The words are those of positions' order states."""

    OPEN = "open"
    PARTIALLY_FILLED = "partially_filled"
    FILLED = "filled"
    CANCELED = "canceled"
    REJECTED = "rejected"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class OrderTicket:
    """An order to submit.

    `kind`: market | limit | stop. A stop is a stop-market order on futures and, where spot offers
    only that, a stop-limit order; `limit_price` is its limit there. `position_side`: long | short.
    """

    client_order_id: str
    symbol: str
    side: str
    position_side: str
    kind: str
    quantity: Decimal
    reduce_only: bool
    limit_price: Decimal | None = None
    trigger_price: Decimal | None = None


@dataclass(frozen=True, slots=True)
class OrderReport:
    """What the exchange says of an order.

    `triggered_order_id`: the order a triggered stop became, where the exchange gives it another
    id; its trades are the stop's fills.
    """

    client_order_id: str
    exchange_order_id: str
    symbol: str
    state: ReportedState
    quantity: Decimal
    filled: Decimal
    average_price: Decimal | None
    at: datetime | None
    triggered_order_id: str = ""


@dataclass(frozen=True, slots=True)
class TradeReport:
    """One execution of an order."""

    trade_id: str
    exchange_order_id: str
    symbol: str
    side: str
    price: Decimal
    quantity: Decimal
    fee: Decimal | None
    fee_currency: str
    at: datetime


@dataclass(frozen=True, slots=True)
class PositionReport:
    """The exchange's net position of a symbol and side; quantity is positive for both sides."""

    symbol: str
    side: str
    quantity: Decimal
    entry_price: Decimal | None
    mark_price: Decimal | None
    unrealised_quote: Decimal | None
    leverage: Decimal | None
    liquidation_price: Decimal | None


@dataclass(frozen=True, slots=True)
class Permissions:
    """What the key may do; None where the exchange does not tell."""

    may_trade: bool | None
    may_withdraw: bool | None
    notes: tuple[str, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What the exchange offers a connection of this market type."""

    stop_orders: bool
    hedge_mode: bool
    leverage: bool
    reduce_only: bool
    streaming: bool
    refuses_duplicate_ids: bool
