"""Intents: what is committed before anything is sent to an exchange (design promise 2)."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import IntegrityError, transaction

from positions.choices import OrderKind, OrderPurpose, OrderSide, OrderState, Side
from positions.client_ids import client_order_id
from positions.fencing import Fence
from positions.models import LivePosition, Order, OrderEvent


def record_intent(
    *,
    fence: Fence,
    position: LivePosition,
    purpose: OrderPurpose,
    cause: str,
    kind: OrderKind,
    quantity: Decimal,
    reference_price: Decimal,
    now: datetime,
    trigger_price: Decimal | None = None,
    limit_price: Decimal | None = None,
    close_reason: str = "",
    sizing: dict[str, Any] | None = None,
) -> Order | None:
    """Commit the intent of one order; give None where this cause already has its order.

    The lease token is checked and locked in the same transaction (design promise 1). Quantity in
    base units, prices in quote currency. Raises LeaseLost.
    """
    grows = purpose == OrderPurpose.ENTRY
    is_long = position.side == Side.LONG
    order = Order(
        connection_id=position.connection_id,
        position=position,
        purpose=purpose,
        cause=cause,
        client_order_id=client_order_id(position, cause),
        symbol=position.symbol,
        side=OrderSide.BUY if is_long == grows else OrderSide.SELL,
        position_side=position.side,
        kind=kind,
        reduce_only=not grows,
        quantity=quantity,
        limit_price=limit_price,
        trigger_price=trigger_price,
        reference_price=reference_price,
        sizing=sizing or {},
        close_reason=close_reason,
        lease_token=fence.token,
        ask_after=now,
        created_at=now,
    )
    try:
        with transaction.atomic():
            fence.confirm()
            order.save(force_insert=True)
            OrderEvent.objects.create(order=order, at=now, before="", after=OrderState.INTENT)
    except IntegrityError:
        if Order.objects.filter(connection=position.connection_id, cause=cause).exists():
            return None
        raise
    return order
