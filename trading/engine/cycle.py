"""One cycle of one connection: a list of small named steps, in this order.

controls, prices, orders, exits, protection, signals, balance, limits. What shrinks exposure comes
before what grows it, and goes on paused and halted.
"""

from datetime import datetime, timedelta
from decimal import Decimal

import structlog
from django.utils import timezone

from connections.choices import MarketType
from connections.gateway.errors import GatewayError
from connections.gateway.types import Balance
from connections.models import Connection
from positions import gates
from positions.choices import (
    CloseReason,
    OrderPurpose,
    OrderState,
    PositionState,
    StopKind,
)
from positions.closing import drive_close
from positions.entries import money_facts, money_state, open_positions_of
from positions.live import exits_of
from positions.models import LivePosition, Order
from positions.order_states import UNSETTLED
from positions.protection import begin_close, ensure_stop
from positions.reconciliation import compare_positions
from positions.refusals import MEANING
from positions.settlement import is_absent, settle
from positions.submission import resend, submit
from trading.choices import ActualState, DesiredState
from trading.engine.session import Session
from trading.engine.signals import Prices, act_on_signals, entry_context
from trading.engine.startup import load_symbols
from trading.engine.state import note_actual
from trading.market import board
from trading.models import Engine

log = structlog.get_logger(__name__)

BALANCE_EVERY = timedelta(seconds=10)
COMPARE_EVERY = timedelta(seconds=60)
SYMBOLS_EVERY = timedelta(minutes=60)


def run_cycle(session: Session) -> bool:
    """Run the steps once; give False when the engine has come to its end.

    Raises LeaseLost; a GatewayError of one symbol or order is logged and touches no other.
    """
    now = timezone.now()
    if not read_controls(session):
        return False
    prices = _prices(session)
    sync_orders(session, prices)
    manage_positions(session, prices, now)
    refresh_balance(session, prices, now)
    check_limits(session, now)
    act_on_signals(session)
    try:
        compare_when_due(session, now)
    except GatewayError as error:
        log.warning("comparison_failed", connection=session.connection.pk, error=str(error))
    return True


def read_controls(session: Session) -> bool:
    """Read what people want, and follow; False: stop. One query."""
    engine = Engine.objects.select_related("connection").get(pk=session.engine.pk)
    engine.phase, engine.progress_pct = session.engine.phase, session.engine.progress_pct
    session.engine = engine
    wanted = engine.connection.is_active and engine.desired != DesiredState.STOPPED
    if not wanted:
        closing = LivePosition.objects.filter(
            connection=engine.connection, state=PositionState.CLOSING
        )
        if not closing.exists():
            return False
    if engine.halted_at is not None:
        actual, why = ActualState.HALTED, engine.reason
    elif engine.desired == DesiredState.PAUSED or not wanted:
        actual, why = ActualState.PAUSED, ""
    else:
        actual, why = ActualState.RUNNING, ""
    note_actual(engine=engine, lease=session.lease, actual=actual, reason=why)
    return True


def sync_orders(session: Session, prices: Prices) -> None:
    """Ask about every order that is due; send exits and stops again that never arrived."""
    gateway = session.reach()
    unsettled = (
        Order.objects.filter(connection=session.connection, state__in=UNSETTLED)
        .select_related("position", "position__connection")
        .order_by("id")
    )
    for order in unsettled:
        now = timezone.now()
        due = order.ask_after is None or order.ask_after <= now or _price_beyond(order, prices)
        if not due:
            continue
        if order.state == OrderState.INTENT:
            if order.purpose != OrderPurpose.ENTRY:
                submit(order=order, gateway=gateway, fence=session.lease)
        elif is_absent(order, now=now) and _still_wanted(order):
            resend(order=order, gateway=gateway, fence=session.lease)
        else:
            settle(order=order, gateway=gateway)


def manage_positions(session: Session, prices: Prices, now: datetime) -> None:
    """Exits, closing and protection of every open position."""
    gateway = session.reach()
    for position in open_positions_of(session.connection):
        price = prices.get(position.symbol)
        fresh = price is not None and not price.is_stale(now)
        spec = session.specs.get(position.symbol)
        if spec is None:
            log.error("market_unknown", symbol=position.symbol, position=position.pk)
            continue
        try:
            if price is not None and fresh and position.state == PositionState.OPEN:
                _decide_exit(position, price.last)
            if position.state == PositionState.CLOSING:
                drive_close(
                    position=position,
                    spec=spec,
                    last_price=price.last if price is not None else position.entry_price,
                    gateway=gateway,
                    fence=session.lease,
                    now=now,
                )
            else:
                ensure_stop(
                    position=position, spec=spec, gateway=gateway, fence=session.lease, now=now
                )
        except GatewayError as error:
            log.warning("position_step_failed", position=position.pk, error=str(error))


def refresh_balance(session: Session, prices: Prices, now: datetime) -> None:
    """Ask for the balance when it is due, and work out the equity from it."""
    asked = session.balance_asked_at
    if asked is not None and now - asked < BALANCE_EVERY:
        return
    session.balance_asked_at = now
    try:
        session.balance = session.reach().balance()
    except GatewayError as error:
        log.warning("balance_not_read", connection=session.connection.pk, error=str(error))
        return
    Connection.objects.filter(pk=session.connection.pk).update(
        balance_quote=session.balance.total, balance_at=session.balance.at
    )
    session.equity = _equity(session, session.balance, prices)
    if session.equity is None:
        return
    peak = session.engine.peak_equity_quote
    if peak is None or session.equity > peak:
        session.engine.peak_equity_quote = session.equity
        Engine.objects.filter(pk=session.engine.pk).update(peak_equity_quote=session.equity)


def _equity(session: Session, balance: Balance, prices: Prices) -> Decimal | None:
    """Give what the account is worth in quote currency; None where a price is missing.

    On futures the balance counts unrealised profit; on spot what was bought is added.
    """
    if session.connection.market_type != MarketType.SPOT:
        return balance.total
    worth = balance.total
    for position in open_positions_of(session.connection):
        price = prices.get(position.symbol)
        if price is None:
            return None
        worth += position.open_quantity * price.last
    return worth


def check_limits(session: Session, now: datetime) -> None:
    """Halt the connection where the daily loss or the drawdown limit is hit: exits only."""
    if session.engine.halted_at is not None:
        return
    context = entry_context(session)
    state = money_state(session.connection, open_positions_of(session.connection), context, now)
    hit = gates.limit_hit(money_facts(context, state, now))
    if hit is None:
        return
    log.error("connection_halted", connection=session.connection.pk, limit=hit.value)
    Engine.objects.filter(pk=session.engine.pk, halted_at=None).update(halted_at=now)
    session.engine.halted_at = now
    note_actual(
        engine=session.engine,
        lease=session.lease,
        actual=ActualState.HALTED,
        why=hit.value,
        reason=MEANING[hit],
    )


def compare_when_due(session: Session, now: datetime) -> None:
    """Compare positions with the exchange once a minute, symbols once an hour."""
    if session.compared_at is None or now - session.compared_at >= COMPARE_EVERY:
        session.compared_at = now
        for difference in compare_positions(connection=session.connection, gateway=session.reach()):
            log.warning(
                "position_differs",
                symbol=difference.symbol,
                side=difference.side,
                ours=str(difference.ours),
                theirs=str(difference.theirs),
            )
    if session.symbols_at is not None and now - session.symbols_at >= SYMBOLS_EVERY:
        load_symbols(session)


def _prices(session: Session) -> Prices:
    held = LivePosition.objects.filter(
        connection=session.connection,
        state__in=(PositionState.OPENING, PositionState.OPEN, PositionState.CLOSING),
    ).values_list("symbol", flat=True)
    symbols = sorted({*session.engine.symbols, *held})
    return board.read(*session.venue.parts, symbols)


def _decide_exit(position: LivePosition, last: Decimal) -> None:
    exits = exits_of(position)
    if exits is None:
        return
    best = position.best_price if position.best_price is not None else exits.entry
    worst = position.worst_price if position.worst_price is not None else exits.entry
    reason = exits.decide(last, best)
    better, worse = exits.better(best, last), exits.worse(worst, last)
    if (better, worse) != (position.best_price, position.worst_price):
        LivePosition.objects.filter(pk=position.pk).update(best_price=better, worst_price=worse)
        position.best_price, position.worst_price = better, worse
    if reason is None or (reason == "stop_loss" and position.stop_kind == StopKind.EXCHANGE):
        return  # the exchange's own stop fills; sync_orders asks for it at once
    begin_close(position=position, reason=CloseReason(reason))


def _price_beyond(order: Order, prices: Prices) -> bool:
    """Tell whether a resting stop should have triggered by now, so that it is asked for at once."""
    price = prices.get(order.symbol)
    if price is None or order.trigger_price is None or order.state == OrderState.INTENT:
        return False
    if order.side == "sell":
        return price.last <= order.trigger_price
    return price.last >= order.trigger_price


def _still_wanted(order: Order) -> bool:
    if order.purpose == OrderPurpose.STOP_LOSS:
        return order.position.state in (PositionState.OPENING, PositionState.OPEN)
    return order.purpose == OrderPurpose.EXIT and order.position.state == PositionState.CLOSING
