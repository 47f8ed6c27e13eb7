"""Candles on the real clock: the same for everyone, at every speed, before and after a restart."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connections.sandbox import synthetic
from connections.sandbox.candle_feed import CandleFeed, CandlePath, anchor_for
from connections.sandbox.candles import Candle
from connections.sandbox.errors import SetupError
from connections.sandbox.feed import INTERVALS_MS, PriceBounds
from connections.sandbox.synthetic import SyntheticSource

ANCHOR_MS = 1_700_002_800_000
MINUTE_MS = 60_000
BTC = "BTCUSDT"
EVERYTHING = PriceBounds(Decimal("Infinity"), Decimal(0))


def feed_at(speed: str, seed: int = 1) -> CandleFeed:
    return CandleFeed(SyntheticSource(seed), Fraction(speed), ANCHOR_MS)


def test_the_same_seed_gives_the_same_klines_and_another_seed_others() -> None:
    now_ms = ANCHOR_MS + 3_600_000
    one, same, other = (
        feed_at("60", seed).klines(BTC, MINUTE_MS, None, now_ms, 60, now_ms) for seed in (5, 5, 6)
    )
    assert one == same
    assert one != other


def test_candles_dont_depend_on_the_order_of_asking() -> None:
    forward, backward = SyntheticSource(3), SyntheticSource(3)
    backward.candle(BTC, 500)
    backward.candle("ETHUSDT", 10)
    numbers = (0, 10, 250, 500)
    assert [forward.candle("ETHUSDT", n) for n in numbers] == [
        backward.candle("ETHUSDT", n) for n in reversed(numbers)
    ][::-1]


def test_at_speed_five_a_five_minute_candle_is_one_minute_with_the_same_figures() -> None:
    feed = feed_at("5")
    now_ms = ANCHOR_MS + 30 * MINUTE_MS
    klines = feed.klines(BTC, MINUTE_MS, ANCHOR_MS, now_ms - 1, 30, now_ms)
    assert len(klines) == 30
    for number, kline in enumerate(klines):
        source = feed.source.candle(BTC, number)
        assert kline.open_ms == ANCHOR_MS + number * MINUTE_MS
        assert (kline.open, kline.high, kline.low, kline.close, kline.volume) == source


def test_at_speed_sixty_a_minute_is_twelve_source_candles() -> None:
    feed = feed_at("60")
    now_ms = ANCHOR_MS + 10 * MINUTE_MS
    kline = feed.klines(BTC, MINUTE_MS, ANCHOR_MS, now_ms, 1, now_ms)[0]
    candles = [feed.source.candle(BTC, number) for number in range(12)]
    assert (kline.open, kline.close) == (candles[0].open, candles[-1].close)
    assert kline.high == max(candle.high for candle in candles)
    assert kline.low == min(candle.low for candle in candles)
    assert kline.volume == pytest.approx(sum(candle.volume for candle in candles))


def test_longer_klines_are_made_of_shorter_ones() -> None:
    feed = feed_at("60")
    now_ms = ANCHOR_MS + 3_600_000
    hour = feed.klines(BTC, INTERVALS_MS["1h"], ANCHOR_MS, now_ms - 1, 1, now_ms)[0]
    for interval in ("1s", "1m", "5m", "15m"):
        parts = feed.klines(BTC, INTERVALS_MS[interval], ANCHOR_MS, now_ms - 1, 5_000, now_ms)
        assert parts[0].open == hour.open
        assert parts[-1].close == hour.close
        assert max(part.high for part in parts) == hour.high
        assert min(part.low for part in parts) == hour.low
        assert sum(part.volume for part in parts) == pytest.approx(hour.volume)


def test_a_slow_market_cuts_its_candles_into_shorter_klines() -> None:
    feed = feed_at("1")
    now_ms = ANCHOR_MS + 300_000
    minutes = feed.klines(BTC, MINUTE_MS, ANCHOR_MS, now_ms - 1, 5, now_ms)
    source = feed.source.candle(BTC, 0)
    assert (minutes[0].open, minutes[-1].close) == (source.open, source.close)
    assert max(minute.high for minute in minutes) == source.high
    assert min(minute.low for minute in minutes) == source.low


@settings(max_examples=80, deadline=None)
@given(
    start=st.integers(0, 40_000),
    length=st.integers(1, 40_000),
    speed=st.sampled_from(["1", "5", "7.3", "60", "333"]),
)
def test_a_kline_is_what_its_ticks_were(start: int, length: int, speed: str) -> None:
    feed = feed_at(speed)
    begin, end = ANCHOR_MS + start, ANCHOR_MS + start + length
    ticks = [
        event.tick
        for event in feed.events(begin - 1, end - 1, lambda _: EVERYTHING)
        if event.symbol == BTC
    ]
    segment = feed._between(BTC, begin, end)
    if not ticks:
        assert segment is None
        return
    assert segment is not None
    prices = [float(tick.price) for tick in ticks]
    found = [round(price, 2) for price in segment[:4]]
    assert found == [prices[0], max(prices), min(prices), prices[-1]]
    assert [tick.serial for tick in ticks] == list(
        range(ticks[0].serial, ticks[0].serial + len(ticks))
    )
    assert feed.tick(BTC, end - 1) == ticks[-1]


@pytest.mark.parametrize("ticks", [4, 5, 7, 20, 1_200])
@pytest.mark.parametrize(
    "candle", [Candle(10, 15, 8, 12, 1), Candle(12, 15, 8, 10, 1), Candle(10, 10, 10, 10, 0)]
)
def test_the_path_visits_all_four_prices_and_leaves_no_bound(ticks: int, candle: Candle) -> None:
    path = CandlePath(ticks)
    prices = [path.price(candle, index) for index in range(ticks)]
    assert (prices[0], prices[-1]) == (candle.open, candle.close)
    assert (max(prices), min(prices)) == (candle.high, candle.low)
    lows_first = prices.index(candle.low) <= prices.index(candle.high)
    assert lows_first == (candle.close >= candle.open)


def test_the_timeline_begins_on_a_whole_hour_that_far_back() -> None:
    source = SyntheticSource(1)
    now_ms = ANCHOR_MS + 1_234_567
    anchor_ms = anchor_for(source, Fraction(60), now_ms, 12)
    assert anchor_ms % 3_600_000 == 0
    assert 12 <= (now_ms - anchor_ms) / 3_600_000 < 13


def test_a_speed_that_leaves_no_time_for_ticks_is_refused() -> None:
    with pytest.raises(SetupError, match="at most 15000"):
        feed_at("20000")


def test_nothing_is_quoted_before_the_beginning() -> None:
    feed = feed_at("60")
    assert feed.tick(BTC, ANCHOR_MS - 1) is None
    assert feed.klines(BTC, MINUTE_MS, ANCHOR_MS - 600_000, ANCHOR_MS - 1, 10, ANCHOR_MS) == []


def test_an_endless_walk_forgets_its_oldest_candles_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = feed_at("60").source
    monkeypatch.setattr(synthetic, "KEPT_CANDLES", 100)
    monkeypatch.setattr(synthetic, "PRUNE_AT", 150)
    feed = feed_at("60")
    for number in range(1_000):
        assert feed.source.candle(BTC, number) == whole.candle(BTC, number)
    assert 800 < feed.source.oldest <= 900
    now_ms = ANCHOR_MS + 1_000 * 5_000 - 1
    klines = feed.klines(BTC, MINUTE_MS, None, now_ms, 500, now_ms)
    assert 8 <= len(klines) <= 13
    assert feed.klines(BTC, MINUTE_MS, ANCHOR_MS, ANCHOR_MS + 60_000, 10, now_ms) == []
    with pytest.raises(IndexError, match="or later, was 0"):
        feed.source.candle(BTC, 0)


def test_the_day_ticker_covers_at_most_a_day() -> None:
    feed = feed_at("20")
    now_ms = ANCHOR_MS + 30 * 3_600_000
    day = feed.day(BTC, now_ms)
    assert day is not None
    assert day.open_ms == now_ms - 86_400_000
    assert day.low <= day.open <= day.high
