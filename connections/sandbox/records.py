"""Everything that the exchange remembers: accounts, wallets, orders, fills, positions, income.

All are plain dataclasses; money is Decimal, times are milliseconds since the epoch (UTC).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from .instruments import MarketKind

ZERO = Decimal(0)


class Side(StrEnum):
    BUY = "BUY"
    SELL = "SELL"

    @property
    def opposite(self) -> Side:
        return Side.SELL if self is Side.BUY else Side.BUY

    @property
    def sign(self) -> int:
        return 1 if self is Side.BUY else -1


class OrderStatus(StrEnum):
    NEW = "NEW"
    PARTIALLY_FILLED = "PARTIALLY_FILLED"
    FILLED = "FILLED"
    CANCELED = "CANCELED"
    REJECTED = "REJECTED"
    EXPIRED = "EXPIRED"
    EXPIRED_IN_MATCH = "EXPIRED_IN_MATCH"


OPEN_STATUSES = frozenset({OrderStatus.NEW, OrderStatus.PARTIALLY_FILLED})


class TimeInForce(StrEnum):
    GTC = "GTC"
    IOC = "IOC"
    FOK = "FOK"
    GTX = "GTX"


class PositionSide(StrEnum):
    BOTH = "BOTH"
    LONG = "LONG"
    SHORT = "SHORT"


class MarginType(StrEnum):
    CROSS = "cross"
    ISOLATED = "isolated"


class WorkingType(StrEnum):
    CONTRACT_PRICE = "CONTRACT_PRICE"
    MARK_PRICE = "MARK_PRICE"


class AlgoStatus(StrEnum):
    NEW = "NEW"
    TRIGGERED = "TRIGGERED"
    FINISHED = "FINISHED"
    CANCELED = "CANCELED"
    REJECTED = "REJECTED"
    EXPIRED = "EXPIRED"


class IncomeType(StrEnum):
    TRANSFER = "TRANSFER"
    REALIZED_PNL = "REALIZED_PNL"
    COMMISSION = "COMMISSION"
    FUNDING_FEE = "FUNDING_FEE"
    INSURANCE_CLEAR = "INSURANCE_CLEAR"


@dataclass
class Order:
    """An order on either market. `price` 0 = market order, `stop_price` 0 = no trigger."""

    id: int
    account_id: int
    kind: MarketKind
    symbol: str
    client_id: str
    side: Side
    type: str
    time_in_force: TimeInForce
    quantity: Decimal
    price: Decimal
    created_ms: int
    updated_ms: int
    quote_quantity: Decimal = ZERO
    stop_price: Decimal = ZERO
    trigger_above: bool = False
    status: OrderStatus = OrderStatus.NEW
    executed: Decimal = ZERO
    executed_quote: Decimal = ZERO
    locked: Decimal = ZERO
    is_working: bool = True
    working_ms: int = 0
    reduce_only: bool = False
    close_position: bool = False
    position_side: PositionSide = PositionSide.BOTH
    orig_type: str = ""

    @property
    def remaining(self) -> Decimal:
        return self.quantity - self.executed

    @property
    def is_open(self) -> bool:
        return self.status in OPEN_STATUSES

    @property
    def average_price(self) -> Decimal:
        return self.executed_quote / self.executed if self.executed else ZERO


@dataclass
class Fill:
    """One execution of one order. `realized_pnl` is for futures; commission in its own asset."""

    id: int
    order_id: int
    account_id: int
    kind: MarketKind
    symbol: str
    side: Side
    price: Decimal
    quantity: Decimal
    quote: Decimal
    commission: Decimal
    commission_asset: str
    is_maker: bool
    time_ms: int
    realized_pnl: Decimal = ZERO
    position_side: PositionSide = PositionSide.BOTH


@dataclass
class AlgoOrder:
    """A futures conditional order, which becomes a market or limit order when triggered."""

    id: int
    account_id: int
    symbol: str
    client_id: str
    side: Side
    position_side: PositionSide
    type: str
    time_in_force: TimeInForce
    quantity: Decimal
    price: Decimal
    trigger_price: Decimal
    trigger_above: bool
    working_type: WorkingType
    close_position: bool
    reduce_only: bool
    price_protect: bool
    created_ms: int
    updated_ms: int
    status: AlgoStatus = AlgoStatus.NEW
    triggered_ms: int = 0
    order_id: int = 0
    fail_reason: str = ""

    @property
    def is_open(self) -> bool:
        return self.status is AlgoStatus.NEW


@dataclass
class Income:
    """A change of a futures wallet; the wallet's balance is the sum of these."""

    id: int
    account_id: int
    symbol: str
    type: IncomeType
    amount: Decimal
    asset: str
    info: str
    trade_id: str
    time_ms: int


@dataclass
class Account:
    id: int
    key: str
    secret: str
    label: str
    created_ms: int


@dataclass
class SpotBalance:
    free: Decimal = ZERO
    locked: Decimal = ZERO


@dataclass
class SpotWallet:
    account_id: int
    updated_ms: int
    balances: dict[str, SpotBalance] = field(default_factory=dict)

    def balance(self, asset: str) -> SpotBalance:
        return self.balances.setdefault(asset, SpotBalance())


@dataclass
class Position:
    """A futures position. `amount` is signed (short < 0); `cost` is the signed amount of quote
    that it was opened for, so that entry price = cost / amount without any rounding kept."""

    symbol: str
    side: PositionSide
    amount: Decimal = ZERO
    cost: Decimal = ZERO
    isolated_wallet: Decimal = ZERO
    updated_ms: int = 0

    @property
    def entry_price(self) -> Decimal:
        return self.cost / self.amount if self.amount else ZERO

    def unrealized_pnl(self, mark: Decimal) -> Decimal:
        return self.amount * mark - self.cost


@dataclass
class SymbolSettings:
    leverage: int = 20
    margin_type: MarginType = MarginType.CROSS


@dataclass
class FuturesWallet:
    account_id: int
    updated_ms: int
    balance: Decimal = ZERO
    dual_side: bool = False
    settings: dict[str, SymbolSettings] = field(default_factory=dict)
    positions: dict[str, Position] = field(default_factory=dict)

    def settings_of(self, symbol: str) -> SymbolSettings:
        return self.settings.setdefault(symbol, SymbolSettings())

    def position(self, symbol: str, side: PositionSide) -> Position:
        key = f"{symbol}:{side}"
        if key not in self.positions:
            self.positions[key] = Position(symbol, side)
        return self.positions[key]

    def open_positions(self) -> list[Position]:
        return [position for position in self.positions.values() if position.amount]


Record = Order | Fill | AlgoOrder | Income | Account | SpotWallet | FuturesWallet
