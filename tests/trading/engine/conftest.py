"""An engine with a lease that stands, a scripted exchange, and prices on the board."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from connections.gateway import factory
from connections.gateway.types import Ticker
from cts.actors import Actor
from cts.choices import Source
from cts.models import User
from tests.factories import SYMBOL, ConnectionFactory, EngineFactory
from tests.positions.conftest import SPEC
from tests.positions.exchange_stub import ExchangeStub
from trading.engine.lease import Lease
from trading.engine.session import Session
from trading.market import board
from trading.models import Engine

SetPrice = Callable[..., None]


@pytest.fixture
def exchange() -> ExchangeStub:
    return ExchangeStub()


@pytest.fixture
def engine(db: None) -> Engine:
    """A running engine of a live connection that nobody holds."""
    connection = ConnectionFactory(live=True)
    return EngineFactory(connection=connection, lease_token=0, lease_holder="", symbols=[SYMBOL])


@pytest.fixture
def session(engine: Engine, exchange: ExchangeStub, monkeypatch: pytest.MonkeyPatch) -> Session:
    """A session of a claimed engine; its gateway is the scripted exchange."""
    monkeypatch.setattr(factory, "gateway_for", lambda connection: exchange)
    lease = Lease.claim(engine.pk, "host-1")
    assert lease is not None
    session = Session(engine=Engine.objects.select_related("connection").get(), lease=lease)
    session.specs = {SYMBOL: SPEC}
    return session


@pytest.fixture
def set_price(session: Session) -> SetPrice:
    """Puts a price on the board, fresh unless told otherwise."""

    def put(last: str | int, *, age_s: float = 0.0) -> None:
        at = timezone.now() - timedelta(seconds=age_s)
        ticker = Ticker(SYMBOL, Decimal(last), Decimal(last), Decimal(last), at)
        board.write(*session.venue.parts, [ticker])

    return put


def actor_of(user: User) -> Actor:
    return Actor(source=Source.WEB, user=user, name=user.username)
