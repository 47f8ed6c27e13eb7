"""Faults on command, as a client of the exchange feels them."""

from __future__ import annotations

import time

import ccxt
import pytest
import requests

from connections.sandbox.faults import Faults
from tests.sandbox_process import Credentials, SandboxError, SandboxProcess

PAIR = "BTC/USDT"


def test_a_dropped_answer_leaves_the_order_done(
    sandbox: SandboxProcess, spot: ccxt.binance
) -> None:
    sandbox.add_fault("drop_answer", times=1, path="/order", method="POST")
    with pytest.raises(ccxt.NetworkError):
        spot.create_order(PAIR, "market", "buy", 0.01, params={"newClientOrderId": "lost-1"})
    assert spot.fetch_order("", PAIR, {"origClientOrderId": "lost-1"})["filled"] == 0.01


def test_a_refused_request_leaves_nothing(sandbox: SandboxProcess, spot: ccxt.binance) -> None:
    sandbox.add_fault("refuse", times=1, path="/order")
    with pytest.raises(ccxt.NetworkError):
        spot.create_order(PAIR, "market", "buy", 0.01, params={"newClientOrderId": "never"})
    with pytest.raises(ccxt.OrderNotFound):
        spot.fetch_order("", PAIR, {"origClientOrderId": "never"})


@pytest.mark.parametrize("status", [418, 429])
def test_a_rate_limit_carries_retry_after(
    sandbox: SandboxProcess, spot: ccxt.binance, status: int
) -> None:
    sandbox.add_fault("http_status", value=status, times=2, retry_after=7)
    with pytest.raises(ccxt.DDoSProtection):
        spot.fetch_ticker(PAIR)
    answer = requests.get(f"{sandbox.base_url}/api/v3/ping", timeout=5)
    assert (answer.status_code, answer.headers["Retry-After"]) == (status, "7")
    assert spot.fetch_ticker(PAIR)["last"] > 0


def test_a_server_error_does_nothing(sandbox: SandboxProcess, spot: ccxt.binance) -> None:
    sandbox.add_fault("http_status", value=502, times=1, path="/order")
    with pytest.raises(ccxt.BaseError):
        spot.create_order(PAIR, "market", "buy", 0.01)
    assert spot.fetch_orders(PAIR) == []


def test_latency_comes_after_the_deed(sandbox: SandboxProcess, spot: ccxt.binance) -> None:
    sandbox.add_fault("latency_ms", value=300, times=1, path="/time")
    began = time.monotonic()
    spot.fetch_time()
    assert time.monotonic() - began >= 0.3


def test_an_outage_ends_by_itself(sandbox: SandboxProcess, spot: ccxt.binance) -> None:
    sandbox.add_fault("outage", seconds=0.3)
    with pytest.raises(ccxt.NetworkError):
        spot.fetch_time()
    time.sleep(0.35)
    assert spot.fetch_time() > 0


def test_a_skewed_clock_shows_and_refuses(sandbox: SandboxProcess, spot: ccxt.binance) -> None:
    sandbox.add_fault("clock_skew_ms", value=120_000)
    assert spot.fetch_time() - spot.milliseconds() > 100_000
    with pytest.raises(ccxt.InvalidNonce):
        spot.privateGetAccount()
    sandbox.clear_faults()
    assert spot.privateGetAccount()["canTrade"]


def test_stale_prices_stand_still_and_look_old(sandbox: SandboxProcess, spot: ccxt.binance) -> None:
    sandbox.add_fault("stale_prices")
    first = spot.fetch_ticker(PAIR)
    time.sleep(0.6)
    second = spot.fetch_ticker(PAIR)
    assert (first["last"], first["timestamp"]) == (second["last"], second["timestamp"])
    sandbox.clear_faults()
    assert spot.fetch_ticker(PAIR)["timestamp"] > second["timestamp"]


def test_faults_are_listed_counted_and_cleared(sandbox: SandboxProcess) -> None:
    fault = sandbox.add_fault("refuse", times=3, path="/nowhere")
    assert [f["id"] for f in sandbox.faults()] == [fault["id"]]
    assert sandbox.faults()[0]["timesLeft"] == 3
    assert sandbox.clear_faults() == 1
    assert sandbox.faults() == []


@pytest.mark.parametrize(
    "wish",
    [
        {"kind": "earthquake"},
        {"kind": "http_status", "value": 200},
        {"kind": "latency_ms"},
        {"kind": "partial_fill", "value": 2},
        {"kind": "refuse", "times": 0},
        {"kind": "outage", "seconds": -1},
        {"kind": "refuse", "tmes": 1},
    ],
)
def test_a_wish_that_cant_be_met_is_refused_in_plain_words(wish: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="expected"):
        Faults().add(wish)


def test_the_control_endpoints_want_their_token(
    sandbox: SandboxProcess, account: Credentials
) -> None:
    for method, path in (
        ("POST", "accounts"),
        ("GET", "accounts"),
        ("POST", "faults"),
        ("GET", "faults"),
        ("DELETE", "faults"),
        ("GET", f"ledger?account={account.id}"),
    ):
        url = f"{sandbox.base_url}/sandbox/{path}"
        assert requests.request(method, url, timeout=5).status_code == 403
        wrong = {"X-Sandbox-Control": "guess"}
        assert requests.request(method, url, headers=wrong, timeout=5).status_code == 403
    assert requests.get(f"{sandbox.base_url}/sandbox/status", timeout=5).json()["label"] == (
        "SANDBOX"
    )


def test_accounts_are_opened_with_the_deposits_asked_for(sandbox: SandboxProcess) -> None:
    account = sandbox.open_account(spot={"BTC": "2.5"}, futures="50")
    ledger = sandbox.ledger(account.key)
    assert ledger["spot"]["balances"] == {"BTC": {"free": "2.50000000", "locked": "0"}}
    assert ledger["futures"]["balance"] == "50.00000000"
    with pytest.raises(SandboxError, match=r"expected spot\.BTC to be an amount"):
        sandbox.open_account(spot={"BTC": "much"})
    with pytest.raises(SandboxError, match="404"):
        sandbox.ledger("nobody")
