"""The checks that an order must pass before anything else happens, in the exchange's own codes."""

from __future__ import annotations

from decimal import Decimal

from .errors import Refusal, filter_failure, too_precise
from .instruments import Instrument, decimals_of

SPOT_ASSET_DECIMALS = 8
MAX_OPEN_ORDERS = 200
MAX_STOP_ORDERS = 100


def check_spot_price(instrument: Instrument, name: str, price: Decimal) -> None:
    if decimals_of(price) > SPOT_ASSET_DECIMALS:
        raise too_precise(name)
    if price <= 0 or price > instrument.max_price or price % instrument.tick:
        raise filter_failure("PRICE_FILTER")


def check_spot_quantity(instrument: Instrument, quantity: Decimal, *, is_market: bool) -> None:
    if decimals_of(quantity) > SPOT_ASSET_DECIMALS:
        raise too_precise("quantity")
    in_range = instrument.min_quantity <= quantity <= instrument.max_quantity
    if not in_range or quantity % instrument.step:
        raise filter_failure("LOT_SIZE")
    if is_market and quantity > instrument.market_max_quantity:
        raise filter_failure("MARKET_LOT_SIZE")


def check_spot_notional(instrument: Instrument, notional: Decimal) -> None:
    if notional < instrument.min_notional:
        raise filter_failure("NOTIONAL")


def check_spot_percent_price(instrument: Instrument, price: Decimal, market: Decimal) -> None:
    lowest, highest = market * instrument.multiplier_down, market * instrument.multiplier_up
    if not lowest <= price <= highest:
        raise filter_failure("PERCENT_PRICE_BY_SIDE")


def check_futures_price(instrument: Instrument, price: Decimal) -> None:
    if decimals_of(price) > instrument.price_decimals:
        raise Refusal(-1111, "Precision is over the maximum defined for this asset.")
    if price <= 0:
        raise Refusal(-4001, "Price less than 0.")
    if price < instrument.tick:
        raise Refusal(-4013, "Price less than min price.")
    if price > instrument.max_price:
        raise Refusal(-4002, "Price greater than max price.")
    if price % instrument.tick:
        raise Refusal(-4014, "Price not increased by tick size.")


def check_futures_percent_price(
    instrument: Instrument, price: Decimal, mark: Decimal, *, is_buy: bool
) -> None:
    highest = instrument.price_of(float(mark * instrument.multiplier_up))
    lowest = instrument.price_of(float(mark * instrument.multiplier_down))
    if is_buy and price > highest:
        raise Refusal(-4016, f"Limit price can't be higher than {highest}.")
    if not is_buy and price < lowest:
        raise Refusal(-4024, f"Limit price can't be lower than {lowest}.")


def check_futures_quantity(instrument: Instrument, quantity: Decimal, *, is_market: bool) -> None:
    if decimals_of(quantity) > instrument.quantity_decimals:
        raise Refusal(-1111, "Precision is over the maximum defined for this asset.")
    if quantity <= 0:
        raise Refusal(-4003, "Quantity less than or equal to zero.")
    if quantity < instrument.min_quantity:
        raise Refusal(-4004, "Quantity less than min quantity.")
    largest = instrument.market_max_quantity if is_market else instrument.max_quantity
    if quantity > largest:
        raise Refusal(-4005, "Quantity greater than max quantity.")
    if quantity % instrument.step:
        raise Refusal(-4023, "Qty not increased by step size.")


def check_futures_notional(instrument: Instrument, notional: Decimal) -> None:
    if notional < instrument.min_notional:
        raise Refusal(
            -4164,
            f"Order's notional must be no smaller than {instrument.min_notional} "
            "(unless you choose reduce only).",
        )
