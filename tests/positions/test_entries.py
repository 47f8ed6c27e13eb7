"""Entering with money: all gates over real rows, one order for each signal, nothing half done."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
import time_machine
from django.utils import timezone

from connections.choices import MarketType
from connections.models import Connection
from positions.choices import OrderState, PositionState
from positions.entries import (
    EntryContext,
    EntryPrice,
    EntrySignal,
    money_state,
    open_position,
    open_positions_of,
)
from positions.fencing import LeaseLost
from positions.models import LivePosition, Order, Refusal
from tests.factories import SYMBOL, FillFactory, LivePositionFactory, OrderFactory
from tests.positions.conftest import SPEC
from tests.positions.exchange_stub import ExchangeStub, Fate, FenceStub


@pytest.fixture
def enter(
    signal: EntrySignal, context: EntryContext, price: EntryPrice, exchange: ExchangeStub
) -> "Enter":
    return Enter(signal, context, price, exchange)


class Enter:
    """Calls open_position with everything in order but for what a test changes."""

    def __init__(
        self,
        signal: EntrySignal,
        context: EntryContext,
        price: EntryPrice,
        exchange: ExchangeStub,
    ) -> None:
        self.signal, self.context, self.price = signal, context, price
        self.exchange = exchange

    def __call__(self) -> Order | Refusal | None:
        return open_position(
            signal=self.signal,
            context=self.context,
            spec=SPEC,
            price=self.price,
            gateway=self.exchange,
        )

    def refusal(self) -> str:
        outcome = self()
        assert isinstance(outcome, Refusal)
        assert not Order.objects.exists()
        return outcome.code


def test_an_entry_buys_its_share_at_the_ask(enter: Enter) -> None:
    order = enter()
    assert isinstance(order, Order)
    assert (order.state, order.quantity) == (OrderState.FILLED, Decimal("0.001"))
    assert order.reference_price == Decimal(50_001)
    assert order.sizing["input"]["balance_quote"] == "10000"
    position = LivePosition.objects.get()
    assert (position.state, position.cause) == (PositionState.OPEN, enter.signal.cause)


def test_a_signal_is_acted_upon_once(enter: Enter) -> None:
    assert enter() is not None
    assert enter() is None
    assert Order.objects.count() == 1


def test_a_signal_whose_answer_was_lost_is_not_acted_upon_again(enter: Enter) -> None:
    enter.exchange.next("submit", Fate.NOT_DONE)
    assert enter() is not None
    assert enter() is None
    assert len(enter.exchange.sent) == 1


def test_a_refusal_is_stored_once_with_its_figures(enter: Enter) -> None:
    enter.context = replace(enter.context, engine_paused=True)
    assert enter.refusal() == "engine_paused"
    assert enter.refusal() == "engine_paused"
    assert Refusal.objects.count() == 1


def test_the_size_is_stored_with_a_refusal_by_size(enter: Enter) -> None:
    enter.context.connection.max_exposure_pct = Decimal("0.1")
    assert enter.refusal() == "exposure"
    assert Refusal.objects.get().sizing["quantity"] == "0.001"


def test_without_a_price_there_is_no_order(enter: Enter) -> None:
    enter.price = None  # type: ignore[assignment]
    assert enter.refusal() == "price_stale"


def test_a_stale_token_leaves_neither_order_nor_position(enter: Enter, fence: FenceStub) -> None:
    fence.is_newest = False
    with pytest.raises(LeaseLost):
        enter()
    assert not Order.objects.exists()
    assert not LivePosition.objects.exists()


def test_whoever_paused_after_the_gates_were_asked_is_obeyed(
    enter: Enter, fence: FenceStub
) -> None:
    fence.wants_entries = False
    assert enter() is None
    assert not LivePosition.objects.exists()
    assert not enter.exchange.sent


def test_whoever_switched_live_off_after_the_gates_were_asked_is_obeyed(enter: Enter) -> None:
    Connection.objects.update(live_trading=False)
    assert enter() is None
    assert not LivePosition.objects.exists()


def test_in_one_way_mode_the_other_side_refuses(enter: Enter) -> None:
    LivePositionFactory(connection=enter.context.connection, side="short")
    outcome = enter()
    assert isinstance(outcome, Refusal)
    assert outcome.code == "opposite_side_open"


@pytest.mark.parametrize("known_by", ["row", "session"])
def test_a_symbol_that_differs_from_the_exchange_takes_no_entry(
    enter: Enter, known_by: str
) -> None:
    """Also where none of our own positions is open: what is there is somebody else's."""
    if known_by == "row":
        LivePositionFactory(connection=enter.context.connection, sync_state="out_of_sync")
    else:
        enter.context = replace(enter.context, out_of_sync=frozenset({SYMBOL}))
    outcome = enter()
    assert isinstance(outcome, Refusal)
    assert outcome.code == "symbol_out_of_sync"


def test_a_short_on_spot_refuses(enter: Enter) -> None:
    enter.context.connection.market_type = MarketType.SPOT
    enter.signal = replace(enter.signal, side="short")
    assert enter.refusal() == "side_not_tradable"


def test_on_spot_the_least_entry_leaves_room_for_its_exit(enter: Enter) -> None:
    enter.context.connection.market_type = MarketType.SPOT
    enter.context.connection.share_per_position_pct = Decimal("0.1")
    order = enter()
    assert isinstance(order, Order)
    assert order.quantity == Decimal("0.003")


def test_a_trailing_set_needs_trailing_to_be_on(enter: Enter) -> None:
    enter.context.connection.trailing_enabled = False
    enter.signal = replace(enter.signal, trailing=(Decimal("0.3"), Decimal("0.1")))
    assert enter.refusal() == "type_not_chosen"


def test_the_sets_last_entry_counts_though_it_never_filled(enter: Enter) -> None:
    LivePositionFactory(
        connection=enter.context.connection,
        set_key="set",
        state=PositionState.CLOSED,
        close_reason="never_filled",
        closed_at=timezone.now(),
        created_at=timezone.now() - timedelta(seconds=19),
    )
    outcome = enter()
    assert isinstance(outcome, Refusal)
    assert outcome.code == "cooldown"


class TestMoneyOfTheDay:
    MIDNIGHT = datetime(2026, 3, 2, tzinfo=UTC)

    def closed(self, connection: Connection, at: datetime, result: int) -> None:
        LivePositionFactory(
            connection=connection,
            state=PositionState.CLOSED,
            close_reason="manual",
            closed_at=at,
            realised_quote=result,
            fees_quote=1,
            funding_quote=Decimal("0.25"),
        )

    def realised(self, context: EntryContext, at: datetime) -> Decimal:
        positions = open_positions_of(context.connection)
        return money_state(context.connection, positions, context, at).realised_today

    def test_the_day_begins_at_midnight_utc(
        self, connection: Connection, context: EntryContext
    ) -> None:
        before = self.MIDNIGHT - timedelta(microseconds=1)
        self.closed(connection, before, -100)
        self.closed(connection, self.MIDNIGHT, -10)
        assert self.realised(context, before) == Decimal("-111.50")
        assert self.realised(context, self.MIDNIGHT) == Decimal("-10.75")

    def test_the_zone_of_the_server_does_not_matter(
        self, connection: Connection, context: EntryContext
    ) -> None:
        self.closed(connection, self.MIDNIGHT - timedelta(minutes=5), -100)
        with time_machine.travel(self.MIDNIGHT + timedelta(minutes=5), tick=False):
            assert self.realised(context, timezone.now()) == 0

    def test_losses_before_somebody_resumed_do_not_count(
        self, connection: Connection, context: EntryContext
    ) -> None:
        noon = self.MIDNIGHT + timedelta(hours=12)
        self.closed(connection, noon - timedelta(seconds=1), -100)
        self.closed(connection, noon, -10)
        resumed = replace(context, limits_from=noon)
        assert self.realised(resumed, noon + timedelta(hours=1)) == Decimal("-10.75")

    def test_what_an_open_position_has_realised_counts(
        self, connection: Connection, context: EntryContext
    ) -> None:
        LivePositionFactory(connection=connection, realised_quote=-5, fees_quote=2)
        assert self.realised(context, timezone.now()) == -7

    def test_what_an_open_position_realised_before_the_day_began_counts_no_more(
        self, connection: Connection, context: EntryContext
    ) -> None:
        """Nor what it lost before somebody resumed: that would halt the connection again."""
        noon = self.MIDNIGHT + timedelta(hours=12)
        position = LivePositionFactory(
            connection=connection,
            opened_at=noon - timedelta(hours=1),
            exit_quantity=Decimal("0.06"),
            realised_quote=-660,
            fees_quote=9,
        )
        order = OrderFactory(position=position, purpose="exit", reduce_only=True)
        before, after = noon - timedelta(minutes=1), noon + timedelta(minutes=1)
        FillFactory(order=order, quantity=Decimal("0.05"), price=38_000, at=before)
        FillFactory(order=order, quantity=Decimal("0.01"), price=44_000, fee=1, at=after)
        assert self.realised(context, noon + timedelta(hours=1)) == -669
        resumed = replace(context, limits_from=noon)
        assert self.realised(resumed, noon + timedelta(hours=1)) == -61
        LivePosition.objects.update(exit_quantity=0)
        assert self.realised(resumed, noon + timedelta(hours=1)) == 0

    def test_an_entry_on_its_way_counts_with_all_it_asked_for(self, enter: Enter) -> None:
        enter.exchange.next("submit", Fate.NOT_DONE)
        enter()
        connection = enter.context.connection
        positions = open_positions_of(connection)
        state = money_state(connection, positions, enter.context, timezone.now())
        assert state.open_notional == Decimal("50.001")
