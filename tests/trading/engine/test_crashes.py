"""Killed between any two statements: the next holder finds its way to the same end."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection as database
from django.utils import timezone

from connections.gateway import factory
from connections.gateway.types import Balance, Ticker
from positions.choices import OrderPurpose, OrderState, PositionState
from positions.entries import EntryPrice, EntrySignal, open_position
from positions.models import Fill, LivePosition, Order
from positions.protection import begin_close
from tests.factories import SYMBOL, ConnectionFactory, EngineFactory
from tests.positions.conftest import SPEC
from tests.positions.exchange_stub import ENDED, ExchangeStub
from trading.engine.lease import Lease
from trading.engine.session import Session
from trading.engine.signals import entry_context
from trading.engine.startup import settle_what_was_left
from trading.engine.upkeep import look_after_positions
from trading.market import board
from trading.models import Engine


class Killed(BaseException):
    """The process is no more."""


class Killer:
    """Raises Killed before the n-th statement or request, once."""

    def __init__(self, at: int) -> None:
        self.left = at

    def count(self) -> None:
        self.left -= 1
        if self.left == 0:
            raise Killed

    def __call__(
        self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any
    ) -> Any:
        if not sql.startswith(("SAVEPOINT", "RELEASE", "ROLLBACK")):
            self.count()
        return execute(sql, params, many, context)


class WatchedExchange(ExchangeStub):
    """Counts before a request is done and again before its answer is read."""

    killer: Killer | None = None

    def submit(self, ticket: Any) -> Any:
        if self.killer is not None:
            self.killer.count()
        report = super().submit(ticket)
        if self.killer is not None:
            self.killer.count()
        return report

    def cancel(self, *args: Any) -> Any:
        if self.killer is not None:
            self.killer.count()
        report = super().cancel(*args)
        if self.killer is not None:
            self.killer.count()
        return report


class Life:
    """One engine and its exchange, over several holders."""

    def __init__(self) -> None:
        self.exchange = WatchedExchange()
        connection = ConnectionFactory(live=True)
        self.engine = EngineFactory(
            connection=connection, lease_token=0, lease_holder="", symbols=[SYMBOL]
        )
        self.begin()

    def begin(self) -> None:
        """A host claims the engine; whoever held it is gone."""
        Engine.objects.filter(pk=self.engine.pk).update(lease_expires_at=None)
        lease = Lease.claim(self.engine.pk, "host")
        assert lease is not None
        engine = Engine.objects.select_related("connection").get(pk=self.engine.pk)
        self.session = Session(engine=engine, lease=lease, specs={SYMBOL: SPEC})
        self.session.balance = Balance("USDT", Decimal(10_000), Decimal(10_000), timezone.now())
        self.session.equity = Decimal(10_000)

    def set_price(self, last: int) -> None:
        price = Decimal(last)
        board.write(
            *self.session.venue.parts, [Ticker(SYMBOL, price, price, price, timezone.now())]
        )

    def trade(self) -> None:
        """Enter, protect, leave at take-profit."""
        self.set_price(50_000)
        open_position(
            signal=EntrySignal(
                cause="1|set|1",
                symbol=SYMBOL,
                side="long",
                set_key="set",
                indication_type="direction",
                signal_ms=1,
                frame_closed_at=timezone.now(),
                take_profit_pct=Decimal(1),
                stop_loss_pct=Decimal("0.5"),
                trailing=None,
                position_cost_pct=Decimal("0.1"),
            ),
            context=entry_context(self.session),
            spec=SPEC,
            price=EntryPrice(
                Decimal(50_000), Decimal(50_000), Decimal(50_000), Decimal(0), 0.0, 5.0
            ),
            gateway=self.exchange,
        )
        look_after_positions(self.session)
        self.set_price(50_600)
        look_after_positions(self.session)

    def recover(self) -> None:
        """The next holder settles, looks after what is open and then leaves everything."""
        self.begin()
        settle_what_was_left(self.session)
        for number in range(16):
            past = timezone.now() - timedelta(minutes=1)
            mine = Order.objects.filter(connection=self.engine.connection)
            mine.update(ask_after=past, created_at=past)
            mine.filter(sent_at__isnull=False).update(sent_at=past)
            if number == 6:
                for position in LivePosition.objects.filter(connection=self.engine.connection):
                    begin_close(position=position, reason="manual")
            look_after_positions(self.session)

    def assert_all_is_well(self) -> None:
        position = LivePosition.objects.filter(connection=self.engine.connection).first()
        held = sum(
            (one.filled if one.ticket.side == "buy" else -one.filled)
            for one in self.exchange.standing.values()
        )
        assert held == 0, "the exchange still holds something"
        assert all(one.state in ENDED for one in self.exchange.standing.values())
        trades = {t.trade_id for one in self.exchange.standing.values() for t in one.trades}
        fills = Fill.objects.filter(connection=self.engine.connection)
        assert set(fills.values_list("exchange_trade_id", flat=True)) == trades
        entries = [t for t in self.exchange.sent if not t.reduce_only]
        assert len(entries) <= 1
        if position is None:
            assert not self.exchange.sent
            return
        orders = Order.objects.filter(connection=self.engine.connection)
        for order in orders.exclude(purpose=OrderPurpose.ENTRY):
            assert order.settled_at is not None, f"{order} is {order.state}"
        if orders.get(purpose=OrderPurpose.ENTRY).state == OrderState.LOST:
            assert (position.state, entries) == (PositionState.OPENING, [])
            return
        assert position.state == PositionState.CLOSED
        assert position.open_quantity == 0
        bought = sum(f.quantity for f in fills if f.order.purpose == OrderPurpose.ENTRY)
        assert position.entry_quantity == bought


@pytest.mark.slow
@pytest.mark.django_db
def test_killed_before_any_statement_or_request_the_next_holder_comes_to_a_good_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ends: set[str] = set()
    for at in range(1, 1000):
        life = Life()
        monkeypatch.setattr(factory, "gateway_for", lambda connection, life=life: life.exchange)
        killer = life.exchange.killer = Killer(at)
        try:
            with database.execute_wrapper(killer):
                life.trade()
        except Killed:
            life.exchange.killer = None
            life.recover()
        life.exchange.killer = None
        try:
            life.assert_all_is_well()
        except AssertionError as error:
            raise AssertionError(f"killed before step {at}: {error}") from error
        ends.update(
            LivePosition.objects.filter(connection=life.engine.connection).values_list(
                "close_reason", flat=True
            )
        )
        if killer.left > 0:
            assert at > 50, "expected the road to have many steps"
            break
    else:
        pytest.fail("expected the road to end")
    # every kind of end was seen, the untroubled one last
    assert ends >= {"", "never_filled", "manual", "take_profit"}
