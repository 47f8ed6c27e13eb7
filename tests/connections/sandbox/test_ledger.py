"""Money is neither made nor lost: every balance is, to the last digit, the sum of what happened."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connections.sandbox.errors import Refusal
from connections.sandbox.records import (
    ZERO,
    Account,
    IncomeType,
    MarginType,
    PositionSide,
    Side,
)
from connections.sandbox.risk import apply_funding

from . import test_futures_market, test_matching
from .conftest import SYMBOL, Market

actions = st.lists(
    st.tuples(
        st.sampled_from(["spot", "futures", "futures", "reduce", "move", "cancel", "fund"]),
        st.integers(0, 1),
        st.sampled_from(["BUY", "SELL"]),
        st.integers(10, 4_000),
        st.one_of(st.none(), st.integers(-300, 300)),
    ),
    min_size=10,
    max_size=40,
)


def spot_balances_by_fills(market: Market, account: Account) -> dict[str, Decimal]:
    balances: dict[str, Decimal] = defaultdict(lambda: ZERO)
    balances |= {"USDT": Decimal(100_000), "BTC": Decimal(10)}
    for fill in market.exchange.spot.all_fills(account.id):
        sign = fill.side.sign
        balances["BTC"] += sign * fill.quantity
        balances["USDT"] -= sign * fill.quote
        balances[fill.commission_asset] -= fill.commission
    return balances


def check_spot(market: Market, account: Account) -> None:
    wallet = market.exchange.spot.wallets[account.id]
    expected = spot_balances_by_fills(market, account)
    open_orders = market.exchange.spot.open_orders(account.id)
    for asset in ("USDT", "BTC"):
        balance = wallet.balance(asset)
        assert balance.free >= 0
        assert balance.free + balance.locked == expected[asset]
    buys = sum((o.remaining * o.price for o in open_orders if o.side is Side.BUY), ZERO)
    sells = sum((o.remaining for o in open_orders if o.side is Side.SELL), ZERO)
    assert (wallet.balance("USDT").locked, wallet.balance("BTC").locked) == (buys, sells)


def check_futures(market: Market, account: Account) -> None:
    venue = market.exchange.futures
    wallet = venue.wallets[account.id]
    income = venue.income[account.id]
    assert wallet.balance == sum((entry.amount for entry in income), ZERO)
    fills = venue.all_fills(account.id)
    fees = sum((fill.commission for fill in fills), ZERO)
    realised = sum((fill.realized_pnl for fill in fills), ZERO)
    other = (IncomeType.INSURANCE_CLEAR, IncomeType.FUNDING_FEE)
    rest = sum((entry.amount for entry in income if entry.type in other), ZERO)
    assert wallet.balance == Decimal(10_000) + realised - fees + rest
    for side in PositionSide:
        position = wallet.position(SYMBOL, side)
        mine = [fill for fill in fills if fill.position_side is side]
        assert position.amount == sum((f.side.sign * f.quantity for f in mine), ZERO)
        paid = sum((f.side.sign * f.quote for f in mine), ZERO)
        assert sum((f.realized_pnl for f in mine), ZERO) == position.cost - paid
        if not position.amount:
            assert position.cost == position.isolated_wallet == 0


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(actions, st.booleans(), st.sampled_from(list(MarginType)), st.sampled_from([3, 20, 100]))
def test_balances_are_the_sums_of_fills_and_fees(
    steps: list[tuple[str, int, str, int, int | None]],
    hedged: bool,
    margin_type: MarginType,
    leverage: int,
) -> None:
    market = Market()
    accounts = [market.open_account(), market.open_account()]
    for account in accounts:
        wallet = market.exchange.futures.wallets[account.id]
        wallet.dual_side = hedged
        wallet.settings_of(SYMBOL).leverage = leverage
        wallet.settings_of(SYMBOL).margin_type = margin_type
    refused: set[int] = set()
    for kind, who, side, size, offset in steps:
        account = accounts[who]
        price = market.exchange.futures.mark(SYMBOL)
        limit = None if offset is None else str(price + offset)
        quantity = str(Decimal(size) / 1000)
        try:
            if kind == "move":
                market.to(float(price) + size / 10 * (1 if side == "BUY" else -1))
            elif kind == "spot":
                test_matching.place(market, account, side, quantity, limit)
            elif kind == "cancel":
                for venue in (market.exchange.spot, market.exchange.futures):
                    for order in venue.open_orders(account.id)[:1]:
                        venue.cancel(order, market.now_ms)
            elif kind == "fund":
                market.exchange.advance()
                apply_funding(market.exchange.futures, market.now_ms)
            else:
                closes = kind == "reduce"
                opens = side if not closes else Side(side).opposite
                position_side = "BOTH"
                if hedged:
                    position_side = "LONG" if opens == "BUY" else "SHORT"
                test_futures_market.place(
                    market, account, side, quantity, limit,
                    reduce_only=closes and not hedged, position_side=position_side,
                )  # fmt: skip
        except Refusal as refusal:
            refused.add(refusal.code)
        for one in accounts:
            check_spot(market, one)
            check_futures(market, one)
    assert refused <= {-2010, -2019, -2022, -2027, -1013, -4164}
