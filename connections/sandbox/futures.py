"""The USD-M futures market: orders against margin, one-way and hedge mode, cross and isolated."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal

from . import filters, margin
from .conditional import ConditionalOrders
from .errors import Refusal, insufficient_margin, reduce_only_rejected
from .feed import PriceBounds, Tick, join_bounds
from .instruments import MARGIN_ASSET, Instrument, MarketKind
from .records import (
    ZERO,
    AlgoOrder,
    Fill,
    FuturesWallet,
    Income,
    IncomeType,
    MarginType,
    Order,
    OrderStatus,
    Position,
    PositionSide,
    Side,
    TimeInForce,
)
from .spot import ledger_amount
from .store import Store
from .venue import Numbering, Venue


@dataclass(frozen=True)
class FuturesRequest:
    """What a client, or a triggered conditional order, asks for; `price` None = market order."""

    symbol: str
    side: Side
    position_side: PositionSide
    time_in_force: TimeInForce
    quantity: Decimal
    price: Decimal | None
    reduce_only: bool
    client_id: str
    close_position: bool = False
    orig_type: str = ""


class FuturesVenue(Venue):
    kind = MarketKind.FUTURES

    def __init__(
        self,
        instruments: Iterable[Instrument],
        store: Store,
        numbering: Numbering,
        partial_fill: Callable[[], Decimal | None],
    ) -> None:
        super().__init__(instruments, store, numbering, partial_fill)
        self.wallets: dict[int, FuturesWallet] = {}
        self.income: dict[int, list[Income]] = defaultdict(list)
        self.conditional = ConditionalOrders(self, store, numbering)
        self.holders: dict[str, set[int]] = defaultdict(set)

    # Loading.

    def restore_wallet(self, wallet: FuturesWallet) -> None:
        self.wallets[wallet.account_id] = wallet
        for position in wallet.open_positions():
            self.holders[position.symbol].add(wallet.account_id)

    def restore_income(self, income: Income) -> None:
        self._numbering.seen(income.id)
        self.income[income.account_id].append(income)

    # Reading.

    def mark(self, symbol: str) -> Decimal:
        """The mark price, which in the sandbox is the feed's price."""
        tick = self.books[symbol].tick
        if tick is None:
            raise Refusal(-4131, "The symbol has no mark price yet.")
        return tick.price

    def summary(self, account_id: int) -> margin.MarginSummary:
        wallet = self.wallets[account_id]
        return margin.summarize(wallet, self.open_orders(account_id), self.mark)

    def bounds(self, symbol: str) -> PriceBounds | None:
        """As for any market, and between which prices no position can be liquidated."""
        found = super().bounds(symbol)
        for account_id in self.holders[symbol]:
            wallet = self.wallets[account_id]
            room = margin.room_to_move(wallet, symbol, self.mark)
            mark = self.mark(symbol)
            found = join_bounds(found, PriceBounds(mark - room, mark + room))
        return found

    # Orders.

    def place(
        self, account_id: int, request: FuturesRequest, now_ms: int, *, forced: bool = False
    ) -> Order:
        """Checks, accepts and matches an order. Raises the exchange's refusal; then nothing has
        changed. `forced` (a liquidation) skips margin and size checks."""
        instrument = self.instrument(request.symbol)
        book = self.books[request.symbol]
        wallet = self.wallets[account_id]
        self.check_position_side(wallet, request.position_side)
        position = wallet.position(request.symbol, request.position_side)
        is_market = request.price is None
        order = self._new_order(account_id, request, now_ms)
        if not forced:
            self._check_filters(instrument, request, order)
            if self.is_client_id_open(account_id, request.client_id):
                raise Refusal(-4116, "ClientOrderId is duplicated.")
        self._check_reducing(position, order, wallet)
        wanted = min(order.quantity, self._fillable(order))
        plan = book.plan(order.side, account_id, limit=request.price, quantity=wanted)
        if order.time_in_force is TimeInForce.GTX and book.crosses(order.side, order.price):
            raise Refusal(
                -5022,
                "Due to the order could not be executed as maker, the Post Only order will be "
                "rejected. The order will not be recorded in the order history",
            )
        if order.time_in_force is TimeInForce.FOK and plan.quantity < order.quantity:
            raise Refusal(
                -5021,
                "Due to the order could not be filled immediately, the FOK order has been "
                "rejected. The order will not be recorded in the order history",
            )
        if is_market and not plan.matches:
            raise Refusal(-4131, "The counterparty's best price does not meet the PERCENT_PRICE.")
        if not forced:
            self._check_margin(wallet, position, order, plan.quote, plan.quantity)
        order.id = self._numbering.next()
        self._accept(order)
        self._enter_book(order, plan, now_ms)
        return order

    def check_position_side(self, wallet: FuturesWallet, side: PositionSide) -> None:
        if wallet.dual_side == (side is PositionSide.BOTH):
            raise Refusal(-4061, "Order's position side does not match user's setting.")

    def _new_order(self, account_id: int, request: FuturesRequest, now_ms: int) -> Order:
        order_type = "MARKET" if request.price is None else "LIMIT"
        return Order(
            id=0,
            account_id=account_id,
            kind=self.kind,
            symbol=request.symbol,
            client_id=request.client_id,
            side=request.side,
            type=order_type,
            orig_type=request.orig_type or order_type,
            time_in_force=request.time_in_force,
            quantity=request.quantity,
            price=request.price or ZERO,
            reduce_only=request.reduce_only,
            close_position=request.close_position,
            position_side=request.position_side,
            created_ms=now_ms,
            updated_ms=now_ms,
            working_ms=now_ms,
        )

    def _check_filters(self, instrument: Instrument, request: FuturesRequest, order: Order) -> None:
        is_market = request.price is None
        mark = self.mark(instrument.symbol)
        filters.check_futures_quantity(instrument, request.quantity, is_market=is_market)
        if request.price is not None:
            filters.check_futures_price(instrument, request.price)
            filters.check_futures_percent_price(
                instrument, request.price, mark, is_buy=request.side is Side.BUY
            )
        if not margin.is_reducing(order):
            filters.check_futures_notional(instrument, request.quantity * (request.price or mark))
        if len(self.open_orders(order.account_id, order.symbol)) >= filters.MAX_OPEN_ORDERS:
            raise Refusal(-2025, "Reach max open order limit.")

    def _check_reducing(self, position: Position, order: Order, wallet: FuturesWallet) -> None:
        if not margin.is_reducing(order):
            return
        closable = margin.reducible(position, order.side)
        too_much = wallet.dual_side and order.quantity > closable
        if closable == 0 or too_much:
            raise reduce_only_rejected()

    def _check_margin(
        self,
        wallet: FuturesWallet,
        position: Position,
        order: Order,
        quote_at_once: Decimal,
        quantity_at_once: Decimal,
    ) -> None:
        if margin.is_reducing(order):
            return
        opening = margin.opening_quantity(position, order.side, order.quantity)
        if opening == 0:
            return
        settings = wallet.settings_of(order.symbol)
        instrument = self.instruments[order.symbol]
        average = quote_at_once / quantity_at_once if quantity_at_once else order.price
        price = max(average, order.price) if order.side is Side.SELL else order.price or average
        closing = order.quantity - opening
        size_after = opening if closing else abs(position.amount) + opening
        if size_after * price > margin.max_notional(settings.leverage):
            raise Refusal(-2027, "Exceeded the maximum allowable position at current leverage.")
        fee = order.quantity * price * instrument.taker_fee
        needed = opening * price / settings.leverage + fee
        released = ZERO
        if closing:
            mark = self.mark(order.symbol)
            is_cross = settings.margin_type is MarginType.CROSS
            released = (
                margin.position_margin(wallet, position, mark)
                if is_cross
                else position.isolated_wallet + position.unrealized_pnl(mark)
            )
        if needed > self.summary(order.account_id).available + released:
            raise insufficient_margin()

    def _fillable(self, order: Order) -> Decimal:
        if not margin.is_reducing(order):
            return order.remaining
        position = self.wallets[order.account_id].position(order.symbol, order.position_side)
        return min(order.remaining, margin.reducible(position, order.side))

    # Money.

    def record_income(
        self,
        account_id: int,
        kind: IncomeType,
        amount: Decimal,
        now_ms: int,
        *,
        symbol: str = "",
        info: str = "",
        trade_id: str = "",
    ) -> None:
        """Changes a wallet's balance, and says why."""
        income = Income(
            id=self._numbering.next(),
            account_id=account_id,
            symbol=symbol,
            type=kind,
            amount=amount,
            asset=MARGIN_ASSET,
            info=info,
            trade_id=trade_id,
            time_ms=now_ms,
        )
        self.income[account_id].append(income)
        self._store.changed(income)
        wallet = self.wallets[account_id]
        wallet.balance += amount
        self.touch_wallet(wallet, now_ms)

    def touch_wallet(self, wallet: FuturesWallet, now_ms: int) -> None:
        wallet.updated_ms = now_ms
        self._store.changed(wallet)

    def _settle(self, order: Order, price: Decimal, quantity: Decimal, fill: Fill) -> None:
        instrument = self.instruments[order.symbol]
        wallet = self.wallets[order.account_id]
        position = wallet.position(order.symbol, order.position_side)
        closing = min(quantity, margin.reducible(position, order.side))
        if closing:
            fill.realized_pnl = _close(position, order.side, closing, price)
        opening = quantity - closing
        if opening:
            signed = opening * order.side.sign
            position.amount += signed
            position.cost += signed * price
            settings = wallet.settings_of(order.symbol)
            if settings.margin_type is MarginType.ISOLATED:
                position.isolated_wallet += ledger_amount(opening * price / settings.leverage)
        position.updated_ms = fill.time_ms
        self._note_holder(wallet, order.symbol)
        rate = instrument.maker_fee if fill.is_maker else instrument.taker_fee
        fill.commission = ledger_amount(fill.quote * rate)
        fill.commission_asset = MARGIN_ASSET
        for kind, amount in (
            (IncomeType.REALIZED_PNL, fill.realized_pnl),
            (IncomeType.COMMISSION, -fill.commission),
        ):
            if amount:
                self.record_income(
                    order.account_id,
                    kind,
                    amount,
                    fill.time_ms,
                    symbol=order.symbol,
                    info=str(fill.id),
                    trade_id=str(fill.id),
                )
        self.touch_wallet(wallet, fill.time_ms)

    def _note_holder(self, wallet: FuturesWallet, symbol: str) -> None:
        holds = any(position.symbol == symbol for position in wallet.open_positions())
        if holds:
            self.holders[symbol].add(wallet.account_id)
        else:
            self.holders[symbol].discard(wallet.account_id)

    def _release(self, order: Order) -> None:
        """Order margin is computed from the open orders: there is nothing to give back."""

    def _after_fill(self, order: Order, now_ms: int) -> None:
        """Reduce-only orders and close-position stops end when nothing is left to close."""
        wallet = self.wallets[order.account_id]
        position = wallet.position(order.symbol, order.position_side)
        for other in self.open_orders(order.account_id, order.symbol):
            if other.id == order.id or other.position_side is not order.position_side:
                continue
            if margin.is_reducing(other) and margin.reducible(position, other.side) == 0:
                self._finish(other, OrderStatus.EXPIRED, now_ms)
        self.conditional.position_changed(order.account_id, position, now_ms)

    def _finish(self, order: Order, status: OrderStatus, now_ms: int) -> None:
        super()._finish(order, status, now_ms)
        self.conditional.order_ended(order, now_ms)

    # Stops.

    def _triggers(self, symbol: str) -> Iterable[tuple[Decimal, bool]]:
        return self.conditional.triggers(symbol)

    def _trigger(self, symbol: str, tick: Tick) -> None:
        for algo in self.conditional.reached(symbol, tick.price):
            self._wake(algo, tick.time_ms)

    def _wake(self, algo: AlgoOrder, now_ms: int) -> None:
        position = self.wallets[algo.account_id].position(algo.symbol, algo.position_side)
        quantity = algo.quantity
        if algo.close_position:
            quantity = margin.reducible(position, algo.side)
        request = FuturesRequest(
            symbol=algo.symbol,
            side=algo.side,
            position_side=algo.position_side,
            time_in_force=algo.time_in_force,
            quantity=quantity,
            price=algo.price or None,
            reduce_only=algo.reduce_only or algo.close_position,
            client_id=algo.client_id,
            close_position=algo.close_position,
            orig_type=algo.type,
        )
        try:
            order = self.place(algo.account_id, request, now_ms)
        except Refusal as refusal:
            # The exchange keeps the reason with the conditional order: its owner asks there.
            self.conditional.refused(algo, refusal, now_ms)
        else:
            self.conditional.triggered(algo, order, now_ms)


def _close(position: Position, side: Side, quantity: Decimal, price: Decimal) -> Decimal:
    """Takes a quantity out of a position and gives the realised PnL, exact to eight decimals.

    The share of the cost that leaves is rounded once; what stays is the exact rest, so that the
    sums over a position's life are exact.
    """
    size = abs(position.amount)
    if quantity == size:
        cost_share, isolated_share = position.cost, position.isolated_wallet
    else:
        cost_share = ledger_amount(position.cost * quantity / size)
        isolated_share = ledger_amount(position.isolated_wallet * quantity / size)
    signed = quantity * side.sign
    position.cost -= cost_share
    position.isolated_wallet -= isolated_share
    position.amount += signed
    return -(signed * price) - cost_share
