"""A live position is the sum of its fills: refresh_position() works its figures out from them."""

from datetime import datetime
from decimal import Decimal

import structlog
from django.db import transaction

from positions.choices import CloseReason, OrderPurpose, OrderState, PositionState, Side
from positions.exits import Exits, result_quote
from positions.models import Fill, LivePosition, Order
from positions.models.orders import UNKNOWN_FEE
from positions.order_states import ENDED

log = structlog.get_logger(__name__)
ZERO = Decimal(0)


def exits_of(position: LivePosition) -> Exits | None:
    """Give the exit rules of a position, None before its first fill."""
    if position.entry_price is None:
        return None
    trailing = None
    if position.trailing_start_pct is not None and position.trailing_stop_pct is not None:
        trailing = (position.trailing_start_pct, position.trailing_stop_pct)
    return Exits(
        is_long=position.side == Side.LONG,
        entry=position.entry_price,
        take_profit_pct=position.take_profit_pct,
        stop_loss_pct=position.stop_loss_pct,
        trailing=trailing,
    )


def refresh_position(position_id: int, *, now: datetime) -> LivePosition:
    """Work out quantities, prices, profit, fees and state of a position from its fills.

    One transaction that locks the position; three reads, one write. The only writer of these
    columns, so it may run any number of times.
    """
    with transaction.atomic():
        position = LivePosition.objects.select_for_update().get(pk=position_id)
        orders = {order.pk: order for order in Order.objects.filter(position=position)}
        fills = list(Fill.objects.filter(order__position=position).order_by("at", "id"))
        entries = [f for f in fills if orders[f.order_id].purpose == OrderPurpose.ENTRY]
        leaves = [f for f in fills if orders[f.order_id].purpose != OrderPurpose.ENTRY]
        _sum_up(position, entries, leaves)
        _follow_states(position, orders, leaves, now)
        position.save()
    return position


def realised_since(position: LivePosition, since: datetime) -> Decimal:
    """Give what an open position has realised since a moment, net of fees, in quote currency.

    Costs a query only where a part of it left and it was opened before that moment.
    """
    if position.opened_at is None or position.opened_at >= since:
        return position.realised_quote - position.fees_quote + position.funding_quote
    if not position.exit_quantity or position.entry_price is None:
        return ZERO
    base, quote = _currencies(position.symbol)
    result = ZERO
    fills = Fill.objects.filter(order__position=position, at__gte=since).select_related("order")
    for fill in fills:
        result -= _fee_quote(fill, base, quote) or ZERO
        if fill.order.purpose != OrderPurpose.ENTRY:
            result += result_quote(
                is_long=position.side == Side.LONG,
                entry=position.entry_price,
                exit_price=fill.price,
                quantity=fill.quantity,
            )
    return result


def _fee_quote(fill: Fill, base: str, quote: str) -> Decimal | None:
    """The fee in quote currency; None where it is not known or in a third currency."""
    if fill.fee_currency == quote:
        return fill.fee
    if fill.fee_currency == base:
        return fill.fee * fill.price
    return None if fill.fee or fill.fee_currency == UNKNOWN_FEE else ZERO


def _sum_up(position: LivePosition, entries: list[Fill], leaves: list[Fill]) -> None:
    base, quote = _currencies(position.symbol)
    position.fees_quote, position.fees_known = ZERO, True
    for fill in (*entries, *leaves):
        fee = _fee_quote(fill, base, quote)
        position.fees_known = position.fees_known and fee is not None
        position.fees_quote += fee or ZERO
    bought = sum((fill.quantity for fill in entries), ZERO)
    if bought:
        position.entry_price = sum((f.quantity * f.price for f in entries), ZERO) / bought
        # on spot a fee in the base currency comes off what was bought; a perpetual stays whole
        is_spot = ":" not in position.symbol
        kept_back = (f.fee for f in entries if is_spot and f.fee_currency == base)
        position.entry_quantity = bought - sum(kept_back, ZERO)
        position.opened_at = entries[0].at
        exits = exits_of(position)
        if exits is not None:
            position.take_profit_price = exits.take_profit_price()
            position.stop_price = exits.stop_price()
            position.best_price = exits.better(
                position.best_price or position.entry_price, position.entry_price
            )
            position.worst_price = exits.worse(
                position.worst_price or position.entry_price, position.entry_price
            )
    left = sum((fill.quantity for fill in leaves), ZERO)
    position.exit_quantity = left
    if left and position.entry_price is not None:
        position.exit_price = sum((f.quantity * f.price for f in leaves), ZERO) / left
        position.realised_quote = result_quote(
            is_long=position.side == Side.LONG,
            entry=position.entry_price,
            exit_price=position.exit_price,
            quantity=left,
        )


def _follow_states(
    position: LivePosition, orders: dict[int, Order], leaves: list[Fill], now: datetime
) -> None:
    entries = [o for o in orders.values() if o.purpose == OrderPurpose.ENTRY]
    entered = bool(entries) and all(OrderState(order.state) in ENDED for order in entries)
    if not position.entry_quantity:
        if entered and position.state == PositionState.OPENING:
            _close(position, CloseReason.NEVER_FILLED, now)
        return
    is_empty = position.open_quantity < position.lot
    written_off = position.close_reason == CloseReason.RECONCILED
    if position.state == PositionState.CLOSED and not is_empty and not written_off:
        log.error("late_fill_reopens_position", position=position.pk)
        _reopen(position)
    if position.state == PositionState.OPENING and entered:
        position.state = PositionState.OPEN
    if not entered or not is_empty or position.state == PositionState.CLOSED:
        return
    if position.exit_quantity > position.entry_quantity:
        log.error("position_left_more_than_it_entered", position=position.pk)
    if leaves:
        last = max(leaves, key=lambda fill: (fill.at, fill.pk))
        reason = orders[last.order_id].close_reason or position.close_reason
        _close(position, CloseReason(reason or CloseReason.MANUAL), last.at)
    elif position.state == PositionState.CLOSING:
        # less than a lot is left of the entry after its fee: nothing that could be sold
        _close(position, CloseReason(position.close_reason), now)


def _reopen(position: LivePosition) -> None:
    """After a late fill: what never filled is watched from now on, what had left leaves anew."""
    position.closed_at = None
    if position.close_reason == CloseReason.NEVER_FILLED:
        position.state, position.close_reason = PositionState.OPEN, ""
    else:
        position.state = PositionState.CLOSING


def _close(position: LivePosition, reason: CloseReason, at: datetime) -> None:
    position.state = PositionState.CLOSED
    position.close_reason = reason
    position.closed_at = at


def _currencies(symbol: str) -> tuple[str, str]:
    """Give (base, quote) of a unified symbol: BTC/USDT:USDT is BTC, USDT."""
    base, _, rest = symbol.partition("/")
    return base, rest.split(":", 1)[0]
