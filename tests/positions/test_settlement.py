"""Asking the exchange until an order is at an end: absence, contradictions, fills in pieces."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from connections.gateway.errors import Ambiguous, ExchangeBug, RateLimited, TimedOut, Unavailable
from connections.gateway.types import ReportedState
from positions.choices import CloseReason, OrderPurpose, OrderState, PositionState
from positions.models import Fill, LivePosition, Order
from positions.settlement import ABSENCES_BELIEVED, LOST_FOR_GOOD, is_absent, settle
from positions.submission import cancel, submit
from tests.positions.conftest import MakeOrder, long_ago
from tests.positions.exchange_stub import ExchangeStub, Fate, FenceStub

STOP, EXIT, ENTRY = OrderPurpose.STOP_LOSS, OrderPurpose.EXIT, OrderPurpose.ENTRY


@pytest.fixture
def lost_answer(make_order: MakeOrder, exchange: ExchangeStub, fence: FenceStub) -> Order:
    """An entry whose answer was lost, and which never arrived."""
    exchange.next("submit", Fate.NOT_DONE)
    return submit(order=make_order(), gateway=exchange, fence=fence)


def ask(order: Order, exchange: ExchangeStub, times: int = 1) -> Order:
    for _ in range(times):
        order = settle(order=Order.objects.get(pk=order.pk), gateway=exchange)
    return Order.objects.get(pk=order.pk)


def test_an_order_whose_answer_was_lost_is_found_by_its_client_id(
    make_order: MakeOrder, exchange: ExchangeStub, fence: FenceStub
) -> None:
    exchange.next("submit", Fate.DONE)
    order = submit(order=make_order(), gateway=exchange, fence=fence)
    order = ask(order, exchange)
    assert order.state == OrderState.FILLED
    assert order.error_code == ""
    assert LivePosition.objects.get().state == PositionState.OPEN
    assert len(exchange.sent) == 1


def test_absence_is_not_believed_before_the_window_is_over(
    lost_answer: Order, exchange: ExchangeStub
) -> None:
    order = ask(lost_answer, exchange, times=3 * ABSENCES_BELIEVED)
    assert order.state == OrderState.UNKNOWN
    assert not is_absent(order)


def test_absence_is_not_believed_after_few_answers(
    lost_answer: Order, exchange: ExchangeStub
) -> None:
    order = ask(long_ago(lost_answer), exchange, times=ABSENCES_BELIEVED - 1)
    assert order.state == OrderState.UNKNOWN


def test_an_entry_that_is_nowhere_is_lost_and_never_sent_again(
    lost_answer: Order, exchange: ExchangeStub
) -> None:
    order = ask(long_ago(lost_answer), exchange, times=ABSENCES_BELIEVED)
    assert order.state == OrderState.LOST
    assert LivePosition.objects.get().state == PositionState.OPENING
    assert len(exchange.sent) == 1


def test_a_lost_entry_that_turns_up_is_taken(
    lost_answer: Order, exchange: ExchangeStub, fence: FenceStub
) -> None:
    order = ask(long_ago(lost_answer), exchange, times=ABSENCES_BELIEVED)
    exchange.submit(exchange.sent[0])
    assert ask(order, exchange).state == OrderState.FILLED
    assert LivePosition.objects.get().state == PositionState.OPEN


def test_a_lost_entry_does_not_hold_its_place_for_ever(
    lost_answer: Order, exchange: ExchangeStub
) -> None:
    order = ask(long_ago(lost_answer), exchange, times=ABSENCES_BELIEVED)
    Order.objects.update(sent_at=timezone.now() - LOST_FOR_GOOD)
    assert ask(order, exchange).state == OrderState.EXPIRED
    assert LivePosition.objects.get().close_reason == CloseReason.NEVER_FILLED


def test_an_open_order_in_the_full_list_outweighs_its_absence(
    make_order: MakeOrder, exchange: ExchangeStub, fence: FenceStub
) -> None:
    """The targeted query looks in the wrong place; the list of open orders shows it."""
    order = submit(order=make_order(STOP), gateway=exchange, fence=fence)
    client_order_id = order.client_order_id
    hidden = exchange.standing.pop(client_order_id)
    order = ask(long_ago(order), exchange, times=ABSENCES_BELIEVED - 1)
    exchange.standing["elsewhere"] = hidden
    order = ask(order, exchange)
    assert (order.state, order.error_code) == (OrderState.OPEN, "")


def test_absence_is_not_believed_where_the_full_list_can_not_be_read(
    lost_answer: Order, exchange: ExchangeStub
) -> None:
    exchange.next("open_orders", TimedOut("no answer"))
    order = ask(long_ago(lost_answer), exchange, times=ABSENCES_BELIEVED)
    assert order.state == OrderState.UNKNOWN


@pytest.mark.parametrize("error", [TimedOut("x"), Unavailable("x"), ExchangeBug("x")])
def test_a_failed_query_says_nothing(
    lost_answer: Order, exchange: ExchangeStub, error: Exception
) -> None:
    exchange.next("order", *[error] * 10)
    order = ask(long_ago(lost_answer), exchange, times=10)
    assert (order.state, order.error_code) == (OrderState.UNKNOWN, "ambiguous")
    assert order.ask_after is not None
    assert order.ask_after > timezone.now()


def test_an_exchange_that_asks_for_patience_gets_it(
    lost_answer: Order, exchange: ExchangeStub
) -> None:
    exchange.next("order", RateLimited("slow down", retry_after_s=90))
    order = ask(lost_answer, exchange)
    assert order.ask_after is not None
    assert order.ask_after > timezone.now() + timedelta(seconds=80)


@pytest.mark.parametrize(
    ("purpose", "state"), [(STOP, PositionState.OPEN), (EXIT, PositionState.CLOSING)]
)
def test_an_exit_or_stop_that_never_arrived_may_be_sent_again_once_that_is_certain(
    make_order: MakeOrder,
    exchange: ExchangeStub,
    fence: FenceStub,
    purpose: OrderPurpose,
    state: PositionState,
) -> None:
    submit(order=make_order(), gateway=exchange, fence=fence)
    exchange.next("submit", Fate.NOT_DONE)
    order = submit(order=make_order(purpose), gateway=exchange, fence=fence)
    LivePosition.objects.update(state=state, close_reason="manual")
    order = ask(order, exchange, times=2 * ABSENCES_BELIEVED)
    assert not is_absent(order)
    order = ask(long_ago(order), exchange)
    assert is_absent(order)
    assert order.state == OrderState.UNKNOWN


@pytest.mark.parametrize(
    ("purpose", "state"),
    [
        (STOP, PositionState.CLOSING),
        (STOP, PositionState.CLOSED),
        (EXIT, PositionState.CLOSED),
    ],
)
def test_an_exit_or_stop_that_never_arrived_and_is_not_wanted_ends(
    make_order: MakeOrder,
    exchange: ExchangeStub,
    fence: FenceStub,
    purpose: OrderPurpose,
    state: PositionState,
) -> None:
    """Or a closing position would wait for the end of its stop for ever."""
    exchange.next("submit", Fate.NOT_DONE)
    order = submit(order=make_order(purpose), gateway=exchange, fence=fence)
    LivePosition.objects.update(
        state=state, close_reason="manual", closed_at=timezone.now(), entry_quantity=0
    )
    order = ask(long_ago(order), exchange, times=ABSENCES_BELIEVED)
    assert order.state == OrderState.EXPIRED


def test_standing_answers_do_not_count_as_absences(
    make_order: MakeOrder, exchange: ExchangeStub, fence: FenceStub
) -> None:
    """A cancel in doubt: open, open, open, and one answer that knows nothing proves nothing."""
    submit(order=make_order(), gateway=exchange, fence=fence)
    stop = submit(order=make_order(STOP), gateway=exchange, fence=fence)
    exchange.next("cancel", Ambiguous("no answer"))
    order = ask(long_ago(cancel(order=stop, gateway=exchange, fence=fence)), exchange, times=2)
    hidden = exchange.standing.pop(order.client_order_id)
    order = ask(order, exchange)
    assert order.state == OrderState.CANCEL_UNKNOWN
    exchange.standing[order.client_order_id] = hidden
    assert ask(order, exchange, times=6).state == OrderState.OPEN


def test_an_order_that_the_exchange_forgot_ends_after_several_answers(
    make_order: MakeOrder, exchange: ExchangeStub, fence: FenceStub
) -> None:
    order = submit(order=make_order(STOP), gateway=exchange, fence=fence)
    exchange.standing.clear()
    order = ask(long_ago(order), exchange, times=ABSENCES_BELIEVED - 1)
    assert order.state == OrderState.OPEN
    assert ask(order, exchange).state == OrderState.EXPIRED


class TestFills:
    @pytest.fixture
    def resting(self, make_order: MakeOrder, exchange: ExchangeStub, fence: FenceStub) -> Order:
        """An entry that the exchange took and did not fill yet."""
        exchange.fills_markets = False
        return submit(order=make_order(), gateway=exchange, fence=fence)

    def test_two_halves_make_a_whole(self, resting: Order, exchange: ExchangeStub) -> None:
        exchange.fill(resting.client_order_id, "0.04", 50_000)
        order = ask(resting, exchange)
        assert (order.state, order.filled_quantity) == (
            OrderState.PARTIALLY_FILLED,
            Decimal("0.04"),
        )
        position = LivePosition.objects.get()
        assert (position.state, position.entry_quantity) == (
            PositionState.OPENING,
            Decimal("0.04"),
        )
        exchange.fill(resting.client_order_id, "0.06", 50_100)
        assert ask(order, exchange).state == OrderState.FILLED
        position.refresh_from_db()
        assert position.state == PositionState.OPEN
        assert position.entry_price == Decimal(50_060)

    def test_an_answer_without_news_leaves_no_event(
        self, resting: Order, exchange: ExchangeStub
    ) -> None:
        exchange.fill(resting.client_order_id, "0.04")
        order = ask(resting, exchange, times=5)
        assert [event.after for event in order.events.all()].count("partially_filled") == 1

    def test_the_same_trade_told_twice_counts_once(
        self, resting: Order, exchange: ExchangeStub
    ) -> None:
        trade = exchange.fill(resting.client_order_id, "0.04")
        exchange.standing[resting.client_order_id].trades.append(trade)
        order = ask(resting, exchange, times=2)
        assert Fill.objects.count() == 1
        assert order.filled_quantity == Decimal("0.04")

    def test_an_order_does_not_end_before_its_fills_are_here(
        self, resting: Order, exchange: ExchangeStub
    ) -> None:
        exchange.fill(resting.client_order_id, "0.1")
        exchange.hides_trades = True
        order = ask(resting, exchange)
        assert order.state == OrderState.OPEN
        exchange.hides_trades = False
        exchange.next("trades", TimedOut("no answer"))
        assert ask(order, exchange).state == OrderState.OPEN
        assert ask(order, exchange).state == OrderState.FILLED

    def test_filled_without_a_figure_waits_for_its_trades(
        self, resting: Order, exchange: ExchangeStub
    ) -> None:
        """Or an entry would count as never filled while the exchange holds the position."""
        standing = exchange.standing[resting.client_order_id]
        standing.state, standing.reported_filled = ReportedState.FILLED, Decimal(0)
        order = ask(resting, exchange)
        assert order.state == OrderState.OPEN
        assert LivePosition.objects.get().state == PositionState.OPENING
        exchange.fill(order.client_order_id, "0.1")
        assert ask(order, exchange).state == OrderState.FILLED

    def test_a_report_that_falls_back_behind_known_fills_takes_nothing_away(
        self, resting: Order, exchange: ExchangeStub
    ) -> None:
        exchange.fill(resting.client_order_id, "0.04")
        order = ask(resting, exchange)
        standing = exchange.standing[order.client_order_id]
        standing.state, standing.reported_filled = ReportedState.OPEN, Decimal(0)
        order = ask(order, exchange)
        assert (order.state, order.filled_quantity) == (
            OrderState.PARTIALLY_FILLED,
            Decimal("0.04"),
        )

    def test_a_cancelled_rest_keeps_what_was_filled(
        self, resting: Order, exchange: ExchangeStub
    ) -> None:
        exchange.fill(resting.client_order_id, "0.04")
        exchange.standing[resting.client_order_id].state = ReportedState.EXPIRED
        order = ask(resting, exchange)
        assert order.state == OrderState.EXPIRED
        position = LivePosition.objects.get()
        assert (position.state, position.open_quantity) == (PositionState.OPEN, Decimal("0.04"))

    def test_a_late_fill_of_an_entry_that_never_filled_reopens_the_position(
        self, resting: Order, exchange: ExchangeStub
    ) -> None:
        exchange.standing[resting.client_order_id].state = ReportedState.CANCELED
        order = ask(resting, exchange)
        assert LivePosition.objects.get().close_reason == CloseReason.NEVER_FILLED
        exchange.fill(order.client_order_id, "0.1")
        assert ask(order, exchange).state == OrderState.FILLED
        position = LivePosition.objects.get()
        assert (position.state, position.closed_at, position.close_reason) == (
            PositionState.OPEN,
            None,
            "",
        )

    def test_a_late_fill_of_an_entry_whose_position_has_left_makes_it_leave_again(
        self, resting: Order, exchange: ExchangeStub, make_order: MakeOrder, fence: FenceStub
    ) -> None:
        exchange.fill(resting.client_order_id, "0.04")
        exchange.standing[resting.client_order_id].state = ReportedState.CANCELED
        entry = ask(resting, exchange)
        exchange.fills_markets = True
        submit(
            order=make_order(EXIT, quantity="0.04", close_reason="take_profit"),
            gateway=exchange,
            fence=fence,
        )
        position = LivePosition.objects.get()
        assert (position.state, position.close_reason) == (PositionState.CLOSED, "take_profit")
        exchange.fill(entry.client_order_id, "0.06")
        assert ask(entry, exchange).state == OrderState.FILLED
        position.refresh_from_db()
        assert (position.state, position.open_quantity) == (
            PositionState.CLOSING,
            Decimal("0.06"),
        )
