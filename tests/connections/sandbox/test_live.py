"""Live prices: the feed polls another exchange, here a sandbox and one that fails on command."""

from __future__ import annotations

import asyncio
from typing import Any

import ccxt
import ccxt.async_support as ccxt_async
import pytest

from connections.sandbox.errors import Refusal, SetupError
from connections.sandbox.exchange import Exchange, wall_clock_ms
from connections.sandbox.live import MAX_AGE_MS, LiveFeed, public_client
from connections.sandbox.records import OrderStatus
from connections.sandbox.store import Store
from tests.sandbox_process import SandboxProcess

from .conftest import START_MS, SYMBOL, Market
from .test_matching import place

BTC = "BTC/USDT"


class StubClient:
    """One symbol, a price that the test sets, and failures on command."""

    id = "stub"

    def __init__(self) -> None:
        self.markets: dict[str, Any] = {BTC: {"precision": {"price": 0.01}}}
        self.last = 20_000.0
        self.down = False

    def _check(self) -> None:
        if self.down:
            raise ccxt.NetworkError("stub is down")

    async def load_markets(self) -> Any:
        self._check()
        return self.markets

    async def fetch_tickers(self, _symbols: list[str]) -> dict[str, Any]:
        self._check()
        return {BTC: {"last": self.last}}

    async def fetch_ohlcv(
        self, _symbol: str, _timeframe: str, _since: int | None, limit: int
    ) -> list[list[float]]:
        self._check()
        return [
            [START_MS - n * 60_000, 20_000, 20_050, 19_950, 20_010, 3]
            for n in range(min(limit, 30), 0, -1)
        ]

    async def close(self) -> None:
        self.markets = {}


class LiveMarket(Market):
    """The hand-moved clock over a live feed."""

    def __init__(self) -> None:
        self.now_ms = START_MS + 1
        self.client = StubClient()
        self.feed = LiveFeed(self.client, lambda: self.now_ms)
        asyncio.run(self.feed.open())
        self.exchange = Exchange(self.feed, Store(None), clock=lambda: self.now_ms)

    def poll(self, last: float, after_ms: int = 2_000) -> None:
        self.client.last = last
        self.now_ms += after_ms
        asyncio.run(self.feed.poll())
        self.exchange.advance()


def test_polled_prices_fill_orders_and_build_klines() -> None:
    market = LiveMarket()
    account = market.open_account()
    order = place(market, account, "BUY", "0.1", "19900")
    market.poll(19_950)
    assert order.status is OrderStatus.NEW
    market.poll(19_880)
    assert order.status is OrderStatus.FILLED
    klines = market.feed.klines(SYMBOL, 60_000, None, market.now_ms, 10, market.now_ms)
    assert [kline.open_ms for kline in klines][-1] == START_MS
    assert (klines[-1].open, klines[-1].low, klines[-1].close) == (20_000, 19_880, 19_880)
    assert klines[-2].volume == 3
    (five,) = market.feed.klines(SYMBOL, 300_000, START_MS - 300_000, START_MS - 1, 10, START_MS)
    assert (five.high, five.low, five.volume) == (20_050, 19_950, 15)


def test_stale_prices_refuse_orders_until_the_feed_is_back() -> None:
    market = LiveMarket()
    market.exchange.quote_for_order(SYMBOL)
    market.client.down = True
    market.poll(20_100, after_ms=MAX_AGE_MS + 1_000)
    with pytest.raises(Refusal, match="refused until the feed delivers") as refused:
        market.exchange.quote_for_order(SYMBOL)
    assert refused.value.status == 503
    assert market.feed.status(market.now_ms)["stale"]
    assert "stub is down" in str(market.feed.status(market.now_ms)["error"])
    market.client.down = False
    market.poll(20_100)
    assert market.exchange.quote_for_order(SYMBOL).price == 20_100
    assert not market.feed.status(market.now_ms)["stale"]


def test_an_exchange_that_cant_be_reached_is_one_plain_line() -> None:
    client = StubClient()
    client.down = True
    with pytest.raises(SetupError, match="can't get prices of stub: stub is down; try"):
        asyncio.run(LiveFeed(client, wall_clock_ms).open())


def test_an_unknown_exchange_is_one_plain_line() -> None:
    with pytest.raises(SetupError, match="ccxt knows no exchange 'nowhere'"):
        public_client("nowhere")


def test_a_real_ccxt_client_delivers_over_the_wire(sandbox: SandboxProcess) -> None:
    async def open_and_poll() -> LiveFeed:
        client = ccxt_async.binance({"options": {"fetchMarkets": {"types": ["spot"]}}})
        urls = client.urls["api"]
        client.urls["api"] = {
            name: url.replace("https://api.binance.com", sandbox.base_url)
            for name, url in urls.items()
        }
        feed = LiveFeed(client, wall_clock_ms)
        try:
            await feed.open()
            await feed.poll()
        finally:
            await feed.close()
        return feed

    feed = asyncio.run(open_and_poll())
    assert feed.last_error == ""
    assert len(feed.facts) == 12
    tick = feed.tick(SYMBOL, wall_clock_ms())
    assert tick is not None
    assert wall_clock_ms() - tick.time_ms < 5_000
    now_ms = wall_clock_ms()
    assert len(feed.klines(SYMBOL, 60_000, None, now_ms, 100, now_ms)) == 100
