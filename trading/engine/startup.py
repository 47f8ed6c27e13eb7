"""The phases of an engine's start: symbols, history, replay, reconciliation (domain section 11)."""

from collections.abc import Callable

import structlog
from django.utils import timezone

from connections.gateway.errors import GatewayError
from positions.choices import OrderPurpose, OrderState
from positions.live import refresh_position
from positions.models import Order
from positions.order_changes import change_state
from positions.order_states import UNSETTLED
from positions.reconciliation import compare_positions
from positions.settlement import settle
from trading.choices import Phase
from trading.engine.session import Session
from trading.engine.state import note_phase
from trading.market.candles import fetch_missing
from trading.market.symbols import choose_symbols, sync_markets
from trading.models import Engine, Market
from trading.tournament.live_book import LiveBook
from trading.tournament.storage import add_symbols, tournament_of

log = structlog.get_logger(__name__)


def start_up(session: Session, book_of: Callable[[int], LiveBook]) -> None:
    """Bring an engine to the point where it may decide. May be repeated from the beginning.

    Raises GatewayError where the exchange does not answer and LeaseLost.
    """
    _note(session, Phase.SYMBOLS)
    load_symbols(session)
    _note(session, Phase.HISTORY)
    book = book_of(_load_history(session))
    _note(session, Phase.REPLAY)
    book.catch_up()
    session.book, session.openings_seen = book, book.number
    _note(session, Phase.RECONCILE)
    settle_what_was_left(session)
    compare_positions(connection=session.connection, gateway=session.reach())
    session.compared_at = timezone.now()
    _note(session, Phase.CYCLE, 100)


def load_symbols(session: Session) -> None:
    """Choose what the connection trades and set the account's modes for it at the exchange."""
    gateway = session.reach()
    sync_markets(session.venue)
    session.specs = gateway.markets()
    tickers = session.venue.gateway().tickers(
        [symbol for symbol, spec in session.specs.items() if spec.quote == "USDT"]
    )
    symbols = choose_symbols(session.connection, session.specs, tickers)
    gateway.ensure_account_modes(symbols)
    session.engine.symbols = symbols
    Engine.objects.filter(pk=session.engine.pk).update(symbols=symbols)
    session.symbols_at = timezone.now()


def settle_what_was_left(session: Session) -> None:
    """Settle every order of a former holder before the first decision (design promise 2).

    An entry that was never sent is given up, its moment has passed; exits and stops that were
    never sent stay intents, the cycle sends them if they are still wanted. Raises GatewayError
    where an order that was sent can't be asked for.
    """
    gateway = session.reach()
    left = Order.objects.filter(connection=session.connection, state__in=UNSETTLED)
    for order in left.select_related("position", "position__connection").order_by("id"):
        now = timezone.now()
        if order.state == OrderState.INTENT:
            if order.purpose == OrderPurpose.ENTRY:
                detail = {"reason": "never sent, its moment has passed"}
                change_state(order, OrderState.DENIED, now=now, detail=detail)
                refresh_position(order.position_id, now=now)
            continue
        settle(order=order, gateway=gateway)
    log.info("orders_settled", connection=session.connection.pk)


def _load_history(session: Session) -> int:
    tournament = tournament_of(session.venue, now=timezone.now())
    tournament = add_symbols(tournament, session.engine.symbols)
    markets = Market.objects.filter(
        exchange=tournament.exchange,
        environment=tournament.environment,
        market_type=tournament.market_type,
        symbol__in=tournament.symbols,
    )
    total = len(markets)
    for number, market in enumerate(markets, start=1):
        try:
            fetch_missing(
                venue=session.venue,
                market=market,
                timeframe=tournament.timeframe,
                since_ms=tournament.origin_ms or 0,
            )
        except GatewayError as error:
            log.warning("history_not_loaded", symbol=market.symbol, error=str(error))
        _note(session, Phase.HISTORY, number * 100 // total)
    return tournament.pk


def _note(session: Session, phase: Phase, progress_pct: int = 0) -> None:
    note_phase(engine=session.engine, lease=session.lease, phase=phase, progress_pct=progress_pct)
