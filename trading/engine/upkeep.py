"""Looking after what is open: orders settled, exits decided, positions closed and protected.

It needs no signals and no history, so it runs while an engine starts as well as in each cycle. A
fault of one order or position is told and does not keep the others from their turn.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from decimal import Decimal
from typing import TypeVar

import structlog
from django.db import DatabaseError
from django.db.models import Q
from django.utils import timezone

from connections.gateway.errors import GatewayError
from positions.choices import CloseReason, OrderPurpose, OrderState, PositionState, Side, StopKind
from positions.closing import drive_close
from positions.entries import open_positions_of
from positions.fencing import LeaseLost
from positions.live import exits_of
from positions.models import LivePosition, Order
from positions.models.positions import OPEN_STATES
from positions.order_changes import set_fields
from positions.order_states import UNSETTLED
from positions.protection import RESTING, begin_close, ensure_stop
from positions.reconciliation import compare_positions, write_off
from positions.settlement import is_absent, is_wanted, settle
from positions.submission import cancel, give_up, resend, submit
from trading.engine.session import Session
from trading.market import board
from trading.market.board import BoardPrice

log = structlog.get_logger(__name__)

Item = TypeVar("Item", Order, LivePosition)
Prices = Mapping[str, BoardPrice]
AFTER_A_FAULT = timedelta(seconds=30)
# So many full answers in a row have to say that a position is not at the exchange any more.
VANISHED_BELIEVED = 3


def look_after_positions(session: Session) -> None:
    """Settle what is due, then see to every open position.

    Raises LeaseLost; the first fault of a single order or position once all had their turn.
    """
    faults = sync_orders(session, read_prices(session))
    faults += manage_positions(session, read_prices(session))
    if faults:
        raise faults[0]


def read_prices(session: Session) -> Prices:
    """Give the newest prices of what the engine trades and of what is open."""
    held = LivePosition.objects.filter(
        connection=session.connection, state__in=OPEN_STATES
    ).values_list("symbol", flat=True)
    return board.read(*session.venue.parts, sorted({*session.engine.symbols, *held}))


def sync_orders(session: Session, prices: Prices) -> list[Exception]:
    """Ask about every order that is due; send exits and stops again that never arrived."""
    unsettled = (
        Order.objects.filter(connection=session.connection, state__in=UNSETTLED)
        .select_related("position", "position__connection")
        .order_by("id")
    )
    return _each_alone(
        [order for order in unsettled if _is_due(order, prices)],
        lambda order: _sync(session, order),
        push_forward=lambda order: set_fields(order, ask_after=timezone.now() + AFTER_A_FAULT),
    )


def manage_positions(session: Session, prices: Prices) -> list[Exception]:
    """Exits, closing and protection of every open position."""
    return _each_alone(
        open_positions_of(session.connection),
        lambda position: _manage(session, position, prices.get(position.symbol)),
    )


def compare(session: Session) -> None:
    """Compare positions with the exchange, and remember which symbols differ.

    Positions that several answers in a row did not show are closed as reconciled. Raises
    GatewayError.
    """
    session.compared_at = timezone.now()
    gateway = session.reach()
    differences = compare_positions(connection=session.connection, gateway=gateway)
    session.out_of_sync = frozenset(one.symbol for one in differences)
    former, session.vanished_answers = session.vanished_answers, {}
    for one in differences:
        log.warning(
            "position_differs",
            symbol=one.symbol,
            side=one.side,
            ours=str(one.ours),
            theirs=str(one.theirs),
        )
        if one.has_vanished:
            answers = former.get((one.symbol, one.side), 0) + 1
            session.vanished_answers[one.symbol, one.side] = answers
            if answers >= VANISHED_BELIEVED:
                write_off(connection=session.connection, vanished=one, gateway=gateway)


def _is_due(order: Order, prices: Prices) -> bool:
    if order.ask_after is None or order.ask_after <= timezone.now():
        return True
    # a resting stop that should have triggered by now
    price = prices.get(order.symbol)
    if price is None or order.trigger_price is None or order.state == OrderState.INTENT:
        return False
    if order.side == "sell":
        return price.last <= order.trigger_price
    return price.last >= order.trigger_price


def _sync(session: Session, order: Order) -> None:
    gateway = session.reach()
    if order.state == OrderState.INTENT:
        if is_wanted(order):
            submit(order=order, gateway=gateway, fence=session.lease)
        else:
            give_up(order=order, reason="never sent, its moment has passed")
    elif is_absent(order) and is_wanted(order):
        resend(order=order, gateway=gateway, fence=session.lease)
    elif _is_left_over(order):
        cancel(order=order, gateway=gateway, fence=session.lease)
    else:
        settle(order=order, gateway=gateway)


def _is_left_over(order: Order) -> bool:
    """A stop that outlived its position would eat into the next one of its symbol and side."""
    return (
        order.purpose == OrderPurpose.STOP_LOSS
        and OrderState(order.state) in RESTING
        and order.position.state not in OPEN_STATES
    )


def _manage(session: Session, position: LivePosition, price: BoardPrice | None) -> None:
    now = timezone.now()
    spec = session.specs.get(position.symbol)
    if spec is None:
        log.error("market_unknown", symbol=position.symbol, position=position.pk)
        return
    if not session.lease.holds():
        raise LeaseLost(f"position {position.pk} is left to the next holder")
    gateway = session.reach()
    if price is not None and not price.is_stale(now) and position.entry_quantity:
        _decide_exit(position, price.last)
    try:
        if position.state == PositionState.CLOSING:
            last = price.last if price is not None else position.entry_price
            if last is None:
                raise ValueError("expected a closing position to have an entry price, had none")
            drive_close(
                position=position,
                spec=spec,
                last_price=last,
                gateway=gateway,
                fence=session.lease,
                now=now,
            )
        else:
            ensure_stop(position=position, spec=spec, gateway=gateway, fence=session.lease, now=now)
    except GatewayError as error:
        log.warning("position_step_failed", position=position.pk, error=str(error))


def _decide_exit(position: LivePosition, last: Decimal) -> None:
    exits = exits_of(position)
    if exits is None or position.state == PositionState.CLOSING:
        return
    best = position.best_price if position.best_price is not None else exits.entry
    reason = exits.decide(last, best)
    _note_extremes(position, last)
    at_exchange = reason == "stop_loss" and position.stop_kind == StopKind.EXCHANGE
    if reason is None or (at_exchange and not exits.has_stop_failed(last)):
        return  # the exchange's own stop fills; sync_orders asks for it at once
    begin_close(position=position, reason=CloseReason(reason))


def _note_extremes(position: LivePosition, last: Decimal) -> None:
    """Remember the best and the worst price. Each only ever moves outwards, whoever writes it: a
    former holder that wakes up late can't loosen the trailing."""
    highest, lowest = (
        ("best_price", "worst_price")
        if position.side == Side.LONG
        else ("worst_price", "best_price")
    )
    for name, is_further in (
        (highest, Q(**{f"{highest}__lt": last})),
        (lowest, Q(**{f"{lowest}__gt": last})),
    ):
        known = getattr(position, name)
        if known is not None and (last <= known if name == highest else last >= known):
            continue
        unknown = Q(**{f"{name}__isnull": True})
        if LivePosition.objects.filter(is_further | unknown, pk=position.pk).update(**{name: last}):
            setattr(position, name, last)


def _each_alone(
    items: Iterable[Item],
    step: Callable[[Item], None],
    push_forward: Callable[[Item], None] | None = None,
) -> list[Exception]:
    faults: list[Exception] = []
    for item in items:
        try:
            step(item)
        except (LeaseLost, DatabaseError):
            raise
        except Exception as error:
            log.error("upkeep_failed", what=str(item), exc_info=error)
            faults.append(error)
            if push_forward is not None:
                push_forward(item)
    return faults
