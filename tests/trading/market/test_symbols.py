"""Which symbols a connection trades (domain section 5)."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from connections.choices import SymbolOrder
from connections.gateway.types import Ticker
from tests.factories import ConnectionFactory
from tests.trading.market.venue_stub import ExchangeStub, StubbedVenue, spec
from trading.market.symbols import choose_symbols, sync_markets
from trading.models import Market

AT = datetime(2026, 3, 1, tzinfo=UTC)
SYMBOLS = [f"{base}/USDT:USDT" for base in ("ADA", "BTC", "DOGE", "ETH", "XRP")]
SPECS = {symbol: spec(symbol) for symbol in SYMBOLS}
VOLUMES = dict(zip(SYMBOLS, (5, 100, 7, 60, 60), strict=True))
TICKERS = {
    symbol: Ticker(
        symbol,
        Decimal(1),
        None,
        None,
        AT,
        change_24h_pct=Decimal(-volume),
        quote_volume_24h=Decimal(volume),
    )
    for symbol, volume in VOLUMES.items()
}


def _bases(symbols):
    return [symbol.split("/")[0] for symbol in symbols]


def _chosen(specs=SPECS, tickers=TICKERS, **settings):
    return _bases(choose_symbols(ConnectionFactory.build(**settings), specs, tickers))


def test_the_top_by_volume_is_the_default_and_equal_ones_stand_by_name():
    assert _chosen(symbol_count=3) == ["BTC", "ETH", "XRP"]


def test_by_change_the_largest_rise_stands_first():
    assert _chosen(symbol_order=SymbolOrder.CHANGE, symbol_count=2) == ["ADA", "DOGE"]


def test_the_main_list_is_taken_whole_as_far_as_the_venue_has_it():
    assert _chosen(symbol_order=SymbolOrder.MAIN, symbol_count=2) == ["BTC", "ETH", "XRP", "ADA"]


def test_forced_symbols_come_on_top_of_the_count_and_only_once():
    chosen = _chosen(forced_symbols=["DOGE/USDT:USDT", "BTC/USDT:USDT"], symbol_count=2)
    assert chosen == ["DOGE", "BTC", "ETH", "XRP"]


def test_a_forced_symbol_that_the_venue_lacks_is_left_out():
    assert _chosen(forced_symbols=["NONE/USDT:USDT"], symbol_count=2) == ["BTC", "ETH"]


def test_markets_that_do_not_trade_or_have_no_figure_are_no_choice():
    halted = {**SPECS, "BTC/USDT:USDT": spec("BTC/USDT:USDT", is_trading=False)}
    silent = {symbol: ticker for symbol, ticker in TICKERS.items() if "ETH" not in symbol}
    assert _chosen(specs=halted, tickers=silent, symbol_count=2) == ["XRP", "DOGE"]


@pytest.mark.django_db
def test_markets_are_written_once_a_day():
    stub = ExchangeStub(specs=SPECS)
    venue = StubbedVenue("binance", "sandbox", "usdt-perpetual", stub)
    assert sync_markets(venue) == len(SPECS)
    assert sync_markets(venue) == 0
    assert len(stub.calls) == 1
    assert Market.objects.get(symbol="BTC/USDT:USDT").lot == Decimal("0.001")
