"""Settling orders: asking the exchange by client order id until an order is at an end.

Truth is the exchange's (design promise 3): fills are unique per exchange trade id, an order ends
only when all its fills are here, and absence is believed only after several full answers.
"""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import structlog
from django.db import transaction
from django.utils import timezone

from connections.gateway.errors import GatewayError, NotFound, RateLimited
from connections.gateway.types import OrderReport, ReportedState, TradeReport
from positions.choices import CloseReason, OrderPurpose, OrderState, PositionState
from positions.live import refresh_position
from positions.models import Fill, Order
from positions.models.orders import UNKNOWN_FEE
from positions.order_changes import change_state, set_fields
from positions.order_states import ENDED, may_become

if TYPE_CHECKING:
    from connections.gateway.gateway import Gateway

log = structlog.get_logger(__name__)

ASK_SOON = timedelta(milliseconds=500)
ASK_OPEN_EVERY = timedelta(seconds=3)
LONGEST_RATE_LIMIT = timedelta(minutes=5)
ASK_LOST_EVERY = timedelta(seconds=60)
# An entry that the exchange has denied knowing for so long is believed not to exist.
LOST_FOR_GOOD = timedelta(hours=1)
# An order that arrives later than the exchange's receive window is refused there; with the time
# until it shows up in queries, nothing that is absent after this can still appear.
ARRIVAL_WINDOW = timedelta(seconds=20)
ABSENCES_BELIEVED = 4
# Error codes of an order: the exchange's last answer was that it knows no such order; and so it
# is, by several such answers and its list of open orders.
ABSENT = "absent"
GONE = "gone"

_STATE = {
    ReportedState.OPEN: OrderState.OPEN,
    ReportedState.PARTIALLY_FILLED: OrderState.PARTIALLY_FILLED,
    ReportedState.FILLED: OrderState.FILLED,
    ReportedState.CANCELED: OrderState.CANCELED,
    ReportedState.REJECTED: OrderState.REJECTED,
    ReportedState.EXPIRED: OrderState.EXPIRED,
}


def settle(*, order: Order, gateway: "Gateway") -> Order:
    """Ask the exchange once about one order that was sent, and record the answer.

    A query that fails says nothing: the order is asked for again later. Ended orders may be asked
    about too: a late fill is taken.
    """
    try:
        report = gateway.order(
            order.symbol, order.client_order_id, order.kind, order.exchange_order_id
        )
    except NotFound as error:
        return _absent(order, str(error), gateway)
    except GatewayError as error:
        now = timezone.now()
        log.warning("order_query_failed", order=order.pk, code=error.code, error=str(error))
        wait = _back_off(order)
        if isinstance(error, RateLimited) and error.retry_after_s is not None:
            wait = max(wait, min(timedelta(seconds=error.retry_after_s), LONGEST_RATE_LIMIT))
        set_fields(order, ask_after=now + wait)
        return order
    return apply_report(order=order, report=report, gateway=gateway)


def apply_report(*, order: Order, report: OrderReport, gateway: "Gateway") -> Order:
    """Record what the exchange reports of an order: new fills first, then its state.

    The report's end state is taken only when the fills recorded here add up to the report's. The
    position's figures change in the same transaction: a crash leaves both or neither.
    """
    trades: list[TradeReport] = []
    filled = report.filled
    if report.state is ReportedState.FILLED and not filled:
        filled = order.quantity  # some exchanges leave the figure out
    if filled > _recorded(order):
        try:
            trades = gateway.trades(
                order.symbol, report.triggered_order_id or report.exchange_order_id
            )
        except GatewayError as error:
            log.warning("trades_query_failed", order=order.pk, code=error.code, error=str(error))
    now = timezone.now()
    with transaction.atomic():
        _record_trades(order, trades, now)
        recorded = _recorded(order)
        state = _STATE[report.state]
        is_complete = recorded >= filled
        if state in ENDED and not is_complete:
            state = OrderState.PARTIALLY_FILLED if recorded else OrderState.OPEN
        _take_state(order, state, report, recorded, now, is_complete=is_complete)
        refresh_position(order.position_id, now=now)
    order.refresh_from_db()
    return order


def _take_state(
    order: Order,
    state: OrderState,
    report: OrderReport,
    recorded: Decimal,
    now: datetime,
    *,
    is_complete: bool,
) -> None:
    before = OrderState(order.state)
    canceling = before in (OrderState.CANCEL_SENT, OrderState.CANCEL_UNKNOWN)
    fields: dict[str, Any] = {
        "filled_quantity": recorded,
        "average_price": report.average_price if recorded else None,
        "exchange_order_id": report.exchange_order_id or order.exchange_order_id,
        "ask_attempts": _asked_in_vain(order) + 1 if canceling else 0,
        "error_code": "",
        "error_message": "",
    }
    has_news = recorded != order.filled_quantity
    if state not in ENDED:
        wait = ASK_OPEN_EVERY if is_complete and not canceling else ASK_SOON
        fields["ask_after"] = now + wait
    detail = {
        "reported": report.state.value,
        "filled": str(report.filled),
        "exchange_order_id": report.exchange_order_id,
    }
    if canceling and state == OrderState.OPEN and _asked_in_vain(order) < ABSENCES_BELIEVED:
        set_fields(order, **fields)  # the cancel may not be visible yet
        return
    if state == before and not (has_news and may_become(before, state)):
        set_fields(order, **fields)
        return
    if not may_become(before, state):
        log.error("order_report_contradicts", order=order.pk, before=before, reported=state)
        set_fields(order, **fields)
        return
    if before in ENDED:
        log.error("late_fill", order=order.pk, before=before, filled=str(recorded))
    change_state(order, state, now=now, detail=detail, **fields)


def _record_trades(order: Order, trades: list[TradeReport], now: datetime) -> None:
    fills = [
        Fill(
            connection_id=order.connection_id,
            order=order,
            symbol=order.symbol,
            exchange_trade_id=trade.trade_id,
            price=trade.price,
            quantity=trade.quantity,
            fee=trade.fee if trade.fee is not None else Decimal(0),
            fee_currency=trade.fee_currency if trade.fee is not None else UNKNOWN_FEE,
            at=trade.at,
        )
        for trade in trades
    ]
    Fill.objects.bulk_create(fills, ignore_conflicts=True)


def _recorded(order: Order) -> Decimal:
    quantities = Fill.objects.filter(order=order).values_list("quantity", flat=True)
    return sum(quantities, Decimal(0))


def is_wanted(order: Order) -> bool:
    """Tell whether an exit or a stop that did not arrive still has something to do."""
    position = order.position
    if order.purpose == OrderPurpose.STOP_LOSS:
        return position.state in (PositionState.OPENING, PositionState.OPEN)
    return (
        order.purpose == OrderPurpose.EXIT
        and position.state == PositionState.CLOSING
        and position.close_reason != CloseReason.RECONCILED
    )


def is_absent(order: Order) -> bool:
    """Tell whether an unknown order is certainly not at the exchange and can't arrive any more."""
    return order.state == OrderState.UNKNOWN and order.error_code == GONE


def _absent(order: Order, message: str, gateway: "Gateway") -> Order:
    """The exchange answered and knows no such order. Believed only after several such answers in
    a row, and when its list of open orders does not show the order either."""
    if OrderState(order.state) in ENDED:
        return order
    now = timezone.now()
    attempts = (order.ask_attempts if order.error_code in (ABSENT, GONE) else 0) + 1
    set_fields(order, ask_attempts=attempts, ask_after=now + _back_off(order), error_code=ABSENT)
    if order.state == OrderState.SENT:
        change_state(order, OrderState.UNKNOWN, now=now, detail={"absent": message})
    sent_at = order.sent_at or order.created_at
    if attempts < ABSENCES_BELIEVED or now - sent_at < ARRIVAL_WINDOW:
        return order
    try:
        standing = gateway.open_orders(order.symbol)
    except GatewayError as error:
        log.warning("open_orders_query_failed", order=order.pk, code=error.code, error=str(error))
        return order
    for report in standing:
        if report.client_order_id == order.client_order_id:
            return apply_report(order=order, report=report, gateway=gateway)
    with transaction.atomic():
        _believe_absent(order, {"absent": message, "answers": attempts}, now - sent_at, now)
        refresh_position(order.position_id, now=now)
    return order


def _believe_absent(
    order: Order, detail: dict[str, Any], since_sent: timedelta, now: datetime
) -> None:
    is_entry = order.purpose == OrderPurpose.ENTRY
    if order.state == OrderState.UNKNOWN and is_wanted(order):
        set_fields(order, error_code=GONE, ask_after=now)  # submission.resend() sends it again
    elif order.state == OrderState.UNKNOWN and is_entry:
        log.error("order_lost", order=order.pk, client_order_id=order.client_order_id)
        change_state(order, OrderState.LOST, now=now, detail=detail, ask_after=now + ASK_LOST_EVERY)
    elif order.state == OrderState.LOST and since_sent < LOST_FOR_GOOD:
        set_fields(order, ask_after=now + ASK_LOST_EVERY)
    elif order.state in (OrderState.CANCEL_SENT, OrderState.CANCEL_UNKNOWN):
        change_state(order, OrderState.CANCELED, now=now, detail=detail)
    else:
        log.error("order_gone", order=order.pk, client_order_id=order.client_order_id)
        change_state(order, OrderState.EXPIRED, now=now, detail=detail)


def _asked_in_vain(order: Order) -> int:
    """How many answers in a row showed the order still standing while it is being cancelled."""
    return 0 if order.error_code in (ABSENT, GONE) else order.ask_attempts


def _back_off(order: Order) -> timedelta:
    return min(ASK_SOON * 2 ** min(order.ask_attempts, 6), timedelta(seconds=30))
