"""Sending an intent: marked sent and committed, sent, answer recorded (design promise 2)."""

from datetime import timedelta
from typing import TYPE_CHECKING

import structlog
from django.db import transaction
from django.utils import timezone

from connections.gateway.errors import Ambiguous, GatewayError, TimedOut
from connections.gateway.types import OrderTicket
from positions.choices import OrderState
from positions.fencing import Fence, LeaseLost
from positions.live import refresh_position
from positions.models import Order, OrderEvent
from positions.order_changes import change_state
from positions.settlement import apply_report, settle

if TYPE_CHECKING:
    from connections.gateway.gateway import Gateway

log = structlog.get_logger(__name__)
ASK_SOON = timedelta(milliseconds=500)
# Whoever stood still for longer between marking an order sent and sending it does not send it: the
# time after which absence is believed counts from the mark.
SEND_WITHIN = timedelta(seconds=3)


def submit(*, order: Order, gateway: "Gateway", fence: Fence) -> Order:
    """Send one intent once and record what the exchange says.

    A lost answer makes the order `unknown`, never failed: settlement asks for it by its client
    order id. A definite refusal makes it `rejected` with the exchange's words. Raises LeaseLost
    before anything is sent where the lease no longer certainly stands.
    """
    now = timezone.now()
    if not fence.holds():
        raise LeaseLost(f"order {order.pk} stays an intent")
    with transaction.atomic():
        fence.confirm()
        if not change_state(
            order, OrderState.SENT, now=now, detail={}, sent_at=now, ask_after=now + ASK_SOON
        ):
            order.refresh_from_db()
            return order
    return send(order=order, gateway=gateway, fence=fence)


def send(*, order: Order, gateway: "Gateway", fence: Fence) -> Order:
    """Send an order that is marked sent, or send it again under the same id after its window."""
    marked_at = order.sent_at or order.created_at
    if not fence.holds() or timezone.now() - marked_at > SEND_WITHIN:
        raise LeaseLost(f"order {order.pk} is marked sent and will be asked for")
    try:
        report = gateway.submit(ticket_of(order))
    except (Ambiguous, TimedOut) as error:
        now = timezone.now()
        log.warning("order_answer_lost", order=order.pk, error=str(error))
        fields = {"error_code": error.code, "error_message": str(error)[:1000]}
        if order.state == OrderState.SENT:
            change_state(
                order,
                OrderState.UNKNOWN,
                now=now,
                detail=fields,
                ask_after=now + ASK_SOON,
                **fields,
            )
        return order
    except GatewayError as error:
        now = timezone.now()
        log.warning("order_refused", order=order.pk, code=error.code, error=str(error))
        fields = {"error_code": error.code, "error_message": str(error)[:1000]}
        with transaction.atomic():
            change_state(order, OrderState.REJECTED, now=now, detail=fields, **fields)
            refresh_position(order.position_id, now=now)
        return order
    return apply_report(order=order, report=report, gateway=gateway)


def give_up(*, order: Order, reason: str) -> None:
    """End an intent that was never sent and has nothing to do any more."""
    now = timezone.now()
    with transaction.atomic():
        change_state(order, OrderState.DENIED, now=now, detail={"reason": reason})
        refresh_position(order.position_id, now=now)


def resend(*, order: Order, gateway: "Gateway", fence: Fence) -> Order:
    """Send an exit or a stop again, under the same client order id, once it is certain that the
    first sending never arrived (settlement.is_absent). Entries are never sent again.
    """
    now = timezone.now()
    with transaction.atomic():
        fence.confirm()
        asked = Order.objects.filter(
            pk=order.pk, state=OrderState.UNKNOWN, sent_at=order.sent_at
        ).update(sent_at=now, ask_attempts=0, ask_after=now + ASK_SOON, error_code="")
        if not asked:
            order.refresh_from_db()
            return order
        OrderEvent.objects.create(
            order=order,
            at=now,
            before=OrderState.UNKNOWN,
            after=OrderState.UNKNOWN,
            detail={"sent_again": True},
        )
    order.refresh_from_db()
    return send(order=order, gateway=gateway, fence=fence)


def cancel(*, order: Order, gateway: "Gateway", fence: Fence) -> Order:
    """Cancel an open order: marked, committed, sent, answer recorded; then what really happened.

    An answer that is lost makes it `cancel_unknown` until the exchange is asked. Raises LeaseLost.
    """
    now = timezone.now()
    with transaction.atomic():
        fence.confirm()
        if not change_state(
            order, OrderState.CANCEL_SENT, now=now, detail={}, ask_after=now, ask_attempts=0
        ):
            order.refresh_from_db()
            return order
    if not fence.holds():
        raise LeaseLost(f"cancel of order {order.pk} will be asked for")
    try:
        gateway.cancel(order.symbol, order.client_order_id, order.kind, order.exchange_order_id)
    except (Ambiguous, TimedOut) as error:
        change_state(
            order, OrderState.CANCEL_UNKNOWN, now=timezone.now(), detail={"error": str(error)}
        )
    except GatewayError as error:
        log.warning("cancel_refused", order=order.pk, code=error.code, error=str(error))
    return settle(order=order, gateway=gateway)


def ticket_of(order: Order) -> OrderTicket:
    """Give what the gateway needs to send `order`."""
    return OrderTicket(
        client_order_id=order.client_order_id,
        symbol=order.symbol,
        side=order.side,
        position_side=order.position_side,
        kind=order.kind,
        quantity=order.quantity,
        reduce_only=order.reduce_only,
        limit_price=order.limit_price,
        trigger_price=order.trigger_price,
    )
