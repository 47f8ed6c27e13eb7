"""The whole line, from price to closed position, with every real process, and through kill -9.

`manage.py up` on a new data folder, as a newcomer starts it: the practice connection trades the
replay of real candles (the synthetic feed where CTS_REPLAY_DIR names none) on the sandbox. All is
asked over HTTP: our API, our pages, and the exchange's own ledger.
"""

import os
import time
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
import requests

from tests.processes import RunningUp, eventually, own_installation, running_up
from tests.sandbox_process import SandboxControl

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

CHILDREN = {
    "web": "gunicorn",
    "jobs": "-Q jobs",
    "beat": "celery .*beat",
    "sandbox": "manage.py sandbox",
    "engines": "-Q engines",
}
TWO_FRAMES_SECS = 150


class Light:
    """A CTS that runs, asked from outside."""

    def __init__(self, up: RunningUp, environment: dict[str, str]) -> None:
        self.up = up
        self.base = f"http://{environment['CTS_WEB_BIND']}"
        self.password = environment["CTS_ADMIN_PASSWORD"]
        self.exchange = SandboxControl(
            environment["CTS_SANDBOX_URL"], os.environ["CTS_SANDBOX_CONTROL_TOKEN"]
        )
        self.api = requests.Session()
        self.api.trust_env = False
        self.signed_in_at = float("-inf")

    def call(self, method: str, path: str, *, or_refused: bool = False, **options: Any) -> Any:
        """Call our API; a token lives ten minutes, so sign in anew after five.

        `or_refused`: 409 is an answer too (the position closed by itself in the meantime).
        """
        if time.monotonic() - self.signed_in_at > 300:
            answer = self.api.post(
                f"{self.base}/api/v1/auth/token",
                json={"username": "admin", "password": self.password},
                timeout=10,
            )
            answer.raise_for_status()
            self.api.headers["Authorization"] = f"Bearer {answer.json()['access']}"
            self.signed_in_at = time.monotonic()
        time.sleep(0.2)  # 600 requests a minute are allowed
        (answer,) = eventually(lambda: self._answer(method, path, options), within_secs=30)
        assert answer.ok or (or_refused and answer.status_code == 409), answer.text
        return answer.json()

    def _answer(
        self, method: str, path: str, options: dict[str, Any]
    ) -> tuple[requests.Response, ...]:
        """Ask once; nothing while web or broker are on their way back (503, or nobody listens)."""
        try:
            answer = self.api.request(method, f"{self.base}/api/v1/{path}", timeout=30, **options)
        except requests.ConnectionError:
            return ()
        return () if answer.status_code == 503 else (answer,)

    def every(self, path: str) -> list[dict[str, Any]]:
        """Give all rows of a list endpoint."""
        page = self.call("GET", f"{path}{'&' if '?' in path else '?'}page_size=500")
        rows = page["results"]
        while page["next"]:
            page = self.call("GET", page["next"].split("/api/v1/", 1)[1])
            rows += page["results"]
        return rows

    def engine(self) -> dict[str, Any]:
        """Give the engine of the practice connection."""
        (engine,) = self.every("engines")
        return engine

    def ledger(self) -> dict[str, Any]:
        """Give what the exchange itself knows of the practice account."""
        futures: dict[str, Any] = self.exchange.ledger(os.environ["CTS_SANDBOX_KEY"])["futures"]
        return futures

    def closed_since(self, since: str) -> list[dict[str, Any]]:
        """Give the live positions that filled and were closed after `since` (ISO time, UTC)."""
        return [
            each
            for each in self.every("positions/live?state=closed")
            if each["close_reason"] != "never_filled" and each["closed_at"] > since
        ]

    def dashboard(self) -> str:
        """Sign in as a person would and give the dashboard's HTML."""
        browser = requests.Session()
        browser.trust_env = False
        browser.get(f"{self.base}/sign-in", timeout=10)
        answer = browser.post(
            f"{self.base}/sign-in",
            data={
                "username": "admin",
                "password": self.password,
                "csrfmiddlewaretoken": browser.cookies["csrftoken"],
            },
            headers={"Referer": f"{self.base}/sign-in"},
            timeout=10,
        )
        assert answer.ok
        return answer.text


@pytest.fixture(scope="module")
def light() -> Iterator[Light]:
    with own_installation() as environment, running_up(environment) as up:
        up.wait_for("CTS is ready: http://", within_secs=120)
        yield Light(up, environment)


def test_positions_open_and_close_on_the_sandbox_with_real_stops(light: Light) -> None:
    closed = eventually(lambda: light.closed_since(""), within_secs=TWO_FRAMES_SECS)

    page = light.dashboard()
    assert "Practice" in page
    assert "SANDBOX" in page
    assert closed[0]["symbol"] in page

    ledger = light.ledger()
    stops = {order["client_id"]: order for order in ledger["algo_orders"]}
    for position in closed:
        orders = light.call("GET", f"positions/live/{position['id']}")["orders"]
        ours = [order for order in orders if order["purpose"] == "stop_loss"]
        assert ours, "every position had a stop"
        for order in ours:
            stop = stops[order["client_order_id"]]
            assert stop["reduce_only"]
            assert Decimal(stop["trigger_price"]) == Decimal(order["trigger_price"])
        assert position["close_reason"] in {"take_profit", "stop_loss", "trailing_stop"}


def test_kill_9_of_every_child_doubles_no_order_and_loses_none(light: Light) -> None:
    eventually(lambda: light.engine()["actual"] == "running", within_secs=60)
    for name, pattern in CHILDREN.items():
        killed = light.up.child(pattern)
        killed.kill()
        light.up.wait_for(f"{name} was killed by SIGKILL", within_secs=20)
        eventually(lambda p=pattern: _has_child(light.up, p), within_secs=30)
    if "REDIS_URL" not in os.environ:
        light.up.child("valkey-server").kill()
        light.up.wait_for("valkey was killed by SIGKILL", within_secs=20)

    recovered = eventually(lambda: _trades_again(light), within_secs=TWO_FRAMES_SECS)
    assert recovered

    engine = light.engine()
    light.call("POST", f"engines/{engine['id']}/pause")
    eventually(lambda: light.engine()["actual"] == "paused", within_secs=30)
    for position in light.every("positions/live?state=open"):
        light.call("POST", f"positions/live/{position['id']}/close", or_refused=True)
    eventually(lambda: not light.every("positions/live?open=true"), within_secs=60)

    _assert_ledgers_agree(light)


def _has_child(up: RunningUp, pattern: str) -> bool:
    try:
        return up.child(pattern).is_running()
    except AssertionError:
        return False


def _trades_again(light: Light) -> bool:
    since = max((each["created_at"] for each in light.every("positions/live")), default="")
    engine = eventually(
        lambda: light.engine() if light.engine()["actual"] == "running" else None, within_secs=60
    )
    cycles = engine["cycles"]
    eventually(lambda: light.engine()["cycles"] > cycles, within_secs=60)
    return eventually(
        lambda: any(
            each["opened_at"] and each["created_at"] > since
            for each in light.every("positions/live")
        ),
        within_secs=TWO_FRAMES_SECS,
    )


def _assert_ledgers_agree(light: Light) -> None:
    """Every order at the exchange is one of ours, once; every fill is here, once; none is left."""
    ledger = light.ledger()
    orders = light.every("orders")
    fills = light.every("fills")

    triggered = {each["order_id"] for each in ledger["algo_orders"] if each["order_id"]}
    sent = [each["client_id"] for each in ledger["orders"] if each["id"] not in triggered]
    sent += [each["client_id"] for each in ledger["algo_orders"]]
    assert [name for name, times in Counter(sent).items() if times > 1] == []
    assert set(sent) <= {order["client_order_id"] for order in orders}
    assert {order["cause"] for order in orders if order["filled_quantity"] != "0"} == {
        order["cause"] for order in orders if order["state"] == "filled"
    }

    theirs = sorted((str(each["id"]), Decimal(each["quantity"])) for each in ledger["fills"])
    ours = sorted((each["exchange_trade_id"], Decimal(each["quantity"])) for each in fills)
    assert ours == theirs

    assert ledger["positions"] == []
    assert [each for each in ledger["algo_orders"] if each["status"] == "NEW"] == []
    realised = sum(
        (
            Decimal(each["realised_quote"]) - Decimal(each["fees_quote"])
            for each in light.every("positions/live?state=closed")
        ),
        Decimal(0),
    )
    booked = sum(
        (
            Decimal(each["amount"])
            for each in ledger["income"]
            if each["type"] in {"REALIZED_PNL", "COMMISSION"}
        ),
        Decimal(0),
    )
    assert abs(realised - booked) < Decimal("0.000001")
