"""No naked position (design promise 4): a stop on the exchange for every open quantity."""

from datetime import datetime
from decimal import ROUND_FLOOR, Decimal
from typing import TYPE_CHECKING

import structlog

from connections.choices import MarketType
from connections.gateway.types import MarketSpec
from positions.back_off import backing_off
from positions.choices import (
    CloseReason,
    OrderKind,
    OrderPurpose,
    OrderState,
    PositionState,
    Side,
    StopKind,
)
from positions.exits import stop_on_tick
from positions.fencing import Fence
from positions.intents import record_intent
from positions.models import LivePosition, Order
from positions.order_states import ENDED
from positions.sizing import SPOT_LIMIT_BEYOND_PCT
from positions.submission import submit

if TYPE_CHECKING:
    from connections.gateway.gateway import Gateway

log = structlog.get_logger(__name__)
RESTING = (OrderState.OPEN, OrderState.PARTIALLY_FILLED)


def ensure_stop(
    *,
    position: LivePosition,
    spec: MarketSpec,
    gateway: "Gateway",
    fence: Fence,
    now: datetime,
) -> None:
    """Put a stop on the exchange for whatever open quantity has none yet, and note who watches.

    A refused stop is tried again with back-off; meanwhile the engine watches it and says so
    ("engine-side stop"). Raises LeaseLost.
    """
    if position.state not in (PositionState.OPENING, PositionState.OPEN):
        return
    if position.stop_price is None or not position.entry_quantity:
        return
    stops = list(position.orders.filter(purpose=OrderPurpose.STOP_LOSS).order_by("id"))
    pending = [order for order in stops if OrderState(order.state) not in ENDED]
    covered = sum((order.quantity - order.filled_quantity for order in pending), Decimal(0))
    missing = _on_lot(position.open_quantity - covered, spec.lot)
    if missing > 0 and gateway.capabilities().stop_orders and not backing_off(stops, now=now):
        order = _place(position, missing, len(stops), spec, fence, gateway, now)
        if order is not None:
            pending.append(order)
            missing = Decimal(0)
    resting = missing <= 0 and all(OrderState(order.state) in RESTING for order in pending)
    _note(position, StopKind.EXCHANGE if resting and pending else StopKind.ENGINE)


def begin_close(*, position: LivePosition, reason: CloseReason) -> bool:
    """Decide to leave: from now on the position is closing, whoever runs the engine.

    Gives False where it was no longer open.
    """
    moved = LivePosition.objects.filter(
        pk=position.pk, state__in=(PositionState.OPENING, PositionState.OPEN), entry_quantity__gt=0
    ).update(state=PositionState.CLOSING, close_reason=reason)
    if moved:
        position.state, position.close_reason = PositionState.CLOSING, reason
    return bool(moved)


def _place(
    position: LivePosition,
    quantity: Decimal,
    number: int,
    spec: MarketSpec,
    fence: Fence,
    gateway: "Gateway",
    now: datetime,
) -> Order | None:
    assert position.stop_price is not None  # noqa: S101 - the caller looked
    is_long = position.side == Side.LONG
    trigger = stop_on_tick(position.stop_price, spec.tick, is_long=is_long)
    limit = None
    if position.connection.market_type == MarketType.SPOT:
        beyond = trigger * (1 - SPOT_LIMIT_BEYOND_PCT / 100)
        limit = _on_lot(beyond, spec.tick)
    order = record_intent(
        fence=fence,
        position=position,
        purpose=OrderPurpose.STOP_LOSS,
        cause=f"stop|{position.pk}|{number}",
        kind=OrderKind.STOP,
        quantity=quantity,
        reference_price=trigger,
        trigger_price=trigger,
        limit_price=limit,
        close_reason=CloseReason.STOP_LOSS,
        now=now,
    )
    return None if order is None else submit(order=order, gateway=gateway, fence=fence)


def _note(position: LivePosition, kind: StopKind) -> None:
    if position.stop_kind == kind:
        return
    if kind == StopKind.ENGINE:
        log.warning("engine_side_stop", position=position.pk, symbol=position.symbol)
    LivePosition.objects.filter(pk=position.pk).update(stop_kind=kind)
    position.stop_kind = kind


def _on_lot(quantity: Decimal, lot: Decimal) -> Decimal:
    return (quantity / lot).to_integral_value(rounding=ROUND_FLOOR) * lot
