"""Engines, tournaments, sets, markets and prices over the API."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from connections.gateway.types import Ticker
from cts.choices import Role
from cts.models import ActivityEntry
from tests import factories
from tests.factories import api_of
from trading.choices import DesiredState
from trading.market import board

pytestmark = pytest.mark.django_db
ENGINES = "/api/v1/engines"


@pytest.fixture
def owner():
    return factories.UserFactory(role=Role.TRADER)


@pytest.fixture
def engine(owner):
    return factories.EngineFactory(connection__owner=owner)


def test_engine_acts_change_what_is_wanted_and_are_recorded(owner, engine):
    client = api_of(owner)

    wanted = [
        client.post(f"{ENGINES}/{engine.pk}/{act}").json()["desired"]
        for act in ("pause", "resume", "stop", "start")
    ]

    assert wanted == ["paused", "running", "stopped", "running"]
    actions = list(ActivityEntry.objects.order_by("id").values_list("action", "source"))
    assert actions == [(f"engine.{act}", "api") for act in ("pause", "resume", "stop", "start")]


def test_stop_with_open_positions_has_to_be_said(owner, engine):
    factories.LivePositionFactory(connection=engine.connection)
    path = f"{ENGINES}/{engine.pk}/stop"

    refused = api_of(owner).post(path)
    done = api_of(owner).post(path, {"leave_positions": True})

    assert refused.status_code == 409
    assert refused.json()["type"] == "urn:cts:problem:engine.open_positions"
    assert done.json()["desired"] == "stopped"


@pytest.mark.parametrize("act", ["start", "pause", "resume", "stop"])
def test_neither_a_viewer_nor_a_stranger_operates(engine, act):
    path = f"{ENGINES}/{engine.pk}/{act}"

    assert api_of(factories.UserFactory(role=Role.VIEWER)).post(path).status_code == 403
    assert api_of(factories.UserFactory(role=Role.TRADER)).post(path).status_code == 404
    engine.refresh_from_db()
    assert engine.desired == DesiredState.RUNNING


def test_an_operator_operates_everybodys(engine):
    answer = api_of(factories.UserFactory(role=Role.OPERATOR)).post(f"{ENGINES}/{engine.pk}/pause")

    assert answer.json()["desired"] == "paused"


@pytest.mark.parametrize(
    ("path", "make_three"),
    [
        (ENGINES, lambda: factories.EngineFactory.create_batch(3)),
        ("/api/v1/markets", lambda: factories.MarketFactory.create_batch(3)),
        (
            "/api/v1/tournaments",
            lambda: [factories.TournamentFactory(timeframe=each) for each in ("1m", "5m", "1h")],
        ),
        (
            "/api/v1/sets",
            lambda: factories.TournamentSetFactory.create_batch(
                3, tournament=factories.TournamentFactory()
            ),
        ),
        (
            "/api/v1/stage-changes",
            lambda: factories.StageChangeFactory.create_batch(
                3, tournament=factories.TournamentFactory()
            ),
        ),
    ],
)
def test_a_list_costs_one_query_however_long_it_is(path, make_three, django_assert_num_queries):
    make_three()
    client = api_of(factories.UserFactory(role=Role.VIEWER))

    with django_assert_num_queries(1):
        answer = client.get(path)

    assert len(answer.json()["results"]) == 3


class TestPrices:
    query = "/api/v1/prices?exchange=binance&environment=sandbox&market_type=usdt-perpetual"

    def test_gives_each_known_price_with_its_age(self, owner):
        market = factories.MarketFactory(symbol="BTC/USDT:USDT")
        factories.MarketFactory(symbol="ETH/USDT:USDT")
        at = timezone.now() - timedelta(seconds=30)
        quote = Ticker(
            symbol=market.symbol, last=Decimal("50000.50"), bid=None, ask=Decimal(50001), at=at
        )
        board.write("binance", "sandbox", "usdt-perpetual", [quote])

        (price,) = api_of(owner).get(self.query).json()

        assert (price["symbol"], price["last"], price["bid"], price["ask"]) == (
            "BTC/USDT:USDT",
            "50000.5",
            None,
            "50001",
        )
        assert price["is_stale"] is True
        assert 30 <= price["age_s"] < 60
        assert price["change_24h_pct"] is None

    def test_a_missing_or_wrong_venue_is_named(self, owner):
        answer = api_of(owner).get("/api/v1/prices?environment=moon")

        assert answer.status_code == 400
        assert set(answer.json()["errors"]) == {"exchange", "environment", "market_type"}

    def test_nobody_reads_them(self):
        assert api_of(None).get(self.query).status_code == 401
