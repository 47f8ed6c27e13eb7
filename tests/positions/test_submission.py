"""Sending an order once: answers lost, refused, late; leases that end on the way."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from connections.gateway.errors import (
    Ambiguous,
    InsufficientFunds,
    InvalidOrder,
    RateLimited,
    TimedOut,
    Unavailable,
)
from connections.gateway.types import ReportedState
from positions import submission
from positions.choices import CloseReason, OrderPurpose, OrderState, PositionState
from positions.fencing import LeaseLost
from positions.intents import record_intent
from positions.live import refresh_position
from positions.models import Fill, LivePosition, Order
from positions.settlement import settle
from positions.submission import cancel, give_up, resend, submit
from tests.positions.conftest import MakeOrder, long_ago
from tests.positions.exchange_stub import ExchangeStub, Fate, FenceStub

STOP = OrderPurpose.STOP_LOSS


def states(order: Order) -> list[str]:
    return [event.after for event in order.events.all()]


def test_a_sent_order_goes_from_intent_to_filled_with_an_event_each(
    make_order: MakeOrder, exchange: ExchangeStub, fence: FenceStub
) -> None:
    order = submit(order=make_order(), gateway=exchange, fence=fence)
    assert states(order) == ["intent", "sent", "filled"]
    assert order.filled_quantity == Decimal("0.1")
    assert order.position.state == PositionState.OPEN
    assert order.position.entry_quantity == Decimal("0.1")


@pytest.mark.parametrize("error", [Ambiguous("no answer"), TimedOut("no answer")])
def test_a_lost_answer_makes_the_order_unknown_never_failed(
    make_order: MakeOrder, exchange: ExchangeStub, fence: FenceStub, error: Exception
) -> None:
    exchange.next("submit", error)
    order = submit(order=make_order(), gateway=exchange, fence=fence)
    assert order.state == OrderState.UNKNOWN
    assert order.position.state == PositionState.OPENING
    assert len(exchange.sent) == 1


@pytest.mark.parametrize(
    "error",
    [InsufficientFunds("too small"), InvalidOrder("tick"), Unavailable("off"), RateLimited("x")],
)
def test_a_definite_refusal_rejects_the_order_and_closes_its_position(
    make_order: MakeOrder, exchange: ExchangeStub, fence: FenceStub, error: Exception
) -> None:
    exchange.next("submit", error)
    order = submit(order=make_order(), gateway=exchange, fence=fence)
    assert (order.state, order.error_code) == (OrderState.REJECTED, error.code)
    position = LivePosition.objects.get()
    assert (position.state, position.close_reason) == (
        PositionState.CLOSED,
        CloseReason.NEVER_FILLED,
    )


def test_a_lease_that_ran_out_sends_nothing(
    make_order: MakeOrder, exchange: ExchangeStub, fence: FenceStub
) -> None:
    order = make_order()
    fence.stands = False
    with pytest.raises(LeaseLost):
        submit(order=order, gateway=exchange, fence=fence)
    order.refresh_from_db()
    assert (order.state, exchange.sent) == (OrderState.INTENT, [])


def test_a_stale_token_sends_nothing_and_leaves_the_intent(
    make_order: MakeOrder, exchange: ExchangeStub, fence: FenceStub
) -> None:
    order = make_order()
    fence.is_newest = False
    with pytest.raises(LeaseLost):
        submit(order=order, gateway=exchange, fence=fence)
    order.refresh_from_db()
    assert (order.state, exchange.sent) == (OrderState.INTENT, [])


def test_a_stale_token_inserts_no_intent(make_order: MakeOrder, fence: FenceStub) -> None:
    fence.is_newest = False
    with pytest.raises(LeaseLost):
        make_order()
    assert not Order.objects.exists()


def test_one_cause_has_one_intent(
    make_order: MakeOrder, opening: LivePosition, fence: FenceStub
) -> None:
    order = make_order(cause="once")
    again = record_intent(
        fence=fence,
        position=opening,
        purpose=OrderPurpose.ENTRY,
        cause="once",
        kind="market",
        quantity=Decimal(1),
        reference_price=Decimal(1),
        now=timezone.now(),
    )
    assert again is None
    assert list(Order.objects.all()) == [order]


def test_an_order_is_submitted_by_one_of_two(
    make_order: MakeOrder, exchange: ExchangeStub, fence: FenceStub
) -> None:
    order = make_order()
    stale = Order.objects.get(pk=order.pk)
    submit(order=order, gateway=exchange, fence=fence)
    assert submit(order=stale, gateway=exchange, fence=fence).state == OrderState.FILLED
    assert len(exchange.sent) == 1


def test_whoever_stood_still_between_marking_and_sending_does_not_send(
    make_order: MakeOrder,
    exchange: ExchangeStub,
    fence: FenceStub,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    order = make_order()
    monkeypatch.setattr(submission, "SEND_WITHIN", timedelta(seconds=-1))
    with pytest.raises(LeaseLost):
        submit(order=order, gateway=exchange, fence=fence)
    order.refresh_from_db()
    assert (order.state, exchange.sent) == (OrderState.SENT, [])


def test_the_position_never_lags_behind_its_orders_state(
    make_order: MakeOrder,
    exchange: ExchangeStub,
    fence: FenceStub,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A crash between the order's last state and the position's figures takes both back: a filled
    order is never asked about again, so its position would stay without quantity for ever."""

    def crash(*args: object, **kwargs: object) -> None:
        raise KeyboardInterrupt

    order = make_order()
    with monkeypatch.context() as patched:
        patched.setattr("positions.settlement.refresh_position", crash)
        with pytest.raises(KeyboardInterrupt):
            submit(order=order, gateway=exchange, fence=fence)
    order.refresh_from_db()
    assert order.state == OrderState.SENT
    assert not Fill.objects.exists()

    refused = make_order(cause="refused")
    exchange.next("submit", InvalidOrder("no"))
    with monkeypatch.context() as patched:
        patched.setattr("positions.submission.refresh_position", crash)
        with pytest.raises(KeyboardInterrupt):
            submit(order=refused, gateway=exchange, fence=fence)
    refused.refresh_from_db()
    assert refused.state == OrderState.SENT


def test_an_intent_that_is_given_up_closes_its_position(make_order: MakeOrder) -> None:
    order = make_order()
    give_up(order=order, reason="too late")
    assert order.state == OrderState.DENIED
    assert LivePosition.objects.get().close_reason == CloseReason.NEVER_FILLED


def test_an_order_sent_again_keeps_its_id(
    make_order: MakeOrder, exchange: ExchangeStub, fence: FenceStub
) -> None:
    exchange.next("submit", Fate.NOT_DONE)
    order = submit(order=make_order(STOP), gateway=exchange, fence=fence)
    resend(order=order, gateway=exchange, fence=fence)
    assert [ticket.client_order_id for ticket in exchange.sent] == [order.client_order_id] * 2
    order.refresh_from_db()
    assert order.state == OrderState.OPEN


def test_an_order_that_arrived_after_all_is_not_doubled_by_sending_it_again(
    make_order: MakeOrder, exchange: ExchangeStub, fence: FenceStub
) -> None:
    exchange.next("submit", Fate.DONE)
    order = submit(order=make_order(STOP), gateway=exchange, fence=fence)
    resend(order=order, gateway=exchange, fence=fence)
    order.refresh_from_db()
    assert order.state == OrderState.UNKNOWN
    assert len(exchange.standing) == 1


class TestCancelling:
    @pytest.fixture
    def stop(self, make_order: MakeOrder, exchange: ExchangeStub, fence: FenceStub) -> Order:
        submit(order=make_order(), gateway=exchange, fence=fence)
        stop = make_order(STOP)
        return submit(order=stop, gateway=exchange, fence=fence)

    def test_a_cancelled_stop_ends(
        self, stop: Order, exchange: ExchangeStub, fence: FenceStub
    ) -> None:
        assert cancel(order=stop, gateway=exchange, fence=fence).state == OrderState.CANCELED

    def test_a_stop_that_fills_while_being_cancelled_is_filled(
        self, stop: Order, exchange: ExchangeStub, fence: FenceStub
    ) -> None:
        exchange.fill(stop.client_order_id, "0.1", 49_750)
        assert cancel(order=stop, gateway=exchange, fence=fence).state == OrderState.FILLED
        position = LivePosition.objects.get()
        assert (position.state, position.close_reason) == (PositionState.CLOSED, "stop_loss")
        assert position.realised_quote == Decimal(-25)

    @pytest.mark.parametrize(
        ("fate", "after"), [(Fate.DONE, OrderState.CANCELED), (Fate.NOT_DONE, OrderState.OPEN)]
    )
    def test_a_lost_answer_to_a_cancel_is_asked_for(
        self, stop: Order, exchange: ExchangeStub, fence: FenceStub, fate: Fate, after: OrderState
    ) -> None:
        exchange.next("cancel", fate)
        order = cancel(order=stop, gateway=exchange, fence=fence)
        for _ in range(5):
            order = settle(order=order, gateway=exchange)
        assert order.state == after
        assert exchange.calls.count("cancel") == 1

    def test_a_triggered_stop_that_the_exchange_refused_does_not_hang_in_its_cancel(
        self, stop: Order, exchange: ExchangeStub, fence: FenceStub
    ) -> None:
        exchange.standing[stop.client_order_id].state = ReportedState.REJECTED
        assert cancel(order=stop, gateway=exchange, fence=fence).state == OrderState.REJECTED

    def test_a_lost_lease_cancels_nothing(
        self, stop: Order, exchange: ExchangeStub, fence: FenceStub
    ) -> None:
        fence.is_newest = False
        with pytest.raises(LeaseLost):
            cancel(order=stop, gateway=exchange, fence=fence)
        stop.refresh_from_db()
        assert (stop.state, exchange.calls.count("cancel")) == (OrderState.OPEN, 0)

    def test_a_cancel_that_the_exchange_keeps_refusing_leaves_the_order_standing(
        self, stop: Order, exchange: ExchangeStub, fence: FenceStub
    ) -> None:
        exchange.next("cancel", RateLimited("later"))
        order = cancel(order=stop, gateway=exchange, fence=fence)
        assert order.state == OrderState.CANCEL_SENT
        for _ in range(5):
            order = settle(order=order, gateway=exchange)
        assert order.state == OrderState.OPEN


def test_refreshing_a_position_again_changes_nothing(
    make_order: MakeOrder, exchange: ExchangeStub, fence: FenceStub
) -> None:
    order = long_ago(submit(order=make_order(), gateway=exchange, fence=fence))
    before = LivePosition.objects.filter(pk=order.position_id).values().get()
    refresh_position(order.position_id, now=timezone.now())
    assert LivePosition.objects.filter(pk=order.position_id).values().get() == before
