"""Looking after what is open: exits by fresh prices, orphans ended, one fault keeps nobody else."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import DatabaseError
from django.utils import timezone

from connections.gateway.errors import InvalidOrder
from positions.choices import (
    CloseReason,
    OrderKind,
    OrderPurpose,
    OrderState,
    PositionState,
    StopKind,
)
from positions.fencing import LeaseLost
from positions.intents import record_intent
from positions.models import LivePosition, Order
from positions.settlement import GONE
from positions.submission import submit
from tests.factories import SYMBOL, LivePositionFactory
from tests.positions.exchange_stub import ExchangeStub, Fate
from tests.trading.engine.conftest import SetPrice
from trading.engine import upkeep
from trading.engine.session import Session
from trading.engine.upkeep import VANISHED_BELIEVED, compare, look_after_positions
from trading.models import Engine

ENTRY, EXIT, STOP = OrderPurpose.ENTRY, OrderPurpose.EXIT, OrderPurpose.STOP_LOSS


def intent(
    session: Session, position: LivePosition, purpose: OrderPurpose, number: int = 0
) -> Order:
    order = record_intent(
        fence=session.lease,
        position=position,
        purpose=purpose,
        cause=f"{purpose}|{position.pk}|{number}",
        kind=OrderKind.STOP if purpose == STOP else OrderKind.MARKET,
        quantity=Decimal("0.1"),
        reference_price=Decimal(50_000),
        trigger_price=Decimal(49_750) if purpose == STOP else None,
        close_reason="stop_loss" if purpose == STOP else "",
        now=timezone.now(),
    )
    assert order is not None
    return order


@pytest.fixture
def position(session: Session, exchange: ExchangeStub) -> LivePosition:
    """0.1 BTC bought at 50,000 through the real path; stop at 49,750 on the exchange."""
    row = LivePositionFactory(
        connection=session.connection,
        state=PositionState.OPENING,
        entry_quantity=0,
        entry_price=None,
        best_price=None,
        worst_price=None,
        stop_kind=StopKind.NONE,
        fees_quote=0,
    )
    submit(order=intent(session, row, ENTRY), gateway=exchange, fence=session.lease)
    look_after_positions(session)
    row.refresh_from_db()
    assert (row.state, row.stop_kind) == (PositionState.OPEN, StopKind.EXCHANGE)
    return row


def look(session: Session, position: LivePosition) -> LivePosition:
    look_after_positions(session)
    position.refresh_from_db()
    return position


class TestExits:
    @pytest.mark.parametrize(
        ("prices", "reason"),
        [
            ([50_499], None),
            ([50_500], CloseReason.TAKE_PROFIT),
            ([50_149, 50_099], None),
            ([50_150, 50_101], None),
            ([50_150, 50_100], CloseReason.TRAILING_STOP),
            ([50_400, 50_200, 50_400], CloseReason.TRAILING_STOP),
        ],
    )
    def test_the_engine_leaves_at_take_profit_and_trailing(
        self,
        session: Session,
        position: LivePosition,
        set_price: SetPrice,
        prices: list[int],
        reason: CloseReason | None,
    ) -> None:
        for price in prices:
            set_price(price)
            look(session, position)
        assert position.close_reason == (reason or "")
        assert (position.state == PositionState.CLOSED) == (reason is not None)

    def test_a_stop_on_the_exchange_is_left_to_the_exchange(
        self,
        session: Session,
        position: LivePosition,
        set_price: SetPrice,
        exchange: ExchangeStub,
    ) -> None:
        set_price(49_700)
        assert look(session, position).state == PositionState.OPEN
        exchange.fill(exchange.only("stop").ticket.client_order_id, "0.1", 49_745)
        assert look(session, position).close_reason == CloseReason.STOP_LOSS
        assert position.realised_quote == Decimal("-25.5")

    def test_a_stop_that_was_jumped_over_is_taken_over(
        self, session: Session, position: LivePosition, set_price: SetPrice
    ) -> None:
        """A stop-limit order rests at its limit while the price falls on."""
        set_price(49_250)
        assert look(session, position).close_reason == CloseReason.STOP_LOSS
        assert position.state == PositionState.CLOSED

    def test_a_refused_stop_is_the_engines(
        self,
        session: Session,
        position: LivePosition,
        set_price: SetPrice,
        exchange: ExchangeStub,
    ) -> None:
        LivePosition.objects.update(stop_kind=StopKind.ENGINE)
        set_price(49_750)
        assert look(session, position).close_reason == CloseReason.STOP_LOSS

    def test_a_stale_price_decides_nothing(
        self, session: Session, position: LivePosition, set_price: SetPrice
    ) -> None:
        set_price(51_000, age_s=5.5)
        assert look(session, position).state == PositionState.OPEN

    def test_a_price_that_went_stale_while_orders_were_asked_about_decides_nothing(
        self,
        session: Session,
        position: LivePosition,
        set_price: SetPrice,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        set_price(51_000, age_s=4.9)

        def slow(*args: object) -> list[Exception]:
            monkeypatch.setattr(
                upkeep.timezone, "now", lambda real=timezone.now: real() + timedelta(seconds=1)
            )
            return []

        monkeypatch.setattr(upkeep, "sync_orders", slow)
        assert look(session, position).state == PositionState.OPEN

    def test_a_former_holder_that_wakes_up_late_can_not_loosen_the_trailing(
        self, session: Session, position: LivePosition, set_price: SetPrice
    ) -> None:
        stale = LivePosition.objects.get(pk=position.pk)
        set_price(50_400)
        look(session, position)
        upkeep._note_extremes(stale, Decimal(50_200))
        position.refresh_from_db()
        assert (position.best_price, position.worst_price) == (Decimal(50_400), Decimal(50_000))

    @pytest.mark.parametrize("desired", ["paused", "stopped"])
    def test_exits_go_on_whatever_is_wanted(
        self,
        session: Session,
        position: LivePosition,
        set_price: SetPrice,
        desired: str,
    ) -> None:
        Engine.objects.update(desired=desired, halted_at=timezone.now())
        set_price(50_500)
        assert look(session, position).state == PositionState.CLOSED

    def test_a_lease_that_ran_out_decides_nothing(
        self, session: Session, position: LivePosition, set_price: SetPrice
    ) -> None:
        set_price(50_500)
        session.lease.release()
        with pytest.raises(LeaseLost):
            look_after_positions(session)
        position.refresh_from_db()
        assert position.state == PositionState.OPEN


class TestWhatACrashLeaves:
    def test_the_intent_of_an_entry_is_given_up(
        self, session: Session, exchange: ExchangeStub
    ) -> None:
        row = LivePositionFactory(
            connection=session.connection,
            state=PositionState.OPENING,
            entry_quantity=0,
            entry_price=None,
        )
        order = intent(session, row, ENTRY)
        look_after_positions(session)
        order.refresh_from_db()
        row.refresh_from_db()
        assert (order.state, row.close_reason) == (OrderState.DENIED, CloseReason.NEVER_FILLED)
        assert exchange.sent == []

    @pytest.mark.parametrize(
        ("purpose", "state", "is_sent"),
        [
            (STOP, PositionState.OPEN, True),
            (STOP, PositionState.CLOSING, False),
            (STOP, PositionState.CLOSED, False),
            (EXIT, PositionState.CLOSING, True),
            (EXIT, PositionState.CLOSED, False),
        ],
    )
    def test_the_intent_of_a_stop_or_exit_is_sent_while_it_is_wanted(
        self,
        session: Session,
        exchange: ExchangeStub,
        purpose: OrderPurpose,
        state: PositionState,
        *,
        is_sent: bool,
    ) -> None:
        """A stop sent for a position that has left would eat into the next one."""
        row = LivePositionFactory(
            connection=session.connection,
            state=state,
            close_reason="manual" if state != PositionState.OPEN else "",
            closed_at=timezone.now(),
        )
        order = intent(session, row, purpose)
        session.specs = {}  # nothing but the orders
        look_after_positions(session)
        order.refresh_from_db()
        assert [ticket.client_order_id for ticket in exchange.sent] == (
            [order.client_order_id] if is_sent else []
        )
        assert (order.state == OrderState.DENIED) is not is_sent

    def test_a_stop_that_outlived_its_position_is_cancelled(
        self, session: Session, position: LivePosition, exchange: ExchangeStub
    ) -> None:
        LivePosition.objects.update(
            state=PositionState.CLOSED, close_reason="manual", closed_at=timezone.now()
        )
        Order.objects.update(ask_after=timezone.now())
        look_after_positions(session)
        assert Order.objects.get(purpose=STOP).state == OrderState.CANCELED

    def test_a_stop_that_never_arrived_is_sent_again_under_its_id(
        self, session: Session, exchange: ExchangeStub
    ) -> None:
        row = LivePositionFactory(connection=session.connection)
        exchange.next("submit", Fate.NOT_DONE)
        intent(session, row, STOP)
        look_after_positions(session)
        Order.objects.update(error_code=GONE, ask_after=timezone.now())
        look_after_positions(session)
        first, second = exchange.sent
        assert first == second
        assert Order.objects.get().state == OrderState.OPEN


class TestOneFault:
    def test_of_one_position_does_not_keep_another_from_its_exit(
        self,
        session: Session,
        position: LivePosition,
        set_price: SetPrice,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        # its number puts it first
        LivePositionFactory(
            connection=session.connection,
            state=PositionState.OPENING,
            take_profit_pct=50,
            trailing_start_pct=None,
            id=-1,
        )
        real = upkeep.ensure_stop

        def break_down(*, position: LivePosition, **rest: object) -> None:
            if position.state == PositionState.OPENING:
                raise ArithmeticError("a figure that can't be")
            real(position=position, **rest)  # type: ignore[arg-type]

        monkeypatch.setattr(upkeep, "ensure_stop", break_down)
        set_price(50_500)
        with pytest.raises(ArithmeticError):
            look_after_positions(session)
        position.refresh_from_db()
        assert position.state == PositionState.CLOSED

    def test_of_one_order_is_pushed_forward_and_keeps_no_position_from_its_exit(
        self,
        session: Session,
        position: LivePosition,
        set_price: SetPrice,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        Order.objects.filter(purpose=STOP).update(ask_after=timezone.now())

        def break_down(**rest: object) -> None:
            raise ArithmeticError("a figure that can't be")

        monkeypatch.setattr(upkeep, "settle", break_down)
        set_price(50_500)
        with pytest.raises(ArithmeticError):
            look_after_positions(session)
        position.refresh_from_db()
        assert position.state != PositionState.OPEN
        looked_at = Order.objects.get(purpose=STOP)
        assert looked_at.ask_after is None or looked_at.ask_after > timezone.now()

    def test_of_the_database_ends_the_step(
        self, session: Session, position: LivePosition, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def break_down(**rest: object) -> None:
            raise DatabaseError("gone")

        monkeypatch.setattr(upkeep, "ensure_stop", break_down)
        with pytest.raises(DatabaseError):
            look_after_positions(session)

    def test_of_the_exchange_is_only_told(
        self, session: Session, position: LivePosition, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(**rest: object) -> None:
            raise InvalidOrder("no such market")

        monkeypatch.setattr(upkeep, "ensure_stop", refuse)
        look_after_positions(session)


class TestComparing:
    def test_a_position_that_several_answers_did_not_show_is_closed_as_reconciled(
        self, session: Session, position: LivePosition, exchange: ExchangeStub
    ) -> None:
        for _ in range(VANISHED_BELIEVED - 1):
            compare(session)
        assert look(session, position).state == PositionState.OPEN
        assert session.out_of_sync == {SYMBOL}
        compare(session)
        assert look(session, position).close_reason == CloseReason.RECONCILED
        assert position.state == PositionState.CLOSED
        assert Order.objects.get(purpose=STOP).state == OrderState.CANCELED
        assert len(exchange.sent) == 2
        compare(session)
        assert session.out_of_sync == frozenset()

    def test_an_answer_in_between_that_shows_it_starts_the_count_anew(
        self, session: Session, position: LivePosition, exchange: ExchangeStub
    ) -> None:
        for _ in range(VANISHED_BELIEVED):
            compare(session)
            exchange.hold(SYMBOL, "long", "0.1")
            compare(session)
            exchange.net.clear()
        assert look(session, position).state == PositionState.OPEN

    def test_a_partial_difference_is_left_to_people(
        self, session: Session, position: LivePosition, exchange: ExchangeStub
    ) -> None:
        exchange.hold(SYMBOL, "long", "0.05")
        for _ in range(VANISHED_BELIEVED + 1):
            compare(session)
        assert look(session, position).state == PositionState.OPEN
