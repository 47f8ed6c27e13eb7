"""The order book of one market: users' resting orders and the quotes of a house maker.

Price first, then time. The house quotes a few levels on both sides of the feed's price, with at
least one tick of spread and bounded sizes; it quotes anew with every tick and so has the last place
in the queue at each price. What is taken from its quotes is gone until the next tick.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from typing import NamedTuple

from .feed import Tick
from .instruments import Instrument
from .records import ZERO, Order, Side

LEVELS = 10
SPREAD = Decimal("0.00004")  # of the price
LEVEL_NOTIONAL = Decimal(15_000)  # quote units at the best level; deeper levels hold more


@dataclass(slots=True)
class MakerLevel:
    price: Decimal
    quantity: Decimal


class Match(NamedTuple):
    """A planned execution; exactly one of `order` and `level` is the other side."""

    price: Decimal
    quantity: Decimal
    order: Order | None
    level: MakerLevel | None


class Plan(NamedTuple):
    """What an incoming order would do: executions, and resting orders of the same account that
    expire instead of trading with it (self-trade prevention EXPIRE_MAKER)."""

    matches: list[Match]
    own_orders: list[Order]

    @property
    def quantity(self) -> Decimal:
        return sum((match.quantity for match in self.matches), ZERO)

    @property
    def quote(self) -> Decimal:
        return sum((match.quantity * match.price for match in self.matches), ZERO)


class Book:
    def __init__(self, instrument: Instrument, fillable: Callable[[Order], Decimal]) -> None:
        """`fillable` tells how much of a resting order may still be executed."""
        self.instrument = instrument
        self._fillable = fillable
        self.resting: dict[Side, list[Order]] = {Side.BUY: [], Side.SELL: []}
        self.maker: dict[Side, list[MakerLevel]] = {Side.BUY: [], Side.SELL: []}
        self.tick: Tick | None = None

    def requote(self, tick: Tick) -> None:
        """The house withdraws its quotes and quotes around a new price."""
        self.tick = tick
        instrument = self.instrument
        spread_ticks = max(
            1, int((tick.price * SPREAD / instrument.tick).to_integral_value(ROUND_HALF_EVEN))
        )
        best_bid = tick.price - (spread_ticks // 2) * instrument.tick
        best_ask = best_bid + spread_ticks * instrument.tick
        gap = max(1, spread_ticks) * instrument.tick
        base = LEVEL_NOTIONAL / tick.price
        bids: list[MakerLevel] = []
        asks: list[MakerLevel] = []
        for level in range(LEVELS):
            # Sizes look alive but are a pure function of the tick.
            wobble = (tick.serial * 7919 + level * 104_729) % 101
            size = base * (100 + 40 * level + wobble) / 100
            quantity = max(instrument.min_quantity, instrument.floor_quantity(size))
            bid = best_bid - level * gap
            if bid > 0:
                bids.append(MakerLevel(bid, quantity))
            asks.append(MakerLevel(best_ask + level * gap, quantity))
        self.maker = {Side.BUY: bids, Side.SELL: asks}

    def rest(self, order: Order) -> None:
        """Puts an order into the queue behind those of the same price and an earlier time."""
        sign = -order.side.sign
        insort(self.resting[order.side], order, key=lambda o: (sign * o.price, o.working_ms, o.id))

    def remove(self, order: Order) -> None:
        """Takes an order out of the queue, if it is there."""
        queue = self.resting[order.side]
        for index, resting in enumerate(queue):
            if resting.id == order.id:
                del queue[index]
                return

    def has_offers(self, side: Side) -> bool:
        """Whether an incoming order of this side would find anything at all."""
        return next(self._opposite(side), None) is not None

    def crosses(self, side: Side, price: Decimal) -> bool:
        """Whether a limit order at this price would trade at once."""
        best = next(self._opposite(side), None)
        if best is None:
            return False
        return best.price <= price if side is Side.BUY else best.price >= price

    def plan(
        self,
        side: Side,
        account_id: int,
        *,
        limit: Decimal | None,
        quantity: Decimal | None = None,
        quote: Decimal | None = None,
    ) -> Plan:
        """How an incoming order of this quantity (or of this amount of quote) would be executed;
        nothing is changed."""
        matches: list[Match] = []
        own_orders: list[Order] = []
        left = quantity
        quote_left = quote
        for offer in self._opposite(side):
            if limit is not None and (offer.price - limit) * side.sign > 0:
                break
            if offer.order is not None and offer.order.account_id == account_id:
                own_orders.append(offer.order)
                continue
            if left is not None:
                taken = min(left, offer.quantity)
            elif quote_left is not None:
                affordable = self.instrument.floor_quantity(quote_left / offer.price)
                taken = min(affordable, offer.quantity)
            else:
                raise ValueError("expected a quantity or an amount of quote, was given neither")
            if taken <= 0:
                if offer.quantity > 0:
                    break
                continue
            matches.append(offer._replace(quantity=taken))
            if left is not None:
                left -= taken
                if left == 0:
                    break
            if quote_left is not None:
                quote_left -= taken * offer.price
        return Plan(matches, own_orders)

    def _opposite(self, side: Side) -> Iterator[Match]:
        """Everything on the other side, best price first, users before the house."""
        other = side.opposite
        users = iter(self.resting[other])
        levels = iter([level for level in self.maker[other] if level.quantity > 0])
        order = next(users, None)
        level = next(levels, None)
        while order is not None or level is not None:
            if order is not None and (
                level is None or (order.price - level.price) * side.sign <= 0
            ):
                yield Match(order.price, self._fillable(order), order, None)
                order = next(users, None)
            elif level is not None:
                yield Match(level.price, level.quantity, None, level)
                level = next(levels, None)

    def crossed_by_maker(self) -> Iterator[tuple[Order, MakerLevel]]:
        """Resting orders that the house's quotes have reached, in the order of their claim.

        The caller executes each pair before it asks for the next.
        """
        for side in (Side.BUY, Side.SELL):
            while self.resting[side]:
                order = self.resting[side][0]
                level = next((lv for lv in self.maker[side.opposite] if lv.quantity > 0), None)
                if level is None or (level.price - order.price) * side.sign > 0:
                    break
                yield order, level

    def depth(self, limit: int) -> tuple[list[MakerLevel], list[MakerLevel]]:
        """Bids and asks with users' orders and house quotes added up by price, best first."""
        return self._side_depth(Side.BUY, limit), self._side_depth(Side.SELL, limit)

    def _side_depth(self, side: Side, limit: int) -> list[MakerLevel]:
        amounts: dict[Decimal, Decimal] = {}
        for level in self.maker[side]:
            if level.quantity > 0:
                amounts[level.price] = amounts.get(level.price, ZERO) + level.quantity
        for order in self.resting[side]:
            amounts[order.price] = amounts.get(order.price, ZERO) + order.remaining
        prices = sorted(amounts, reverse=side is Side.BUY)[:limit]
        return [MakerLevel(price, amounts[price]) for price in prices]
