"""A running sandbox for contract tests, and an exchange with a hand-moved clock for the others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from fractions import Fraction

import ccxt
import pytest

from connections.sandbox.adapter import divert
from connections.sandbox.candle_feed import CandleFeed
from connections.sandbox.candles import Candle, CandleColumns, CandleSpan, SymbolFacts
from connections.sandbox.exchange import Exchange
from connections.sandbox.records import Account
from connections.sandbox.store import Store
from tests.sandbox_process import Credentials, SandboxProcess

START_MS = 1_700_002_800_000  # a whole hour
SYMBOL = "BTCUSDT"


@pytest.fixture(scope="session")
def sandbox() -> Iterator[SandboxProcess]:
    """One process for all contract tests; every test opens its own account."""
    with SandboxProcess(["--synthetic", "1"]) as process:
        yield process


@pytest.fixture
def account(sandbox: SandboxProcess) -> Iterator[Credentials]:
    yield sandbox.open_account()
    sandbox.clear_faults()


def spot_client(base_url: str, account: Credentials) -> ccxt.binance:
    client = ccxt.binance(
        {"apiKey": account.key, "secret": account.secret, "enableRateLimit": False}
    )
    divert(client.session, base_url)
    return client


def futures_client(base_url: str, account: Credentials) -> ccxt.binanceusdm:
    client = ccxt.binanceusdm(
        {"apiKey": account.key, "secret": account.secret, "enableRateLimit": False}
    )
    divert(client.session, base_url)
    return client


@pytest.fixture(scope="session")
def spot_with_markets(sandbox: SandboxProcess) -> ccxt.binance:
    client = spot_client(sandbox.base_url, sandbox.open_account())
    client.load_markets()
    return client


@pytest.fixture(scope="session")
def futures_with_markets(sandbox: SandboxProcess) -> ccxt.binanceusdm:
    client = futures_client(sandbox.base_url, sandbox.open_account())
    client.load_markets()
    return client


@pytest.fixture
def spot(
    sandbox: SandboxProcess, account: Credentials, spot_with_markets: ccxt.binance
) -> ccxt.binance:
    """A client of a new account; the markets are shared, parsing them takes long."""
    client = spot_client(sandbox.base_url, account)
    client.set_markets_from_exchange(spot_with_markets)
    return client


@pytest.fixture
def futures(
    sandbox: SandboxProcess, account: Credentials, futures_with_markets: ccxt.binanceusdm
) -> ccxt.binanceusdm:
    client = futures_client(sandbox.base_url, account)
    client.set_markets_from_exchange(futures_with_markets)
    return client


class ScriptedSource:
    """Candles as a test wants them: each price is one flat five-minute candle."""

    timeframe_ms = 300_000
    lap_length = None
    oldest = 0
    description = "scripted prices"

    def __init__(self, prices: dict[str, list[float]]) -> None:
        self.prices = prices

    @property
    def identity(self) -> str:
        return "scripted"

    @property
    def facts(self) -> Sequence[SymbolFacts]:
        return [SymbolFacts(symbol, 20_000.0, 2) for symbol in self.prices]

    def candle(self, symbol: str, number: int) -> Candle:
        prices = self.prices[symbol]
        price = prices[min(max(number, 0), len(prices) - 1)]
        return Candle(price, price, price, price, 1.0)

    def span(self, symbol: str, start: int, stop: int) -> CandleSpan:
        columns = CandleColumns()
        for number in range(start, stop):
            columns.append(self.candle(symbol, number))
        return columns.span(0, len(columns))


class Market:
    """An exchange whose price and clock the test moves: `to(price)` is the next candle."""

    def __init__(self, store: Store | None = None, symbols: Sequence[str] = (SYMBOL,)) -> None:
        self.source = ScriptedSource({symbol: [20_000.0] for symbol in symbols})
        self.now_ms = START_MS + 1
        feed = CandleFeed(self.source, Fraction(60), START_MS)
        self.exchange = Exchange(feed, store or Store(None), clock=lambda: self.now_ms)
        self.refresh()

    def refresh(self) -> None:
        self.exchange.advance()
        for symbol in self.source.prices:
            self.exchange.quote(symbol)

    def to(self, price: float, symbol: str = SYMBOL) -> None:
        """The price moves and stays; five seconds pass."""
        for name, prices in self.source.prices.items():
            prices.append(price if name == symbol else prices[-1])
        self.now_ms += 5_000
        self.refresh()

    def wait(self, ms: int) -> None:
        """Time passes at an unchanged price."""
        self.now_ms += ms
        for prices in self.source.prices.values():
            number = (self.now_ms - START_MS) // 5_000
            prices.extend([prices[-1]] * (number + 1 - len(prices)))
        self.refresh()

    def open_account(self, spot: dict[str, str] | None = None, futures: str = "10000") -> Account:
        deposits = {"USDT": "100000", "BTC": "10"} if spot is None else spot
        return self.exchange.open_account(
            spot={asset: Decimal(amount) for asset, amount in deposits.items()},
            futures=Decimal(futures),
        )


@pytest.fixture
def market() -> Market:
    return Market()
