"""What a cycle does with controls and limits, and what a start does before it may decide."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from connections.choices import MarketType
from connections.gateway.errors import TimedOut
from connections.gateway.types import Balance
from connections.models import Connection
from cts.actors import Actor
from positions.choices import OrderPurpose, OrderState, PositionState, StopKind
from positions.fencing import LeaseLost
from positions.models import LivePosition, Order
from tests.factories import SYMBOL, FillFactory, LivePositionFactory, OrderFactory
from tests.positions.conftest import SPEC
from tests.positions.exchange_stub import ExchangeStub
from trading.choices import ActualState, DesiredState
from trading.engine import cycle, startup
from trading.engine.control import resume
from trading.engine.cycle import check_limits, read_controls, refresh_balance, run_cycle
from trading.engine.session import Session
from trading.market.board import BoardPrice
from trading.models import Engine, EngineChange
from trading.tournament.live_book import LiveBook


@pytest.mark.parametrize(
    ("changes", "actual"),
    [
        ({}, ActualState.RUNNING),
        ({"desired": DesiredState.PAUSED}, ActualState.PAUSED),
        ({"halted_at": timezone.now()}, ActualState.HALTED),
        ({"halted_at": timezone.now(), "desired": DesiredState.PAUSED}, ActualState.HALTED),
    ],
)
def test_what_is_wanted_becomes_what_is(
    session: Session, changes: dict[str, object], actual: ActualState
) -> None:
    Engine.objects.update(actual=ActualState.STARTING, **changes)
    assert read_controls(session)
    assert Engine.objects.get().actual == actual
    assert EngineChange.objects.get().who == "host-1"


@pytest.mark.parametrize("reason", ["stopped", "deactivated"])
def test_a_cycle_ends_when_nobody_wants_it_and_nothing_is_on_its_way(
    session: Session, reason: str
) -> None:
    if reason == "stopped":
        Engine.objects.update(desired=DesiredState.STOPPED)
    else:
        Connection.objects.update(live_trading=False, is_active=False)
    position = LivePositionFactory(
        connection=session.connection, state=PositionState.CLOSING, close_reason="manual"
    )
    FillFactory(order=OrderFactory(position=position))
    assert run_cycle(session)
    assert LivePosition.objects.get().state == PositionState.CLOSED
    assert Engine.objects.get().actual == ActualState.PAUSED
    LivePositionFactory(connection=session.connection, cause="stays, with its stop")
    assert not run_cycle(session)
    position.refresh_from_db()
    assert position.state == PositionState.CLOSED


def test_stopping_leaves_stops_on_the_exchange(session: Session, exchange: ExchangeStub) -> None:
    position = LivePositionFactory(connection=session.connection)
    OrderFactory(
        position=position, purpose=OrderPurpose.STOP_LOSS, reduce_only=True, state=OrderState.OPEN
    )
    Engine.objects.update(desired=DesiredState.STOPPED)
    assert not run_cycle(session)
    assert exchange.calls == []


def test_an_engine_that_was_deleted_while_it_ran_is_a_fault_not_a_silence(
    session: Session,
) -> None:
    Engine.objects.all().delete()
    with pytest.raises(Engine.DoesNotExist):
        run_cycle(session)


class TestLimits:
    def know(self, session: Session, *, total: int = 10_000, equity: int | None = None) -> None:
        session.balance = Balance("USDT", Decimal(total), Decimal(total), timezone.now())
        session.equity = Decimal(total if equity is None else equity)

    def lose(self, session: Session, amount: int) -> None:
        LivePositionFactory(
            connection=session.connection,
            state=PositionState.CLOSED,
            close_reason="stop_loss",
            closed_at=timezone.now(),
            realised_quote=-amount,
            fees_quote=0,
        )

    def test_the_daily_loss_halts_the_connection(self, session: Session) -> None:
        self.know(session)
        self.lose(session, 499)
        check_limits(session, timezone.now())
        assert Engine.objects.get().halted_at is None
        self.lose(session, 1)
        check_limits(session, timezone.now())
        engine = Engine.objects.get()
        assert engine.halted_at is not None
        assert engine.actual == ActualState.HALTED
        assert "loss of the day" in engine.reason
        assert EngineChange.objects.get().why == "daily_loss"

    def test_the_drawdown_halts_the_connection(self, session: Session) -> None:
        self.know(session, equity=8_000)
        session.engine.peak_equity_quote = Decimal(10_000)
        check_limits(session, timezone.now())
        assert EngineChange.objects.get().why == "drawdown"

    def test_a_person_who_resumes_starts_the_count_anew(self, session: Session) -> None:
        self.know(session)
        self.lose(session, 600)
        LivePosition.objects.update(closed_at=timezone.now() - timedelta(seconds=1))
        check_limits(session, timezone.now())
        assert read_controls(session)
        assert session.engine.actual == ActualState.HALTED
        resume(actor=Actor.command(), engine=Engine.objects.get())
        assert read_controls(session)
        check_limits(session, timezone.now())
        assert Engine.objects.get().halted_at is None
        assert Engine.objects.get().actual == ActualState.RUNNING

    def test_a_former_holder_may_not_write_what_it_halted(self, session: Session) -> None:
        self.know(session)
        self.lose(session, 600)
        Engine.objects.update(lease_token=99)
        with pytest.raises(LeaseLost):
            check_limits(session, timezone.now())

    def test_a_balance_that_can_not_be_read_stays_as_old_as_it_is(
        self, session: Session, exchange: ExchangeStub
    ) -> None:
        exchange.next("balance", TimedOut("no answer"))
        refresh_balance(session, {}, timezone.now())
        assert session.balance is None
        assert Connection.objects.get().balance_at is not None
        session.balance_asked_at = None
        refresh_balance(session, {}, timezone.now())
        assert (session.equity, Engine.objects.get().peak_equity_quote) == (10_000, 10_000)

    def test_on_spot_what_was_bought_counts_and_an_order_in_doubt_makes_it_unknown(
        self, session: Session
    ) -> None:
        session.connection.market_type = MarketType.SPOT
        position = LivePositionFactory(connection=session.connection, symbol="BTC/USDT")
        prices = {
            "BTC/USDT": BoardPrice("BTC/USDT", Decimal(51_000), None, None, None, timezone.now())
        }
        refresh_balance(session, prices, timezone.now())
        assert session.equity == Decimal(15_100)
        OrderFactory(position=position, state=OrderState.UNKNOWN)
        session.balance_asked_at = None
        refresh_balance(session, prices, timezone.now())
        assert session.equity is None
        assert Engine.objects.get().peak_equity_quote == Decimal(15_100)


class TestComparing:
    def test_once_a_minute_and_sooner_while_something_differs(
        self, session: Session, exchange: ExchangeStub
    ) -> None:
        now = timezone.now()
        cycle.compare_when_due(session, now)
        cycle.compare_when_due(session, now + timedelta(seconds=30))
        assert exchange.calls.count("positions") == 1
        exchange.hold(SYMBOL, "long", 1)
        cycle.compare_when_due(session, now + timedelta(seconds=61))
        assert session.out_of_sync == {SYMBOL}
        cycle.compare_when_due(session, now + timedelta(seconds=75))
        assert exchange.calls.count("positions") == 3


def test_a_start_protects_what_a_crash_left_before_it_loads_anything(
    session: Session, exchange: ExchangeStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    LivePositionFactory(connection=session.connection, stop_kind=StopKind.NONE)
    entry = OrderFactory(
        position=LivePositionFactory(
            connection=session.connection,
            state=PositionState.OPENING,
            entry_quantity=0,
            entry_price=None,
        ),
        state=OrderState.INTENT,
    )
    monkeypatch.setattr(exchange, "markets", lambda: {SYMBOL: SPEC})

    class LoadingError(Exception):
        pass

    def load(session: Session) -> None:
        raise LoadingError

    monkeypatch.setattr(startup, "load_symbols", load)
    with pytest.raises(LoadingError):
        startup.start_up(session, LiveBook)
    assert [ticket.kind for ticket in exchange.sent] == ["stop"]
    entry.refresh_from_db()
    assert entry.state == OrderState.DENIED
    assert Order.objects.get(purpose=OrderPurpose.STOP_LOSS).state == OrderState.OPEN
