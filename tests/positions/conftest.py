"""A scripted exchange, a lease that stands, and a position on its way in."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from connections.choices import PositionMode
from connections.gateway.types import Balance, MarketSpec
from connections.models import Connection
from positions.choices import OrderKind, OrderPurpose, PositionSource, PositionState, Side, StopKind
from positions.entries import EntryContext, EntryPrice, EntrySignal
from positions.intents import record_intent
from positions.models import LivePosition, Order
from tests.factories import SYMBOL, ConnectionFactory, LivePositionFactory
from tests.positions.exchange_stub import ExchangeStub, FenceStub

SPEC = MarketSpec(
    symbol=SYMBOL,
    base="BTC",
    quote="USDT",
    lot=Decimal("0.001"),
    tick=Decimal("0.1"),
    min_quantity=Decimal("0.001"),
    min_notional=Decimal(5),
    contract_size=Decimal(1),
    is_trading=True,
)
MakeOrder = Callable[..., Order]


@pytest.fixture
def exchange() -> ExchangeStub:
    return ExchangeStub()


@pytest.fixture
def fence() -> FenceStub:
    return FenceStub()


@pytest.fixture
def connection(db: None) -> Connection:
    return ConnectionFactory(live=True)


@pytest.fixture
def opening(connection: Connection) -> LivePosition:
    """A long of which nothing is bought yet."""
    return LivePositionFactory(
        connection=connection,
        state=PositionState.OPENING,
        source=PositionSource.MAIN,
        entry_price=None,
        entry_quantity=0,
        take_profit_price=None,
        stop_price=None,
        best_price=None,
        worst_price=None,
        fees_quote=0,
        stop_kind=StopKind.NONE,
        opened_at=None,
    )


@pytest.fixture
def make_order(opening: LivePosition, fence: FenceStub) -> MakeOrder:
    """Commits an intent for the opening position; an entry of 0.1 unless said otherwise."""

    def make(purpose: OrderPurpose = OrderPurpose.ENTRY, **wishes: Any) -> Order:
        position = wishes.pop("position", opening)
        number = position.orders.count()
        is_stop = purpose == OrderPurpose.STOP_LOSS
        order = record_intent(
            fence=fence,
            position=position,
            purpose=purpose,
            cause=wishes.pop("cause", f"{purpose}|{position.pk}|{number}"),
            kind=OrderKind.STOP if is_stop else OrderKind.MARKET,
            quantity=Decimal(wishes.pop("quantity", "0.1")),
            reference_price=Decimal(50_000),
            trigger_price=Decimal(49_750) if is_stop else None,
            close_reason="stop_loss" if is_stop else wishes.pop("close_reason", ""),
            now=timezone.now(),
        )
        assert order is not None
        return order

    return make


@pytest.fixture
def signal() -> EntrySignal:
    """A long signal of BTC whose frame has just closed."""
    return EntrySignal(
        cause="1|set|1700000000000",
        symbol=SYMBOL,
        side=Side.LONG,
        set_key="set",
        indication_type="direction",
        signal_ms=1_700_000_000_000,
        frame_closed_at=timezone.now(),
        take_profit_pct=Decimal(1),
        stop_loss_pct=Decimal("0.5"),
        trailing=None,
        position_cost_pct=Decimal("0.1"),
    )


@pytest.fixture
def context(connection: Connection, fence: FenceStub) -> EntryContext:
    """Everything in order."""
    connection.position_mode = PositionMode.ONE_WAY
    return EntryContext(
        connection=connection,
        fence=fence,
        engine_running=True,
        engine_paused=False,
        halted=False,
        balance=Balance("USDT", Decimal(10_000), Decimal(10_000), timezone.now()),
        equity=Decimal(10_000),
        peak_equity=Decimal(10_000),
        limits_from=None,
        signal_age_limit_s=15.0,
    )


@pytest.fixture
def price() -> EntryPrice:
    return EntryPrice(
        last=Decimal(50_000),
        bid=Decimal(49_999),
        ask=Decimal(50_001),
        spread_pct=Decimal("0.004"),
        age_s=0.5,
        stale_after_s=5.0,
    )


def long_ago(order: Order) -> Order:
    """Let the order have been sent a minute ago, and be due."""
    at = timezone.now() - timedelta(minutes=1)
    Order.objects.filter(pk=order.pk).update(sent_at=at, ask_after=at)
    order.refresh_from_db()
    return order
