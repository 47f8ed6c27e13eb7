"""Leaving: stops first, one exit at a time, to the end, whatever the exchange answers."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from django.core.exceptions import PermissionDenied
from django.utils import timezone

from connections.gateway.errors import InvalidOrder
from connections.gateway.types import ReportedState
from cts.actors import Actor
from cts.choices import Role, Source
from cts.errors import Refused
from cts.models import ActivityEntry, User
from positions.choices import CloseReason, OrderPurpose, OrderState, PositionState
from positions.closing import drive_close, request_close
from positions.models import LivePosition, Order
from positions.protection import begin_close, ensure_stop
from positions.settlement import ABSENCES_BELIEVED, settle
from positions.submission import submit
from tests.factories import UserFactory
from tests.positions.conftest import SPEC, MakeOrder, long_ago
from tests.positions.exchange_stub import ExchangeStub, Fate, FenceStub

EXIT, STOP = OrderPurpose.EXIT, OrderPurpose.STOP_LOSS


@pytest.fixture
def protected(make_order: MakeOrder, exchange: ExchangeStub, fence: FenceStub) -> LivePosition:
    """0.1 BTC bought, its stop on the exchange."""
    submit(order=make_order(), gateway=exchange, fence=fence)
    position = LivePosition.objects.select_related("connection").get()
    ensure_stop(position=position, spec=SPEC, gateway=exchange, fence=fence, now=timezone.now())
    return position


def drive(exchange: ExchangeStub, fence: FenceStub, times: int = 1) -> LivePosition:
    for _ in range(times):
        position = LivePosition.objects.select_related("connection").get()
        if position.state == PositionState.CLOSING:
            drive_close(
                position=position,
                spec=SPEC,
                last_price=Decimal(50_000),
                gateway=exchange,
                fence=fence,
                now=timezone.now(),
            )
    return LivePosition.objects.get()


def exits_sent(exchange: ExchangeStub) -> list[Decimal]:
    return [
        ticket.quantity
        for ticket in exchange.sent
        if ticket.side == "sell" and ticket.kind == "market"
    ]


def test_the_stop_ends_before_the_exit_is_sent(
    protected: LivePosition, exchange: ExchangeStub, fence: FenceStub
) -> None:
    begin_close(position=protected, reason=CloseReason.TAKE_PROFIT)
    position = drive(exchange, fence)
    assert (position.state, position.close_reason) == (PositionState.CLOSED, "take_profit")
    assert exchange.calls.index("cancel") < len(exchange.calls) - 1
    assert exits_sent(exchange) == [Decimal("0.1")]


def test_a_cancel_in_doubt_holds_the_exit_back(
    protected: LivePosition, exchange: ExchangeStub, fence: FenceStub
) -> None:
    exchange.next("cancel", Fate.NOT_DONE)
    begin_close(position=protected, reason=CloseReason.MANUAL)
    drive(exchange, fence, times=3)
    assert exits_sent(exchange) == []
    for _ in range(ABSENCES_BELIEVED):
        settle(order=Order.objects.get(purpose=STOP), gateway=exchange)
    assert drive(exchange, fence).state == PositionState.CLOSED
    assert exits_sent(exchange) == [Decimal("0.1")]


def test_a_stop_that_filled_meanwhile_leaves_nothing_to_exit(
    protected: LivePosition, exchange: ExchangeStub, fence: FenceStub
) -> None:
    begin_close(position=protected, reason=CloseReason.TAKE_PROFIT)
    exchange.fill(exchange.only("stop").ticket.client_order_id, "0.1", 49_750)
    position = drive(exchange, fence, times=2)
    assert (position.state, position.close_reason) == (PositionState.CLOSED, "stop_loss")
    assert exits_sent(exchange) == []


def test_a_stop_that_filled_in_part_leaves_the_rest_to_the_exit(
    protected: LivePosition, exchange: ExchangeStub, fence: FenceStub
) -> None:
    begin_close(position=protected, reason=CloseReason.TAKE_PROFIT)
    exchange.fill(exchange.only("stop").ticket.client_order_id, "0.04", 49_750)
    position = drive(exchange, fence, times=2)
    assert exits_sent(exchange) == [Decimal("0.06")]
    assert position.open_quantity == 0


def test_a_stop_that_never_arrived_does_not_keep_the_position_open(
    make_order: MakeOrder, exchange: ExchangeStub, fence: FenceStub
) -> None:
    submit(order=make_order(), gateway=exchange, fence=fence)
    position = LivePosition.objects.select_related("connection").get()
    exchange.next("submit", Fate.NOT_DONE)
    ensure_stop(position=position, spec=SPEC, gateway=exchange, fence=fence, now=timezone.now())
    begin_close(position=position, reason=CloseReason.MANUAL)
    drive(exchange, fence, times=3)
    stop = long_ago(Order.objects.get(purpose=STOP))
    for _ in range(ABSENCES_BELIEVED):
        stop = settle(order=Order.objects.get(pk=stop.pk), gateway=exchange)
    assert drive(exchange, fence).state == PositionState.CLOSED


def test_an_exit_whose_answer_was_lost_is_never_doubled(
    protected: LivePosition, exchange: ExchangeStub, fence: FenceStub
) -> None:
    begin_close(position=protected, reason=CloseReason.MANUAL)
    exchange.next("submit", Fate.DONE)
    drive(exchange, fence, times=5)
    assert exits_sent(exchange) == [Decimal("0.1")]
    settle(order=Order.objects.get(purpose=EXIT), gateway=exchange)
    assert LivePosition.objects.get().state == PositionState.CLOSED


def test_a_refused_exit_is_tried_again_with_back_off_under_a_new_id(
    protected: LivePosition, exchange: ExchangeStub, fence: FenceStub
) -> None:
    begin_close(position=protected, reason=CloseReason.MANUAL)
    exchange.next("submit", InvalidOrder("reduce-only"), InvalidOrder("reduce-only"))
    drive(exchange, fence, times=3)
    assert len(exits_sent(exchange)) == 1
    Order.objects.update(created_at=timezone.now() - timedelta(seconds=1.5))
    drive(exchange, fence)
    Order.objects.filter(state=OrderState.REJECTED).update(
        created_at=timezone.now() - timedelta(seconds=1.5)
    )
    drive(exchange, fence)
    assert len(exits_sent(exchange)) == 2
    Order.objects.update(created_at=timezone.now() - timedelta(minutes=1))
    assert drive(exchange, fence).state == PositionState.CLOSED
    assert len({ticket.client_order_id for ticket in exchange.sent}) == len(exchange.sent)


def test_a_partly_filled_exit_is_followed_by_one_for_the_rest(
    protected: LivePosition, exchange: ExchangeStub, fence: FenceStub
) -> None:
    begin_close(position=protected, reason=CloseReason.MANUAL)
    exchange.fills_markets = False
    drive(exchange, fence)
    first = exchange.sent[-1].client_order_id
    exchange.fill(first, "0.03")
    exchange.standing[first].state = ReportedState.EXPIRED
    settle(order=Order.objects.get(purpose=EXIT), gateway=exchange)
    exchange.fills_markets = True
    assert drive(exchange, fence).state == PositionState.CLOSED
    assert exits_sent(exchange) == [Decimal("0.1"), Decimal("0.07")]


def test_a_lot_that_grew_beyond_what_is_left_ends_the_position(
    protected: LivePosition, exchange: ExchangeStub, fence: FenceStub
) -> None:
    begin_close(position=protected, reason=CloseReason.MANUAL)
    position = LivePosition.objects.select_related("connection").get()
    drive_close(
        position=position,
        spec=replace(SPEC, lot=Decimal(1)),
        last_price=Decimal(50_000),
        gateway=exchange,
        fence=fence,
        now=timezone.now(),
    )
    position.refresh_from_db()
    assert position.state == PositionState.CLOSED
    assert exits_sent(exchange) == []


def test_what_was_written_off_is_closed_without_an_order(
    protected: LivePosition, exchange: ExchangeStub, fence: FenceStub
) -> None:
    LivePosition.objects.update(state=PositionState.CLOSING, close_reason=CloseReason.RECONCILED)
    position = drive(exchange, fence, times=2)
    assert (position.state, position.exit_price) == (PositionState.CLOSED, None)
    assert exits_sent(exchange) == []
    assert Order.objects.get(purpose=STOP).state == OrderState.CANCELED


class TestAPersonCloses:
    def actor(self, user: User) -> Actor:
        return Actor(source=Source.WEB, user=user, name=user.username)

    def test_the_owner_may_and_it_is_on_record(self, protected: LivePosition) -> None:
        request_close(actor=self.actor(protected.connection.owner), position=protected)
        protected.refresh_from_db()
        assert (protected.state, protected.close_reason) == (PositionState.CLOSING, "manual")
        entry = ActivityEntry.objects.get()
        assert entry.action == "position.close_requested"
        assert entry.actor == protected.connection.owner

    def test_an_operator_may(self, protected: LivePosition) -> None:
        request_close(actor=self.actor(UserFactory(role=Role.OPERATOR)), position=protected)

    @pytest.mark.parametrize("role", [Role.TRADER, Role.VIEWER])
    def test_a_stranger_and_a_viewer_may_not(self, protected: LivePosition, role: Role) -> None:
        with pytest.raises(PermissionDenied):
            request_close(actor=self.actor(UserFactory(role=role)), position=protected)
        protected.refresh_from_db()
        assert protected.state == PositionState.OPEN

    def test_what_is_not_open_is_refused_and_leaves_no_entry(self, opening: LivePosition) -> None:
        with pytest.raises(Refused) as refused:
            request_close(actor=self.actor(opening.connection.owner), position=opening)
        assert refused.value.code == "position.not_open"
        assert not ActivityEntry.objects.exists()
