"""No naked position: a stop for whatever has none, once, and the truth about who watches."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from connections.choices import MarketType
from connections.gateway.errors import InvalidOrder
from positions.choices import OrderPurpose, OrderState, PositionState, StopKind
from positions.fencing import LeaseLost
from positions.models import LivePosition, Order
from positions.protection import begin_close, ensure_stop
from positions.settlement import settle
from positions.submission import submit
from tests.positions.conftest import SPEC, MakeOrder
from tests.positions.exchange_stub import ExchangeStub, Fate, FenceStub


@pytest.fixture
def bought(make_order: MakeOrder, exchange: ExchangeStub, fence: FenceStub) -> LivePosition:
    submit(order=make_order(), gateway=exchange, fence=fence)
    return LivePosition.objects.get()


def protect(position: LivePosition, exchange: ExchangeStub, fence: FenceStub) -> LivePosition:
    position = LivePosition.objects.select_related("connection").get(pk=position.pk)
    ensure_stop(position=position, spec=SPEC, gateway=exchange, fence=fence, now=timezone.now())
    return LivePosition.objects.get(pk=position.pk)


def test_a_stop_goes_to_the_exchange_once(
    bought: LivePosition, exchange: ExchangeStub, fence: FenceStub
) -> None:
    assert protect(bought, exchange, fence).stop_kind == StopKind.EXCHANGE
    protect(bought, exchange, fence)
    stop = exchange.only("stop").ticket
    assert (stop.side, stop.quantity, stop.trigger_price, stop.reduce_only) == (
        "sell",
        Decimal("0.1"),
        Decimal(49_750),
        True,
    )


def test_nothing_is_protected_before_the_first_fill(
    opening: LivePosition, exchange: ExchangeStub, fence: FenceStub
) -> None:
    assert protect(opening, exchange, fence).stop_kind == StopKind.NONE
    assert not exchange.sent


def test_each_half_of_an_entry_gets_its_own_stop(
    make_order: MakeOrder, exchange: ExchangeStub, fence: FenceStub
) -> None:
    exchange.fills_markets = False
    entry = submit(order=make_order(), gateway=exchange, fence=fence)
    exchange.fill(entry.client_order_id, "0.04", 50_000)
    settle(order=entry, gateway=exchange)
    protect(entry.position, exchange, fence)
    exchange.fill(entry.client_order_id, "0.06", 50_000)
    settle(order=Order.objects.get(pk=entry.pk), gateway=exchange)
    assert protect(entry.position, exchange, fence).stop_kind == StopKind.EXCHANGE
    stops = [ticket.quantity for ticket in exchange.sent if ticket.kind == "stop"]
    assert stops == [Decimal("0.04"), Decimal("0.06")]


def test_a_refused_stop_is_watched_by_the_engine_and_tried_again_later(
    bought: LivePosition, exchange: ExchangeStub, fence: FenceStub
) -> None:
    exchange.next("submit", InvalidOrder("would immediately trigger"))
    assert protect(bought, exchange, fence).stop_kind == StopKind.ENGINE
    protect(bought, exchange, fence)
    assert len([one for one in exchange.sent if one.kind == "stop"]) == 1
    Order.objects.update(created_at=timezone.now() - timedelta(seconds=2))
    assert protect(bought, exchange, fence).stop_kind == StopKind.EXCHANGE


def test_a_stop_whose_answer_was_lost_is_not_sent_a_second_time(
    bought: LivePosition, exchange: ExchangeStub, fence: FenceStub
) -> None:
    exchange.next("submit", Fate.DONE)
    assert protect(bought, exchange, fence).stop_kind == StopKind.ENGINE
    assert protect(bought, exchange, fence).stop_kind == StopKind.ENGINE
    settle(order=Order.objects.get(purpose=OrderPurpose.STOP_LOSS), gateway=exchange)
    assert protect(bought, exchange, fence).stop_kind == StopKind.EXCHANGE
    assert len([one for one in exchange.sent if one.kind == "stop"]) == 1


def test_a_stop_that_somebody_cancelled_is_replaced_with_patience(
    bought: LivePosition, exchange: ExchangeStub, fence: FenceStub
) -> None:
    protect(bought, exchange, fence)
    for _ in range(2):
        Order.objects.filter(purpose=OrderPurpose.STOP_LOSS).update(state=OrderState.CANCELED)
        protect(bought, exchange, fence)
    assert Order.objects.filter(purpose=OrderPurpose.STOP_LOSS).count() == 1
    Order.objects.update(created_at=timezone.now() - timedelta(seconds=2))
    protect(bought, exchange, fence)
    assert Order.objects.filter(purpose=OrderPurpose.STOP_LOSS).count() == 2


def test_an_exchange_without_stops_leaves_them_to_the_engine(
    bought: LivePosition, exchange: ExchangeStub, fence: FenceStub
) -> None:
    exchange.offers_stops = False
    assert protect(bought, exchange, fence).stop_kind == StopKind.ENGINE
    assert len(exchange.sent) == 1


def test_a_stop_on_spot_has_a_limit_beyond_its_trigger(
    bought: LivePosition, exchange: ExchangeStub, fence: FenceStub
) -> None:
    bought.connection.market_type = MarketType.SPOT
    bought.connection.save()
    protect(bought, exchange, fence)
    assert exchange.only("stop").ticket.limit_price == Decimal("49252.5")


@pytest.mark.parametrize(
    "state", [PositionState.CLOSING, PositionState.CLOSED, PositionState.LIQUIDATED]
)
def test_what_leaves_or_has_left_gets_no_stop(
    bought: LivePosition, exchange: ExchangeStub, fence: FenceStub, state: PositionState
) -> None:
    LivePosition.objects.update(state=state, close_reason="manual", closed_at=timezone.now())
    protect(bought, exchange, fence)
    assert [ticket.kind for ticket in exchange.sent] == ["market"]


def test_a_lost_lease_places_no_stop(
    bought: LivePosition, exchange: ExchangeStub, fence: FenceStub
) -> None:
    fence.is_newest = False
    with pytest.raises(LeaseLost):
        protect(bought, exchange, fence)
    assert not Order.objects.filter(purpose=OrderPurpose.STOP_LOSS).exists()


def test_closing_begins_once(bought: LivePosition) -> None:
    assert begin_close(position=bought, reason="manual")
    assert not begin_close(position=bought, reason="take_profit")
    bought.refresh_from_db()
    assert (bought.state, bought.close_reason) == (PositionState.CLOSING, "manual")
