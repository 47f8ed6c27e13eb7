import dataclasses
import io

import numpy as np
import pytest

from tests.trading.tournament.price_walks import MINUTE_MS, histories, random_walk
from tests.trading.tournament.test_book import BTC, ETH, GRID, RESTLESS_GATES
from trading.tournament.book import Book
from trading.tournament.checkpoint import CheckpointError
from trading.tournament.gates import DEFAULT_GATES
from trading.tournament.set_spec import Side

ORIGIN = (GRID, RESTLESS_GATES, (BTC, ETH), MINUTE_MS)


def part_of(candles, start, stop):
    return {symbol: each.part(start, stop) for symbol, each in candles.items()}


@pytest.mark.parametrize("killed_at", [1, 7, 200, 350])
def test_killed_and_loaded_half_way_is_never_killed(killed_at):
    candles = {BTC: random_walk(seed=71, frames=420), ETH: random_walk(seed=72, frames=420)}
    never = Book(*ORIGIN)
    list(never.replay(part_of(candles, 0, killed_at)))
    expected = list(never.replay(part_of(candles, killed_at, 420)))

    killed = Book(*ORIGIN)
    list(killed.replay(part_of(candles, 0, killed_at)))
    loaded = Book.load(killed.save(), *ORIGIN)
    assert list(loaded.replay(part_of(candles, killed_at, 420))) == expected
    assert loaded.save() == never.save()
    assert any(advance.closed for advance in expected)
    assert any(advance.moved for advance in expected)


def test_the_fifteen_seconds_between_signals_survive_the_kill():
    candles = {BTC: random_walk(seed=73, frames=400, timeframe_ms=1000, step=0.003)}
    origin = (GRID, RESTLESS_GATES, (BTC,), 1000)
    never = Book(*origin)
    expected = list(never.replay(candles))
    fired = [place for place, advance in enumerate(expected) if advance.opened]
    killed_at = fired[0] + 1
    killed = Book(*origin)
    list(killed.replay(part_of(candles, 0, killed_at)))
    loaded = Book.load(killed.save(), *origin)
    assert list(loaded.replay(part_of(candles, killed_at, 400))) == expected[killed_at:]
    assert loaded.save() == never.save()


def test_a_book_rebuilt_by_replay_is_the_book_that_was_lost():
    for candles in histories(frames=800).values():
        lost = Book(*ORIGIN)
        rebuilt = Book(*ORIGIN)
        first = list(lost.replay({BTC: candles}))
        assert list(rebuilt.replay({BTC: candles})) == first
        assert rebuilt.save() == lost.save()


@pytest.mark.parametrize(
    "other",
    [
        (dataclasses.replace(GRID, sides=(Side.LONG,)), *ORIGIN[1:]),
        (dataclasses.replace(GRID, position_cost=0.0005), *ORIGIN[1:]),
        (GRID, DEFAULT_GATES, *ORIGIN[2:]),
        (GRID, RESTLESS_GATES, (ETH, BTC), MINUTE_MS),
        (GRID, RESTLESS_GATES, (BTC, ETH), 5 * MINUTE_MS),
    ],
    ids=["sides", "cost", "gates", "symbols", "timeframe"],
)
def test_a_checkpoint_of_another_tournament_is_refused(other):
    with pytest.raises(CheckpointError, match="expected one of this grid, gates, symbols"):
        Book.load(Book(*ORIGIN).save(), *other)


def test_another_number_of_kept_results_is_another_book():
    with pytest.raises(CheckpointError, match="expected one of this grid"):
        Book.load(Book(*ORIGIN).save(), *ORIGIN, results_kept=300)


@pytest.mark.parametrize("damage", ["empty", "noise", "cut", "flipped"])
def test_damaged_bytes_are_refused(damage):
    data = Book(*ORIGIN).save()
    broken = {
        "empty": b"",
        "noise": b"no checkpoint",
        "cut": data[: len(data) // 2],
        "flipped": data[:200] + bytes([data[200] ^ 0xFF]) + data[201:],
    }[damage]
    with pytest.raises(CheckpointError, match="expected"):
        Book.load(broken, *ORIGIN)


def repacked(**changes):
    book = Book(*ORIGIN)
    with np.load(io.BytesIO(book.save())) as stored:
        arrays = {name: stored[name] for name in stored.files}
    arrays |= changes
    buffer = io.BytesIO()
    np.savez(buffer, **{name: each for name, each in arrays.items() if each is not None})
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"fingerprint": None}, "was without fingerprint"),
        ({"states": None}, "expected states .*, was missing"),
        ({"results_total": np.zeros(3, dtype=np.int64)}, r"expected results_total .*, was \(3,\)"),
        (
            {"frames_ends": np.zeros(2, dtype=np.float64)},
            "expected frames_ends of int64, was float64",
        ),
    ],
)
def test_arrays_that_dont_fit_are_refused(changes, complaint):
    with pytest.raises(CheckpointError, match=complaint):
        Book.load(repacked(**changes), *ORIGIN)


def test_a_checkpoint_needs_no_pickle():
    with np.load(io.BytesIO(Book(*ORIGIN).save()), allow_pickle=False) as stored:
        assert {stored[name].dtype.hasobject for name in stored.files} == {False}
