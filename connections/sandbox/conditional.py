"""Conditional orders of the futures market: they wait for a price and then become orders."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from . import filters, margin
from .errors import Refusal, no_such_order, unknown_cancel
from .records import (
    ZERO,
    AlgoOrder,
    AlgoStatus,
    Order,
    OrderStatus,
    Position,
    PositionSide,
    Side,
    TimeInForce,
    WorkingType,
)
from .store import Store
from .venue import Numbering, is_reached

if TYPE_CHECKING:
    from .futures import FuturesVenue

STOP_TYPES = frozenset({"STOP", "STOP_MARKET"})
TAKE_PROFIT_TYPES = frozenset({"TAKE_PROFIT", "TAKE_PROFIT_MARKET"})
ALGO_TYPES = STOP_TYPES | TAKE_PROFIT_TYPES
LIMIT_ALGO_TYPES = frozenset({"STOP", "TAKE_PROFIT"})
MAX_ALGO_ORDERS = 200


@dataclass(frozen=True)
class AlgoRequest:
    """What a client asks for; `quantity` None with `close_position`, `price` None for a market
    order."""

    symbol: str
    side: Side
    position_side: PositionSide
    type: str
    time_in_force: TimeInForce
    quantity: Decimal | None
    price: Decimal | None
    trigger_price: Decimal
    working_type: WorkingType
    close_position: bool
    reduce_only: bool
    price_protect: bool
    client_id: str


class ConditionalOrders:
    def __init__(self, venue: FuturesVenue, store: Store, numbering: Numbering) -> None:
        self._venue = venue
        self._store = store
        self._numbering = numbering
        self._all: dict[int, AlgoOrder] = {}
        self._by_client_id: dict[tuple[int, str], AlgoOrder] = {}
        self._waiting: dict[str, dict[int, AlgoOrder]] = defaultdict(dict)
        self._by_order: dict[int, AlgoOrder] = {}

    def restore(self, algo: AlgoOrder) -> None:
        self._numbering.seen(algo.id)
        self._index(algo)

    def _index(self, algo: AlgoOrder) -> None:
        self._all[algo.id] = algo
        self._by_client_id[algo.account_id, algo.client_id] = algo
        if algo.is_open:
            self._waiting[algo.symbol][algo.id] = algo
        if algo.status is AlgoStatus.TRIGGERED:
            self._by_order[algo.order_id] = algo

    def find(self, account_id: int, algo_id: int | None, client_id: str | None) -> AlgoOrder:
        """Raises -2013 where there is none."""
        if algo_id is not None:
            algo = self._all.get(algo_id)
        else:
            algo = self._by_client_id.get((account_id, client_id or ""))
        if algo is None or algo.account_id != account_id:
            raise no_such_order()
        return algo

    def of_account(self, account_id: int, symbol: str | None = None) -> list[AlgoOrder]:
        """All of an account, oldest first."""
        return [
            algo
            for algo in self._all.values()
            if algo.account_id == account_id and symbol in (None, algo.symbol)
        ]

    def waiting(self, account_id: int, symbol: str | None = None) -> list[AlgoOrder]:
        symbols = list(self._waiting) if symbol is None else [symbol]
        algos = [algo for name in symbols for algo in self._waiting[name].values()]
        return sorted((a for a in algos if a.account_id == account_id), key=lambda a: a.id)

    def place(self, account_id: int, request: AlgoRequest, now_ms: int) -> AlgoOrder:
        """Accepts a conditional order. Raises the exchange's refusal; then nothing has changed.

        Margin is not checked before the trigger, as at Binance.
        """
        instrument = self._venue.instrument(request.symbol)
        wallet = self._venue.wallets[account_id]
        self._venue.check_position_side(wallet, request.position_side)
        filters.check_futures_price(instrument, request.trigger_price)
        if request.price is not None:
            filters.check_futures_price(instrument, request.price)
        if request.quantity is not None:
            is_market = request.price is None
            filters.check_futures_quantity(instrument, request.quantity, is_market=is_market)
        self._check_close_position(account_id, request)
        waiting = self.waiting(account_id, request.symbol)
        if any(algo.client_id == request.client_id for algo in self.waiting(account_id)):
            raise Refusal(-4116, "ClientOrderId is duplicated.")
        if len(waiting) >= MAX_ALGO_ORDERS:
            raise Refusal(-4045, "Reach max stop order limit.")
        above = (request.side is Side.BUY) == (request.type in STOP_TYPES)
        if is_reached(request.trigger_price, self._venue.mark(request.symbol), above=above):
            raise Refusal(-2021, "Order would immediately trigger.")
        algo = AlgoOrder(
            id=self._numbering.next(),
            account_id=account_id,
            symbol=request.symbol,
            client_id=request.client_id,
            side=request.side,
            position_side=request.position_side,
            type=request.type,
            time_in_force=request.time_in_force,
            quantity=request.quantity or ZERO,
            price=request.price or ZERO,
            trigger_price=request.trigger_price,
            trigger_above=above,
            working_type=request.working_type,
            close_position=request.close_position,
            reduce_only=request.reduce_only or request.close_position,
            price_protect=request.price_protect,
            created_ms=now_ms,
            updated_ms=now_ms,
        )
        self._index(algo)
        self._store.changed(algo)
        return algo

    def _check_close_position(self, account_id: int, request: AlgoRequest) -> None:
        if not request.close_position:
            return
        wallet = self._venue.wallets[account_id]
        position = wallet.position(request.symbol, request.position_side)
        if margin.reducible(position, request.side) == 0:
            raise Refusal(
                -4509,
                "Time in Force (TIF) GTE can only be used with open positions.",
            )
        takes_profit = request.type in TAKE_PROFIT_TYPES
        for algo in self.waiting(account_id, request.symbol):
            same_kind = (algo.type in TAKE_PROFIT_TYPES) == takes_profit
            same_place = (algo.side, algo.position_side) == (request.side, request.position_side)
            if algo.close_position and same_kind and same_place:
                raise Refusal(
                    -4130,
                    "An open stop or take profit order with GTE and closePosition in the "
                    "direction is existing.",
                )

    def cancel(self, algo: AlgoOrder, now_ms: int) -> None:
        """Raises -2011 where it doesn't wait any more."""
        if not algo.is_open:
            raise unknown_cancel()
        self._end(algo, AlgoStatus.CANCELED, now_ms)

    def triggers(self, symbol: str) -> Iterable[tuple[Decimal, bool]]:
        return [(a.trigger_price, a.trigger_above) for a in self._waiting[symbol].values()]

    def reached(self, symbol: str, price: Decimal) -> list[AlgoOrder]:
        """Those that a price wakes, oldest first; an earlier one may end a later one."""
        waiting = self._waiting[symbol]
        if not waiting:
            return []
        return [
            algo
            for algo in list(waiting.values())
            if is_reached(algo.trigger_price, price, above=algo.trigger_above)
        ]

    def triggered(self, algo: AlgoOrder, order: Order, now_ms: int) -> None:
        algo.order_id = order.id
        algo.triggered_ms = now_ms
        if order.is_open:
            self._by_order[order.id] = algo
            self._end(algo, AlgoStatus.TRIGGERED, now_ms)
        else:
            self._end(algo, AlgoStatus.FINISHED, now_ms)

    def refused(self, algo: AlgoOrder, refusal: Refusal, now_ms: int) -> None:
        algo.triggered_ms = now_ms
        algo.fail_reason = f"{refusal.code} {refusal.msg}"
        self._end(algo, AlgoStatus.REJECTED, now_ms)

    def order_ended(self, order: Order, now_ms: int) -> None:
        algo = self._by_order.pop(order.id, None)
        if algo is not None and order.status in (OrderStatus.FILLED, OrderStatus.CANCELED):
            self._end(algo, AlgoStatus.FINISHED, now_ms)

    def position_changed(self, account_id: int, position: Position, now_ms: int) -> None:
        """Close-position stops end with the position that they were for."""
        for algo in self.waiting(account_id, position.symbol):
            if not algo.close_position or algo.position_side is not position.side:
                continue
            if margin.reducible(position, algo.side) == 0:
                self._end(algo, AlgoStatus.EXPIRED, now_ms)

    def _end(self, algo: AlgoOrder, status: AlgoStatus, now_ms: int) -> None:
        self._waiting[algo.symbol].pop(algo.id, None)
        algo.status = status
        algo.updated_ms = now_ms
        self._store.changed(algo)
