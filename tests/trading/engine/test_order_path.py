"""The whole road of real orders: gates, gateway, ccxt and the sandbox exchange as a process.

Prices run by themselves, hundreds of times as fast as in life. At the end our figures are those of
the exchange's own ledger, to the last digit, whatever answers were lost on the way.
"""

import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from decimal import Decimal
from itertools import count
from typing import Any

import pytest
from django.conf import LazySettings
from django.utils import timezone

from connections.choices import PositionMode
from connections.gateway import factory
from connections.gateway.gateway import Gateway
from connections.gateway.markets import forget_markets
from connections.gateway.types import OrderTicket
from cts.actors import Actor
from cts.fields import Sealed
from positions import settlement
from positions.choices import OrderPurpose, OrderState, PositionState, Side, StopKind
from positions.closing import request_close
from positions.entries import EntryPrice, EntrySignal, open_position
from positions.models import Fill, LivePosition, Order
from positions.order_states import ENDED
from tests.factories import ConnectionFactory, EngineFactory
from tests.sandbox_process import Credentials, SandboxProcess
from trading.engine.lease import Lease
from trading.engine.session import Session
from trading.engine.signals import entry_context
from trading.engine.upkeep import compare, look_after_positions
from trading.market import board
from trading.models import Engine

pytestmark = [pytest.mark.slow, pytest.mark.django_db]

SYMBOL = "SOL/USDT:USDT"
PATIENCE_S = 60.0
EIGHT = Decimal("0.00000001")
FAR = "30"
SUBMIT, STOP = "/fapi/v1/order", "/fapi/v1/algoOrder"


class Trader:
    """An engine's hands: enters when told, and looks after what is open in each round."""

    def __init__(self, exchange: SandboxProcess, account: Credentials, **settings: Any) -> None:
        self.exchange, self.account = exchange, account
        connection = ConnectionFactory(
            live=True,
            api_key=Sealed.seal(account.key),
            api_secret=Sealed.seal(account.secret),
            share_per_position_pct=5,
            **settings,
        )
        engine = EngineFactory(connection=connection, lease_token=0, lease_holder="")
        lease = Lease.claim(engine.pk, "host-1")
        assert lease is not None
        engine = Engine.objects.select_related("connection").get(pk=engine.pk)
        self.session = Session(engine=engine, lease=lease)
        self.gateway: Gateway = self.session.reach()
        self.session.specs = self.gateway.markets()
        self.gateway.ensure_account_modes([SYMBOL])
        self._numbers = count(1)

    def price(self) -> EntryPrice:
        (quote,) = self.gateway.quotes([SYMBOL]).values()
        board.write(*self.session.venue.parts, [quote])
        shown = board.read(*self.session.venue.parts, [SYMBOL])[SYMBOL]
        return EntryPrice(
            last=shown.last,
            bid=shown.bid,
            ask=shown.ask,
            spread_pct=shown.spread_pct(),
            age_s=shown.age_s(timezone.now()),
            stale_after_s=board.STALE_AFTER_S,
        )

    def enter(
        self,
        *,
        take_profit: str = FAR,
        stop_loss: str = FAR,
        trailing: tuple[str, str] | None = None,
        side: Side = Side.LONG,
    ) -> LivePosition:
        """Send one entry; distances in percent."""
        number = next(self._numbers)
        self.session.balance = self.gateway.balance()
        self.session.equity = self.session.balance.total
        outcome = open_position(
            signal=EntrySignal(
                cause=f"test|{number}",
                symbol=SYMBOL,
                side=side,
                set_key=f"set-{number}",
                indication_type="direction",
                signal_ms=number,
                frame_closed_at=timezone.now(),
                take_profit_pct=Decimal(take_profit),
                stop_loss_pct=Decimal(stop_loss),
                trailing=None if trailing is None else (Decimal(trailing[0]), Decimal(trailing[1])),
                position_cost_pct=Decimal("0.1"),
            ),
            context=entry_context(self.session),
            spec=self.session.specs[SYMBOL],
            price=self.price(),
            gateway=self.gateway,
        )
        assert isinstance(outcome, Order), f"refused: {outcome}"
        return LivePosition.objects.get(pk=outcome.position_id)

    def round(self) -> None:
        assert self.session.lease.renew()
        self.price()
        look_after_positions(self.session)
        time.sleep(0.05)

    def until(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not condition():
            assert time.monotonic() < deadline, self.describe()
            self.round()

    def until_protected(self, position: LivePosition) -> None:
        self.until(lambda: self.now(position).stop_kind == StopKind.EXCHANGE)

    def until_closed(self, *positions: LivePosition) -> None:
        self.until(lambda: all(self.now(p).state == PositionState.CLOSED for p in positions))

    def until_first_closed(self, *positions: LivePosition) -> LivePosition:
        self.until(lambda: any(self.now(p).state == PositionState.CLOSED for p in positions))
        return next(p for p in map(self.now, positions) if p.state == PositionState.CLOSED)

    def close_what_is_open(self, *positions: LivePosition) -> None:
        for position in positions:
            if self.now(position).state == PositionState.OPEN:
                self.close(self.now(position))
        self.until_closed(*positions)

    def now(self, position: LivePosition) -> LivePosition:
        return LivePosition.objects.get(pk=position.pk)

    def close(self, position: LivePosition) -> None:
        request_close(actor=Actor.command(), position=position)

    def describe(self) -> str:
        orders = [f"{o.purpose} {o.state} {o.error_code}" for o in Order.objects.order_by("id")]
        return f"{list(LivePosition.objects.values_list('state', 'close_reason'))}, {orders}"

    def assert_equals_the_ledger(self, *, exits: int) -> None:
        """Nothing doubled, nothing lost, every figure the exchange's own."""
        ledger = self.exchange.ledger(self.account.id)["futures"]
        fills = ledger["fills"]
        theirs = {(str(f["id"]), Decimal(f["quantity"]), Decimal(f["price"])) for f in fills}
        ours = {(f.exchange_trade_id, f.quantity, f.price) for f in Fill.objects.all()}
        assert ours == theirs
        positions = list(LivePosition.objects.all())
        realised = sum((p.realised_quote for p in positions), Decimal(0))
        fees = sum((p.fees_quote for p in positions), Decimal(0))
        pnl = sum((Decimal(f["realized_pnl"]) for f in fills), Decimal(0))
        assert realised.quantize(EIGHT) == pnl
        assert fees == sum((Decimal(f["commission"]) for f in fills), Decimal(0))
        assert all(p.fees_known for p in positions)
        assert ledger["positions"] == []
        assert [a for a in ledger["algo_orders"] if a["status"] == "NEW"] == []
        assert len([f for f in ledger["orders"] if f["side"] == "SELL"]) == exits
        assert all(OrderState(o.state) in ENDED for o in Order.objects.all()), self.describe()
        compare(self.session)
        assert self.session.out_of_sync == frozenset()


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxProcess]:
    with SandboxProcess(["--synthetic", "11", "--speed", "600"]) as process:
        yield process


@pytest.fixture
def exchange(sandbox: SandboxProcess, settings: LazySettings) -> Iterator[SandboxProcess]:
    settings.SANDBOX_URL = sandbox.base_url
    forget_markets()
    factory.forget_all()
    yield sandbox
    sandbox.clear_faults()
    factory.forget_all()


@pytest.fixture
def trader(exchange: SandboxProcess) -> Trader:
    return Trader(exchange, exchange.open_account())


def test_a_position_that_leaves_at_its_take_profit_or_its_stop(trader: Trader) -> None:
    position = trader.enter(take_profit="0.4", stop_loss="0.4")
    assert position.state == PositionState.OPEN
    trader.round()
    trader.until_closed(position)
    assert trader.now(position).close_reason in ("take_profit", "stop_loss")
    trader.assert_equals_the_ledger(exits=1)


@pytest.fixture
def hedger(exchange: SandboxProcess) -> Trader:
    """Holds both sides, so that one of them wins and one loses wherever the price goes."""
    return Trader(exchange, exchange.open_account(), position_mode=PositionMode.HEDGE)


def test_a_stop_fills_on_the_exchange(hedger: Trader) -> None:
    long, short = hedger.enter(stop_loss="0.3"), hedger.enter(stop_loss="0.3", side=Side.SHORT)
    closed = hedger.until_first_closed(long, short)
    assert closed.close_reason == "stop_loss"
    (exit_order,) = Order.objects.filter(position=closed).exclude(purpose=OrderPurpose.ENTRY)
    assert exit_order.purpose == OrderPurpose.STOP_LOSS
    hedger.close_what_is_open(long, short)
    # the sale that opened the short is the second one
    hedger.assert_equals_the_ledger(exits=2)


def test_a_trailing_stop_leaves_by_the_engine(hedger: Trader) -> None:
    rule = ("0.1", "0.1")
    long, short = hedger.enter(trailing=rule), hedger.enter(trailing=rule, side=Side.SHORT)
    closed = hedger.until_first_closed(long, short)
    assert closed.close_reason == "trailing_stop"
    assert closed.best_price != closed.entry_price
    (stop,) = Order.objects.filter(position=closed, purpose=OrderPurpose.STOP_LOSS)
    assert stop.state == OrderState.CANCELED
    hedger.close_what_is_open(long, short)
    hedger.assert_equals_the_ledger(exits=2)


def test_an_entry_that_fills_in_part_is_protected_and_left_for_what_it_is(
    trader: Trader, exchange: SandboxProcess
) -> None:
    exchange.add_fault("partial_fill", value="0.4", times=1)
    position = trader.enter()
    trader.until_protected(position)
    order = Order.objects.get(purpose=OrderPurpose.ENTRY)
    assert 0 < order.filled_quantity < order.quantity
    stop = Order.objects.get(purpose=OrderPurpose.STOP_LOSS)
    assert stop.quantity == order.filled_quantity
    trader.close(position)
    trader.until_closed(position)
    trader.assert_equals_the_ledger(exits=1)


def test_neighbours_of_one_symbol_and_side_do_not_eat_into_each_other(trader: Trader) -> None:
    first, second, third = (trader.enter() for _ in range(3))
    for position in (first, second, third):
        trader.until_protected(position)
    trader.close(second)
    trader.until_closed(second)
    compare(trader.session)
    assert trader.session.out_of_sync == frozenset()
    trader.close(first)
    trader.close(third)
    trader.until_closed(first, third)
    trader.assert_equals_the_ledger(exits=3)


def test_both_sides_stand_apart_in_hedge_mode(hedger: Trader) -> None:
    long, short = hedger.enter(), hedger.enter(side=Side.SHORT)
    for position in (long, short):
        hedger.until_protected(position)
        hedger.close(position)
    hedger.until_closed(long, short)
    hedger.assert_equals_the_ledger(exits=2)


@pytest.mark.parametrize("kind", ["drop_answer", "refuse"])
@pytest.mark.parametrize("lost", ["entry", "stop", "exit", "cancel", "everything once"])
def test_lost_answers_double_nothing_and_lose_nothing(
    trader: Trader,
    exchange: SandboxProcess,
    monkeypatch: pytest.MonkeyPatch,
    lost: str,
    kind: str,
) -> None:
    """drop_answer: done, and nobody told; refuse: never arrived, and nobody can tell."""
    monkeypatch.setattr(settlement, "ARRIVAL_WINDOW", timedelta(seconds=1))
    every = lost == "everything once"
    is_lost_entry = kind == "refuse" and (lost == "entry" or every)
    if lost == "entry" or every:
        exchange.add_fault(kind, times=1, path=SUBMIT, method="POST")
    if lost == "stop" or every:
        exchange.add_fault(kind, times=1, path=STOP, method="POST")
    position = trader.enter()
    if is_lost_entry:
        trader.until(lambda: Order.objects.get(purpose="entry").state == OrderState.LOST)
        assert trader.now(position).state == PositionState.OPENING
        assert exchange.ledger(trader.account.id)["futures"]["orders"] == []
        return
    trader.until_protected(position)
    if lost == "cancel" or every:
        exchange.add_fault(kind, times=1, path=STOP, method="DELETE")
    if lost == "exit" or every:
        exchange.add_fault(kind, times=1, path=SUBMIT, method="POST")
    trader.close(position)
    trader.until_closed(position)
    assert exchange.faults() == []
    trader.assert_equals_the_ledger(exits=1)
    assert Order.objects.filter(purpose=OrderPurpose.ENTRY).count() == 1
    assert Order.objects.filter(purpose=OrderPurpose.EXIT).count() == 1


def test_an_outage_in_the_middle_of_everything_converges(
    trader: Trader, exchange: SandboxProcess
) -> None:
    first, second = trader.enter(), trader.enter()
    exchange.add_fault("outage", seconds=1.5, path="/fapi/v1/order")
    exchange.add_fault("outage", seconds=1.5, path="/fapi/v1/algoOrder")
    trader.close(first)
    trader.close(second)
    trader.until_closed(first, second)
    trader.assert_equals_the_ledger(exits=2)


def test_a_position_that_somebody_closed_at_the_exchange_is_reconciled(
    trader: Trader, exchange: SandboxProcess
) -> None:
    position = trader.enter()
    trader.until_protected(position)
    trader.gateway.submit(
        OrderTicket("by-hand", SYMBOL, "sell", "long", "market", position.entry_quantity, True)
    )
    for _ in range(3):
        compare(trader.session)
    trader.until_closed(position)
    assert trader.now(position).close_reason == "reconciled"
    ledger = exchange.ledger(trader.account.id)["futures"]
    assert [a["status"] for a in ledger["algo_orders"]] == ["CANCELED"]
    assert len(ledger["orders"]) == 2
    compare(trader.session)
    assert trader.session.out_of_sync == frozenset()
