"""Funding every eight hours and liquidation at the maintenance margin."""

from __future__ import annotations

from decimal import Decimal

from . import margin
from .futures import FuturesRequest, FuturesVenue
from .records import (
    ZERO,
    FuturesWallet,
    IncomeType,
    MarginType,
    Position,
    Side,
    TimeInForce,
)
from .spot import ledger_amount

FUNDING_INTERVAL_MS = 8 * 3_600_000
FUNDING_RATE = Decimal("0.0001")  # of the notional; longs pay shorts


def next_funding_ms(at_ms: int) -> int:
    """The first funding time after a moment."""
    return (at_ms // FUNDING_INTERVAL_MS + 1) * FUNDING_INTERVAL_MS


def apply_funding(venue: FuturesVenue, now_ms: int) -> None:
    """Every open position pays or receives funding on its notional at mark price."""
    for wallet in venue.wallets.values():
        for position in wallet.open_positions():
            amount = -ledger_amount(position.amount * venue.mark(position.symbol) * FUNDING_RATE)
            if not amount:
                continue
            if _is_isolated(wallet, position):
                position.isolated_wallet += amount
            venue.record_income(
                wallet.account_id, IncomeType.FUNDING_FEE, amount, now_ms, symbol=position.symbol
            )


def liquidate_where_due(venue: FuturesVenue, symbol: str, now_ms: int) -> None:
    """Closes what the price of a symbol has brought to its maintenance margin."""
    for account_id in list(venue.holders[symbol]):
        wallet = venue.wallets[account_id]
        for position in wallet.open_positions():
            if position.symbol == symbol and _is_isolated(wallet, position):
                mark = venue.mark(symbol)
                equity = position.isolated_wallet + position.unrealized_pnl(mark)
                if equity <= margin.maintenance_margin(abs(position.amount) * mark):
                    _liquidate(venue, wallet, [position], now_ms)
        _liquidate_cross(venue, wallet, now_ms)


def _liquidate_cross(venue: FuturesVenue, wallet: FuturesWallet, now_ms: int) -> None:
    positions = [p for p in wallet.open_positions() if not _is_isolated(wallet, p)]
    if not positions:
        return
    summary = venue.summary(wallet.account_id)
    equity = summary.cross_balance + summary.cross_unrealized
    if equity <= summary.cross_maintenance:
        _liquidate(venue, wallet, positions, now_ms)


def _liquidate(
    venue: FuturesVenue, wallet: FuturesWallet, positions: list[Position], now_ms: int
) -> None:
    account_id = wallet.account_id
    for symbol in {position.symbol for position in positions}:
        for order in venue.open_orders(account_id, symbol):
            venue.cancel(order, now_ms)
    for position in positions:
        side = Side.SELL if position.amount > 0 else Side.BUY
        if not position.amount or not venue.books[position.symbol].has_offers(side):
            continue  # the book is empty until the next tick, which comes back here
        lost_isolated = position.isolated_wallet if _is_isolated(wallet, position) else None
        balance_before = wallet.balance
        request = FuturesRequest(
            symbol=position.symbol,
            side=side,
            position_side=position.side,
            time_in_force=TimeInForce.IOC,
            quantity=abs(position.amount),
            price=None,
            reduce_only=not wallet.dual_side,
            client_id=f"autoclose-{now_ms}-{position.symbol}",
            orig_type="LIQUIDATION",
        )
        venue.place(account_id, request, now_ms, forced=True)
        if lost_isolated is not None and not position.amount:
            _cover(venue, wallet, balance_before - lost_isolated - wallet.balance, now_ms)
    if not wallet.open_positions():
        _cover(venue, wallet, -wallet.balance, now_ms)


def _cover(venue: FuturesVenue, wallet: FuturesWallet, shortfall: Decimal, now_ms: int) -> None:
    """The insurance fund bears what is lost beyond the collateral."""
    if shortfall > ZERO:
        venue.record_income(
            wallet.account_id, IncomeType.INSURANCE_CLEAR, shortfall, now_ms, info="insurance"
        )


def _is_isolated(wallet: FuturesWallet, position: Position) -> bool:
    return wallet.settings_of(position.symbol).margin_type is MarginType.ISOLATED
