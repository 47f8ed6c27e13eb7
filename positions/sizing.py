"""How large an order is (domain section 9). Pure; every step is told, none is assumed."""

from dataclasses import asdict, dataclass, replace
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from positions.refusals import RefusalCode

HUNDRED = Decimal(100)
# A stop on spot is a stop-limit order: its limit stands this far beyond the trigger.
SPOT_LIMIT_BEYOND_PCT = Decimal(1)
# What a fee in the base currency and a price that moves on may take from an exit on spot.
SPOT_RESERVE_PCT = Decimal(1)


@dataclass(frozen=True, slots=True)
class SizingInput:
    """What a size depends on. Money in quote currency, quantities in base units."""

    balance_quote: Decimal
    share_pct: Decimal
    volume_factor: Decimal
    price: Decimal
    lot: Decimal
    min_quantity: Decimal
    min_notional: Decimal
    enforce_minimum: bool


@dataclass(frozen=True, slots=True)
class Sizing:
    """A size, or the reason why there is none. `steps` tells the calculation in words."""

    quantity: Decimal
    notional: Decimal
    refusal: RefusalCode | None
    raised_to_minimum: bool
    steps: tuple[str, ...]

    def record(self, request: SizingInput) -> dict[str, object]:
        """Give the whole calculation for the order's or the refusal's row."""
        return {
            "input": {key: str(value) for key, value in asdict(request).items()},
            "quantity": str(self.quantity),
            "notional": str(self.notional),
            "raised_to_minimum": self.raised_to_minimum,
            "steps": list(self.steps),
        }


def size(request: SizingInput) -> Sizing:
    """Work out notional = balance x share x volume factor, and the quantity on the lot.

    Below the exchange's minimum it is raised to it where `enforce_minimum` is on, else refused.
    Leverage changes margin, not size. Raises ValueError for a price or lot that is not positive.
    """
    if request.price <= 0 or request.lot <= 0:
        raise ValueError(f"expected price and lot > 0, was {request.price} and {request.lot}")
    wanted = request.balance_quote * request.share_pct / HUNDRED * request.volume_factor
    quantity = _on_lot(wanted / request.price, request.lot, ROUND_FLOOR)
    steps = [
        f"balance {request.balance_quote} x share {request.share_pct} % x volume factor "
        f"{request.volume_factor} = notional {wanted}",
        f"notional / price {request.price}, rounded down to lot {request.lot} = {quantity}",
    ]
    least = max(
        _on_lot(request.min_quantity, request.lot, ROUND_CEILING),
        _on_lot(request.min_notional / request.price, request.lot, ROUND_CEILING),
        request.lot,
    )
    if quantity >= least:
        return Sizing(quantity, quantity * request.price, None, False, tuple(steps))
    steps.append(
        f"below the exchange's minimum of {least} (quantity {request.min_quantity}, notional "
        f"{request.min_notional})"
    )
    if not request.enforce_minimum:
        steps.append("enforce minimum is off: refused")
        return Sizing(
            quantity, quantity * request.price, RefusalCode.BELOW_MINIMUM, False, tuple(steps)
        )
    steps.append(f"enforce minimum is on: raised to {least}")
    return Sizing(least, least * request.price, None, True, tuple(steps))


def with_room_for_spot_exit(request: SizingInput, *, stop_loss_pct: Decimal) -> SizingInput:
    """Give `request` with a minimum whose stop and exit are no smaller than the exchange allows.

    On spot the minimum holds for every order: also at the stop's limit, after the fee and the
    rounding to the lot. On perpetuals orders that only reduce are exempt.
    """
    kept = 1 - (stop_loss_pct + SPOT_LIMIT_BEYOND_PCT + SPOT_RESERVE_PCT) / HUNDRED
    least = max(request.min_notional, max(request.min_quantity, request.lot) * request.price)
    room = least / max(kept, Decimal("0.1")) + request.lot * request.price
    return replace(request, min_notional=room)


def _on_lot(quantity: Decimal, lot: Decimal, rounding: str) -> Decimal:
    return (quantity / lot).to_integral_value(rounding=rounding) * lot
