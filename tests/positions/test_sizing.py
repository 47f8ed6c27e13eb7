"""How large an order is: never more than asked for, always on the lot, every step told."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from positions.refusals import RefusalCode
from positions.sizing import SPOT_LIMIT_BEYOND_PCT, SizingInput, size, with_room_for_spot_exit

D = Decimal
BASE = SizingInput(
    balance_quote=D(10_000),
    share_pct=D(1),
    volume_factor=D(1),
    price=D(50_000),
    lot=D("0.001"),
    min_quantity=D("0.001"),
    min_notional=D(5),
    enforce_minimum=True,
)


@pytest.mark.parametrize(
    ("changes", "quantity", "refusal", "raised"),
    [
        ({}, "0.002", None, False),
        ({"volume_factor": D("2.5")}, "0.005", None, False),
        ({"share_pct": D("1.4")}, "0.002", None, False),
        ({"balance_quote": D(100)}, "0.001", None, True),
        ({"balance_quote": D(100), "enforce_minimum": False}, "0", "below_minimum", False),
        ({"balance_quote": D(0)}, "0.001", None, True),
        ({"min_quantity": D("0.01")}, "0.01", None, True),
        ({"min_notional": D(120)}, "0.003", None, True),
        ({"min_notional": D(100)}, "0.002", None, False),
        # a minimum between two lots is rounded up to the next
        ({"balance_quote": D(1), "min_quantity": D("0.0015")}, "0.002", None, True),
        ({"min_quantity": D(0), "min_notional": D(0), "balance_quote": D(1)}, "0.001", None, True),
    ],
)
def test_the_size(
    changes: dict[str, Decimal], quantity: str, refusal: str | None, *, raised: bool
) -> None:
    sizing = size(replace(BASE, **changes))
    assert sizing.quantity == D(quantity)
    assert sizing.notional == D(quantity) * BASE.price
    assert sizing.refusal == refusal
    assert sizing.raised_to_minimum == raised


@pytest.mark.parametrize("wrong", [{"price": D(0)}, {"price": D(-1)}, {"lot": D(0)}])
def test_a_price_or_lot_that_is_not_positive_is_a_fault(wrong: dict[str, Decimal]) -> None:
    with pytest.raises(ValueError, match="price and lot > 0"):
        size(replace(BASE, **wrong))


def test_the_whole_calculation_is_recorded() -> None:
    request = replace(BASE, balance_quote=D(100))
    record = size(request).record(request)
    assert record["input"]["balance_quote"] == "100"  # type: ignore[index]
    assert (record["quantity"], record["raised_to_minimum"]) == ("0.001", True)
    assert len(record["steps"]) == 4  # type: ignore[arg-type]


AMOUNTS = st.decimals(D(0), D(10**7), places=4)
STEPS = st.sampled_from([D("0.00001"), D("0.001"), D("0.1"), D(1), D(100)])
REQUESTS = st.builds(
    SizingInput,
    balance_quote=AMOUNTS,
    share_pct=st.decimals(D("0.1"), D(100), places=2),
    volume_factor=st.decimals(D("0.1"), D(10), places=2),
    price=st.decimals(D("0.0001"), D(100_000), places=4),
    lot=STEPS,
    min_quantity=st.decimals(D(0), D(10), places=5),
    min_notional=st.decimals(D(0), D(100), places=2),
    enforce_minimum=st.booleans(),
)


@given(request=REQUESTS)
def test_it_is_on_the_lot_and_never_above_its_share_unless_raised(request: SizingInput) -> None:
    sizing = size(request)
    wanted = request.balance_quote * request.share_pct / 100 * request.volume_factor
    assert sizing.quantity % request.lot == 0
    assert sizing.notional == sizing.quantity * request.price
    if sizing.raised_to_minimum:
        assert request.enforce_minimum
        least = max(request.min_quantity, request.min_notional / request.price, request.lot)
        assert sizing.quantity < least + request.lot
    else:
        assert sizing.notional <= wanted
    if sizing.refusal is None:
        assert sizing.quantity > 0
        assert sizing.quantity >= request.min_quantity
        assert sizing.notional >= request.min_notional * (1 - D("1e-20"))
    else:
        assert sizing.refusal == RefusalCode.BELOW_MINIMUM
        assert not request.enforce_minimum


@given(request=REQUESTS, stop_loss_pct=st.decimals(D("0.1"), D(20), places=2))
def test_on_spot_what_was_bought_can_be_sold_at_the_stop(
    request: SizingInput, stop_loss_pct: Decimal
) -> None:
    roomy = with_room_for_spot_exit(request, stop_loss_pct=stop_loss_pct)
    sizing = size(roomy)
    if sizing.refusal is not None:
        return
    after_fee = sizing.quantity * D("0.999")
    sellable = after_fee // request.lot * request.lot
    limit = request.price * (1 - stop_loss_pct / 100) * (1 - SPOT_LIMIT_BEYOND_PCT / 100)
    assert sellable >= min(request.min_quantity, sizing.quantity)
    assert sellable > 0
    assert sellable * limit >= request.min_notional * (1 - D("1e-20"))
