"""When a position leaves: levels and decisions, the same rules as the kernel's (domain section 7).

Pure. Prices are Decimal in quote currency, distances in percent of the entry price.
"""

from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

HUNDRED = Decimal(100)
# A price this far beyond the stop says that the stop on the exchange did not do its work.
STOP_FAILED_PCT = Decimal(1)


@dataclass(frozen=True, slots=True)
class Exits:
    """The exit rules of one position. `trailing` is (start %, stop %) or None."""

    is_long: bool
    entry: Decimal
    take_profit_pct: Decimal
    stop_loss_pct: Decimal
    trailing: tuple[Decimal, Decimal] | None = None

    def take_profit_price(self) -> Decimal:
        """Give the target: entry + TP for a long, entry - TP for a short."""
        return self._away(self.take_profit_pct)

    def stop_price(self) -> Decimal:
        """Give the stop: entry - SL for a long, entry + SL for a short."""
        return self._away(-self.stop_loss_pct)

    def is_armed(self, best: Decimal) -> bool:
        """Tell whether profit at `best` (best price since entry) has reached the trailing start."""
        if self.trailing is None:
            return False
        start = self._away(self.trailing[0])
        return best >= start if self.is_long else best <= start

    def trailing_price(self, best: Decimal) -> Decimal | None:
        """Give best -/+ entry x trailing stop %, once armed. Never loosens, as best never does."""
        if self.trailing is None or not self.is_armed(best):
            return None
        distance = self.entry * self.trailing[1] / HUNDRED
        return best - distance if self.is_long else best + distance

    def decide(self, last: Decimal, best: Decimal) -> str | None:
        """Give why to leave at price `last`: stop_loss, trailing_stop, take_profit; None: stay.

        `best` is the best price before `last`. The order of belief is the kernel's.
        """
        if self._at_or_beyond(self.stop_price(), last, losing=True):
            return "stop_loss"
        trailing = self.trailing_price(best)
        if trailing is not None and self._at_or_beyond(trailing, last, losing=True):
            return "trailing_stop"
        if self._at_or_beyond(self.take_profit_price(), last, losing=False):
            return "take_profit"
        return None

    def has_stop_failed(self, last: Decimal) -> bool:
        """Tell whether `last` is so far beyond the stop that waiting for its fill is no use: a
        stop-limit order that was jumped over rests at its limit."""
        level = self._away(-self.stop_loss_pct - STOP_FAILED_PCT)
        return self._at_or_beyond(level, last, losing=True)

    def better(self, one: Decimal, other: Decimal) -> Decimal:
        """Give the better of two prices for this side."""
        return max(one, other) if self.is_long else min(one, other)

    def worse(self, one: Decimal, other: Decimal) -> Decimal:
        """Give the worse of two prices for this side."""
        return min(one, other) if self.is_long else max(one, other)

    def _away(self, pct: Decimal) -> Decimal:
        sign = 1 if self.is_long else -1
        return self.entry * (1 + sign * pct / HUNDRED)

    def _at_or_beyond(self, level: Decimal, last: Decimal, *, losing: bool) -> bool:
        return last <= level if self.is_long == losing else last >= level


def stop_on_tick(price: Decimal, tick: Decimal, *, is_long: bool) -> Decimal:
    """Round a stop to the exchange's tick towards the entry: never a looser stop than decided."""
    rounding = ROUND_CEILING if is_long else ROUND_FLOOR
    return (price / tick).to_integral_value(rounding=rounding) * tick


def result_quote(
    *, is_long: bool, entry: Decimal, exit_price: Decimal, quantity: Decimal
) -> Decimal:
    """Give the profit of a linear position in quote currency, before fees."""
    move = exit_price - entry if is_long else entry - exit_price
    return move * quantity


def result_units(
    *, is_long: bool, entry: Decimal, exit_price: Decimal, position_cost_pct: Decimal
) -> Decimal:
    """Give the signed move in units of the position cost (domain section 2)."""
    move = exit_price - entry if is_long else entry - exit_price
    return move / (entry * position_cost_pct / HUNDRED)
