"""The real ccxt.binance trades on the spot market."""

from __future__ import annotations

from decimal import Decimal

import ccxt
import pytest

from tests.sandbox_process import Credentials, SandboxProcess

from .conftest import spot_client

PAIR = "BTC/USDT"


def test_markets_load_with_keys_and_carry_limits(spot: ccxt.binance) -> None:
    markets = spot.load_markets(reload=True)
    market = markets[PAIR]
    assert market["precision"]["price"] == 0.01
    assert market["precision"]["amount"] == 0.00001
    assert market["limits"]["cost"]["min"] == 5
    assert market["active"]
    assert "BTC/USDT:USDT" in markets, "spot and USD-M markets come in one answer"


def test_the_clock_is_real_time(spot: ccxt.binance) -> None:
    assert abs(spot.fetch_time() - spot.milliseconds()) < 2_000


def test_tickers_books_and_trades_agree_on_the_price(spot: ccxt.binance) -> None:
    ticker = spot.fetch_ticker(PAIR)
    book = spot.fetch_order_book(PAIR, 5)
    assert book["asks"][0][0] - book["bids"][0][0] >= 0.01
    assert len(book["bids"]) == len(book["asks"]) == 5
    assert ticker["bid"] < ticker["ask"]
    assert ticker["low"] <= ticker["last"] <= ticker["high"]
    assert abs(spot.milliseconds() - ticker["timestamp"]) < 5_000
    assert len(spot.fetch_tickers()) == len(spot.fetch_bids_asks()) == 12
    assert spot.fetch_last_prices()[PAIR]["price"] == pytest.approx(ticker["last"], rel=0.02)
    trades = spot.fetch_trades(PAIR, limit=50)
    assert trades == sorted(trades, key=lambda trade: trade["timestamp"])
    assert trades[-1]["price"] == pytest.approx(ticker["last"], rel=0.02)


@pytest.mark.parametrize("timeframe", ["1s", "1m", "3m", "5m", "15m", "30m", "1h", "4h", "1d"])
def test_klines_of_every_interval_are_in_line(spot: ccxt.binance, timeframe: str) -> None:
    length_ms = spot.parse_timeframe(timeframe) * 1000
    candles = spot.fetch_ohlcv(PAIR, timeframe, limit=200)
    starts = [candle[0] for candle in candles]
    assert all(start % length_ms == 0 for start in starts)
    assert starts == list(range(starts[0], starts[-1] + 1, length_ms))
    for _, opening, high, low, close, volume in candles:
        assert low <= min(opening, close)
        assert high >= max(opening, close)
        assert volume >= 0


def test_klines_since_a_time_begin_there(spot: ccxt.binance) -> None:
    since = spot.milliseconds() // 60_000 * 60_000 - 10 * 60_000
    candles = spot.fetch_ohlcv(PAIR, "1m", since=since, limit=5)
    assert [candle[0] for candle in candles] == [since + n * 60_000 for n in range(5)]


def test_a_market_buy_pays_the_fee_in_the_base_asset(spot: ccxt.binance) -> None:
    order = spot.create_order(PAIR, "market", "buy", 0.01)
    assert (order["status"], order["filled"]) == ("closed", 0.01)
    assert order["fees"] == [{"currency": "BTC", "cost": 0.00001}]
    balance = spot.fetch_balance()
    assert balance["BTC"]["free"] == 0.00999
    assert balance["USDT"]["total"] == pytest.approx(10_000 - order["cost"], abs=1e-8)
    trades = spot.fetch_my_trades(PAIR)
    assert sum(Decimal(str(trade["amount"])) for trade in trades) == Decimal("0.01")
    assert {trade["takerOrMaker"] for trade in trades} == {"taker"}


def test_a_market_buy_for_an_amount_of_quote_spends_at_most_that(spot: ccxt.binance) -> None:
    order = spot.create_order(PAIR, "market", "buy", 0, params={"cost": 100})
    assert 98 < order["cost"] <= 100


def test_a_limit_order_rests_is_found_and_cancelled(spot: ccxt.binance) -> None:
    price = spot.fetch_ticker(PAIR)["last"] * 0.8
    params = {"newClientOrderId": "my-order-1"}
    order = spot.create_order(PAIR, "limit", "buy", 0.01, price, params)
    assert (order["status"], order["clientOrderId"]) == ("open", "my-order-1")
    locked = {row["asset"]: row["locked"] for row in spot.fetch_balance()["info"]["balances"]}
    assert Decimal(locked["USDT"]) == Decimal(order["info"]["price"]) * Decimal("0.01")
    by_client_id = spot.fetch_order("", PAIR, {"origClientOrderId": "my-order-1"})
    assert by_client_id["id"] == spot.fetch_order(order["id"], PAIR)["id"] == order["id"]
    assert [found["id"] for found in spot.fetch_open_orders(PAIR)] == [order["id"]]
    assert spot.cancel_order(order["id"], PAIR)["status"] == "canceled"
    assert spot.fetch_balance()["USDT"]["free"] == 10_000
    assert [found["status"] for found in spot.fetch_orders(PAIR)] == ["canceled"]


def test_cancel_all_ends_stops_as_well(spot: ccxt.binance) -> None:
    spot.create_order(PAIR, "market", "buy", 0.01)
    last = spot.fetch_ticker(PAIR)["last"]
    stop = spot.create_order(PAIR, "market", "sell", 0.004, params={"stopLossPrice": last * 0.9})
    stop_limit = spot.create_order(
        PAIR, "limit", "sell", 0.004, last * 0.89, params={"stopLossPrice": last * 0.9}
    )
    assert stop_limit["status"] == stop["status"] == "open"
    assert len(spot.fetch_open_orders(PAIR)) == 2
    assert spot.fetch_balance()["BTC"]["used"] == 0.008
    assert len(spot.cancel_all_orders(PAIR)) == 2
    assert spot.fetch_balance()["BTC"]["used"] == 0


def test_an_ioc_order_out_of_reach_expires(spot: ccxt.binance) -> None:
    price = spot.fetch_ticker(PAIR)["last"] * 0.8
    order = spot.create_order(PAIR, "limit", "buy", 0.01, price, {"timeInForce": "IOC"})
    assert order["status"] == "expired"


def test_the_key_may_trade_and_not_withdraw(spot: ccxt.binance) -> None:
    rights = spot.sapiGetAccountApiRestrictions()
    assert rights["enableSpotAndMarginTrading"]
    assert rights["enableFutures"]
    assert not rights["enableWithdrawals"]
    assert spot.fetch_status()["status"] == "ok"
    assert spot.fetch_trading_fee(PAIR)["taker"] == 0.001


def test_accounts_dont_see_each_other(sandbox: SandboxProcess, spot: ccxt.binance) -> None:
    price = spot.fetch_ticker(PAIR)["last"] * 0.8
    order = spot.create_order(PAIR, "limit", "buy", 0.01, price)
    stranger: Credentials = sandbox.open_account()
    other = spot_client(sandbox.base_url, stranger)
    assert other.fetch_open_orders(PAIR) == []
    with pytest.raises(ccxt.OrderNotFound):
        other.fetch_order(order["id"], PAIR)
    with pytest.raises(ccxt.OrderNotFound):
        other.cancel_order(order["id"], PAIR)
