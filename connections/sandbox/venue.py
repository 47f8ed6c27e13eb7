"""What the spot and the futures market have in common: books, matching, the record of orders and
fills. How a fill moves money is each market's own business."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Callable, Iterable
from decimal import Decimal

from .book import Book, MakerLevel, Plan
from .errors import Refusal, invalid_symbol
from .feed import PriceBounds, Tick
from .instruments import Instrument, MarketKind
from .records import ZERO, Fill, Order, OrderStatus, Side, TimeInForce
from .store import Store

# A resting order can be reached by the house's quotes from this share of the price away.
REACH = Decimal("0.0002")


class Numbering:
    """Order, trade and income numbers, unique over the whole exchange and ever growing."""

    def __init__(self, first: int = 1) -> None:
        self._next = first

    def next(self) -> int:
        number = self._next
        self._next += 1
        return number

    def seen(self, number: int) -> None:
        """Numbers up to this one are taken."""
        self._next = max(self._next, number + 1)


class Venue(ABC):
    kind: MarketKind

    def __init__(
        self,
        instruments: Iterable[Instrument],
        store: Store,
        numbering: Numbering,
        partial_fill: Callable[[], Decimal | None],
    ) -> None:
        """`partial_fill` gives the share of a fill that a commanded fault lets through, or None."""
        self.instruments = {instrument.symbol: instrument for instrument in instruments}
        self.books = {
            symbol: Book(instrument, self._fillable)
            for symbol, instrument in self.instruments.items()
        }
        self.orders: dict[int, Order] = {}
        self.fills: dict[tuple[int, str], list[Fill]] = defaultdict(list)
        self._orders_of: dict[tuple[int, str], list[Order]] = defaultdict(list)
        self._by_client_id: dict[tuple[int, str, str], Order] = {}
        self._open: dict[int, dict[int, Order]] = defaultdict(dict)
        self._fills_of_order: dict[int, list[Fill]] = defaultdict(list)
        self._store = store
        self._numbering = numbering
        self._partial_fill = partial_fill

    # What a market does with money.

    @abstractmethod
    def _settle(self, order: Order, price: Decimal, quantity: Decimal, fill: Fill) -> None:
        """Moves the money of one execution and completes the fill (commission, PnL)."""

    @abstractmethod
    def _release(self, order: Order) -> None:
        """Gives back what an order that ended had reserved."""

    @abstractmethod
    def _trigger(self, symbol: str, tick: Tick) -> None:
        """Wakes the stop orders that a price has reached."""

    def _fillable(self, order: Order) -> Decimal:
        """How much of a resting order may still be executed."""
        return order.remaining

    # Reading.

    def instrument(self, symbol: str) -> Instrument:
        """Raises the exchange's refusal for a symbol that it doesn't trade."""
        instrument = self.instruments.get(symbol)
        if instrument is None:
            raise invalid_symbol()
        return instrument

    def find(
        self, account_id: int, symbol: str, order_id: int | None, client_id: str | None
    ) -> Order | None:
        """An order by its number, or the newest by its client order id."""
        if order_id is not None:
            order = self.orders.get(order_id)
            if order is None or (order.account_id, order.symbol) != (account_id, symbol):
                return None
            return order
        return self._by_client_id.get((account_id, symbol, client_id or ""))

    def open_orders(self, account_id: int, symbol: str | None = None) -> list[Order]:
        orders = self._open[account_id].values()
        return [order for order in orders if symbol is None or order.symbol == symbol]

    def orders_of(self, account_id: int, symbol: str) -> list[Order]:
        """All orders ever, oldest first."""
        return self._orders_of[account_id, symbol]

    def fills_of_order(self, order_id: int) -> list[Fill]:
        return self._fills_of_order[order_id]

    def all_orders(self, account_id: int) -> list[Order]:
        return [order for order in self.orders.values() if order.account_id == account_id]

    def all_fills(self, account_id: int) -> list[Fill]:
        lists = [fills for (owner, _), fills in self.fills.items() if owner == account_id]
        return sorted((fill for fills in lists for fill in fills), key=lambda fill: fill.id)

    def is_client_id_open(self, account_id: int, client_id: str) -> bool:
        orders = self._open[account_id].values()
        return any(order.client_id == client_id for order in orders)

    # Loading.

    def restore_order(self, order: Order) -> None:
        self._numbering.seen(order.id)
        self._index(order)
        if order.is_open and order.is_working:
            self.books[order.symbol].rest(order)

    def restore_fill(self, fill: Fill) -> None:
        self._numbering.seen(fill.id)
        self._record_fill(fill)

    # Prices.

    def on_tick(self, symbol: str, tick: Tick) -> None:
        """A new price: the house quotes anew, reaches resting orders, and stops wake up."""
        book = self.books.get(symbol)
        if book is None:
            return
        if book.tick is None or tick.serial != book.tick.serial:
            book.requote(tick)
            self._fill_reached(book, tick.time_ms)
        self._trigger(symbol, tick)

    def bounds(self, symbol: str) -> PriceBounds | None:
        """Between which prices nothing can happen here; None where nothing waits at all."""
        book = self.books.get(symbol)
        if book is None:
            return None
        low: Decimal | None = None
        high: Decimal | None = None
        if book.resting[Side.BUY]:
            low = book.resting[Side.BUY][0].price * (1 + REACH) + 2 * book.instrument.tick
        if book.resting[Side.SELL]:
            high = book.resting[Side.SELL][0].price * (1 - REACH) - 2 * book.instrument.tick
        for price, above in self._triggers(symbol):
            if above:
                high = price if high is None else min(high, price)
            else:
                low = price if low is None else max(low, price)
        return None if low is None and high is None else PriceBounds(low, high)

    @abstractmethod
    def _triggers(self, symbol: str) -> Iterable[tuple[Decimal, bool]]:
        """Prices that stops wait for, and whether from below."""

    # Executing.

    def _accept(self, order: Order) -> None:
        self._index(order)
        self._store.changed(order)

    def _index(self, order: Order) -> None:
        self.orders[order.id] = order
        self._orders_of[order.account_id, order.symbol].append(order)
        self._by_client_id[order.account_id, order.symbol, order.client_id] = order
        if order.is_open:
            self._open[order.account_id][order.id] = order

    def _record_fill(self, fill: Fill) -> None:
        self.fills[fill.account_id, fill.symbol].append(fill)
        self._fills_of_order[fill.order_id].append(fill)

    def _enter_book(self, order: Order, plan: Plan, now_ms: int) -> None:
        """Executes an order's plan; what is left rests (GTC, GTX) or expires."""
        self._take(order, plan, now_ms)
        if not order.is_open:
            return
        rests = order.price > 0 and order.time_in_force in (TimeInForce.GTC, TimeInForce.GTX)
        if rests:
            order.working_ms = now_ms
            self.books[order.symbol].rest(order)
            self._store.changed(order)
        else:
            self._finish(order, OrderStatus.EXPIRED, now_ms)

    def _take(self, order: Order, plan: Plan, now_ms: int) -> None:
        share = self._partial_fill() if plan.matches else None
        allowed = order.remaining
        if share is not None:
            instrument = self.instruments[order.symbol]
            allowed = max(instrument.step, instrument.floor_quantity(order.remaining * share))
        for own in plan.own_orders:
            self._finish(own, OrderStatus.EXPIRED_IN_MATCH, now_ms)
        for match in plan.matches:
            quantity = min(match.quantity, allowed, self._fillable(order))
            if match.order is not None:
                if not match.order.is_open:
                    continue
                quantity = min(quantity, self._fillable(match.order))
            if quantity <= 0:
                break
            if match.order is not None:
                self._execute(match.order, match.price, quantity, now_ms, is_maker=True)
            elif match.level is not None:
                match.level.quantity -= quantity
            self._execute(order, match.price, quantity, now_ms, is_maker=False)
            allowed -= quantity

    def _fill_reached(self, book: Book, now_ms: int) -> None:
        for order, level in book.crossed_by_maker():
            fillable = self._fillable(order)
            if fillable <= 0:
                self._finish(order, OrderStatus.EXPIRED, now_ms)
                continue
            quantity = min(fillable, level.quantity)
            share = self._partial_fill()
            if share is not None:
                step = book.instrument.step
                quantity = max(step, book.instrument.floor_quantity(quantity * share))
            level.quantity -= quantity
            self._execute(order, order.price, quantity, now_ms, is_maker=True)
            if share is not None:
                break

    def _execute(
        self, order: Order, price: Decimal, quantity: Decimal, now_ms: int, *, is_maker: bool
    ) -> None:
        fill = Fill(
            id=self._numbering.next(),
            order_id=order.id,
            account_id=order.account_id,
            kind=self.kind,
            symbol=order.symbol,
            side=order.side,
            price=price,
            quantity=quantity,
            quote=price * quantity,
            commission=ZERO,
            commission_asset="",
            is_maker=is_maker,
            time_ms=now_ms,
            position_side=order.position_side,
        )
        self._settle(order, price, quantity, fill)
        order.executed += quantity
        order.executed_quote += fill.quote
        order.updated_ms = now_ms
        order.status = OrderStatus.PARTIALLY_FILLED
        self._record_fill(fill)
        self._store.changed(fill)
        self._store.changed(order)
        if order.remaining == 0:
            self._finish(order, OrderStatus.FILLED, now_ms)
        self._after_fill(order, now_ms)

    @abstractmethod
    def _after_fill(self, order: Order, now_ms: int) -> None:
        """A market's own consequences of a fill."""

    def _finish(self, order: Order, status: OrderStatus, now_ms: int) -> None:
        self.books[order.symbol].remove(order)
        self._open[order.account_id].pop(order.id, None)
        order.status = status
        order.updated_ms = now_ms
        self._release(order)
        self._store.changed(order)

    def cancel(self, order: Order, now_ms: int) -> None:
        """Ends an open order. Raises -2011 where it isn't open any more."""
        if not order.is_open:
            raise Refusal(-2011, "Unknown order sent.")
        self._finish(order, OrderStatus.CANCELED, now_ms)

    def depth(self, symbol: str, limit: int) -> tuple[list[MakerLevel], list[MakerLevel]]:
        return self.books[symbol].depth(limit)


def is_reached(trigger_price: Decimal, price: Decimal, *, above: bool) -> bool:
    """Whether a price wakes a stop that waits for it from below (`above`) or from above."""
    return price >= trigger_price if above else price <= trigger_price
