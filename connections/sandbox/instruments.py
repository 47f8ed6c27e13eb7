"""What can be traded and by which steps: tick, lot, limits and fees of a symbol on each market.

The figures are derived from the feed's own prices, so that any symbol of any replay gets filters
of the size that Binance uses for coins of that price.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal
from enum import StrEnum
from functools import cached_property

QUOTE_ASSETS = ("USDT", "USDC", "FDUSD", "BUSD", "TUSD", "USD", "EUR", "BTC", "ETH", "BNB")
MARGIN_ASSET = "USDT"


class MarketKind(StrEnum):
    SPOT = "spot"
    FUTURES = "futures"


def split_symbol(symbol: str) -> tuple[str, str]:
    """Base and quote asset of a symbol such as BTCUSDT.

    Raises ValueError when no known quote asset ends it.
    """
    for quote in QUOTE_ASSETS:
        if symbol.endswith(quote) and len(symbol) > len(quote):
            return symbol[: -len(quote)], quote
    raise ValueError(f"expected a symbol that ends with one of {', '.join(QUOTE_ASSETS)}")


@dataclass(frozen=True)
class Instrument:
    """One symbol on one market. Prices in quote, quantities in base units, fees as a fraction."""

    kind: MarketKind
    symbol: str
    base: str
    quote: str
    tick: Decimal
    step: Decimal
    min_quantity: Decimal
    max_quantity: Decimal
    market_max_quantity: Decimal
    min_notional: Decimal
    max_price: Decimal
    multiplier_up: Decimal
    multiplier_down: Decimal
    maker_fee: Decimal
    taker_fee: Decimal

    @cached_property
    def price_decimals(self) -> int:
        return decimals_of(self.tick)

    @cached_property
    def quantity_decimals(self) -> int:
        return decimals_of(self.step)

    def price_of(self, value: float) -> Decimal:
        """A feed's number as an exact price on the tick grid."""
        return Decimal(f"{value:.{self.price_decimals}f}")

    def floor_quantity(self, quantity: Decimal) -> Decimal:
        """The largest tradable quantity that isn't more than this."""
        return (quantity / self.step).to_integral_value(ROUND_DOWN) * self.step


def decimals_of(step: Decimal) -> int:
    exponent = step.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def power_of_ten(exponent: int) -> Decimal:
    return Decimal(1).scaleb(exponent)


def sensible_price_decimals(price: float, found: int) -> int:
    """Decimals of the tick: those of the data, at most seven significant digits of the price."""
    magnitude = Decimal(repr(price)).adjusted()
    return max(0, min(found, max(2, 6 - magnitude), 8))


def spot_instrument(symbol: str, price: float, price_decimals: int) -> Instrument:
    """Spot filters: lot worth about one quote unit at most, notional of at least 5."""
    base, quote = split_symbol(symbol)
    magnitude = Decimal(repr(price)).adjusted()
    step_exponent = max(-(magnitude + 1), -(8 - price_decimals), -8)
    step = power_of_ten(min(0, step_exponent))
    largest = power_of_ten(6 - min(5, max(-1, magnitude)))
    return Instrument(
        kind=MarketKind.SPOT,
        symbol=symbol,
        base=base,
        quote=quote,
        tick=power_of_ten(-price_decimals),
        step=step,
        min_quantity=step,
        max_quantity=largest * 9,
        market_max_quantity=largest,
        min_notional=Decimal(5),
        max_price=power_of_ten(magnitude + 3),
        multiplier_up=Decimal(5),
        multiplier_down=Decimal("0.2"),
        maker_fee=Decimal("0.001"),
        taker_fee=Decimal("0.001"),
    )


def futures_instrument(symbol: str, price: float, price_decimals: int) -> Instrument:
    """USD-M filters: a coarser lot than spot, limit prices within 15 % of the mark price, notional
    of at least 5."""
    base, quote = split_symbol(symbol)
    magnitude = Decimal(repr(price)).adjusted()
    step = power_of_ten(min(0, max(-magnitude, -(8 - price_decimals))))
    largest = power_of_ten(7 - min(5, max(-1, magnitude)))
    return Instrument(
        kind=MarketKind.FUTURES,
        symbol=symbol,
        base=base,
        quote=quote,
        tick=power_of_ten(-price_decimals),
        step=step,
        min_quantity=step,
        max_quantity=largest,
        market_max_quantity=largest / 10,
        min_notional=Decimal(5),
        max_price=power_of_ten(magnitude + 3),
        multiplier_up=Decimal("1.15"),
        multiplier_down=Decimal("0.85"),
        maker_fee=Decimal("0.0002"),
        taker_fee=Decimal("0.0005"),
    )
