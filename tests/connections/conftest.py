"""A sandbox exchange for the session, gateways to it, and people around one connection."""

from collections.abc import Callable, Iterator

import pytest
from django.conf import LazySettings

from connections.choices import Environment, MarketType
from connections.gateway import factory
from connections.gateway.gateway import Gateway
from connections.gateway.markets import forget_markets
from connections.gateway.venue import AccountModes, Keys, Venue
from connections.models import Connection
from cts.actors import Actor
from cts.choices import Role, Source
from cts.fields import Sealed
from cts.models import User
from tests.factories import ConnectionFactory, UserFactory
from tests.sandbox_process import Credentials, SandboxProcess

OpenGateway = Callable[..., Gateway]


@pytest.fixture(scope="session")
def sandbox_process() -> Iterator[SandboxProcess]:
    """One sandbox with a seeded walk for all tests of this worker."""
    with SandboxProcess(["--synthetic", "7"]) as process:
        yield process


@pytest.fixture
def exchange(sandbox_process: SandboxProcess, settings: LazySettings) -> Iterator[SandboxProcess]:
    """The sandbox as SANDBOX_URL, without faults, and no gateway left from another test."""
    settings.SANDBOX_URL = sandbox_process.base_url
    forget_markets()
    factory.forget_all()
    yield sandbox_process
    sandbox_process.clear_faults()
    factory.forget_all()


@pytest.fixture
def account(exchange: SandboxProcess) -> Credentials:
    """A new account with 10,000 USDT on spot and on futures."""
    return exchange.open_account()


@pytest.fixture
def open_gateway(account: Credentials) -> Iterator[OpenGateway]:
    """Build gateways to the account; closed at the end."""
    opened: list[Gateway] = []

    def build(
        market_type: str = MarketType.USDT_PERPETUAL,
        *,
        position_mode: str = "one-way",
        leverage: int = 1,
        key: str = account.key,
        secret: str = account.secret,
        attempts: int = 3,
    ) -> Gateway:
        gateway = Gateway(
            Venue("binance", Environment.SANDBOX, market_type),
            keys=Keys(Sealed.seal(key), Sealed.seal(secret), Sealed.seal("")),
            modes=AccountModes("cross", position_mode, leverage),
            attempts=attempts,
        )
        opened.append(gateway)
        return gateway

    yield build
    for gateway in opened:
        gateway.close()


@pytest.fixture
def owner(db: None) -> User:
    """A trader who owns the connection."""
    return UserFactory(role=Role.TRADER)


@pytest.fixture
def connection(owner: User) -> Connection:
    """A disabled connection of the owner; its credentials fit no account."""
    return ConnectionFactory(owner=owner, name="Mine")


@pytest.fixture
def good_connection(owner: User, account: Credentials) -> Connection:
    """A disabled connection of the owner to the sandbox account."""
    return ConnectionFactory(
        owner=owner,
        name="Mine",
        api_key=Sealed.seal(account.key),
        api_secret=Sealed.seal(account.secret),
    )


def acting(user: User) -> Actor:
    """Give the user, coming through the web."""
    return Actor(source=Source.WEB, user=user, name=user.username, ip="127.0.0.1")
