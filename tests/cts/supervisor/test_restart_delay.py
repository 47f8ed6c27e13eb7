"""The pause before a restart."""

from hypothesis import given
from hypothesis import strategies as st

from cts.supervisor.spec import restart_delay_secs


def test_it_doubles_from_one_second_to_thirty():
    delays = [restart_delay_secs(failures, 0.0) for failures in range(1, 8)]
    assert delays == [1, 2, 4, 8, 16, 30, 30]


@given(st.integers(1, 10_000), st.floats(0, 1, exclude_max=True))
def test_chance_adds_at_most_a_quarter_and_never_passes_thirty(failures, chance):
    without = restart_delay_secs(failures, 0.0)
    assert without <= restart_delay_secs(failures, chance) <= min(30, without * 1.25)
