"""Margin arithmetic of the futures market: pure functions of a wallet, its orders and mark prices.

Formulas as in Binance's "Leverage and margin of USD-M futures": initial margin = notional /
leverage; maintenance margin = notional x rate - amount, by notional bracket.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from .records import (
    ZERO,
    FuturesWallet,
    MarginType,
    Order,
    Position,
    PositionSide,
    Side,
)

Mark = Callable[[str], Decimal]


class Bracket(NamedTuple):
    """A notional bracket, quote units; `cumulative` is the maintenance amount to subtract."""

    number: int
    max_leverage: int
    floor: Decimal
    cap: Decimal
    rate: Decimal
    cumulative: Decimal


BRACKETS = (
    Bracket(1, 125, Decimal(0), Decimal(50_000), Decimal("0.004"), Decimal(0)),
    Bracket(2, 100, Decimal(50_000), Decimal(600_000), Decimal("0.005"), Decimal(50)),
    Bracket(3, 75, Decimal(600_000), Decimal(3_000_000), Decimal("0.0065"), Decimal(950)),
    Bracket(4, 50, Decimal(3_000_000), Decimal(12_000_000), Decimal("0.01"), Decimal(11_450)),
    Bracket(5, 25, Decimal(12_000_000), Decimal(70_000_000), Decimal("0.02"), Decimal(131_450)),
    Bracket(6, 10, Decimal(70_000_000), Decimal(230_000_000), Decimal("0.05"), Decimal(2_231_450)),
)
MAX_LEVERAGE = BRACKETS[0].max_leverage


def maintenance_margin(notional: Decimal) -> Decimal:
    bracket = next((b for b in BRACKETS if notional < b.cap), BRACKETS[-1])
    return notional * bracket.rate - bracket.cumulative


def max_notional(leverage: int) -> Decimal:
    """The largest position, quote units, that a leverage allows."""
    return max(b.cap for b in BRACKETS if b.max_leverage >= leverage)


def closes(side: Side, position_side: PositionSide) -> bool:
    """Whether an order in hedge mode closes (sells a long, buys back a short)."""
    return (side, position_side) in {
        (Side.SELL, PositionSide.LONG),
        (Side.BUY, PositionSide.SHORT),
    }


def is_reducing(order: Order) -> bool:
    return order.reduce_only or closes(order.side, order.position_side)


def reducible(position: Position, side: Side) -> Decimal:
    """How much of a position an order of this side can close."""
    return abs(position.amount) if position.amount * side.sign < 0 else ZERO


def opening_quantity(position: Position, side: Side, quantity: Decimal) -> Decimal:
    """The part of an order that opens or grows a position rather than closing one."""
    return max(ZERO, quantity - reducible(position, side))


@dataclass(frozen=True)
class MarginSummary:
    """State of a futures wallet at current marks, all in quote units.

    `available` is what new orders may use; never below zero.
    """

    balance: Decimal
    cross_balance: Decimal
    cross_unrealized: Decimal
    unrealized: Decimal
    position_margin: Decimal
    order_margin: Decimal
    cross_maintenance: Decimal
    maintenance: Decimal
    available: Decimal


def position_margin(wallet: FuturesWallet, position: Position, mark: Decimal) -> Decimal:
    leverage = wallet.settings_of(position.symbol).leverage
    return abs(position.amount) * mark / leverage


def order_margin(wallet: FuturesWallet, order: Order) -> Decimal:
    if is_reducing(order):
        return ZERO
    position = wallet.position(order.symbol, order.position_side)
    opening = opening_quantity(position, order.side, order.remaining)
    return opening * order.price / wallet.settings_of(order.symbol).leverage


def summarize(wallet: FuturesWallet, orders: Iterable[Order], mark: Mark) -> MarginSummary:
    isolated_wallets = cross_unrealized = unrealized = ZERO
    cross_margin = margin = cross_maintenance = maintenance = ZERO
    for position in wallet.open_positions():
        price = mark(position.symbol)
        pnl = position.unrealized_pnl(price)
        needed = position_margin(wallet, position, price)
        maintained = maintenance_margin(abs(position.amount) * price)
        unrealized += pnl
        margin += needed
        maintenance += maintained
        if wallet.settings_of(position.symbol).margin_type is MarginType.ISOLATED:
            isolated_wallets += position.isolated_wallet
        else:
            cross_unrealized += pnl
            cross_margin += needed
            cross_maintenance += maintained
    reserved = sum((order_margin(wallet, order) for order in orders), ZERO)
    cross_balance = wallet.balance - isolated_wallets
    available = cross_balance + cross_unrealized - cross_margin - reserved
    return MarginSummary(
        balance=wallet.balance,
        cross_balance=cross_balance,
        cross_unrealized=cross_unrealized,
        unrealized=unrealized,
        position_margin=margin,
        order_margin=reserved,
        cross_maintenance=cross_maintenance,
        maintenance=maintenance,
        available=max(ZERO, available),
    )


def room_to_move(wallet: FuturesWallet, symbol: str, mark: Mark) -> Decimal:
    """How far, in quote units, the mark of a symbol may move either way from now without anything
    being liquidated, as long as every other position's mark keeps to its own room.

    The spare margin is shared evenly between the positions that it has to carry; a twentieth is
    kept back for the maintenance margin that grows with the price.
    """
    cross: list[Position] = []
    spare = wallet.balance
    rooms: list[Decimal] = []
    for position in wallet.open_positions():
        price = mark(position.symbol)
        isolated = wallet.settings_of(position.symbol).margin_type is MarginType.ISOLATED
        maintained = maintenance_margin(abs(position.amount) * price)
        pnl = position.unrealized_pnl(price)
        if isolated:
            spare -= position.isolated_wallet
            if position.symbol == symbol:
                left = position.isolated_wallet + pnl - maintained
                rooms.append(left / abs(position.amount))
        else:
            cross.append(position)
            spare += pnl - maintained
    rooms += [
        spare / (len(cross) * abs(position.amount))
        for position in cross
        if position.symbol == symbol
    ]
    return max(ZERO, min(rooms, default=ZERO) * Decimal("0.95"))


def liquidation_price(
    wallet: FuturesWallet, position: Position, summary: MarginSummary, mark: Decimal
) -> Decimal:
    """Price at which the margin of a position is used up, other positions standing still; 0 where
    no price would do it.

    From collateral + amount x (price - mark) + pnl = rate x |amount| x price - cumulative.
    """
    size = abs(position.amount)
    if size == 0:
        return ZERO
    notional = size * mark
    bracket = next((b for b in BRACKETS if notional < b.cap), BRACKETS[-1])
    if wallet.settings_of(position.symbol).margin_type is MarginType.ISOLATED:
        collateral, others = position.isolated_wallet, ZERO
    else:
        others = summary.cross_maintenance - maintenance_margin(notional)
        pnl_of_others = summary.cross_unrealized - position.unrealized_pnl(mark)
        collateral = summary.cross_balance + pnl_of_others
    slope = position.amount - bracket.rate * size
    price = (position.cost - collateral + others - bracket.cumulative) / slope
    return max(ZERO, price)
