"""Polling a venue: prices with their age, frames that closed; one symbol's fault is its own."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
import time_machine
from django.core.cache import cache

from connections.gateway.errors import Unavailable
from tests.factories import EngineFactory, MarketFactory, TournamentFactory
from tests.trading.market.venue_stub import ExchangeStub, StubbedVenue, candle, spec
from trading import tasks
from trading.market import board
from trading.market.polling import close_frames, poll_prices
from trading.market.venues import Venue, venues_in_use
from trading.models import Candle

pytestmark = pytest.mark.django_db
VENUE = ("binance", "sandbox", "usdt-perpetual")
NOW = datetime(2026, 3, 1, 12, 0, 30, tzinfo=UTC)
MINUTE = 60_000
CURRENT = int(NOW.timestamp() * 1000) // MINUTE * MINUTE


def test_a_price_says_how_old_it_is_and_goes_stale_after_five_seconds():
    stub = ExchangeStub(specs={"BTC/USDT:USDT": spec()}, last={"BTC/USDT:USDT": Decimal("20000.5")})
    with time_machine.travel(NOW, tick=False):
        assert poll_prices(StubbedVenue(*VENUE, stub)) == 1
    price = board.read(*VENUE, ["BTC/USDT:USDT", "ETH/USDT:USDT"])["BTC/USDT:USDT"]
    assert price.last == Decimal("20000.5")
    assert price.age_s(NOW + timedelta(seconds=2)) == 2
    assert not price.is_stale(NOW + timedelta(seconds=5))
    assert price.is_stale(NOW + timedelta(seconds=6))
    assert price.change_24h_pct is None


def test_what_engines_trade_is_polled_in_one_question_with_the_four_of_the_ticker():
    EngineFactory(symbols=["ADA/USDT:USDT"])
    symbols = ["ADA/USDT:USDT", "BTC/USDT:USDT", "DOGE/USDT:USDT"]
    stub = ExchangeStub(
        specs={symbol: spec(symbol) for symbol in symbols},
        last=dict.fromkeys(symbols, Decimal(1)),
    )
    poll_prices(StubbedVenue(*VENUE, stub))
    assert [call for call in stub.calls if call[0] == "quotes"] == [
        ("quotes", ("ADA/USDT:USDT", "BTC/USDT:USDT"))
    ]


def test_an_exchange_out_of_reach_leaves_the_old_price_with_its_age():
    stub = ExchangeStub(specs={"BTC/USDT:USDT": spec()}, last={"BTC/USDT:USDT": Decimal(7)})
    venue = StubbedVenue(*VENUE, stub)
    with time_machine.travel(NOW, tick=False):
        poll_prices(venue)
    stub.down.add("quotes")
    with pytest.raises(Unavailable):
        poll_prices(venue)
    price = board.read(*VENUE, ["BTC/USDT:USDT"])["BTC/USDT:USDT"]
    assert (price.last, price.at) == (Decimal(7), NOW)


@time_machine.travel(NOW, tick=False)
def test_frames_close_for_every_symbol_but_the_one_that_fails():
    symbols = ["ADA/USDT:USDT", "BTC/USDT:USDT"]
    for symbol in symbols:
        MarketFactory(symbol=symbol)
    TournamentFactory(symbols=symbols, origin_ms=CURRENT - 2 * MINUTE)
    rows = [candle(CURRENT - 2 * MINUTE), candle(CURRENT - MINUTE)]
    stub = ExchangeStub(candle_rows=dict.fromkeys(symbols, rows), down={"ADA/USDT:USDT"})
    venue = StubbedVenue(*VENUE, stub)
    assert close_frames(venue) == 2
    assert set(Candle.objects.values_list("market__symbol", flat=True)) == {"BTC/USDT:USDT"}
    stub.down.clear()
    assert close_frames(venue) == 2
    assert close_frames(venue) == 0


def test_connections_to_one_market_share_a_venue():
    EngineFactory()
    EngineFactory()
    assert venues_in_use() == [Venue(*VENUE)]


def test_a_venue_is_polled_by_one_task_at_a_time(monkeypatch):
    polled = []
    monkeypatch.setattr(tasks, "poll_prices", lambda venue: polled.append(venue))
    monkeypatch.setattr(tasks, "close_frames", lambda venue: 0)
    lock = f"poll:{':'.join(VENUE)}"
    cache.add(lock, 1, timeout=60)
    tasks.poll_venue(*VENUE)
    assert polled == []
    cache.delete(lock)
    tasks.poll_venue(*VENUE)
    assert polled == [Venue(*VENUE)]
    assert cache.get(lock) is None
