"""Whatever is sent, the exchange answers in its own words and goes on."""

from __future__ import annotations

import hashlib
import hmac
import time
from urllib.parse import urlencode

import pytest
import requests

from connections.sandbox.routes import Security
from connections.sandbox.server import ROUTES
from tests.sandbox_process import Credentials, SandboxProcess

JUNK = [
    {},
    {"symbol": "BTCUSDT"},
    {"symbol": "NOPE", "orderId": "x", "limit": "0", "pair": "NOPE", "interval": "7q"},
    {
        "symbol": "BTCUSDT", "pair": "BTCUSDT", "interval": "1m", "limit": "-1", "orderId": "-5",
        "algoId": "1e3", "positionSide": "UP", "amount": "9" * 30, "leverage": "999",
        "marginType": "LOOSE", "type": "ODD", "side": "BUY", "quantity": "9" * 20,
        "dualSidePosition": "maybe", "startTime": "-1", "incomeType": "LUCK", "symbols": "[1]",
        "origClientOrderId": "%00", "algoType": "CONDITIONAL",
    },
    {
        "symbol": "BTCUSDT", "side": "SELL", "type": "LIMIT", "quantity": "1" + "0" * 19,
        "price": "0.00000000000000000001", "timeInForce": "GTC", "leverage": "0",
        "amount": "0", "startTime": "9" * 20, "endTime": "0", "marginType": "ISOLATED",
        "algoType": "CONDITIONAL", "triggerPrice": "0", "limit": "9" * 20, "symbols": "[",
        "interval": "1w", "pair": "BTCUSDT", "orderId": "9" * 20, "fromId": "9" * 20,
    },
    {
        "symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quoteOrderQty": "9" * 20,
        "interval": "1d", "startTime": "1", "endTime": "9" * 19, "pair": "BTCUSDT",
    },
    {
        "symbol": "BTCUSDT", "side": "SELL", "type": "STOP", "quantity": "0.01", "price": "1",
        "triggerPrice": "9" * 20, "algoType": "CONDITIONAL", "workingType": "GUESS",
    },
]  # fmt: skip


@pytest.mark.parametrize("junk", JUNK)
def test_junk_is_never_a_server_error(
    sandbox: SandboxProcess, account: Credentials, junk: dict[str, str]
) -> None:
    session = requests.Session()
    session.headers["X-MBX-APIKEY"] = account.key
    for (method, path), route in ROUTES.items():
        params = dict(junk)
        if route.security is Security.SIGNED:
            params["timestamp"] = str(int(time.time() * 1000))
        query = urlencode(params)
        if route.security is Security.SIGNED:
            signed = hmac.new(account.secret.encode(), query.encode(), hashlib.sha256)
            query += f"&signature={signed.hexdigest()}"
        answer = session.request(method, f"{sandbox.base_url}{path}?{query}", timeout=10)
        assert answer.status_code in (200, 400), (method, path, answer.status_code, answer.text)
        if answer.status_code == 400:
            assert set(answer.json()) == {"code", "msg"}
            assert answer.json()["code"] < 0


def test_bytes_that_are_no_text_are_refused(sandbox: SandboxProcess) -> None:
    answer = requests.post(
        f"{sandbox.base_url}/api/v3/order",
        data=b"\xff\xfe=\x80",
        headers={"Content-Type": "application/x-www-form-urlencoded"},
        timeout=5,
    )
    assert answer.status_code == 400
    assert answer.json()["code"] == -1100
