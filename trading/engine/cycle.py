"""One cycle of one connection: a list of small named steps, in this order.

controls, upkeep (orders, exits, protection), balance, limits, signals, comparison. What shrinks
exposure comes before what grows it, and goes on paused and halted.
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
from positions.choices import OrderState
from positions.entries import money_facts, money_state, open_positions_of
from positions.models import Order
from positions.refusals import MEANING
from trading.choices import ActualState, DesiredState
from trading.engine.lease import unfinished
from trading.engine.session import Session
from trading.engine.signals import act_on_signals, entry_context
from trading.engine.startup import load_symbols
from trading.engine.state import note_actual
from trading.engine.upkeep import Prices, compare, look_after_positions, read_prices
from trading.models import Engine

log = structlog.get_logger(__name__)

BALANCE_EVERY = timedelta(seconds=10)
COMPARE_EVERY = timedelta(seconds=60)
COMPARE_AGAIN_AFTER = timedelta(seconds=10)
SYMBOLS_EVERY = timedelta(minutes=60)


def run_cycle(session: Session) -> bool:
    """Run the steps once; give False when the engine has come to its end.

    Raises LeaseLost; a GatewayError of one symbol or order is logged and touches no other.
    """
    if not read_controls(session):
        return False
    look_after_positions(session)
    now = timezone.now()
    refresh_balance(session, read_prices(session), now)
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
    if not wanted and not unfinished().filter(connection=engine.connection).exists():
        return False
    if engine.halted_at is not None:
        actual, why = ActualState.HALTED, engine.reason
    elif engine.desired == DesiredState.PAUSED or not wanted:
        actual, why = ActualState.PAUSED, ""
    else:
        actual, why = ActualState.RUNNING, ""
    note_actual(engine=engine, lease=session.lease, actual=actual, reason=why)
    return True


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

    On futures the balance counts unrealised profit; on spot what was bought is added. There it is
    not known while an order has no answer: what it paid or earned would count twice or not at all.
    """
    if session.connection.market_type != MarketType.SPOT:
        return balance.total
    in_flight = (OrderState.SENT, OrderState.UNKNOWN)
    if Order.objects.filter(connection=session.connection, state__in=in_flight).exists():
        return None
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
    wait = COMPARE_AGAIN_AFTER if session.out_of_sync else COMPARE_EVERY
    if session.compared_at is None or now - session.compared_at >= wait:
        compare(session)
    if session.symbols_at is not None and now - session.symbols_at >= SYMBOLS_EVERY:
        load_symbols(session)
