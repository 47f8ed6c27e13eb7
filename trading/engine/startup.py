"""The phases of an engine's start: symbols, history, replay, reconciliation (domain section 11)."""

from collections.abc import Callable

import structlog
from django.utils import timezone

from connections.gateway.errors import GatewayError
from positions.choices import OrderState
from positions.models import Order
from positions.order_states import UNSETTLED
from positions.settlement import is_wanted, settle
from positions.submission import give_up
from trading.choices import Phase
from trading.engine.session import Session
from trading.engine.state import note_phase
from trading.engine.upkeep import compare, look_after_positions
from trading.market.candles import fetch_missing
from trading.market.symbols import choose_symbols, sync_markets
from trading.models import Engine, Market
from trading.tournament.live_book import LiveBook
from trading.tournament.storage import add_symbols, tournament_of

log = structlog.get_logger(__name__)


def start_up(session: Session, book_of: Callable[[int], LiveBook]) -> None:
    """Bring an engine to the point where it may decide. May be repeated from the beginning.

    What is open is looked after from the first moment on: a position whose stop a crash prevented
    does not wait for the history. Raises GatewayError where the exchange does not answer and
    LeaseLost.
    """
    _note(session, Phase.SYMBOLS)
    session.specs = session.reach().markets()
    settle_what_was_left(session)
    look_after_positions(session)
    load_symbols(session)
    _note(session, Phase.HISTORY)
    book = book_of(_load_history(session))
    _note(session, Phase.REPLAY)
    book.catch_up()
    session.book, session.openings_seen = book, book.number
    _note(session, Phase.RECONCILE)
    settle_what_was_left(session)
    compare(session)
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
    never sent stay intents, the cycle sends them if they are still wanted. What the exchange does
    not answer for stays in doubt and is asked for again.
    """
    gateway = session.reach()
    left = Order.objects.filter(connection=session.connection, state__in=UNSETTLED)
    for order in left.select_related("position", "position__connection").order_by("id"):
        if order.state != OrderState.INTENT:
            settle(order=order, gateway=gateway)
        elif not is_wanted(order):
            give_up(order=order, reason="never sent, its moment has passed")
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
        look_after_positions(session)
        _note(session, Phase.HISTORY, number * 100 // total)
    return tournament.pk


def _note(session: Session, phase: Phase, progress_pct: int = 0) -> None:
    note_phase(engine=session.engine, lease=session.lease, phase=phase, progress_pct=progress_pct)
