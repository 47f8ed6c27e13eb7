import numpy as np
import pytest

from trading.tournament.kernel import CLOSED_DTYPE
from trading.tournament.results import Results, ResultStore


def rows(*entries: tuple[int, int]) -> np.ndarray:
    """Closed rows of (set, number of the position): position n opens at 10n, closes at 10n + 5."""
    made = np.zeros(len(entries), dtype=CLOSED_DTYPE)
    for row, (number, position) in zip(made, entries, strict=True):
        row["set"] = number
        row["opened_ms"] = 10 * position
        row["closed_ms"] = 10 * position + 5
        row["net_units"] = float(position)
    return made


def test_results_stand_in_order_with_their_set():
    store = ResultStore(sets=4)
    store.append(rows((0, 1), (1, 1)), first_set=2)
    store.append(rows((1, 2)), first_set=2)
    assert store.of(0).net_units.tolist() == []
    assert store.of(2).net_units.tolist() == [1]
    assert store.of(3).opened_ms.tolist() == [10, 20]
    assert store.of(3).closed_ms.tolist() == [15, 25]


@pytest.mark.parametrize(("kept", "trimmed_at"), [(250, 300), (50, 60), (750, 900)])
def test_at_the_limit_the_oldest_go(kept, trimmed_at):
    store = ResultStore(sets=1, kept=kept)
    for position in range(trimmed_at - 1):
        store.append(rows((0, position)), first_set=0)
    assert len(store.of(0).net_units) == trimmed_at - 1
    store.append(rows((0, trimmed_at - 1)), first_set=0)
    assert store.of(0).net_units.tolist() == list(range(trimmed_at - kept, trimmed_at))
    assert store.of(0).opened_ms[0] == 10 * (trimmed_at - kept)
    assert store.of(0).closed_ms[-1] == 10 * (trimmed_at - 1) + 5
    store.append(rows((0, trimmed_at)), first_set=0)
    assert len(store.of(0).net_units) == kept + 1
    assert store.total[0] == trimmed_at + 1


@pytest.mark.parametrize("kept", [49, 751])
def test_how_many_are_kept_has_its_range(kept):
    with pytest.raises(ValueError, match=f"expected 50 to 750 for each set, was {kept}"):
        ResultStore(sets=1, kept=kept)


def test_opened_after_is_strict():
    results = Results(np.array([10, 20, 30]), np.array([15, 25, 35]), np.array([1.0, 2.0, 3.0]))
    assert results.opened_after(20).net_units.tolist() == [3]
    assert results.opened_until(20).net_units.tolist() == [1, 2]
    assert results.opened_after(19).net_units.tolist() == [2, 3]
    assert results.last(2).opened_ms.tolist() == [20, 30]
    assert results.last(9).net_units.tolist() == [1, 2, 3]


def test_the_expectancy_of_every_set():
    store = ResultStore(sets=3)
    store.append(rows((0, 1), (2, 4)), first_set=0)
    store.append(rows((0, 2)), first_set=0)
    np.testing.assert_array_equal(store.expectancies(), [1.5, np.nan, 4])
