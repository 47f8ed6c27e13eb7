"""An exchange by script: what it holds is set by hand, and any of its answers may be lost."""

from collections import defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum

from django.utils import timezone

from connections.gateway.calls import forbid_transaction
from connections.gateway.errors import Ambiguous, GatewayError, NotFound
from connections.gateway.types import (
    Balance,
    Capabilities,
    MarketSpec,
    OrderReport,
    OrderTicket,
    PositionReport,
    ReportedState,
    TradeReport,
)
from positions.fencing import LeaseLost

ENDED = (
    ReportedState.FILLED,
    ReportedState.CANCELED,
    ReportedState.REJECTED,
    ReportedState.EXPIRED,
)


class Fate(Enum):
    """What becomes of a request whose answer is lost."""

    DONE = "done, the answer lost"
    NOT_DONE = "never arrived"


@dataclass
class Standing:
    """An order as the exchange holds it."""

    ticket: OrderTicket
    exchange_order_id: str
    state: ReportedState = ReportedState.OPEN
    reported_filled: Decimal | None = None
    trades: list[TradeReport] = field(default_factory=list)

    @property
    def filled(self) -> Decimal:
        return sum((trade.quantity for trade in self.trades), Decimal(0))

    def report(self) -> OrderReport:
        filled = self.filled if self.reported_filled is None else self.reported_filled
        return OrderReport(
            client_order_id=self.ticket.client_order_id,
            exchange_order_id=self.exchange_order_id,
            symbol=self.ticket.symbol,
            state=self.state,
            quantity=self.ticket.quantity,
            filled=filled,
            average_price=self.trades[0].price if filled and self.trades else None,
            at=None,
        )


class ExchangeStub:
    """Stands in for a Gateway. Market orders fill at once at `price` unless told otherwise.

    `next("submit", fate_or_error, ...)` scripts the next answers of a method.
    """

    def __init__(self) -> None:
        self.price = Decimal(50_000)
        self.fee = Decimal(0)
        self.fee_currency = "USDT"
        self.fills_markets = True
        self.offers_stops = True
        self.standing: dict[str, Standing] = {}
        self.net: list[PositionReport] = []
        self.calls: list[str] = []
        self.sent: list[OrderTicket] = []
        self.hides_trades = False
        self._script: dict[str, deque[Fate | GatewayError]] = defaultdict(deque)
        self._number = 0

    # The script

    def next(self, method: str, *answers: Fate | GatewayError) -> None:
        self._script[method].extend(answers)

    def fill(
        self,
        client_order_id: str,
        quantity: Decimal | str,
        price: Decimal | int | None = None,
        *,
        trade_id: str = "",
        fee: Decimal | None = None,
        fee_currency: str | None = None,
    ) -> TradeReport:
        """Execute a part of an order; it ends filled when nothing is left."""
        order = self.standing[client_order_id]
        self._number += 1
        trade = TradeReport(
            trade_id=trade_id or f"t{self._number}",
            exchange_order_id=order.exchange_order_id,
            symbol=order.ticket.symbol,
            side=order.ticket.side,
            price=self.price if price is None else Decimal(price),
            quantity=Decimal(quantity),
            fee=self.fee if fee is None else fee,
            fee_currency=self.fee_currency if fee_currency is None else fee_currency,
            at=timezone.now(),
        )
        order.trades.append(trade)
        is_full = order.filled >= order.ticket.quantity
        if order.state not in ENDED or is_full:
            order.state = ReportedState.FILLED if is_full else ReportedState.PARTIALLY_FILLED
        return trade

    def only(self, kind: str) -> Standing:
        """The one order of that kind that the exchange knows."""
        (found,) = (one for one in self.standing.values() if one.ticket.kind == kind)
        return found

    def hold(self, symbol: str, side: str, quantity: Decimal | str) -> None:
        """Let the account hold that net position besides."""
        self.net.append(
            PositionReport(symbol, side, Decimal(quantity), None, None, None, None, None)
        )

    # What the engine asks

    def submit(self, ticket: OrderTicket) -> OrderReport:
        self.sent.append(ticket)
        answer = self._begin("submit")
        if answer is Fate.NOT_DONE:
            raise Ambiguous("no answer")
        if ticket.client_order_id in self.standing:
            raise Ambiguous("already knows this order")
        self._number += 1
        order = Standing(ticket, f"x{self._number}")
        self.standing[ticket.client_order_id] = order
        if ticket.kind == "market" and self.fills_markets:
            self.fill(ticket.client_order_id, ticket.quantity)
        if answer is Fate.DONE:
            raise Ambiguous("no answer")
        return order.report()

    def cancel(
        self, symbol: str, client_order_id: str, kind: str, exchange_order_id: str = ""
    ) -> OrderReport | None:
        answer = self._begin("cancel")
        if answer is Fate.NOT_DONE:
            raise Ambiguous("no answer")
        order = self.standing.get(client_order_id)
        if order is None or order.state in ENDED:
            raise NotFound("no such order is open")
        order.state = ReportedState.CANCELED
        if answer is Fate.DONE:
            raise Ambiguous("no answer")
        return None

    def order(
        self, symbol: str, client_order_id: str, kind: str, exchange_order_id: str = ""
    ) -> OrderReport:
        self._begin("order")
        if client_order_id not in self.standing:
            raise NotFound("no such order")
        return self.standing[client_order_id].report()

    def trades(self, symbol: str, exchange_order_id: str | None = None) -> list[TradeReport]:
        self._begin("trades")
        if self.hides_trades:
            return []
        return [
            trade
            for order in self.standing.values()
            if order.exchange_order_id == exchange_order_id
            for trade in order.trades
        ]

    def open_orders(self, symbol: str | None = None) -> list[OrderReport]:
        self._begin("open_orders")
        return [one.report() for one in self.standing.values() if one.state not in ENDED]

    def positions(self, symbols: Sequence[str] | None = None) -> list[PositionReport]:
        self._begin("positions")
        return [one for one in self.net if symbols is None or one.symbol in symbols]

    def balance(self) -> Balance:
        self._begin("balance")
        return Balance("USDT", Decimal(10_000), Decimal(10_000), timezone.now())

    def markets(self) -> dict[str, MarketSpec]:
        self._begin("markets")
        return {}

    def capabilities(self) -> Capabilities:
        return Capabilities(
            stop_orders=self.offers_stops,
            hedge_mode=True,
            leverage=True,
            reduce_only=True,
            streaming=False,
            refuses_duplicate_ids=False,
        )

    def _begin(self, method: str) -> Fate | None:
        forbid_transaction()
        self.calls.append(method)
        answer = self._script[method].popleft() if self._script[method] else None
        if isinstance(answer, GatewayError):
            raise answer
        return answer


class FenceStub:
    """A lease that stands until it is told otherwise."""

    token = 7

    def __init__(self) -> None:
        self.stands = True
        self.is_newest = True
        self.wants_entries = True

    def holds(self) -> bool:
        return self.stands

    def confirm(self) -> None:
        if not self.is_newest:
            raise LeaseLost("a newer token was claimed")

    def permits_entries(self) -> bool:
        return self.wants_entries
