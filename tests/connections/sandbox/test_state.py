"""Whatever was answered is there after `kill -9`, and the market goes on where it was."""

from __future__ import annotations

import threading
import time
from decimal import Decimal
from pathlib import Path

import ccxt
import pytest

from connections.sandbox.errors import SetupError
from connections.sandbox.records import AlgoStatus, OrderStatus
from connections.sandbox.store import Store
from tests.sandbox_process import SandboxError, SandboxProcess

from . import test_futures_market, test_matching
from .conftest import SYMBOL, Market, futures_client, spot_client

QUICK = ["--synthetic", "3", "--history-hours", "1"]
SPOT, PERP = "BTC/USDT", "BTC/USDT:USDT"


def test_everything_survives_kill_9(tmp_path: Path) -> None:
    options = [*QUICK, "--state", str(tmp_path / "state.db")]
    with SandboxProcess(options) as sandbox:
        account = sandbox.open_account()
        spot = spot_client(sandbox.base_url, account)
        futures = futures_client(sandbox.base_url, account)
        last = spot.fetch_ticker(SPOT)["last"]
        spot.create_order(SPOT, "market", "buy", 0.01)
        resting = spot.create_order(SPOT, "limit", "buy", 0.01, last * 0.5)
        futures.set_leverage(3, PERP)
        futures.create_order(PERP, "market", "buy", 0.02)
        stop = futures.create_order(
            PERP, "market", "sell", 0.02,
            params={"stopLossPrice": last * 0.3, "reduceOnly": True},
        )  # fmt: skip
        klines = spot.fetch_ohlcv(SPOT, "1m", limit=30)[:-1]
        before = sandbox.ledger(account.id)
        sandbox.kill()

        sandbox.start()

        after = sandbox.ledger(account.id)
        for part in ("spot", "futures"):
            for name, value in before[part].items():
                assert name == "marks" or after[part][name] == value, name
        assert spot.fetch_order(resting["id"], SPOT)["status"] == "open"
        assert futures.fetch_order(stop["id"], PERP, {"trigger": True})["status"] == "open"
        since = klines[0][0]
        assert spot.fetch_ohlcv(SPOT, "1m", since=since, limit=len(klines)) == klines
        fresh = spot.create_order(SPOT, "market", "buy", 0.01)
        known = {int(order["id"]) for order in before["spot"]["orders"]}
        assert int(fresh["id"]) > max(known)


def test_an_order_whose_answer_was_lost_is_there_after_kill_9(tmp_path: Path) -> None:
    options = [*QUICK, "--state", str(tmp_path / "state.db")]
    with SandboxProcess(options) as sandbox:
        account = sandbox.open_account()
        spot = spot_client(sandbox.base_url, account)
        spot.load_markets()
        sandbox.add_fault("drop_answer", times=1, path="/order")
        with pytest.raises(Exception, match="binance"):
            spot.create_order(SPOT, "market", "buy", 0.01, params={"newClientOrderId": "lost"})
        sandbox.kill()
        sandbox.start()
        found = spot.fetch_order("", SPOT, {"origClientOrderId": "lost"})
        assert (found["status"], found["filled"]) == ("closed", 0.01)


def test_no_acknowledged_order_is_lost_at_any_moment(tmp_path: Path) -> None:
    """The process is killed in the middle of a stream of orders."""
    options = [*QUICK, "--state", str(tmp_path / "state.db")]
    with SandboxProcess(options) as sandbox:
        account = sandbox.open_account(spot={"USDT": "1000000"})
        spot = spot_client(sandbox.base_url, account)
        spot.load_markets()
        acknowledged: list[str] = []
        sent: list[str] = []

        def trade() -> None:
            for number in range(10_000):
                sent.append(f"order-{number}")
                params = {"newClientOrderId": sent[-1]}
                try:
                    order = spot.create_order(SPOT, "market", "buy", 0.001, params=params)
                except ccxt.NetworkError:
                    return
                acknowledged.append(order["clientOrderId"])

        trader = threading.Thread(target=trade)
        trader.start()
        deadline = time.monotonic() + 20
        while len(acknowledged) < 40 and time.monotonic() < deadline:
            time.sleep(0.01)
        sandbox.kill()
        trader.join(20)
        sandbox.start()

        ledger = sandbox.ledger(account.id)["spot"]
        kept = [order["client_id"] for order in ledger["orders"]]
        assert len(acknowledged) >= 40
        assert kept[: len(acknowledged)] == acknowledged
        assert set(kept) <= set(sent), "at most the one in flight was done without an answer"
        bought = sum(Decimal(fill["quantity"]) for fill in ledger["fills"])
        fees = sum(Decimal(fill["commission"]) for fill in ledger["fills"])
        assert bought == Decimal("0.001") * len(kept)
        assert Decimal(ledger["balances"]["BTC"]["free"]) == bought - fees


def reopened(path: Path, market: Market) -> Market:
    """The same market in a new process, so to speak: everything comes from the file."""
    again = Market.__new__(Market)
    again.source, again.now_ms = market.source, market.now_ms
    store = Store(path)
    again.exchange = type(market.exchange)(market.exchange.feed, store, clock=lambda: again.now_ms)
    return again


def test_missed_prices_are_played_through(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    store = Store(path)
    market = Market(store)
    account = market.open_account()
    order = test_matching.place(market, account, "BUY", "0.1", "19900")
    test_futures_market.place(market, account, "BUY", "0.1")
    stop = test_futures_market.place_stop(market, account, "SELL", "19500", "0.1")
    market.exchange.commit()
    store.close()
    for price in (19_800, 19_400, 20_500):
        market.source.prices[SYMBOL].append(float(price))
    market.now_ms += 60_000

    again = reopened(path, market)
    again.exchange.advance()

    filled = again.exchange.spot.orders[order.id]
    assert (filled.status, filled.average_price) == (OrderStatus.FILLED, Decimal(19_900))
    woken = again.exchange.futures.conditional.find(account.id, stop.id, None)
    assert woken.status is AlgoStatus.FINISHED
    sold = again.exchange.futures.orders[woken.order_id]
    assert sold.average_price < 19_500, "it sold at the price of that moment, not of now"
    assert sold.created_ms < market.now_ms - 30_000


def test_a_state_file_of_another_feed_is_refused(tmp_path: Path) -> None:
    path = str(tmp_path / "state.db")
    with SandboxProcess([*QUICK, "--state", path]):
        pass
    other = SandboxProcess(["--synthetic", "4", "--state", path])
    with pytest.raises(SandboxError, match="belongs to the feed synthetic:3"):
        other.start()


def test_a_state_file_in_use_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    store = Store(path)
    store.set_fact("feed", "x")
    store.commit()
    with pytest.raises(SetupError, match="in use by another sandbox"):
        Store(path)
    store.close()
    assert Store(path).facts()["feed"] == "x"


def test_a_file_that_is_no_state_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    path.write_text("hello, this is a text file and no database at all" * 100)
    with pytest.raises(SetupError, match="can't use the state file"):
        Store(path)


def test_the_state_file_is_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    Store(path).close()
    assert path.stat().st_mode & 0o077 == 0


def test_a_stop_in_between_is_no_matter(tmp_path: Path) -> None:
    options = [*QUICK, "--state", str(tmp_path / "state.db")]
    with SandboxProcess(options) as sandbox:
        sandbox.stop()
        assert not any("Traceback" in line for line in sandbox.output)
        sandbox.start()
        assert sandbox.status()["label"] == "SANDBOX"
