"""When a position leaves: levels, the order of belief, trailing, and the kernel's agreement."""

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from positions.exits import Exits, result_quote, result_units, stop_on_tick
from trading.tournament.kernel import RULE_DTYPE, ExitCode, exit_in_frame

D = Decimal


def exits(*, is_long: bool = True, trailing: tuple[str, str] | None = None) -> Exits:
    """Entry 100, target 2 %, stop 1 %."""
    return Exits(
        is_long=is_long,
        entry=D(100),
        take_profit_pct=D(2),
        stop_loss_pct=D(1),
        trailing=None if trailing is None else (D(trailing[0]), D(trailing[1])),
    )


def test_a_short_is_the_mirror_image_of_a_long() -> None:
    long, short = exits(), exits(is_long=False)
    assert (long.take_profit_price(), long.stop_price()) == (D(102), D(99))
    assert (short.take_profit_price(), short.stop_price()) == (D(98), D(101))


@pytest.mark.parametrize(
    ("last", "best", "reason"),
    [
        ("100", "100", None),
        ("99.01", "100", None),
        ("99", "100", "stop_loss"),
        ("98", "100", "stop_loss"),
        ("101.99", "101.99", None),
        ("102", "101", "take_profit"),
        ("103", "101", "take_profit"),
        # armed from 100.5 on, leaves 0.2 below the best
        ("100.3", "100.49", None),
        ("100.3", "100.5", "trailing_stop"),
        ("100.31", "100.5", None),
        ("101.5", "101.8", "trailing_stop"),
        # at once beyond stop and trailing: the stop is believed
        ("98", "101.8", "stop_loss"),
        # at once beyond trailing and target: the trailing is believed
        ("102.5", "103", "trailing_stop"),
    ],
)
def test_the_decision_for_a_long(last: str, best: str, reason: str | None) -> None:
    rules = exits(trailing=("0.5", "0.2"))
    assert rules.decide(D(last), D(best)) == reason


@pytest.mark.parametrize(
    ("last", "best", "reason"),
    [
        ("100.99", "100", None),
        ("101", "100", "stop_loss"),
        ("98", "99", "take_profit"),
        ("99.7", "99.5", "trailing_stop"),
        ("99.69", "99.5", None),
    ],
)
def test_the_decision_for_a_short(last: str, best: str, reason: str | None) -> None:
    rules = exits(is_long=False, trailing=("0.5", "0.2"))
    assert rules.decide(D(last), D(best)) == reason


def test_without_trailing_nothing_is_ever_armed() -> None:
    assert exits().trailing_price(D(200)) is None


@pytest.mark.parametrize(
    ("is_long", "near", "far"), [(True, "98.01", "98"), (False, "101.99", "102")]
)
def test_a_stop_has_failed_one_percent_beyond_its_level(
    *, is_long: bool, near: str, far: str
) -> None:
    rules = exits(is_long=is_long)
    assert not rules.has_stop_failed(D(near))
    assert rules.has_stop_failed(D(far))


@pytest.mark.parametrize(
    ("price", "is_long", "rounded"),
    [("99.01", True, "99.5"), ("99.5", True, "99.5"), ("101.4", False, "101.0")],
)
def test_a_stop_is_rounded_towards_the_entry(price: str, rounded: str, *, is_long: bool) -> None:
    assert stop_on_tick(D(price), D("0.5"), is_long=is_long) == D(rounded)


def test_results_in_money_and_in_units() -> None:
    figures = {"entry": D(100), "exit_price": D(101)}
    assert result_quote(is_long=True, quantity=D(3), **figures) == 3
    assert result_quote(is_long=False, quantity=D(3), **figures) == -3
    assert result_units(is_long=True, position_cost_pct=D("0.1"), **figures) == 10
    assert result_units(is_long=False, position_cost_pct=D("0.1"), **figures) == -10


PRICES = st.decimals(D(90), D(110), places=2)
RULES = st.builds(
    Exits,
    is_long=st.booleans(),
    entry=st.decimals(D(95), D(105), places=2),
    take_profit_pct=st.integers(1, 11).map(lambda n: D(n) / 5),
    stop_loss_pct=st.integers(1, 40).map(lambda n: D(n) / 10),
    trailing=st.none() | st.sampled_from([(D("0.3"), D("0.1")), (D(1), D("0.3"))]),
)


@given(rules=RULES, prices=st.lists(PRICES, min_size=1, max_size=30))
def test_trailing_never_loosens(rules: Exits, prices: list[Decimal]) -> None:
    assume(rules.trailing is not None)
    best, former = rules.entry, None
    for price in prices:
        best = rules.better(best, price)
        level = rules.trailing_price(best)
        if former is not None:
            assert level is not None, "disarmed"
            assert rules.better(level, former) == level
        former = level


@given(rules=RULES, tick=st.sampled_from([D("0.01"), D("0.05"), D("0.5")]))
def test_a_stop_on_the_tick_is_never_looser_than_decided(rules: Exits, tick: Decimal) -> None:
    stop = rules.stop_price()
    placed = stop_on_tick(stop, tick, is_long=rules.is_long)
    assert placed % tick == 0
    assert rules.better(placed, stop) == placed
    assert abs(placed - stop) < tick


@settings(max_examples=300, deadline=None)
@given(
    rules=RULES,
    best=PRICES,
    frame=st.tuples(PRICES, PRICES, PRICES),
)
def test_decimals_decide_as_the_kernels_floats(
    rules: Exits, best: Decimal, frame: tuple[Decimal, Decimal, Decimal]
) -> None:
    """A frame is its open, its worst and its finest price, in the kernel's order of belief."""
    low, open_, high = sorted(frame)
    best = rules.better(best, rules.entry)
    levels = [rules.stop_price(), rules.take_profit_price(), rules.trailing_price(best)]
    start = None if rules.trailing is None else rules._away(rules.trailing[0])
    # on a level to the last digit, a float may stand a hair beside it
    for level in levels:
        assume(all(level is None or abs(level - p) > D("1e-9") for p in (low, open_, high)))
    assume(start is None or abs(start - best) > D("1e-9"))

    worst, finest = (low, high) if rules.is_long else (high, low)
    reasons = (rules.decide(price, best) for price in (open_, worst, finest))
    ours = next((reason for reason in reasons if reason is not None), None)

    cost_pct = D("0.1")
    trailing = rules.trailing or (D("nan"), D("nan"))
    rule = np.zeros(1, RULE_DTYPE)
    rule[0] = (
        0,
        1 if rules.is_long else -1,
        float(rules.take_profit_pct / cost_pct),
        float(rules.stop_loss_pct / rules.take_profit_pct),
        float(trailing[0]),
        float(trailing[1]),
    )
    code, price = exit_in_frame(
        rule[0], float(rules.entry), float(best), 0.001, float(open_), float(high), float(low)
    )
    assert ours == (None if code == ExitCode.NONE else ExitCode(code).name.lower())
    if ours is not None and rules.decide(open_, best) is None:
        level = {
            "stop_loss": rules.stop_price(),
            "take_profit": rules.take_profit_price(),
            "trailing_stop": rules.trailing_price(best),
        }[ours]
        assert level is not None
        assert price == pytest.approx(float(level), rel=1e-12)
