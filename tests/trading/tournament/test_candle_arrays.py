import numpy as np
import pytest

from tests.trading.tournament.price_walks import random_walk
from trading.candle_arrays import Candles, InvalidCandlesError, check_frame

ROWS = [(1000, 10, 12, 9, 11, 5), (2000, 11, 13, 10, 12, 0), (4000, 12, 12, 12, 12, 1)]


def changed(row: int, column: int, value: float):
    rows = [list(each) for each in ROWS]
    rows[row][column] = value
    return rows


def test_rows_become_typed_columns():
    candles = Candles.from_rows(ROWS)
    assert len(candles) == 3
    assert candles.open_ms.dtype == np.int64
    assert candles.open_ms.tolist() == [1000, 2000, 4000]
    assert candles.close.dtype == np.float64
    assert candles.volume.tolist() == [5, 0, 1]
    assert len(Candles.from_rows([])) == 0


def test_a_part_shares_memory_with_the_whole():
    candles = random_walk(seed=1, frames=20)
    part = candles.part(3, 9)
    assert part.open_ms.tolist() == candles.open_ms[3:9].tolist()
    assert part.volume.tolist() == candles.volume[3:9].tolist()
    assert np.shares_memory(part.close, candles.close)


@pytest.mark.parametrize(
    ("rows", "complaint"),
    [
        (changed(1, 0, 1000), "Candle 1: expected an opening time after 1000 ms, was 1000 ms"),
        (changed(2, 0, 1500), "Candle 2: expected an opening time after 2000 ms, was 1500 ms"),
        (changed(0, 1, 0), "Candle 0: expected a price above zero in open, was 0"),
        (changed(1, 4, float("nan")), "Candle 1: expected a price above zero in close, was nan"),
        (changed(1, 2, float("inf")), "Candle 1: expected a price above zero in high, was inf"),
        (changed(1, 2, 9), "Candle 1: expected a high that isn't below the low in high, was 9"),
        (changed(0, 5, -1), "Candle 0: expected a volume of zero or more in volume, was -1"),
        (changed(0, 5, float("nan")), "Candle 0: expected a volume .* was nan"),
        ([(1, 2, 3)], "Candle 0: expected 6 values .*, was 3"),
    ],
)
def test_impossible_candles_are_refused_by_name(rows, complaint):
    with pytest.raises(InvalidCandlesError, match=complaint):
        Candles.from_rows(rows)


def test_columns_must_have_one_length_and_one_dimension():
    one, two = np.ones(1), np.ones(2)
    with pytest.raises(InvalidCandlesError, match=r"expected 1 values of low, .*, was 2"):
        Candles(np.array([1]), one, one, two, one, one)
    with pytest.raises(InvalidCandlesError, match="open with one dimension, was 2"):
        Candles(np.array([1]), np.ones((1, 1)), one, one, one, one)
    with pytest.raises(InvalidCandlesError, match="expected numbers in open"):
        Candles(np.array([1]), np.array(["x"]), one, one, one, one)


@pytest.mark.parametrize(
    ("frame", "complaint"),
    [
        ((0, 1, 1, 1, 1), "open to be above zero, was 0"),
        ((1, 1, 1, float("nan"), 1), "close to be above zero, was nan"),
        ((1, 1, 2, 1, 1), "a high that isn't below the low 2"),
        ((1, 1, 1, 1, -1), "a volume of zero or more, was -1"),
        ((1, 1, 1, 1, float("nan")), "a volume of zero or more, was nan"),
    ],
)
def test_an_impossible_frame_is_refused_by_name(frame, complaint):
    with pytest.raises(InvalidCandlesError, match=complaint):
        check_frame(*frame)


def test_a_possible_frame_comes_back_as_floats():
    assert check_frame(1, 2, 1, 2, 0) == (1.0, 2.0, 1.0, 2.0, 0.0)
