from collections import defaultdict

import numpy as np
import pytest

from tests.trading.tournament.price_walks import MINUTE_MS, START_MS, histories, random_walk
from tests.trading.tournament.reference_book import histories as reference_histories
from tests.trading.tournament.test_kernel import as_reference
from trading.candle_arrays import InvalidCandlesError
from trading.indications.registry import indication_of
from trading.tournament.backtest import backtest_set
from trading.tournament.book import Book, OutOfOrderFrameError, UnknownSymbolError
from trading.tournament.gates import DEFAULT_GATES, PRACTICE_GATES, Gates
from trading.tournament.grid import PRACTICE_GRID, Grid
from trading.tournament.set_spec import InvalidSetError, Side, Source, Trailing, parse_code, set_key
from trading.tournament.stage import Stage
from trading.tournament.stages import CLIMBS, FALLS

BTC, ETH = "BTC/USDT:USDT", "ETH/USDT:USDT"
GRID = Grid(
    sources=(Source.of("direction", N=3), Source.of("move", N=4)),
    tp_units=(4, 8),
    sl_ratios=(0.5, 1.0),
    trailings=(None, Trailing(0.3, 0.1)),
)
RESTLESS_GATES = Gates(
    base_fail_min_closed=4,
    base_fail_win_rate_below=0.4,
    base_fail_pause_hours=2,
    active_min_closed=5,
    active_min_win_rate=0.42,
    active_min_win_loss_ratio=0.5,
    active_expectancy_above_units=-1.0,
    active_window=8,
    active_fall_win_rate_below=0.4,
    active_max_drawdown_share=0.9,
    active_return_win_rate=0.43,
    main_min_expectancy_units=0.0,
    main_fall_window=3,
    main_fall_expectancy_below_units=-1.0,
    real_min_counted=4,
    real_min_expectancy_units=0.0,
    real_min_profit_factor=1.0,
    real_max_longest_drawdown_hours=6,
    real_max_chance_of_luck=1.0,
    real_window=6,
    real_fall_window=4,
    real_fall_expectancy_below_units=-1.5,
    real_fall_drawdown_hours=1,
)


def book_of(grid=GRID, gates=DEFAULT_GATES, symbols=(BTC,), timeframe_ms=MINUTE_MS) -> Book:
    return Book(grid, gates, symbols, timeframe_ms)


def by_set(advances):
    closed, opened, moved = defaultdict(list), defaultdict(list), defaultdict(list)
    for advance in advances:
        for each in advance.closed:
            assert each.position.closed_ms == advance.frame_ms
            closed[each.key].append(each)
        for each in advance.opened:
            assert each.opened_ms == advance.frame_ms
            opened[each.key].append(each)
        for each in advance.moved:
            assert each.frame_ms == each.change.evidence.frame_ms == advance.frame_ms
            moved[each.key].append(each)
    return closed, opened, moved


@pytest.mark.parametrize("grid", [PRACTICE_GRID, GRID], ids=["practice", "other"])
def test_the_book_closes_what_the_backtest_closes(grid):
    for name, candles in histories(frames=1500).items():
        book = book_of(grid)
        closed, opened, _ = by_set(book.replay({BTC: candles}))
        total = 0
        for spec in grid.specs():
            key = set_key(BTC, spec.code)
            expected = backtest_set(candles, spec, grid.position_cost)
            assert tuple(each.position for each in closed[key]) == expected.closed, (name, key)
            open_position = book.set_state(key).open_position
            since = None if open_position is None else open_position.opened_ms
            assert since == expected.open_since_ms
            assert len(opened[key]) == len(expected.closed) + (since is not None)
            assert book.set_state(key).statistics == expected.summary
            total += len(expected.closed)
        assert total > 50, name


def test_strengths_are_those_of_the_whole_history():
    candles = random_walk(seed=31, frames=600)
    _, opened, _ = by_set(book_of().replay({BTC: candles}))
    place = {moment: frame for frame, moment in enumerate(candles.open_ms.tolist())}
    seen = 0
    for key, events in opened.items():
        spec = parse_code(key.partition("|")[2])
        whole = indication_of(spec.source.type).signals(
            candles, spec.source.params_by_name, GRID.position_cost
        )
        for event in events:
            frame = place[event.opened_ms]
            assert event.side is spec.side is Side.of_sign(int(whole.side[frame]))
            assert event.strength == whole.strength[frame]
            assert event.entry == candles.close[frame]
            seen += 1
    assert seen > 100


def test_every_event_is_that_of_the_slow_reference_book():
    symbols = [BTC, ETH]
    candles = {
        BTC: random_walk(seed=41, frames=1200),
        ETH: random_walk(seed=42, frames=1200, step=0.003),
    }
    book = book_of(gates=RESTLESS_GATES, symbols=symbols)
    closed, opened, moved = by_set(book.replay(candles))
    steps = set()
    for key, expected in reference_histories(GRID, RESTLESS_GATES, symbols, candles).items():
        assert [as_reference(each.position) for each in closed[key]] == expected.closed
        assert [(each.opened_ms, each.stage) for each in opened[key]] == expected.opened
        assert [each.change for each in moved[key]] == expected.moved
        assert book.set_state(key).stage is expected.standing.stage
        labels = dict(expected.opened)
        assert all(each.opened_stage is labels[each.position.opened_ms] for each in closed[key])
        steps |= {(change.before, change.after) for change in expected.moved}
    assert steps == set(CLIMBS.items()) | set(FALLS.items())


def test_positions_that_say_main_or_real_are_those_that_the_stage_counts():
    candles = {BTC: random_walk(seed=43, frames=2000)}
    _, opened, moved = by_set(book_of(gates=RESTLESS_GATES).replay(candles))
    said = set()
    for key, events in opened.items():
        for event in events:
            stage, entered_ms = Stage.BASE_EVALUATING, None
            for each in moved[key]:
                # A climb on the position's own frame isn't in force yet, a fall is.
                in_force = event.opened_ms - (1 if each.change.is_climb else 0)
                if each.frame_ms <= in_force:
                    stage, entered_ms = each.change.after, each.frame_ms
            assert event.stage is stage
            if stage in (Stage.MAIN, Stage.REAL) and entered_ms < event.opened_ms:
                said.add(stage)
    assert said == {Stage.MAIN, Stage.REAL}


def test_one_change_for_each_set_and_frame_at_most():
    candles = {BTC: random_walk(seed=44, frames=800)}
    for advance in book_of(gates=PRACTICE_GATES).replay(candles):
        keys = [each.key for each in advance.moved]
        assert len(keys) == len(set(keys))


def test_practice_leads_every_set_to_real_one_rung_after_the_other():
    book = book_of(grid=PRACTICE_GRID, gates=PRACTICE_GATES)
    _, _, moved = by_set(book.replay({BTC: random_walk(seed=45, frames=900)}))
    assert book.counts_by_stage()[Stage.REAL] == PRACTICE_GRID.sets_per_symbol
    for events in moved.values():
        assert [each.change.after for each in events] == [
            Stage.BASE_ACTIVE,
            Stage.MAIN,
            Stage.REAL,
        ]
        assert events[1].frame_ms > events[0].frame_ms
        assert events[2].change.evidence.counted_since == 3


def test_on_second_frames_a_source_waits_fifteen_seconds():
    candles = random_walk(seed=46, frames=3000, timeframe_ms=1000, step=0.003)
    book = book_of(timeframe_ms=1000)
    closed, opened, _ = by_set(book.replay({BTC: candles}))
    for source in GRID.sources:
        fired = sorted(
            {
                event.opened_ms
                for key, events in opened.items()
                for event in events
                if parse_code(key.partition("|")[2]).source == source
            }
        )
        assert len(fired) > 20
        assert min(np.diff(fired)) >= 15_000
    for spec in GRID.specs():
        expected = backtest_set(candles, spec, GRID.position_cost)
        found = tuple(each.position for each in closed[set_key(BTC, spec.code)])
        assert found == expected.closed


def test_the_state_of_one_set():
    candles = random_walk(seed=47, frames=700)
    book = book_of(gates=PRACTICE_GATES)
    key = set_key(BTC, "direction:N=3:long:tp=4:sl=0.5:trail=none")
    state = book.set_state(key)
    assert (state.stage, state.since_ms, state.counted_from_ms) == (
        Stage.BASE_EVALUATING,
        None,
        None,
    )
    assert state.statistics.expectancy_units is None
    assert state.open_position is None
    closed, _, moved = by_set(book.replay({BTC: candles}))
    state = book.set_state(key)
    assert state.stage is Stage.REAL
    assert state.since_ms == state.counted_from_ms == moved[key][-1].frame_ms
    assert state.closed_total == len(closed[key])
    after = [each for each in closed[key] if each.position.opened_ms > state.since_ms]
    assert state.counted.closed == len(after) > 0
    assert all(each.opened_stage is Stage.REAL for each in after)
    assert book.last_frame_ms(BTC) == candles.open_ms[-1]


def test_an_open_position_can_be_read():
    book = book_of()
    for advance in book.replay({BTC: random_walk(seed=48, frames=300)}):
        if advance.opened:
            event = advance.opened[0]
            found = book.set_state(event.key).open_position
            assert (found.entry, found.best, found.opened_ms, found.frames_held) == (
                event.entry,
                event.entry,
                event.opened_ms,
                0,
            )
            assert (found.side, found.stage) == (event.side, event.stage)
            return
    pytest.fail("the walk opened nothing")


def test_sets_are_counted_listed_and_ranked():
    book = book_of(gates=RESTLESS_GATES, symbols=(BTC, ETH))
    candles = {BTC: random_walk(seed=49, frames=800), ETH: random_walk(seed=50, frames=800)}
    list(book.replay(candles))
    counts = book.counts_by_stage()
    assert sum(counts.values()) == GRID.count(2) == book.sets_tried
    assert set(counts) == set(Stage)
    for stage in Stage:
        keys = book.sets_at(stage)
        assert len(keys) == counts[stage]
        assert all(book.set_state(key).stage is stage for key in keys)
        ranked = book.best_at(stage, limit=5)
        assert len(ranked) == min(5, len(keys))
        figures = [book.set_state(key).statistics.expectancy_units for key in ranked]
        assert figures == sorted(figures, reverse=True)
        others = [book.set_state(key).statistics.expectancy_units for key in keys]
        assert not figures or figures[0] == pytest.approx(max(others))


def test_the_distance_to_the_next_rung_is_plain_numbers():
    book = book_of()
    key = set_key(BTC, GRID.spec_at(0).code)
    list(book.replay({BTC: random_walk(seed=51, frames=300)}))
    closed = book.set_state(key).closed_total
    assert 0 < closed < 50
    first = book.distance_to_next(key)[0]
    if book.set_state(key).stage is Stage.BASE_EVALUATING:
        assert (first.gate, first.needed, first.found, first.missing) == (
            "active_min_closed",
            50,
            closed,
            50 - closed,
        )
    else:
        assert first.gate == "base_fail_pause_hours"


def test_frames_out_of_order_are_refused_and_change_nothing():
    book = book_of()
    frame = (100.0, 101.0, 99.0, 100.0, 1.0)
    book.advance(BTC, START_MS, *frame)
    before = book.save()
    for open_ms, kind in (
        (START_MS, "the same frame again"),
        (START_MS - MINUTE_MS, "too early"),
        (START_MS + MINUTE_MS - 1, "too early"),
    ):
        with pytest.raises(OutOfOrderFrameError, match=f"was {open_ms} ms .{kind}"):
            book.advance(BTC, open_ms, *frame)
    with pytest.raises(InvalidCandlesError, match="close to be above zero, was nan"):
        book.advance(BTC, START_MS + MINUTE_MS, 100, 101, 99, float("nan"), 1)
    with pytest.raises(UnknownSymbolError, match="expected one of BTC/USDT:USDT, was 'DOGE'"):
        book.advance("DOGE", START_MS + MINUTE_MS, *frame)
    assert book.save() == before
    book.advance(BTC, START_MS + 5 * MINUTE_MS, *frame)


def test_sets_that_arent_in_the_book_are_refused():
    book = book_of()
    code = GRID.spec_at(0).code
    with pytest.raises(InvalidSetError, match="expected a symbol of BTC/USDT:USDT"):
        book.set_state(set_key("DOGE", code))
    with pytest.raises(InvalidSetError, match="isn't in this tournament's grid"):
        book.distance_to_next(set_key(BTC, code.replace("tp=4", "tp=6")))


@pytest.mark.parametrize("symbols", [[], [BTC, BTC], ["A|B"]])
def test_a_book_needs_proper_symbols(symbols):
    with pytest.raises(ValueError, match="expected symbols, none twice"):
        Book(GRID, DEFAULT_GATES, symbols, MINUTE_MS)


def test_a_book_needs_a_timeframe():
    with pytest.raises(ValueError, match="expected a timeframe of 1 ms or more, was 0"):
        Book(GRID, DEFAULT_GATES, [BTC], 0)


def test_the_order_of_symbols_within_a_moment_changes_nothing():
    candles = {BTC: random_walk(seed=52, frames=300), ETH: random_walk(seed=53, frames=300)}
    together = book_of(gates=RESTLESS_GATES, symbols=(BTC, ETH))
    list(together.replay(candles))
    apart = book_of(gates=RESTLESS_GATES, symbols=(BTC, ETH))
    for symbol in (ETH, BTC):
        list(apart.replay({symbol: candles[symbol]}))
    assert together.save() == apart.save()
