"""What is refused reaches a ccxt user as the exception that the real exchange would raise."""

from __future__ import annotations

import ccxt
import pytest
import requests

from tests.sandbox_process import Credentials, SandboxProcess

from .conftest import futures_client, spot_client

SPOT = "BTC/USDT"
PERP = "BTC/USDT:USDT"


def test_a_wrong_secret_is_an_authentication_error(
    sandbox: SandboxProcess, account: Credentials
) -> None:
    client = spot_client(sandbox.base_url, account._replace(secret="wrong"))
    with pytest.raises(ccxt.AuthenticationError, match="-1022"):
        client.privateGetAccount()


def test_an_unknown_key_is_an_authentication_error(
    sandbox: SandboxProcess, account: Credentials
) -> None:
    client = futures_client(sandbox.base_url, account._replace(key="unknown"))
    with pytest.raises(ccxt.AuthenticationError, match="-2015"):
        client.fapiPrivateV3GetAccount()


def test_a_late_clock_is_an_invalid_nonce(spot: ccxt.binance) -> None:
    spot.options["timeDifference"] = 60_000
    with pytest.raises(ccxt.InvalidNonce, match="-1021"):
        spot.privateGetAccount()
    spot.options["timeDifference"] = -60_000
    with pytest.raises(ccxt.InvalidNonce, match="-1021"):
        spot.privateGetAccount()


def test_too_little_money_on_spot(spot: ccxt.binance) -> None:
    with pytest.raises(ccxt.InsufficientFunds, match="insufficient balance"):
        spot.create_order(SPOT, "market", "buy", 1)
    with pytest.raises(ccxt.InsufficientFunds, match="insufficient balance"):
        spot.create_order(SPOT, "market", "sell", 0.01)


def test_too_little_margin_on_futures(futures: ccxt.binanceusdm) -> None:
    futures.set_leverage(1, PERP)
    with pytest.raises(ccxt.InsufficientFunds, match="-2019"):
        futures.create_order(PERP, "market", "buy", 1)


def test_a_repeated_client_order_id_is_refused_only_while_the_first_is_open(
    spot: ccxt.binance,
) -> None:
    price = spot.fetch_ticker(SPOT)["last"] * 0.8
    params = {"newClientOrderId": "same"}
    first = spot.create_order(SPOT, "limit", "buy", 0.01, price, params)
    with pytest.raises(ccxt.InvalidOrder, match="Duplicate order sent"):
        spot.create_order(SPOT, "limit", "buy", 0.01, price, params)
    spot.cancel_order(first["id"], SPOT)
    second = spot.create_order(SPOT, "limit", "buy", 0.01, price, params)
    found = spot.fetch_order("", SPOT, {"origClientOrderId": "same"})
    assert found["id"] == second["id"] != first["id"]


def test_unknown_orders(spot: ccxt.binance, futures: ccxt.binanceusdm) -> None:
    for client, pair in ((spot, SPOT), (futures, PERP)):
        with pytest.raises(ccxt.OrderNotFound, match="-2013"):
            client.fetch_order("42", pair)
        with pytest.raises(ccxt.OrderNotFound, match="-2011"):
            client.cancel_order("42", pair)
    with pytest.raises(ccxt.OrderNotFound, match="-2013"):
        futures.fetch_order("42", PERP, {"trigger": True})
    with pytest.raises(ccxt.OrderNotFound, match="-2011"):
        futures.cancel_order("42", PERP, {"trigger": True})


@pytest.mark.parametrize(
    ("order", "name"),
    [
        ({"quantity": "0.000001", "price": "50000"}, "LOT_SIZE"),
        ({"quantity": "0.000011", "price": "50000"}, "LOT_SIZE"),
        ({"quantity": "0.01", "price": "50000.001"}, "PRICE_FILTER"),
        ({"quantity": "0.00001", "price": "50000"}, "NOTIONAL"),
        ({"quantity": "0.01", "price": "1"}, "PERCENT_PRICE_BY_SIDE"),
    ],
)
def test_a_filter_failure_names_the_filter(
    spot: ccxt.binance, order: dict[str, str], name: str
) -> None:
    request = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", **order}
    with pytest.raises((ccxt.InvalidOrder, ccxt.BadRequest), match=f"Filter failure: {name}"):
        spot.privatePostOrder(request)


def test_parameters_are_checked(spot: ccxt.binance) -> None:
    good = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.01"}
    for change, code in (
        ({"symbol": "NOPEUSDT"}, "-1121"),
        ({"symbol": ""}, "-1102"),
        ({"side": "HOLD"}, "-1117"),
        ({"type": "MAGIC"}, "-1116"),
        ({"quantity": ""}, "-1102"),
        ({"quantity": "-1"}, "-1100"),
        ({"quantity": "0.0100000001"}, "-1111"),
        ({"type": "LIMIT", "price": "50000"}, "-1102"),
        ({"type": "LIMIT", "price": "50000", "timeInForce": "SOON"}, "-1115"),
        ({"price": "50000"}, "-1106"),
    ):
        with pytest.raises(ccxt.ExchangeError, match=code):
            spot.privatePostOrder({**good, **change})


def test_futures_refuse_in_their_own_codes(futures: ccxt.binanceusdm) -> None:
    good = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.01"}
    last = futures.fetch_ticker(PERP)["last"]
    for change, code in (
        ({"quantity": "0.00001"}, "-1111"),
        ({"quantity": "0"}, "-4003"),
        ({"quantity": "100000"}, "-4005"),
        ({"quantity": "0.0001", "type": "LIMIT", "timeInForce": "GTC",
          "price": f"{last * 0.5:.2f}"}, "-4164"),
        ({"type": "LIMIT", "timeInForce": "GTC", "price": f"{last * 2:.2f}"}, "-4016"),
        ({"type": "LIMIT", "timeInForce": "GTX", "price": f"{last * 1.05:.2f}"}, "-5022"),
        ({"type": "LIMIT", "timeInForce": "FOK", "price": f"{last * 0.9:.2f}"}, "-5021"),
        ({"type": "STOP_MARKET", "stopPrice": f"{last * 0.9:.2f}"}, "-4120"),
        ({"positionSide": "LONG"}, "-4061"),
        ({"reduceOnly": "true"}, "-2022"),
    ):  # fmt: skip
        with pytest.raises(ccxt.BaseError, match=code):
            futures.fapiPrivatePostOrder({**good, **change})


def test_a_stop_that_would_trigger_at_once(spot: ccxt.binance, futures: ccxt.binanceusdm) -> None:
    last = futures.fetch_ticker(PERP)["last"]
    with pytest.raises(ccxt.OrderImmediatelyFillable, match="-2021"):
        futures.create_order(PERP, "market", "sell", 0.01, params={"stopLossPrice": last * 1.1})
    with pytest.raises(ccxt.OrderImmediatelyFillable, match="trigger immediately"):
        spot.create_order(SPOT, "market", "buy", 0.001, params={"stopLossPrice": last * 0.9})
    with pytest.raises(ccxt.OrderImmediatelyFillable, match="immediately match"):
        spot.create_order(SPOT, "limit", "buy", 0.001, last * 1.1, {"postOnly": True})


def test_http_statuses_are_the_exchanges(sandbox: SandboxProcess, account: Credentials) -> None:
    base = sandbox.base_url
    unsigned = requests.get(f"{base}/api/v3/account", timeout=5)
    assert (unsigned.status_code, unsigned.json()["code"]) == (401, -2014)
    keyed = requests.get(f"{base}/api/v3/account", headers={"X-MBX-APIKEY": account.key}, timeout=5)
    assert (keyed.status_code, keyed.json()["code"]) == (400, -1102)
    public = requests.get(f"{base}/api/v3/time", timeout=5)
    assert int(public.headers["X-MBX-USED-WEIGHT-1M"]) > 0
    assert requests.get(f"{base}/api/v9/nothing", timeout=5).status_code == 404
