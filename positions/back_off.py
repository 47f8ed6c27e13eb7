"""How long to wait before an order that came to nothing is replaced by a new one."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from positions.choices import OrderState
from positions.models import Order

LONGEST_WAIT_S = 60
CAME_TO_NOTHING = (OrderState.REJECTED, OrderState.EXPIRED, OrderState.CANCELED)


def backing_off(orders: Sequence[Order], *, now: datetime) -> bool:
    """Tell whether the newest vain order of `orders` (oldest first) is too fresh to try again.

    Vain: refused, or gone without a fill. 1 s, doubling up to 60 s.
    """
    vain = [one for one in orders if one.state in CAME_TO_NOTHING and not one.filled_quantity]
    if not vain:
        return False
    wait = timedelta(seconds=min(2 ** min(len(vain) - 1, 6), LONGEST_WAIT_S))
    return now - vain[-1].created_at < wait
