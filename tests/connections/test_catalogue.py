"""What is known of exchanges without importing ccxt agrees with ccxt."""

import subprocess
import sys

import ccxt
import pytest

from connections.choices import MarketType
from connections.gateway.catalogue import exchange_ids, require_offered, streams
from connections.gateway.clients import build_client
from connections.gateway.errors import NotOffered
from connections.gateway.factory import forget_all, gateway_for, public_gateway
from connections.gateway.venue import Venue
from connections.models import Connection
from cts.environment import BASE_DIR
from cts.errors import Refused
from cts.fields import Sealed

PARTS = {"binanceusdm", "binancecoinm", "krakenfutures", "kucoinfutures"}


def test_exchange_ids_are_ccxts() -> None:
    assert exchange_ids() == set(ccxt.exchanges) - PARTS
    assert streams("binanceusdm")
    assert not streams("nothing")


def test_services_and_models_do_not_import_ccxt() -> None:
    code = (
        "import django; django.setup(); import sys;"
        "from connections.services import creation, editing, lifecycle, live_trading, testing;"
        "import connections.practice; assert 'ccxt' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], cwd=BASE_DIR, check=True, timeout=60)


@pytest.mark.parametrize(
    ("venue", "url"),
    [
        (("binance", "live", "spot"), "https://api.binance.com/api/v3"),
        (("binance", "testnet", "spot"), "https://testnet.binance.vision/api/v3"),
    ],
)
def test_spot_clients_go_where_their_environment_says(
    venue: tuple[str, str, str], url: str
) -> None:
    assert build_client(Venue(*venue), None, timeout_s=1).urls["api"]["private"] == url


@pytest.mark.parametrize(
    ("environment", "url"),
    [
        ("live", "https://fapi.binance.com/fapi/v1"),
        ("testnet", "https://demo-fapi.binance.com/fapi/v1"),
    ],
)
def test_perpetual_clients_go_where_their_environment_says(environment: str, url: str) -> None:
    venue = Venue("binance", environment, MarketType.USDT_PERPETUAL)
    client = build_client(venue, None, timeout_s=1)
    assert client.id == "binanceusdm"
    assert client.urls["api"]["fapiPrivate"] == url
    assert client.number is str
    assert client.timeout == 1000


@pytest.mark.parametrize("exchange", ["bybit", "okx", "gate", "kucoin", "kraken", "mexc"])
def test_other_exchanges_get_a_client(exchange: str) -> None:
    for market_type in (MarketType.SPOT, MarketType.USDT_PERPETUAL):
        client = build_client(Venue(exchange, "live", market_type), None, timeout_s=1)
        assert client.id.startswith(exchange)


def test_no_testnet_is_said() -> None:
    with pytest.raises(NotOffered, match="no testnet"):
        build_client(Venue("mexc", "testnet", MarketType.SPOT), None, timeout_s=1)
    with pytest.raises(Refused):
        require_offered("binanse", "live", MarketType.SPOT)


@pytest.mark.django_db
def test_a_gateway_is_kept_until_credentials_or_modes_change(connection: Connection) -> None:
    first = gateway_for(connection)
    assert gateway_for(Connection.objects.get(pk=connection.pk)) is first
    connection.api_secret = Sealed.seal("another")
    second = gateway_for(connection)
    assert second is not first
    connection.leverage = 9
    assert gateway_for(connection) is not second
    assert public_gateway(*connection.venue) is public_gateway(*connection.venue)
    forget_all()
