"""Candles: only closed frames, only what is missing, corrected by the exchange's own."""

from datetime import UTC, datetime

import pytest
import time_machine

from tests.factories import MarketFactory
from tests.trading.market.venue_stub import ExchangeStub, StubbedVenue, candle
from trading.market.candles import fetch_missing, newest_open_ms, read_arrays, store
from trading.models import Candle

pytestmark = pytest.mark.django_db
MINUTE = 60_000
NOW = datetime(2026, 3, 1, 12, 0, 30, tzinfo=UTC)
NOW_MS = int(NOW.timestamp() * 1000)
CURRENT = NOW_MS // MINUTE * MINUTE


@pytest.fixture
def market():
    return MarketFactory(symbol="BTC/USDT:USDT")


def _venue(rows):
    stub = ExchangeStub(candle_rows={"BTC/USDT:USDT": rows})
    return StubbedVenue("binance", "sandbox", "usdt-perpetual", stub), stub


@time_machine.travel(NOW, tick=False)
def test_the_open_frame_is_not_stored(market):
    venue, _ = _venue([candle(CURRENT - 2 * MINUTE), candle(CURRENT - MINUTE), candle(CURRENT)])
    stored = fetch_missing(venue=venue, market=market, timeframe="1m", since_ms=0)
    assert stored == 2
    assert newest_open_ms(market, "1m") == CURRENT - MINUTE


@time_machine.travel(NOW, tick=False)
def test_a_second_look_asks_only_from_the_newest_stored_frame_on(market):
    venue, stub = _venue([candle(CURRENT - 2 * MINUTE)])
    fetch_missing(venue=venue, market=market, timeframe="1m", since_ms=0)
    stub.calls.clear()
    fetch_missing(venue=venue, market=market, timeframe="1m", since_ms=0)
    assert stub.calls == [("candles", ("BTC/USDT:USDT", CURRENT - MINUTE))]


@time_machine.travel(NOW, tick=False)
def test_nothing_is_asked_while_no_frame_can_have_closed(market):
    store(market=market, timeframe="1m", rows=[candle(CURRENT - MINUTE)])
    venue, stub = _venue([])
    assert fetch_missing(venue=venue, market=market, timeframe="1m", since_ms=0) == 0
    assert stub.calls == []


def test_a_frame_that_closed_this_very_moment_waits_until_it_is_settled(market):
    rows = [candle(CURRENT)]
    closes = (CURRENT + MINUTE) / 1000
    venue, _ = _venue(rows)
    with time_machine.travel(closes + 0.1, tick=False):
        assert fetch_missing(venue=venue, market=market, timeframe="1m", since_ms=CURRENT) == 0
    with time_machine.travel(closes + 0.3, tick=False):
        assert fetch_missing(venue=venue, market=market, timeframe="1m", since_ms=CURRENT) == 1


@time_machine.travel(NOW, tick=False)
def test_missing_minutes_stay_missing_and_more_than_a_page_is_fetched(market):
    opens = [CURRENT - n * MINUTE for n in range(1, 1203) if n % 7]
    venue, stub = _venue([candle(ms) for ms in reversed(opens)])
    stored = fetch_missing(venue=venue, market=market, timeframe="1m", since_ms=0)
    assert stored == len(opens) == Candle.objects.count()
    assert len(stub.calls) == 3
    candles = read_arrays(market=market, timeframe="1m", since_ms=0)
    assert candles.open_ms.tolist() == sorted(opens)


def test_a_candle_told_again_corrects_the_stored_one(market):
    store(market=market, timeframe="1m", rows=[candle(0, 100.0)])
    store(market=market, timeframe="1m", rows=[candle(0, 105.0)])
    assert Candle.objects.get().close == 105.0


def test_no_candles_are_none_and_not_an_empty_array(market):
    assert read_arrays(market=market, timeframe="1m", since_ms=0) is None
