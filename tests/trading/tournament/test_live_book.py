"""The live book: what closed frames bring about is stored once, and equals the back-test."""

import pytest
from django.db import DatabaseError

from connections.gateway.types import CandleRow
from positions.models import PseudoPosition
from tests.factories import MarketFactory, TournamentFactory
from tests.trading.tournament.price_walks import START_MS, random_walk
from trading.candle_arrays import Candles
from trading.market.candles import store
from trading.models import Market, StageChange, Tournament, TournamentSet
from trading.tournament import live_book
from trading.tournament.backtest import backtest_set
from trading.tournament.grid import PRACTICE_GRID
from trading.tournament.live_book import LiveBook
from trading.tournament.set_spec import parse_code, split_key
from trading.tournament.stage import Stage
from trading.tournament.storage import add_symbols

pytestmark = pytest.mark.django_db
SYMBOLS = ("ADA/USDT:USDT", "BTC/USDT:USDT")
FRAMES = 260
WALKS = {symbol: random_walk(seed, FRAMES) for seed, symbol in enumerate(SYMBOLS, start=31)}
FIGURES = (
    "set_key",
    "stage",
    "side",
    "strength",
    "open_ms",
    "close_ms",
    "entry_price",
    "exit_price",
    "close_reason",
    "result_units",
    "net_units",
)


@pytest.fixture
def tournament() -> Tournament:
    for symbol in SYMBOLS:
        MarketFactory(symbol=symbol)
    return TournamentFactory(
        symbols=list(SYMBOLS), grid=PRACTICE_GRID.as_json(), origin_ms=START_MS
    )


def _close(symbol: str, candles: Candles) -> None:
    rows = zip(
        candles.open_ms.tolist(),
        candles.open.tolist(),
        candles.high.tolist(),
        candles.low.tolist(),
        candles.close.tolist(),
        candles.volume.tolist(),
        strict=True,
    )
    store(
        market=Market.objects.get(symbol=symbol),
        timeframe="1m",
        rows=[CandleRow(*row) for row in rows],
    )


def _close_part(start: int, stop: int) -> None:
    for symbol, candles in WALKS.items():
        _close(symbol, candles.part(start, stop))


def _rows() -> list[tuple]:
    return sorted(PseudoPosition.objects.values_list(*FIGURES), key=str)


def _live(tournament: Tournament, *, restart_at: frozenset[int] = frozenset()) -> None:
    """Half the frames are history, the rest closes one by one; restarts lose all memory."""
    _close_part(0, 120)
    book = LiveBook(tournament.pk)
    book.catch_up()
    for frame in range(120, 250):
        if frame in restart_at:
            book = LiveBook(tournament.pk)
            book.catch_up()
        _close_part(frame, frame + 1)
        book.catch_up()


def test_positions_on_paper_equal_the_back_test_to_the_last_digit(tournament):
    _live(tournament)
    rows = PseudoPosition.objects.all()
    assert rows.filter(close_ms__isnull=False).count() > 50
    backtests = {}
    for row in rows:
        if row.set_key not in backtests:
            symbol, code = split_key(row.set_key)
            result = backtest_set(
                WALKS[symbol].part(0, 250), parse_code(code), PRACTICE_GRID.position_cost
            )
            backtests[row.set_key] = {each.opened_ms: each for each in result.closed}
        expected = backtests[row.set_key].get(row.open_ms)
        if row.close_ms is None:
            assert expected is None
            continue
        assert (row.close_ms, row.entry_price, row.exit_price) == (
            expected.closed_ms,
            expected.entry,
            expected.exit,
        )
        assert (row.close_reason, row.result_units, row.net_units) == (
            expected.reason,
            expected.result_units,
            expected.net_units,
        )


def test_every_position_after_a_set_entered_main_is_stored(tournament):
    _live(tournament)
    for entered in StageChange.objects.filter(after=Stage.MAIN):
        symbol, code = split_key(entered.set_key)
        result = backtest_set(
            WALKS[symbol].part(0, 250), parse_code(code), PRACTICE_GRID.position_cost
        )
        expected = {each.opened_ms for each in result.closed if each.opened_ms > entered.frame_ms}
        stored = set(
            PseudoPosition.objects.filter(
                set_key=entered.set_key, close_ms__isnull=False
            ).values_list("open_ms", flat=True)
        )
        assert stored == expected


def test_killed_and_replayed_half_way_stores_the_same_rows_once(tournament):
    _live(tournament, restart_at=frozenset({121, 150, 151, 200}))
    interrupted = _rows(), sorted(StageChange.objects.values_list("set_key", "frame_ms", "after"))
    for model in (PseudoPosition, StageChange, TournamentSet):
        model.objects.all().delete()
    Tournament.objects.update(frames={})
    LiveBook(tournament.pk).catch_up()
    at_once = _rows(), sorted(StageChange.objects.values_list("set_key", "frame_ms", "after"))
    assert interrupted == at_once
    assert len(interrupted[0]) > 50


def test_only_what_opens_after_the_replay_may_become_an_entry(tournament):
    _close_part(0, 200)
    book = LiveBook(tournament.pk)
    book.catch_up()
    assert book.openings_after(0) == []
    _close_part(200, 250)
    book.catch_up()
    openings = book.openings_after(0)
    assert openings
    assert {each.opened.stage for each in openings} == {Stage.REAL}
    assert book.openings_after(openings[-1].number) == []


def test_frames_that_could_not_be_stored_are_stored_with_the_next(tournament, monkeypatch):
    _close_part(0, 120)
    book = LiveBook(tournament.pk)
    book.catch_up()

    def fail(*_args, **_options):
        raise DatabaseError("the database went away")

    _close_part(120, 160)
    with monkeypatch.context() as broken:
        broken.setattr(live_book, "store_advances", fail)
        with pytest.raises(DatabaseError):
            book.catch_up()
    assert book.openings_after(0) == []
    _close_part(160, 161)
    book.catch_up()
    lost_nothing = _rows()
    PseudoPosition.objects.all().delete()
    Tournament.objects.update(frames={})
    LiveBook(tournament.pk).catch_up()
    assert lost_nothing == _rows()


def test_a_new_symbol_joins_and_none_is_ever_dropped(tournament):
    _close_part(0, 120)
    book = LiveBook(tournament.pk)
    book.catch_up()
    MarketFactory(symbol="SOL/USDT:USDT")
    _close("SOL/USDT:USDT", random_walk(77, 120))
    grown = add_symbols(tournament, ["SOL/USDT:USDT", "BTC/USDT:USDT"])
    assert grown.symbols == [*SYMBOLS, "SOL/USDT:USDT"]
    book.catch_up()
    assert set(Tournament.objects.get().frames) == {*SYMBOLS, "SOL/USDT:USDT"}


def test_how_far_the_best_are_is_stored_with_the_frames(tournament):
    Tournament.objects.update(environment="live", gate_profile="default")
    Market.objects.update(environment="live")
    _close_part(0, 200)
    LiveBook(tournament.pk).catch_up()
    standing = Tournament.objects.get().standing
    assert sum(standing["counts"].values()) == 2 * PRACTICE_GRID.sets_per_symbol
    assert standing["counts"]["real"] == 0
    assert 0 < len(standing["best"]) <= 5
    first = standing["best"][0]
    assert first["stage"] == "base_evaluating"
    closed = next(each for each in first["lacking"] if each["gate"] == "active_min_closed")
    assert closed["needed"] == 50
    assert 0 < closed["found"] < 50


def test_nothing_new_costs_three_queries(tournament, django_assert_num_queries):
    _close_part(0, 30)
    book = LiveBook(tournament.pk)
    book.catch_up()
    with django_assert_num_queries(3):
        assert book.catch_up() == 0
