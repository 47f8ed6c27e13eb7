"""Objects for tests: people, connections, engines, positions, sets."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import factory
from django.test import Client
from django.utils import timezone
from factory.django import DjangoModelFactory
from rest_framework.test import APIClient

from connections.choices import Environment, MarketType
from connections.models import Connection, ConnectionTest
from cts.choices import Role
from cts.fields import Sealed
from cts.models import User
from positions.choices import (
    CloseReason,
    OrderKind,
    OrderPurpose,
    OrderSide,
    OrderState,
    PositionSource,
    PositionState,
    Side,
    StopKind,
    SyncState,
)
from positions.models import Fill, LivePosition, Order, OrderEvent, PseudoPosition, Refusal
from trading.choices import ActualState, DesiredState, GateProfile, Phase
from trading.models import (
    Engine,
    EngineChange,
    Market,
    StageChange,
    Tournament,
    TournamentSet,
)

PASSWORD = "correct horse battery staple"
SYMBOL = "BTC/USDT:USDT"
SET_CODE = "direction:N=5:long:tp=10:sl=0.5:trail=0.3,0.1"


class UserFactory(DjangoModelFactory):
    """A trader whose password is PASSWORD."""

    class Meta:
        model = User
        skip_postgeneration_save = True

    username = factory.Sequence(lambda number: f"person-{number}")
    role = Role.TRADER

    @factory.post_generation
    def password(self, create: bool, extracted: str | None, **kwargs: Any) -> None:
        """Hash the password and save the user."""
        self.set_password(extracted or PASSWORD)
        if create:
            self.save()


class ConnectionFactory(DjangoModelFactory):
    """A disabled sandbox connection with sealed credentials."""

    class Meta:
        model = Connection

    class Params:
        tested = factory.Trait(
            last_test_ok=True,
            last_test_at=factory.LazyFunction(timezone.now),
            last_test_message="All checks passed.",
            balance_quote=Decimal("10000.5"),
            balance_at=factory.LazyFunction(timezone.now),
        )
        enabled = factory.Trait(tested=True, is_enabled=True)
        active = factory.Trait(enabled=True, is_active=True)
        live = factory.Trait(active=True, live_trading=True, indication_types=["direction"])

    owner = factory.SubFactory(UserFactory)
    name = factory.Sequence(lambda number: f"connection {number}")
    exchange = "binance"
    environment = Environment.SANDBOX
    market_type = MarketType.USDT_PERPETUAL
    api_key = factory.LazyFunction(lambda: Sealed.seal("the-key-abcd"))
    api_secret = factory.LazyFunction(lambda: Sealed.seal("the-secret-wxyz"))
    key_hint = "abcd"


class ConnectionTestFactory(DjangoModelFactory):
    """A passed connection test."""

    class Meta:
        model = ConnectionTest

    connection = factory.SubFactory(ConnectionFactory)
    started_at = factory.LazyFunction(timezone.now)
    duration_ms = 420
    ok = True
    message = "All checks passed."
    lines = ["Reached the exchange.", "Loaded 6 markets."]
    balance_quote = Decimal("10000.5")


class EngineFactory(DjangoModelFactory):
    """A running engine with a fresh heartbeat."""

    class Meta:
        model = Engine

    connection = factory.SubFactory(ConnectionFactory, active=True)
    desired = DesiredState.RUNNING
    actual = ActualState.RUNNING
    phase = Phase.CYCLE
    progress_pct = 100
    lease_holder = "host-1"
    lease_token = 3
    heartbeat_at = factory.LazyFunction(timezone.now)
    cycles = 1234
    last_cycle_ms = 12.5
    mean_cycle_ms = 14.2
    p99_cycle_ms = 48.0
    achieved_interval_ms = 1003.0


class EngineChangeFactory(DjangoModelFactory):
    """Somebody started the engine."""

    class Meta:
        model = EngineChange

    engine = factory.SubFactory(EngineFactory)
    at = factory.LazyFunction(timezone.now)
    column = "desired"
    before = DesiredState.STOPPED
    after = DesiredState.RUNNING
    who = "somebody"
    why = "start"


class LivePositionFactory(DjangoModelFactory):
    """An open long of 0.1 BTC at 50,000 with its stop on the exchange."""

    class Meta:
        model = LivePosition

    class Params:
        closed = factory.Trait(
            state=PositionState.CLOSED,
            close_reason=CloseReason.TAKE_PROFIT,
            closed_at=factory.LazyFunction(timezone.now),
            exit_quantity=factory.SelfAttribute("entry_quantity"),
            exit_price=Decimal(50_500),
            realised_quote=Decimal(50),
            fees_quote=Decimal(4),
        )

    connection = factory.SubFactory(ConnectionFactory, live=True)
    symbol = SYMBOL
    side = Side.LONG
    state = PositionState.OPEN
    source = PositionSource.MAIN
    cause = factory.Sequence(lambda number: f"cause-{number}")
    set_key = f"{SYMBOL}|{SET_CODE}"
    indication_type = "direction"
    position_cost_pct = Decimal("0.1")
    take_profit_pct = Decimal(1)
    stop_loss_pct = Decimal("0.5")
    trailing_start_pct = Decimal("0.3")
    trailing_stop_pct = Decimal("0.1")
    lot = Decimal("0.001")
    entry_price = Decimal(50_000)
    entry_quantity = Decimal("0.1")
    take_profit_price = Decimal(50_500)
    stop_price = Decimal(49_750)
    best_price = Decimal(50_050)
    worst_price = Decimal(49_950)
    fees_quote = Decimal(2)
    stop_kind = StopKind.EXCHANGE
    sync_state = SyncState.SYNCED
    created_at = factory.LazyFunction(lambda: timezone.now() - timedelta(minutes=5))
    opened_at = factory.LazyFunction(lambda: timezone.now() - timedelta(minutes=5))


class OrderFactory(DjangoModelFactory):
    """A filled entry order."""

    class Meta:
        model = Order

    position = factory.SubFactory(LivePositionFactory)
    connection = factory.SelfAttribute("position.connection")
    purpose = OrderPurpose.ENTRY
    cause = factory.Sequence(lambda number: f"order-cause-{number}")
    client_order_id = factory.Sequence(lambda number: f"cts{number:08d}")
    exchange_order_id = factory.Sequence(lambda number: f"{900_000 + number}")
    symbol = SYMBOL
    side = OrderSide.BUY
    position_side = Side.LONG
    kind = OrderKind.MARKET
    quantity = Decimal("0.1")
    reference_price = Decimal(50_000)
    state = OrderState.FILLED
    filled_quantity = Decimal("0.1")
    average_price = Decimal(50_000)
    lease_token = 3
    created_at = factory.LazyFunction(timezone.now)


class OrderEventFactory(DjangoModelFactory):
    """An order was sent."""

    class Meta:
        model = OrderEvent

    order = factory.SubFactory(OrderFactory)
    at = factory.LazyFunction(timezone.now)
    before = OrderState.INTENT
    after = OrderState.SENT


class FillFactory(DjangoModelFactory):
    """One trade of an order."""

    class Meta:
        model = Fill

    order = factory.SubFactory(OrderFactory)
    connection = factory.SelfAttribute("order.connection")
    symbol = SYMBOL
    exchange_trade_id = factory.Sequence(lambda number: f"trade-{number}")
    price = Decimal(50_000)
    quantity = Decimal("0.1")
    fee = Decimal(2)
    fee_currency = "USDT"
    at = factory.LazyFunction(timezone.now)


class RefusalFactory(DjangoModelFactory):
    """An entry that a gate refused."""

    class Meta:
        model = Refusal

    connection = factory.SubFactory(ConnectionFactory, live=True)
    at = factory.LazyFunction(timezone.now)
    cause = factory.Sequence(lambda number: f"refusal-{number}")
    symbol = SYMBOL
    side = Side.LONG
    code = "price_stale"
    message = "Expected a price at most 5 s old, was 9 s."


class MarketFactory(DjangoModelFactory):
    """A perpetual market of the sandbox."""

    class Meta:
        model = Market

    exchange = "binance"
    environment = Environment.SANDBOX
    market_type = MarketType.USDT_PERPETUAL
    symbol = factory.Sequence(lambda number: f"COIN{number}/USDT:USDT")
    base = "BTC"
    quote = "USDT"
    lot = Decimal("0.001")
    tick = Decimal("0.1")
    min_quantity = Decimal("0.001")
    min_notional = Decimal(5)
    synced_at = factory.LazyFunction(timezone.now)


class TournamentFactory(DjangoModelFactory):
    """A sandbox tournament with practice gates."""

    class Meta:
        model = Tournament

    exchange = "binance"
    environment = Environment.SANDBOX
    market_type = MarketType.USDT_PERPETUAL
    grid = factory.LazyFunction(dict)
    gate_profile = GateProfile.PRACTICE
    symbols = factory.LazyFunction(lambda: [SYMBOL])


class TournamentSetFactory(DjangoModelFactory):
    """A set at Main."""

    class Meta:
        model = TournamentSet

    tournament = factory.SubFactory(TournamentFactory)
    key = factory.Sequence(
        lambda number: f"{SYMBOL}|direction:N=5:long:tp={10 + number % 80}:sl=0.5:trail=none"
    )
    symbol = SYMBOL
    stage = "main"
    since_ms = 1_700_000_000_000


class StageChangeFactory(DjangoModelFactory):
    """A set climbed to Main."""

    class Meta:
        model = StageChange

    tournament = factory.SubFactory(TournamentFactory)
    set_key = f"{SYMBOL}|{SET_CODE}"
    frame_ms = factory.Sequence(lambda number: 1_700_000_000_000 + number * 60_000)
    before = "base_active"
    after = "main"


class PseudoPositionFactory(DjangoModelFactory):
    """An open position on paper."""

    class Meta:
        model = PseudoPosition

    class Params:
        closed = factory.Trait(
            close_ms=factory.LazyFunction(lambda: milliseconds(timezone.now())),
            exit_price=50_500.0,
            close_reason=CloseReason.TAKE_PROFIT,
            result_units=10.0,
            net_units=9.0,
        )

    tournament_id = factory.LazyFunction(lambda: TournamentFactory().pk)
    set_key = factory.Sequence(lambda number: f"{SYMBOL}|set-{number}")
    symbol = SYMBOL
    side = Side.LONG
    stage = "main"
    strength = 0.4
    open_ms = factory.Sequence(lambda number: 1_700_000_000_000 + number * 60_000)
    entry_price = 50_000.0


def milliseconds(at: datetime) -> int:
    """Give `at` as milliseconds since the epoch."""
    return int(at.astimezone(UTC).timestamp() * 1000)


def browser_of(user: User | None) -> Client:
    """Give a test client of the pages, signed in as `user` (None: nobody)."""
    client = Client()
    if user is not None:
        client.force_login(user, backend="cts.authentication.RoleBackend")
    return client


def api_of(user: User | None) -> APIClient:
    """Give a test client of the API, signed in as `user` (None: nobody)."""
    client = APIClient()
    if user is not None:
        client.force_authenticate(user)
    return client
