"""The spot market: orders against balances, nothing borrowed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from . import filters
from .errors import Refusal, filter_failure, insufficient_balance
from .feed import Tick
from .instruments import Instrument, MarketKind
from .records import (
    ZERO,
    Fill,
    Order,
    OrderStatus,
    Side,
    SpotBalance,
    SpotWallet,
    TimeInForce,
)
from .store import Store
from .venue import Numbering, Venue, is_reached

LEDGER_STEP = Decimal("0.00000001")
STOP_TYPES = frozenset({"STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT", "TAKE_PROFIT_LIMIT"})
LIMIT_TYPES = frozenset({"LIMIT", "LIMIT_MAKER", "STOP_LOSS_LIMIT", "TAKE_PROFIT_LIMIT"})


@dataclass(frozen=True)
class SpotRequest:
    """What a client asks for; `price`, `stop_price` None where the type has none."""

    symbol: str
    side: Side
    type: str
    time_in_force: TimeInForce
    quantity: Decimal | None
    quote_quantity: Decimal | None
    price: Decimal | None
    stop_price: Decimal | None
    client_id: str


class SpotVenue(Venue):
    kind = MarketKind.SPOT

    def __init__(
        self,
        instruments: Iterable[Instrument],
        store: Store,
        numbering: Numbering,
        partial_fill: Callable[[], Decimal | None],
    ) -> None:
        super().__init__(instruments, store, numbering, partial_fill)
        self.wallets: dict[int, SpotWallet] = {}
        self._stops: dict[str, dict[int, Order]] = defaultdict(dict)

    def restore_order(self, order: Order) -> None:
        super().restore_order(order)
        if order.is_open and not order.is_working:
            self._stops[order.symbol][order.id] = order

    def deposit(self, account_id: int, asset: str, amount: Decimal, now_ms: int) -> None:
        """Adds (or, negative, takes) free balance. Raises -2010 rather than going below zero."""
        balance = self._balance(account_id, asset)
        if balance.free + amount < 0:
            raise insufficient_balance()
        balance.free += amount
        self._touch_wallet(account_id, now_ms)

    def place(self, account_id: int, request: SpotRequest, now_ms: int) -> Order:
        """Checks, accepts and matches an order. Raises the exchange's refusal; then nothing has
        changed."""
        instrument = self.instrument(request.symbol)
        book = self.books[request.symbol]
        if book.tick is None:
            raise Refusal(-2010, "Market is closed.")
        market_price = book.tick.price
        self._check_filters(instrument, request, market_price)
        self._check_room(account_id, request)
        if self.is_client_id_open(account_id, request.client_id):
            raise Refusal(-2010, "Duplicate order sent.")
        order = Order(
            id=0,
            account_id=account_id,
            kind=self.kind,
            symbol=request.symbol,
            client_id=request.client_id,
            side=request.side,
            type=request.type,
            orig_type=request.type,
            time_in_force=request.time_in_force,
            quantity=request.quantity or ZERO,
            quote_quantity=request.quote_quantity or ZERO,
            price=request.price or ZERO,
            stop_price=request.stop_price or ZERO,
            created_ms=now_ms,
            updated_ms=now_ms,
            working_ms=now_ms,
        )
        if request.type in STOP_TYPES:
            return self._place_stop(order, market_price, now_ms)
        return self._place_working(order, now_ms)

    def _check_filters(
        self, instrument: Instrument, request: SpotRequest, market_price: Decimal
    ) -> None:
        is_market = request.price is None
        if request.price is not None:
            filters.check_spot_price(instrument, "price", request.price)
            filters.check_spot_percent_price(instrument, request.price, market_price)
        if request.stop_price is not None:
            filters.check_spot_price(instrument, "stopPrice", request.stop_price)
        if request.quantity is not None:
            filters.check_spot_quantity(instrument, request.quantity, is_market=is_market)
            price = request.price or request.stop_price or market_price
            filters.check_spot_notional(instrument, request.quantity * price)
        if request.quote_quantity is not None:
            if request.quote_quantity.normalize().adjusted() > 15:
                raise filter_failure("NOTIONAL")
            filters.check_spot_notional(instrument, request.quote_quantity)

    def _check_room(self, account_id: int, request: SpotRequest) -> None:
        if len(self.open_orders(account_id, request.symbol)) >= filters.MAX_OPEN_ORDERS:
            raise filter_failure("MAX_NUM_ORDERS")
        if request.type in STOP_TYPES:
            stops = self._stops[request.symbol].values()
            own = sum(1 for order in stops if order.account_id == account_id)
            if own >= filters.MAX_STOP_ORDERS:
                raise filter_failure("MAX_NUM_ALGO_ORDERS")

    def _place_working(self, order: Order, now_ms: int) -> Order:
        book = self.books[order.symbol]
        limit = order.price or None
        if order.type == "LIMIT_MAKER" and book.crosses(order.side, order.price):
            raise Refusal(-2010, "Order would immediately match and take.")
        plan = book.plan(
            order.side,
            order.account_id,
            limit=limit,
            quantity=order.quantity or None,
            quote=order.quote_quantity or None,
        )
        if order.quote_quantity:
            order.quantity = plan.quantity
            if order.quantity < self.instruments[order.symbol].min_quantity:
                raise filter_failure("LOT_SIZE")
        needed = self._needed(order, plan.quote)
        if self._balance(order.account_id, self._paying_asset(order)).free < needed:
            raise insufficient_balance()
        order.id = self._numbering.next()
        if order.time_in_force is TimeInForce.FOK and plan.quantity < order.quantity:
            order.status = OrderStatus.EXPIRED
            self._accept(order)
            return order
        self._accept(order)
        if limit is not None:
            self._lock(order, needed, now_ms)
        self._enter_book(order, plan, now_ms)
        return order

    def _place_stop(self, order: Order, market_price: Decimal, now_ms: int) -> Order:
        takes_profit = order.type.startswith("TAKE_PROFIT")
        order.trigger_above = (order.side is Side.BUY) != takes_profit
        if is_reached(order.stop_price, market_price, above=order.trigger_above):
            raise Refusal(-2010, "Stop price would trigger immediately.")
        order.is_working = False
        order.working_ms = 0
        locks = bool(order.price) or order.side is Side.SELL
        needed = self._needed(order, ZERO) if locks else ZERO
        if self._balance(order.account_id, self._paying_asset(order)).free < needed:
            raise insufficient_balance()
        order.id = self._numbering.next()
        self._accept(order)
        self._lock(order, needed, now_ms)
        self._stops[order.symbol][order.id] = order
        return order

    def _needed(self, order: Order, market_cost: Decimal) -> Decimal:
        """What the order takes from its paying asset."""
        if order.side is Side.SELL:
            return order.quantity
        return order.price * order.quantity if order.price else market_cost

    def _paying_asset(self, order: Order) -> str:
        instrument = self.instruments[order.symbol]
        return instrument.quote if order.side is Side.BUY else instrument.base

    def _balance(self, account_id: int, asset: str) -> SpotBalance:
        return self.wallets[account_id].balance(asset)

    def _touch_wallet(self, account_id: int, now_ms: int) -> None:
        wallet = self.wallets[account_id]
        wallet.updated_ms = now_ms
        self._store.changed(wallet)

    def _lock(self, order: Order, amount: Decimal, now_ms: int) -> None:
        balance = self._balance(order.account_id, self._paying_asset(order))
        balance.free -= amount
        balance.locked += amount
        order.locked = amount
        self._touch_wallet(order.account_id, now_ms)

    def _settle(self, order: Order, price: Decimal, quantity: Decimal, fill: Fill) -> None:
        instrument = self.instruments[order.symbol]
        base = self._balance(order.account_id, instrument.base)
        quote = self._balance(order.account_id, instrument.quote)
        rate = instrument.maker_fee if fill.is_maker else instrument.taker_fee
        if order.side is Side.BUY:
            fill.commission = ledger_amount(quantity * rate)
            fill.commission_asset = instrument.base
            base.free += quantity - fill.commission
            reserved = order.price * quantity if order.locked else ZERO
            quote.locked -= reserved
            quote.free += reserved - fill.quote
        else:
            fill.commission = ledger_amount(fill.quote * rate)
            fill.commission_asset = instrument.quote
            quote.free += fill.quote - fill.commission
            reserved = quantity if order.locked else ZERO
            base.locked -= reserved
            base.free += reserved - quantity
        order.locked -= reserved
        self._touch_wallet(order.account_id, fill.time_ms)

    def _after_fill(self, order: Order, now_ms: int) -> None:
        """Nothing on spot depends on an order's fill but its own money."""

    def _release(self, order: Order) -> None:
        self._stops[order.symbol].pop(order.id, None)
        if order.locked:
            balance = self._balance(order.account_id, self._paying_asset(order))
            balance.locked -= order.locked
            balance.free += order.locked
            order.locked = ZERO
            self._touch_wallet(order.account_id, order.updated_ms)

    def _triggers(self, symbol: str) -> Iterable[tuple[Decimal, bool]]:
        return [(o.stop_price, o.trigger_above) for o in self._stops[symbol].values()]

    def _trigger(self, symbol: str, tick: Tick) -> None:
        stops = self._stops[symbol]
        if not stops:
            return
        reached = [
            order
            for order in stops.values()
            if is_reached(order.stop_price, tick.price, above=order.trigger_above)
        ]
        for order in reached:
            del stops[order.id]
            self._wake(order, tick.time_ms)

    def _wake(self, order: Order, now_ms: int) -> None:
        order.is_working = True
        order.working_ms = now_ms
        order.updated_ms = now_ms
        self._store.changed(order)
        plan = self.books[order.symbol].plan(
            order.side, order.account_id, limit=order.price or None, quantity=order.quantity
        )
        if not order.locked:
            free = self._balance(order.account_id, self._paying_asset(order)).free
            if free < self._needed(order, plan.quote):
                self._finish(order, OrderStatus.EXPIRED, now_ms)
                return
        self._enter_book(order, plan, now_ms)


def ledger_amount(amount: Decimal) -> Decimal:
    """Rounded to the eight decimals that wallets are kept in."""
    return amount.quantize(LEDGER_STEP, ROUND_HALF_UP)
