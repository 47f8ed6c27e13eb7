"""The gates: each refusal has its facts, and the first that refuses is the one that is told."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from positions import gates
from positions.gates import ControlFacts, MoneyFacts, PositionFacts, PriceFacts
from positions.refusals import MEANING, RefusalCode, markdown_table
from positions.sizing import size
from tests.positions.test_sizing import BASE

D = Decimal
R = RefusalCode
CONTROL = ControlFacts(
    engine_running=True,
    engine_paused=False,
    halted=False,
    lease_valid=True,
    connection_live=True,
    test_passed=True,
    type_chosen=True,
    side_tradable=True,
    signal_age_s=1.0,
    signal_age_limit_s=15.0,
    since_last_entry_s=None,
)
POSITIONS = PositionFacts(
    exchange="binance",
    hedge_mode=False,
    of_set=0,
    of_symbol_and_side=0,
    of_other_side=0,
    of_connection=0,
    max_open_positions=10,
    symbol_in_sync=True,
)
MONEY = MoneyFacts(
    balance=D(10_000),
    free=D(10_000),
    balance_age_s=1.0,
    open_notional=D(0),
    max_exposure_pct=D(100),
    realised_today=D(0),
    daily_loss_limit_pct=D(5),
    equity=D(10_000),
    peak_equity=D(10_000),
    leverage=1,
)
PRICE = PriceFacts(known_market=True, age_s=0.5, stale_after_s=5.0, spread_pct=D("0.1"))

BEFORE_SIZING: list[tuple[RefusalCode, dict[str, Any]]] = [
    (R.CONNECTION_HALTED, {"halted": True}),
    (R.ENGINE_PAUSED, {"engine_paused": True}),
    (R.ENGINE_NOT_RUNNING, {"engine_running": False}),
    (R.LEASE_NOT_VALID, {"lease_valid": False}),
    (R.CONNECTION_NOT_LIVE, {"connection_live": False}),
    (R.TEST_NOT_PASSED, {"test_passed": False}),
    (R.TYPE_NOT_CHOSEN, {"type_chosen": False}),
    (R.SIDE_NOT_TRADABLE, {"side_tradable": False}),
    (R.SIGNAL_TOO_OLD, {"signal_age_s": 15.1}),
    (R.COOLDOWN, {"since_last_entry_s": 19.9}),
    (R.SYMBOL_OUT_OF_SYNC, {"symbol_in_sync": False}),
    (R.OPPOSITE_SIDE_OPEN, {"of_other_side": 1}),
    (R.POSITIONS_PER_SET, {"of_set": 2}),
    (R.POSITIONS_PER_SYMBOL, {"of_symbol_and_side": 3}),
    (R.POSITIONS_PER_CONNECTION, {"of_connection": 10}),
    (R.MARKET_UNKNOWN, {"known_market": False}),
    (R.PRICE_STALE, {"age_s": 5.1}),
    (R.PRICE_STALE, {"age_s": None}),
    (R.SPREAD, {"spread_pct": D("0.51")}),
    (R.SPREAD, {"spread_pct": None}),
    (R.BALANCE_UNKNOWN, {"balance": None}),
    (R.BALANCE_UNKNOWN, {"balance_age_s": None}),
    (R.BALANCE_UNKNOWN, {"balance_age_s": 60.1}),
    # a drawdown that can't be worked out refuses too
    (R.BALANCE_UNKNOWN, {"equity": None}),
    (R.DAILY_LOSS, {"realised_today": D(-500)}),
    (R.DRAWDOWN, {"equity": D(8_000)}),
]
AFTER_SIZING: list[tuple[RefusalCode, dict[str, Any]]] = [
    (R.EXPOSURE, {"open_notional": D(9_900)}),
    (R.MARGIN, {"free": D(99)}),
    (R.BALANCE_UNKNOWN, {"free": None}),
]
# each just short of refusing
PASSES: list[dict[str, Any]] = [
    {"signal_age_s": 15.0},
    {"since_last_entry_s": 20.0},
    {"of_set": 1},
    {"of_symbol_and_side": 2},
    {"of_connection": 9},
    {"age_s": 5.0},
    {"spread_pct": D("0.5")},
    {"balance_age_s": 60.0},
    {"realised_today": D("-499.99")},
    {"equity": D("8000.01")},
    {"peak_equity": None},
    {"of_other_side": 2, "hedge_mode": True},
]


def before_sizing(**changes: Any) -> RefusalCode | None:
    facts = [
        replace(one, **{k: v for k, v in changes.items() if k in type(one).__dataclass_fields__})
        for one in (CONTROL, POSITIONS, MONEY, PRICE)
    ]
    return gates.before_sizing(*facts)  # type: ignore[arg-type]


def test_all_in_order_passes() -> None:
    assert before_sizing() is None
    assert gates.after_sizing(MONEY, D(10_000)) is None


@pytest.mark.parametrize(("code", "facts"), BEFORE_SIZING)
def test_one_fact_refuses(code: RefusalCode, facts: dict[str, Any]) -> None:
    assert before_sizing(**facts) == code


@pytest.mark.parametrize("facts", PASSES)
def test_at_the_limit_it_passes(facts: dict[str, Any]) -> None:
    assert before_sizing(**facts) is None


@pytest.mark.parametrize(("code", "facts"), AFTER_SIZING)
def test_the_size_may_refuse(code: RefusalCode, facts: dict[str, Any]) -> None:
    assert gates.after_sizing(replace(MONEY, **facts), D(101)) == code


def test_leverage_divides_the_margin_not_the_exposure() -> None:
    money = replace(MONEY, free=D(100), leverage=5)
    assert gates.after_sizing(money, D(500)) is None
    assert gates.after_sizing(money, D(501)) == R.MARGIN


@pytest.mark.parametrize("number", range(len(BEFORE_SIZING) - 1))
def test_the_first_refusal_is_the_one_that_is_told(number: int) -> None:
    """Everything from this gate on refuses: the earlier one wins."""
    rest = [facts for _, facts in BEFORE_SIZING[number:]]
    together = {key: value for facts in reversed(rest) for key, value in facts.items()}
    assert before_sizing(**together) == BEFORE_SIZING[number][0]


def test_every_code_is_reached_by_a_test() -> None:
    refused = size(replace(BASE, balance_quote=D(1), enforce_minimum=False)).refusal
    reached = {code for code, _ in (*BEFORE_SIZING, *AFTER_SIZING)} | {refused}
    assert reached == set(RefusalCode)


@pytest.mark.parametrize(
    ("changes", "hit"),
    [
        ({}, None),
        ({"realised_today": D(-500)}, R.DAILY_LOSS),
        ({"realised_today": D(500)}, None),
        ({"equity": D(8_000)}, R.DRAWDOWN),
        # nothing is known: nothing is halted, but entries are refused above
        ({"balance": None, "equity": None}, None),
        ({"balance": D(0), "realised_today": D(-1)}, None),
        ({"peak_equity": None, "equity": D(1)}, None),
    ],
)
def test_which_limit_halts(changes: dict[str, Any], hit: RefusalCode | None) -> None:
    assert gates.limit_hit(replace(MONEY, **changes)) == hit


@pytest.mark.parametrize(
    ("exchange", "limit"), [("binance", 500), ("okx", 150), ("mexc", 100), ("kraken", 50)]
)
def test_the_exchanges_own_limit_counts_too(exchange: str, limit: int) -> None:
    facts = {"exchange": exchange, "max_open_positions": 500}
    assert before_sizing(**facts, of_connection=limit - 1) is None
    assert before_sizing(**facts, of_connection=limit) == R.POSITIONS_PER_CONNECTION


def test_every_code_has_a_meaning_in_words() -> None:
    assert set(MEANING) == set(RefusalCode)
    assert all(text.endswith(".") for text in MEANING.values())


def test_the_table_of_the_documents_lists_every_code_once_in_order() -> None:
    rows = markdown_table().splitlines()
    assert rows[:2] == ["| Code | Meaning |", "|---|---|"]
    assert rows[2:] == [f"| `{code}` | {MEANING[code]} |" for code in RefusalCode]
