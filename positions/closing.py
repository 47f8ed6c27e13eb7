"""Closing a live position: decided by the engine or a person, carried out by the engine."""

from datetime import datetime
from decimal import ROUND_FLOOR, Decimal
from typing import TYPE_CHECKING

import structlog
from django.db import transaction

from connections.gateway.types import MarketSpec
from cts.activity import log_action
from cts.actors import Actor
from cts.errors import Refused
from cts.roles import Act, require
from positions.back_off import backing_off
from positions.choices import CloseReason, OrderKind, OrderPurpose, OrderState, PositionState
from positions.fencing import Fence
from positions.intents import record_intent
from positions.live import refresh_position
from positions.models import LivePosition
from positions.order_states import ENDED
from positions.protection import RESTING, begin_close
from positions.submission import cancel, submit

if TYPE_CHECKING:
    from connections.gateway.gateway import Gateway

log = structlog.get_logger(__name__)


def request_close(
    *, actor: Actor, position: LivePosition, reason: CloseReason = CloseReason.MANUAL
) -> LivePosition:
    """Have a person's wish to close carried out: the engine leaves at market within a cycle.

    Works paused, halted and stopped: less risk is always allowed (design promise 5). Raises
    Refused where the position is not open, PermissionDenied where the role forbids.
    """
    require(actor, Act.TRADE, owner_id=position.connection.owner_id)
    with transaction.atomic():
        if not begin_close(position=position, reason=reason):
            position.refresh_from_db()
            raise Refused(
                "position.not_open",
                f"{position.symbol} {position.side} is {position.get_state_display().lower()}: "
                "only an open position with a fill can be closed.",
            )
        log_action(
            actor=actor,
            action="position.close_requested",
            obj=position,
            before={"state": PositionState.OPEN},
            after={"state": PositionState.CLOSING, "reason": reason},
        )
    return position


def drive_close(
    *,
    position: LivePosition,
    spec: MarketSpec,
    last_price: Decimal,
    gateway: "Gateway",
    fence: Fence,
    now: datetime,
) -> None:
    """Take a closing position one step further; called each cycle until it is closed.

    Its stops are cancelled first and their end awaited: positions of one symbol and side share
    the exchange's net position, and a stop that fills beside the exit would eat into another
    one's quantity. Then one reduce-only market order at a time. What the exchange no longer holds
    (reconciliation.write_off) is closed without one. Raises LeaseLost.
    """
    for stop in position.orders.filter(purpose=OrderPurpose.STOP_LOSS).exclude(state__in=ENDED):
        if OrderState(stop.state) in RESTING:
            stop = cancel(order=stop, gateway=gateway, fence=fence)
        if OrderState(stop.state) not in ENDED:
            return
    position = refresh_position(position.pk, now=now)
    if position.state != PositionState.CLOSING:
        return
    exits = list(position.orders.filter(purpose=OrderPurpose.EXIT).order_by("id"))
    if any(OrderState(order.state) not in ENDED for order in exits):
        return
    if position.close_reason == CloseReason.RECONCILED:
        LivePosition.objects.filter(pk=position.pk, state=PositionState.CLOSING).update(
            state=PositionState.CLOSED, closed_at=now
        )
        return
    quantity = (position.open_quantity / spec.lot).to_integral_value(ROUND_FLOOR) * spec.lot
    if quantity <= 0:
        # the exchange has made its lot larger since: what is left can't be sold
        log.error("closing_position_below_lot", position=position.pk)
        LivePosition.objects.filter(pk=position.pk).update(lot=spec.lot)
        refresh_position(position.pk, now=now)
        return
    if backing_off(exits, now=now):
        return
    order = record_intent(
        fence=fence,
        position=position,
        purpose=OrderPurpose.EXIT,
        cause=f"exit|{position.pk}|{len(exits)}",
        kind=OrderKind.MARKET,
        quantity=quantity,
        reference_price=last_price,
        close_reason=position.close_reason,
        now=now,
    )
    if order is not None:
        submit(order=order, gateway=gateway, fence=fence)
