"""Binance's own SDKs read every answer: their typed models are a second opinion on the shapes."""

from __future__ import annotations

import time

import pytest
from binance_common.configuration import ConfigurationRestAPI
from binance_common.errors import BadRequestError, UnauthorizedError
from binance_sdk_derivatives_trading_usds_futures.derivatives_trading_usds_futures import (
    DerivativesTradingUsdsFutures,
)
from binance_sdk_derivatives_trading_usds_futures.rest_api.models import (
    KlineCandlestickDataIntervalEnum,
    NewAlgoOrderAlgoTypeEnum,
    NewAlgoOrderReduceOnlyEnum,
    NewAlgoOrderSideEnum,
    NewAlgoOrderTypeEnum,
    NewAlgoOrderWorkingTypeEnum,
    NewOrderNewOrderRespTypeEnum,
)
from binance_sdk_derivatives_trading_usds_futures.rest_api.models import (
    NewOrderSideEnum as FuturesSide,
)
from binance_sdk_derivatives_trading_usds_futures.rest_api.rest_api import (
    DerivativesTradingUsdsFuturesRestAPI,
)
from binance_sdk_spot.rest_api.models import (
    KlinesIntervalEnum,
    NewOrderSideEnum,
    NewOrderTimeInForceEnum,
    NewOrderTypeEnum,
)
from binance_sdk_spot.rest_api.rest_api import SpotRestAPI
from binance_sdk_spot.spot import Spot

from tests.sandbox_process import Credentials, SandboxProcess


def configuration(sandbox: SandboxProcess, account: Credentials) -> ConfigurationRestAPI:
    return ConfigurationRestAPI(
        api_key=account.key,
        api_secret=account.secret,
        base_path=sandbox.base_url,
        timeout=5_000,
        retries=0,
    )


@pytest.fixture
def spot_sdk(sandbox: SandboxProcess, account: Credentials) -> SpotRestAPI:
    return Spot(config_rest_api=configuration(sandbox, account)).rest_api


@pytest.fixture
def futures_sdk(
    sandbox: SandboxProcess, account: Credentials
) -> DerivativesTradingUsdsFuturesRestAPI:
    return DerivativesTradingUsdsFutures(config_rest_api=configuration(sandbox, account)).rest_api


def test_the_spot_sdk_reads_the_market(spot_sdk: SpotRestAPI) -> None:
    assert abs(spot_sdk.time().data().server_time - time.time() * 1000) < 2_000
    symbols = {symbol.symbol for symbol in spot_sdk.exchange_info().data().symbols}
    assert "BTCUSDT" in symbols
    klines = spot_sdk.klines(
        symbol="BTCUSDT", interval=KlinesIntervalEnum.INTERVAL_1m, limit=3
    ).data()
    assert len(klines) == 3
    depth = spot_sdk.depth(symbol="BTCUSDT", limit=5).data()
    assert float(depth.bids[0][0]) < float(depth.asks[0][0])


def test_the_spot_sdk_trades(spot_sdk: SpotRestAPI) -> None:
    bought = spot_sdk.new_order(
        symbol="BTCUSDT",
        side=NewOrderSideEnum.BUY,
        type=NewOrderTypeEnum.MARKET,
        quantity=0.01,
    ).data()
    assert bought.status == "FILLED"
    assert sum(float(fill.qty) for fill in bought.fills) == pytest.approx(0.01)
    price = round(float(bought.fills[0].price) * 1.1, 2)
    resting = spot_sdk.new_order(
        symbol="BTCUSDT",
        side=NewOrderSideEnum.SELL,
        type=NewOrderTypeEnum.LIMIT,
        time_in_force=NewOrderTimeInForceEnum.GTC,
        quantity=0.005,
        price=price,
        new_client_order_id="sdk-1",
    ).data()
    assert spot_sdk.get_order("BTCUSDT", orig_client_order_id="sdk-1").data().status == "NEW"
    assert len(spot_sdk.get_open_orders("BTCUSDT").data()) == 1
    assert spot_sdk.delete_order("BTCUSDT", order_id=resting.order_id).data().status == "CANCELED"
    assert len(spot_sdk.all_orders("BTCUSDT").data()) == 2
    assert {trade.order_id for trade in spot_sdk.my_trades("BTCUSDT").data()} == {bought.order_id}
    balances = {b.asset: b.free for b in spot_sdk.get_account().data().balances}
    assert float(balances["BTC"]) == 0.00999


def test_the_spot_sdk_gets_codes_and_statuses(
    sandbox: SandboxProcess, account: Credentials, spot_sdk: SpotRestAPI
) -> None:
    with pytest.raises(BadRequestError) as refused:
        spot_sdk.get_order("BTCUSDT", order_id=42)
    assert refused.value.status_code == -2013
    stranger = account._replace(key="unknown")
    with pytest.raises(UnauthorizedError) as unknown:
        Spot(config_rest_api=configuration(sandbox, stranger)).rest_api.get_account()
    assert unknown.value.status_code == -2015


def test_the_futures_sdk_reads_the_market(
    futures_sdk: DerivativesTradingUsdsFuturesRestAPI,
) -> None:
    info = futures_sdk.exchange_information().data()
    assert {"BTCUSDT", "TRXUSDT"} <= {symbol.symbol for symbol in info.symbols}
    klines = futures_sdk.kline_candlestick_data(
        "BTCUSDT", KlineCandlestickDataIntervalEnum.INTERVAL_1m, limit=2
    ).data()
    assert len(klines) == 2


def test_the_futures_sdk_trades(futures_sdk: DerivativesTradingUsdsFuturesRestAPI) -> None:
    futures_sdk.change_initial_leverage("BTCUSDT", 5)
    order = futures_sdk.new_order(
        symbol="BTCUSDT",
        side=FuturesSide.BUY,
        type="MARKET",
        quantity=0.01,
        new_order_resp_type=NewOrderNewOrderRespTypeEnum.RESULT,
    ).data()
    assert order.status == "FILLED"
    (position,) = futures_sdk.position_information_v3("BTCUSDT").data()
    assert float(position.position_amt) == 0.01
    trigger = round(float(position.mark_price) * 0.9, 2)
    algo = futures_sdk.new_algo_order(
        algo_type=NewAlgoOrderAlgoTypeEnum.CONDITIONAL,
        symbol="BTCUSDT",
        side=NewAlgoOrderSideEnum.SELL,
        type=NewAlgoOrderTypeEnum.STOP_MARKET,
        quantity=0.01,
        trigger_price=trigger,
        working_type=NewAlgoOrderWorkingTypeEnum.MARK_PRICE,
        reduce_only=NewAlgoOrderReduceOnlyEnum.TRUE,
        client_algo_id="sdk-stop",
    ).data()
    assert algo.algo_status == "NEW"
    assert futures_sdk.query_algo_order(client_algo_id="sdk-stop").data().algo_id == algo.algo_id
    assert len(futures_sdk.current_all_algo_open_orders().data()) == 1
    futures_sdk.cancel_algo_order(algo_id=algo.algo_id)
    assert futures_sdk.query_algo_order(algo_id=algo.algo_id).data().algo_status == "CANCELED"
    account = futures_sdk.account_information_v3().data()
    assert float(account.assets[0].wallet_balance) < 10_000
    assert len(futures_sdk.account_trade_list("BTCUSDT").data()) >= 1
    (balance,) = futures_sdk.futures_account_balance_v3().data()
    assert float(balance.available_balance) < float(balance.balance)
