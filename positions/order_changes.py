"""Changing an order's state: conditional, by the table, an event for each change."""

from datetime import datetime
from typing import Any

from django.db import transaction

from positions.choices import OrderState
from positions.models import Order, OrderEvent
from positions.order_states import ENDED, may_become


class IllegalChange(Exception):  # noqa: N818
    """A change of state that the table does not know."""


def change_state(
    order: Order, after: OrderState, *, now: datetime, detail: dict[str, Any], **fields: Any
) -> bool:
    """Move `order` to `after`, with `fields` set in the same statement and an event in the same
    transaction; give False where somebody else changed it first.

    Costs one UPDATE and one INSERT. Raises IllegalChange for a change that the table forbids.
    """
    before = OrderState(order.state)
    if not may_become(before, after):
        raise IllegalChange(f"order {order.pk}: {before} -> {after}")
    values: dict[str, Any] = {"state": after, **fields}
    if after in ENDED:
        values.setdefault("settled_at", now)
        values.setdefault("ask_after", None)
    with transaction.atomic():
        moved = Order.objects.filter(pk=order.pk, state=before).update(**values)
        if not moved:
            return False
        OrderEvent.objects.create(order=order, at=now, before=before, after=after, detail=detail)
    for name, value in values.items():
        setattr(order, name, value)
    return True


def set_fields(order: Order, **fields: Any) -> None:
    """Set fields that are no change of state; nothing happens where the state has moved on."""
    if not Order.objects.filter(pk=order.pk, state=order.state).update(**fields):
        return
    for name, value in fields.items():
        setattr(order, name, value)
