"""The real ccxt.binanceusdm trades on the USD-M futures market."""

from __future__ import annotations

from decimal import Decimal

import ccxt
import pytest

PAIR = "BTC/USDT:USDT"
TRIGGER = {"trigger": True}


def last_price(futures: ccxt.binanceusdm) -> float:
    price: float = futures.fetch_ticker(PAIR)["last"]
    return price


def test_markets_are_linear_perpetuals(futures: ccxt.binanceusdm) -> None:
    market = futures.load_markets(reload=True)[PAIR]
    assert market["linear"]
    assert market["swap"]
    assert market["contractSize"] == 1
    assert market["precision"]["amount"] == 0.0001
    assert len(futures.fetch_tickers()) == len(futures.fetch_last_prices()) == 12


def test_a_position_opens_grows_and_closes_to_the_cent(futures: ccxt.binanceusdm) -> None:
    futures.set_leverage(10, PAIR)
    bought = futures.create_order(PAIR, "market", "buy", 0.02)
    assert (bought["status"], bought["filled"]) == ("closed", 0.02)
    (position,) = futures.fetch_positions([PAIR])
    assert (position["side"], position["contracts"]) == ("long", 0.02)
    assert position["entryPrice"] == pytest.approx(bought["average"], rel=1e-9)
    assert position["initialMargin"] == pytest.approx(position["notional"] / 10, rel=1e-6)
    (by_account,) = futures.fetch_positions([PAIR], {"method": "account"})
    assert by_account["contracts"] == 0.02
    futures.create_order(PAIR, "market", "sell", 0.02, params={"reduceOnly": True})
    assert futures.fetch_positions([PAIR]) == []
    income = futures.fapiPrivateGetIncome()
    assert {entry["incomeType"] for entry in income} >= {"TRANSFER", "COMMISSION"}
    total = sum(Decimal(entry["income"]) for entry in income)
    assets = futures.fapiPrivateV3GetAccount()["assets"]
    assert Decimal(assets[0]["walletBalance"]) == total
    trades = futures.fetch_my_trades(PAIR)
    assert sum(trade["fee"]["cost"] for trade in trades) == pytest.approx(
        -sum(float(e["income"]) for e in income if e["incomeType"] == "COMMISSION"), abs=1e-9
    )


def test_orders_are_found_by_both_ids(futures: ccxt.binanceusdm) -> None:
    params = {"newClientOrderId": "cts-1"}
    order = futures.create_order(PAIR, "limit", "buy", 0.01, last_price(futures) * 0.9, params)
    assert order["status"] == "open"
    found = futures.fetch_order("", PAIR, {"origClientOrderId": "cts-1"})
    assert found["id"] == futures.fetch_order(order["id"], PAIR)["id"] == order["id"]
    assert futures.fetch_open_order(order["id"], PAIR)["id"] == order["id"]
    assert futures.fetch_balance()["USDT"]["used"] > 0
    assert futures.cancel_order(order["id"], PAIR)["status"] == "canceled"
    assert [o["status"] for o in futures.fetch_orders(PAIR)] == ["canceled"]
    assert futures.fetch_balance()["USDT"]["free"] == 10_000


def test_conditional_orders_are_placed_found_and_cancelled(futures: ccxt.binanceusdm) -> None:
    futures.create_order(PAIR, "market", "buy", 0.02)
    last = last_price(futures)
    stop = futures.create_order(
        PAIR, "market", "sell", 0.02,
        params={"stopLossPrice": last * 0.9, "reduceOnly": True, "clientAlgoId": "stop-1"},
    )  # fmt: skip
    profit = futures.create_order(
        PAIR, "market", "sell", None,
        params={"takeProfitPrice": last * 1.2, "closePosition": True, "workingType": "MARK_PRICE"},
    )  # fmt: skip
    limit = futures.create_order(
        PAIR, "limit", "sell", 0.01, last * 0.88, params={"stopLossPrice": last * 0.9}
    )
    opened = futures.fetch_open_orders(PAIR, params=TRIGGER)
    assert [order["id"] for order in opened] == [stop["id"], profit["id"], limit["id"]]
    assert [order["info"]["orderType"] for order in opened] == [
        "STOP_MARKET", "TAKE_PROFIT_MARKET", "STOP",
    ]  # fmt: skip
    found = futures.fetch_order("", PAIR, {**TRIGGER, "clientAlgoId": "stop-1"})
    assert (found["id"], found["status"], found["reduceOnly"]) == (stop["id"], "open", True)
    assert found["triggerPrice"] == pytest.approx(last * 0.9, abs=0.01)
    futures.cancel_order(stop["id"], PAIR, TRIGGER)
    assert futures.fetch_order(stop["id"], PAIR, TRIGGER)["status"] == "canceled"
    futures.cancel_all_orders(PAIR, TRIGGER)
    assert futures.fetch_open_orders(PAIR, params=TRIGGER) == []
    assert len(futures.fetch_orders(PAIR, params=TRIGGER)) == 3


def test_a_closed_position_ends_its_close_position_stop(futures: ccxt.binanceusdm) -> None:
    futures.create_order(PAIR, "market", "buy", 0.02)
    stop = futures.create_order(
        PAIR, "market", "sell", None,
        params={"stopLossPrice": last_price(futures) * 0.9, "closePosition": True},
    )  # fmt: skip
    futures.create_order(PAIR, "market", "sell", 0.02, params={"reduceOnly": True})
    assert futures.fetch_order(stop["id"], PAIR, TRIGGER)["status"] == "expired"


def test_settings_are_kept(futures: ccxt.binanceusdm) -> None:
    futures.set_leverage(7, PAIR)
    futures.set_margin_mode("isolated", PAIR)
    futures.set_position_mode(True)
    assert futures.fetch_position_mode()["hedged"] is True
    assert futures.fetch_leverages([PAIR])[PAIR]["longLeverage"] == 7
    assert futures.fetch_margin_modes([PAIR])[PAIR]["marginMode"] == "isolated"
    with pytest.raises(ccxt.MarginModeAlreadySet):
        futures.set_margin_mode("isolated", PAIR)
    with pytest.raises(ccxt.OperationRejected, match="-4059"):
        futures.set_position_mode(True)


def test_hedge_mode_holds_both_sides(futures: ccxt.binanceusdm) -> None:
    futures.set_position_mode(True)
    futures.create_order(PAIR, "market", "buy", 0.02, params={"hedged": True})
    futures.create_order(PAIR, "market", "sell", 0.01, params={"hedged": True})
    sides = {p["side"]: p["contracts"] for p in futures.fetch_positions([PAIR])}
    assert sides == {"long": 0.02, "short": 0.01}
    close = {"hedged": True, "reduceOnly": True}
    futures.create_order(PAIR, "market", "sell", 0.02, params=close)
    futures.create_order(PAIR, "market", "buy", 0.01, params=close)
    assert futures.fetch_positions([PAIR]) == []
    with pytest.raises(ccxt.OperationRejected, match="-4061"):
        futures.create_order(PAIR, "market", "buy", 0.01)


def test_funding_and_marks_are_public(futures: ccxt.binanceusdm) -> None:
    assert futures.fetch_funding_rate(PAIR)["fundingRate"] == 0.0001
    assert futures.fetch_mark_price(PAIR)["markPrice"] == pytest.approx(
        last_price(futures), rel=0.02
    )
    assert futures.fetch_trading_fee(PAIR)["taker"] == 0.0005
    tiers = futures.fetch_leverage_tiers([PAIR])[PAIR]
    assert tiers[0]["maxLeverage"] == 125
