"""From what Real sets opened on paper to live entries: gates, size, order, stop."""

import time
from datetime import datetime
from decimal import Decimal

import structlog
from django.utils import timezone

from connections.gateway.errors import GatewayError
from positions.choices import Side
from positions.entries import EntryContext, EntryPrice, EntrySignal, open_position
from positions.models import LivePosition, Order
from positions.protection import ensure_stop
from trading.choices import DesiredState
from trading.engine.session import Session
from trading.market import board
from trading.market.board import BoardPrice
from trading.tournament.live_book import LiveBook, Opening
from trading.tournament.set_spec import parse_code, split_key

log = structlog.get_logger(__name__)
LONGEST_SIGNAL_AGE_S = 15.0


def act_on_signals(session: Session) -> None:
    """Feed closed frames to the book; send what Real sets opened through the gates.

    The strongest signals first: positions are limited. Entries take turns with exits: after one
    interval the rest waits for the next cycle, where the gates see its age.
    """
    if session.book is None:
        return
    session.book.catch_up()
    fresh = session.book.openings_after(session.openings_seen)
    session.openings_seen = max((each.number for each in fresh), default=session.openings_seen)
    waiting = session.openings_waiting + [
        each for each in fresh if each.symbol in session.engine.symbols
    ]
    if not session.connection.live_trading:
        waiting = []
    waiting.sort(key=lambda each: each.opened.strength)
    turn_ends = time.monotonic() + session.engine.interval_ms / 1000
    while waiting and time.monotonic() < turn_ends:
        _enter(session, session.book, waiting.pop())
    session.openings_waiting = waiting


def _enter(session: Session, book: LiveBook, opening: Opening) -> None:
    # read anew: the entries before this one took their time
    price = board.read(*session.venue.parts, [opening.symbol]).get(opening.symbol)
    outcome = open_position(
        signal=_entry_signal(book, opening),
        context=entry_context(session),
        spec=session.specs.get(opening.symbol),
        price=None if price is None else _entry_price(price),
        gateway=session.reach(),
    )
    if isinstance(outcome, Order) and outcome.filled_quantity:
        _protect_at_once(session, outcome)


def entry_context(session: Session) -> EntryContext:
    """Give what an entry's gates ask of the engine, as of this cycle."""
    engine = session.engine
    frame_s = (session.book.timeframe_ms if session.book is not None else 0) / 1000
    return EntryContext(
        connection=engine.connection,
        fence=session.lease,
        engine_running=engine.desired == DesiredState.RUNNING,
        engine_paused=engine.desired == DesiredState.PAUSED,
        halted=engine.halted_at is not None,
        balance=session.balance,
        equity=session.equity,
        peak_equity=engine.peak_equity_quote,
        limits_from=engine.limits_from,
        signal_age_limit_s=min(LONGEST_SIGNAL_AGE_S, max(2.0, frame_s / 4)),
        out_of_sync=session.out_of_sync,
    )


def _protect_at_once(session: Session, order: Order) -> None:
    position = LivePosition.objects.select_related("connection").get(pk=order.position_id)
    try:
        ensure_stop(
            position=position,
            spec=session.specs[position.symbol],
            gateway=session.reach(),
            fence=session.lease,
            now=timezone.now(),
        )
    except GatewayError as error:
        log.error("stop_not_placed", position=position.pk, error=str(error))


def _entry_signal(book: LiveBook, opening: Opening) -> EntrySignal:
    _, code = split_key(opening.opened.key)
    spec = parse_code(code)
    cost_pct = book.position_cost_pct
    take_profit_pct = Decimal(str(spec.tp_units)) * cost_pct
    trailing = None
    if spec.trailing is not None:
        trailing = (Decimal(str(spec.trailing.start_pct)), Decimal(str(spec.trailing.stop_pct)))
    frame_ms = opening.opened.opened_ms
    return EntrySignal(
        cause=f"{book.tournament_id}|{opening.opened.key}|{frame_ms}",
        symbol=opening.symbol,
        side=Side(str(opening.opened.side)),
        set_key=opening.opened.key,
        indication_type=spec.source.type,
        signal_ms=frame_ms,
        frame_closed_at=datetime.fromtimestamp(
            (frame_ms + book.timeframe_ms) / 1000, tz=timezone.get_default_timezone()
        ),
        take_profit_pct=take_profit_pct,
        stop_loss_pct=take_profit_pct * Decimal(str(spec.sl_ratio)),
        trailing=trailing,
        position_cost_pct=cost_pct,
    )


def _entry_price(price: BoardPrice) -> EntryPrice:
    now = timezone.now()
    return EntryPrice(
        last=price.last,
        bid=price.bid,
        ask=price.ask,
        spread_pct=price.spread_pct(),
        age_s=price.age_s(now),
        stale_after_s=board.STALE_AFTER_S,
    )
