"""Positions, orders, fills and refusals over the API."""

from decimal import Decimal

import pytest

from cts.choices import Role
from positions.choices import PositionState, Side
from tests import factories
from tests.factories import api_of

pytestmark = pytest.mark.django_db
LIVE = "/api/v1/positions/live"


@pytest.fixture
def owner():
    return factories.UserFactory(role=Role.TRADER)


@pytest.fixture
def position(owner):
    return factories.LivePositionFactory(connection__owner=owner)


def ids(answer) -> list[int]:
    return [row["id"] for row in answer.json()["results"]]


def test_positions_are_narrowed_by_state_symbol_side_and_connection(owner, position):
    ended = factories.LivePositionFactory(connection=position.connection, closed=True)
    short = factories.LivePositionFactory(
        connection__owner=owner, side=Side.SHORT, symbol="ETH/USDT:USDT"
    )
    client = api_of(owner)

    assert ids(client.get(LIVE)) == [short.pk, ended.pk, position.pk]
    assert ids(client.get(f"{LIVE}?state=closed")) == [ended.pk]
    assert ids(client.get(f"{LIVE}?open=true")) == [short.pk, position.pk]
    assert ids(client.get(f"{LIVE}?symbol=ETH/USDT:USDT&side=short")) == [short.pk]
    assert ids(client.get(f"{LIVE}?connection={position.connection_id}&open=false")) == [ended.pk]


def test_a_wrong_filter_is_named(owner):
    answer = api_of(owner).get(f"{LIVE}?state=sideways")

    assert answer.status_code == 400
    assert list(answer.json()["errors"]) == ["state"]


def test_a_position_comes_with_its_orders_events_and_fills(owner, position):
    order = factories.OrderFactory(position=position)
    factories.OrderEventFactory(order=order)
    factories.FillFactory(order=order, price=Decimal("50000.10"))

    body = api_of(owner).get(f"{LIVE}/{position.pk}").json()

    assert (body["environment"], body["open_quantity"], body["exit_price"]) == (
        "sandbox",
        "0.1",
        None,
    )
    (shown,) = body["orders"]
    assert shown["events"][0]["after"] == "sent"
    assert (shown["fills"][0]["price"], shown["fills"][0]["quantity"]) == ("50000.1", "0.1")


@pytest.mark.parametrize(
    ("path", "make"),
    [
        (LIVE, lambda connection: factories.LivePositionFactory(connection=connection)),
        (
            "/api/v1/orders",
            lambda connection: factories.OrderFactory(position__connection=connection),
        ),
        (
            "/api/v1/fills",
            lambda connection: factories.FillFactory(order__position__connection=connection),
        ),
        ("/api/v1/refusals", lambda connection: factories.RefusalFactory(connection=connection)),
        ("/api/v1/positions/pseudo", lambda _: factories.PseudoPositionFactory(tournament_id=1)),
    ],
)
def test_a_list_costs_one_query_however_long_it_is(owner, path, make, django_assert_num_queries):
    connection = factories.ConnectionFactory(owner=owner, live=True)
    for _ in range(4):
        make(connection)

    with django_assert_num_queries(1):
        answer = api_of(owner).get(path)

    assert len(answer.json()["results"]) == 4


@pytest.mark.parametrize("path", [LIVE, "/api/v1/orders", "/api/v1/fills", "/api/v1/refusals"])
def test_a_stranger_lists_nothing(position, path):
    order = factories.OrderFactory(position=position)
    factories.FillFactory(order=order)
    factories.RefusalFactory(connection=position.connection)

    assert ids(api_of(factories.UserFactory(role=Role.TRADER)).get(path)) == []
    assert len(ids(api_of(factories.UserFactory(role=Role.VIEWER)).get(path))) == 1


def test_close_marks_the_position_closing(owner, position):
    answer = api_of(owner).post(f"{LIVE}/{position.pk}/close")

    assert (answer.status_code, answer.json()["state"]) == (200, "closing")
    again = api_of(owner).post(f"{LIVE}/{position.pk}/close")
    assert again.status_code == 409
    assert again.json()["type"] == "urn:cts:problem:position.not_open"


def test_neither_a_viewer_nor_a_stranger_closes(position):
    path = f"{LIVE}/{position.pk}/close"

    assert api_of(factories.UserFactory(role=Role.VIEWER)).post(path).status_code == 403
    assert api_of(factories.UserFactory(role=Role.TRADER)).post(path).status_code == 404
    position.refresh_from_db()
    assert position.state == PositionState.OPEN


def test_an_order_comes_with_its_events_and_fills(owner, position, django_assert_num_queries):
    order = factories.OrderFactory(position=position)
    factories.OrderEventFactory.create_batch(2, order=order)
    factories.FillFactory.create_batch(2, order=order)

    with django_assert_num_queries(3):
        body = api_of(owner).get(f"/api/v1/orders/{order.pk}").json()

    assert (len(body["events"]), len(body["fills"])) == (2, 2)
