"""Which state an order may follow which: the whole table, said twice."""

from itertools import product

import pytest
from django.utils import timezone

from positions.choices import OrderState as S
from positions.models import Order, OrderEvent
from positions.order_changes import IllegalChange, change_state, set_fields
from positions.order_states import ENDED, TRANSITIONS, UNANSWERED, UNSETTLED, may_become
from tests.factories import OrderFactory

# design section 5, by hand: one row for each state, what may follow it
ALLOWED = {
    "intent": "sent denied",
    "sent": "open partially_filled filled canceled expired rejected unknown",
    "unknown": "open partially_filled filled canceled rejected expired lost",
    "lost": "open partially_filled filled canceled rejected expired",
    "open": "partially_filled filled cancel_sent canceled expired rejected",
    "partially_filled": "partially_filled filled cancel_sent canceled expired rejected",
    "cancel_sent": "open partially_filled filled canceled expired rejected cancel_unknown",
    "cancel_unknown": "open partially_filled filled canceled rejected expired",
    "filled": "",
    "canceled": "partially_filled filled",
    "expired": "partially_filled filled",
    "rejected": "partially_filled filled",
    "denied": "",
}
PAIRS = list(product(S, S))


@pytest.mark.parametrize(("before", "after"), PAIRS, ids=lambda state: state.value)
def test_every_pair_is_allowed_or_forbidden_as_the_design_says(before: S, after: S) -> None:
    assert may_become(before, after) == (after.value in ALLOWED[before.value].split())


def test_the_table_has_a_row_for_every_state() -> None:
    assert set(TRANSITIONS) == set(S)


def test_every_state_is_either_settled_or_not() -> None:
    assert set(UNSETTLED) | set(ENDED) == set(S)
    assert not set(UNSETTLED) & set(ENDED)
    assert set(UNANSWERED) < set(UNSETTLED)


def test_an_ended_order_never_comes_back_to_life_but_by_a_fill() -> None:
    for state in ENDED:
        assert TRANSITIONS[state] <= {S.PARTIALLY_FILLED, S.FILLED}


@pytest.mark.django_db
def test_a_forbidden_change_is_refused_and_leaves_no_trace() -> None:
    order = OrderFactory(state=S.FILLED)
    with pytest.raises(IllegalChange, match="filled -> open"):
        change_state(order, S.OPEN, now=timezone.now(), detail={})
    order.refresh_from_db()
    assert order.state == S.FILLED
    assert not order.events.exists()


@pytest.mark.django_db
def test_a_change_writes_state_fields_and_event_together() -> None:
    order = OrderFactory(state=S.OPEN, ask_after=timezone.now())
    now = timezone.now()
    assert change_state(order, S.CANCELED, now=now, detail={"why": "test"})
    order.refresh_from_db()
    assert (order.state, order.settled_at, order.ask_after) == (S.CANCELED, now, None)
    event = OrderEvent.objects.get()
    assert (event.before, event.after, event.detail) == ("open", "canceled", {"why": "test"})


@pytest.mark.django_db
def test_whoever_comes_second_changes_nothing() -> None:
    order = OrderFactory(state=S.OPEN)
    stale = Order.objects.get(pk=order.pk)
    assert change_state(order, S.FILLED, now=timezone.now(), detail={})
    assert not change_state(stale, S.CANCELED, now=timezone.now(), detail={})
    set_fields(stale, error_code="late")
    order.refresh_from_db()
    assert (order.state, order.error_code) == (S.FILLED, "")
    assert OrderEvent.objects.count() == 1
