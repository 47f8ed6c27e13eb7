"""How long to wait before a refused order is replaced by a new one."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from positions.choices import OrderState
from positions.models import Order

LONGEST_WAIT_S = 60


def backing_off(orders: Sequence[Order], *, now: datetime) -> bool:
    """Tell whether the newest refusal among `orders` is too fresh: 1 s, doubling up to 60 s."""
    refused = [order for order in orders if order.state == OrderState.REJECTED]
    if not refused:
        return False
    wait = timedelta(seconds=min(2 ** min(len(refused) - 1, 6), LONGEST_WAIT_S))
    return now - refused[-1].created_at < wait
