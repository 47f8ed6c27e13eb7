"""Entering with money: gates, size, intent, submission (domain section 9, design section 2)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, time
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import structlog
from django.db import transaction
from django.db.models import Max, Prefetch, Q
from django.utils import timezone

from connections.choices import MarketType, PositionMode
from connections.gateway.types import Balance, MarketSpec
from connections.models import Connection
from positions import gates
from positions.choices import OrderKind, OrderPurpose, PositionSource, Side, SyncState
from positions.fencing import Fence
from positions.intents import record_intent
from positions.live import realised_since
from positions.models import LivePosition, Order, Refusal
from positions.models.positions import OPEN_STATES
from positions.refusals import MEANING, RefusalCode
from positions.sizing import Sizing, SizingInput, size, with_room_for_spot_exit
from positions.submission import submit

if TYPE_CHECKING:
    from connections.gateway.gateway import Gateway

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class EntrySignal:
    """What asks for a live position. `cause` is unique: the set and the frame of its signal.

    Distances in percent of the entry price; `trailing` is (start %, stop %) or None.
    """

    cause: str
    symbol: str
    side: Side
    set_key: str
    indication_type: str
    signal_ms: int
    frame_closed_at: datetime
    take_profit_pct: Decimal
    stop_loss_pct: Decimal
    trailing: tuple[Decimal, Decimal] | None
    position_cost_pct: Decimal


@dataclass(frozen=True, slots=True)
class EntryPrice:
    """The newest price of the symbol: last, what an entry would pay, spread in %, age in s."""

    last: Decimal
    bid: Decimal | None
    ask: Decimal | None
    spread_pct: Decimal | None
    age_s: float
    stale_after_s: float

    def for_side(self, side: Side) -> Decimal:
        """Give what a market entry of that side would meet: the ask for a long."""
        met = self.ask if side == Side.LONG else self.bid
        return self.last if met is None else met


@dataclass(frozen=True, slots=True)
class EntryContext:
    """What the engine knows at the moment of an entry. None is unknown, and refuses."""

    connection: Connection
    fence: Fence
    engine_running: bool
    engine_paused: bool
    halted: bool
    balance: Balance | None
    equity: Decimal | None
    peak_equity: Decimal | None
    limits_from: datetime | None
    signal_age_limit_s: float
    out_of_sync: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class MoneyState:
    """Open notional and realised result of the day, in quote currency."""

    open_notional: Decimal
    realised_today: Decimal


def open_position(
    *,
    signal: EntrySignal,
    context: EntryContext,
    spec: MarketSpec | None,
    price: EntryPrice | None,
    gateway: "Gateway",
) -> Order | Refusal | None:
    """Send one live entry through all gates; give its order, or the stored refusal.

    None where this signal was already acted upon (a signal is never acted upon twice). Raises
    LeaseLost.
    """
    now = timezone.now()
    connection = context.connection
    if LivePosition.objects.filter(connection=connection, cause=signal.cause).exists():
        return None
    open_positions = open_positions_of(connection)
    money = money_facts(context, money_state(connection, open_positions, context, now), now)
    refusal = gates.before_sizing(
        _control_facts(signal, context, now),
        _position_facts(signal, context, open_positions),
        money,
        gates.PriceFacts(
            known_market=spec is not None and spec.is_trading,
            age_s=None if price is None else price.age_s,
            stale_after_s=0.0 if price is None else price.stale_after_s,
            spread_pct=None if price is None else price.spread_pct,
        ),
    )
    if refusal is not None or spec is None or price is None or context.balance is None:
        return _refuse(signal, connection, refusal or RefusalCode.PRICE_STALE, {}, now)
    request = SizingInput(
        balance_quote=context.balance.total,
        share_pct=connection.share_per_position_pct,
        volume_factor=connection.volume_factor_main,
        price=price.for_side(signal.side),
        lot=spec.lot,
        min_quantity=spec.min_quantity,
        min_notional=spec.min_notional,
        enforce_minimum=connection.enforce_minimum,
    )
    if connection.market_type == MarketType.SPOT:
        request = with_room_for_spot_exit(request, stop_loss_pct=signal.stop_loss_pct)
    sizing = size(request)
    refusal = sizing.refusal or gates.after_sizing(money, sizing.notional)
    if refusal is not None:
        return _refuse(signal, connection, refusal, sizing.record(request), now)
    order = _record(signal, context, spec, sizing, request, now)
    if order is None:
        return None
    return submit(order=order, gateway=gateway, fence=context.fence)


def open_positions_of(connection: Connection) -> list[LivePosition]:
    """Give the open live positions of a connection with their entry orders: two queries."""
    entries = Order.objects.filter(purpose=OrderPurpose.ENTRY)
    return list(
        LivePosition.objects.filter(connection=connection, state__in=OPEN_STATES)
        .select_related("connection")
        .prefetch_related(Prefetch("orders", queryset=entries, to_attr="entry_orders"))
        .order_by("id")
    )


def money_state(
    connection: Connection,
    open_positions: list[LivePosition],
    context: EntryContext,
    now: datetime,
) -> MoneyState:
    """Give what is at stake and what the day has cost, or the time since somebody resumed.

    A closed position counts whole on the day it closed. One query.
    """
    since = datetime.combine(now.date(), time.min, tzinfo=now.tzinfo)
    if context.limits_from is not None:
        since = max(since, context.limits_from)
    closed = LivePosition.objects.filter(connection=connection, closed_at__gte=since)
    realised = sum(
        (
            result - fees + funding
            for result, fees, funding in closed.values_list(
                "realised_quote", "fees_quote", "funding_quote"
            )
        ),
        Decimal(0),
    )
    realised += sum((realised_since(p, since) for p in open_positions), Decimal(0))
    return MoneyState(
        open_notional=sum((_notional(p) for p in open_positions), Decimal(0)),
        realised_today=realised,
    )


def money_facts(context: EntryContext, state: MoneyState, now: datetime) -> gates.MoneyFacts:
    """Give gates 4 and 5 their facts."""
    connection, balance = context.connection, context.balance
    return gates.MoneyFacts(
        balance=None if balance is None else balance.total,
        free=None if balance is None else balance.free,
        balance_age_s=None if balance is None else (now - balance.at).total_seconds(),
        open_notional=state.open_notional,
        max_exposure_pct=connection.max_exposure_pct,
        realised_today=state.realised_today,
        daily_loss_limit_pct=connection.daily_loss_limit_pct,
        equity=context.equity,
        peak_equity=context.peak_equity,
        leverage=connection.leverage if connection.market_type != MarketType.SPOT else 1,
    )


def _control_facts(signal: EntrySignal, context: EntryContext, now: datetime) -> gates.ControlFacts:
    connection = context.connection
    last_entry = LivePosition.objects.filter(
        connection=connection, set_key=signal.set_key
    ).aggregate(at=Max("created_at"))["at"]
    return gates.ControlFacts(
        engine_running=context.engine_running,
        engine_paused=context.engine_paused,
        halted=context.halted,
        lease_valid=context.fence.holds(),
        connection_live=connection.is_enabled and connection.is_active and connection.live_trading,
        test_passed=bool(connection.last_test_ok),
        type_chosen=signal.indication_type in connection.indication_types
        and (signal.trailing is None or connection.trailing_enabled),
        side_tradable=signal.side == Side.LONG or connection.market_type != MarketType.SPOT,
        signal_age_s=(now - signal.frame_closed_at).total_seconds(),
        signal_age_limit_s=context.signal_age_limit_s,
        since_last_entry_s=None if last_entry is None else (now - last_entry).total_seconds(),
    )


def _position_facts(
    signal: EntrySignal, context: EntryContext, open_positions: list[LivePosition]
) -> gates.PositionFacts:
    connection = context.connection
    of_symbol = [p for p in open_positions if p.symbol == signal.symbol]
    same_side = [p for p in of_symbol if p.side == signal.side]
    return gates.PositionFacts(
        exchange=connection.exchange,
        hedge_mode=connection.position_mode == PositionMode.HEDGE,
        of_set=sum(p.set_key == signal.set_key for p in same_side),
        of_symbol_and_side=len(same_side),
        of_other_side=len(of_symbol) - len(same_side),
        of_connection=len(open_positions),
        max_open_positions=connection.max_open_positions,
        symbol_in_sync=signal.symbol not in context.out_of_sync
        and all(p.sync_state != SyncState.OUT_OF_SYNC for p in of_symbol),
    )


def _notional(position: LivePosition) -> Decimal:
    """What an open position counts for: its open quantity, or all that its entry asked for."""
    if position.entry_price is not None:
        return position.open_quantity * position.entry_price
    orders: list[Order] = position.entry_orders  # type: ignore[attr-defined]
    return sum((order.quantity * order.reference_price for order in orders), Decimal(0))


def _record(
    signal: EntrySignal,
    context: EntryContext,
    spec: MarketSpec,
    sizing: Sizing,
    request: SizingInput,
    now: datetime,
) -> Order | None:
    """Commit position and intent together; None where somebody was first, or where live went off
    or the engine was paused since the gates were asked."""
    with transaction.atomic():
        still_live = (
            Connection.objects.select_for_update(of=("self",))
            .filter(Q(pk=context.connection.pk), is_enabled=True, is_active=True, live_trading=True)
            .first()
        )
        if still_live is None or not context.fence.permits_entries():
            return None
        position, created = LivePosition.objects.get_or_create(
            connection=still_live,
            cause=signal.cause,
            defaults={
                "symbol": signal.symbol,
                "side": signal.side,
                "source": PositionSource.MAIN,
                "set_key": signal.set_key,
                "indication_type": signal.indication_type,
                "signal_ms": signal.signal_ms,
                "lot": spec.lot,
                "position_cost_pct": signal.position_cost_pct,
                "take_profit_pct": signal.take_profit_pct,
                "stop_loss_pct": signal.stop_loss_pct,
                "trailing_start_pct": None if signal.trailing is None else signal.trailing[0],
                "trailing_stop_pct": None if signal.trailing is None else signal.trailing[1],
                "created_at": now,
            },
        )
        if not created:
            return None
        return record_intent(
            fence=context.fence,
            position=position,
            purpose=OrderPurpose.ENTRY,
            cause=f"entry|{signal.cause}",
            kind=OrderKind.MARKET,
            quantity=sizing.quantity,
            reference_price=request.price,
            sizing=sizing.record(request),
            now=now,
        )


def _refuse(
    signal: EntrySignal,
    connection: Connection,
    code: RefusalCode,
    sizing: Mapping[str, Any],
    now: datetime,
) -> Refusal:
    refusal, created = Refusal.objects.get_or_create(
        connection=connection,
        cause=signal.cause,
        defaults={
            "at": now,
            "symbol": signal.symbol,
            "side": signal.side,
            "code": code,
            "message": MEANING[code],
            "sizing": sizing,
        },
    )
    if created:
        log.debug("entry_refused", code=code.value, symbol=signal.symbol, side=signal.side)
    return refusal
