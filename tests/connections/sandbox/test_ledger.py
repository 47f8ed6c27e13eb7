"""Money is neither made nor lost: every balance is, to the last digit, the sum of what happened."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connections.sandbox.errors import Refusal
from connections.sandbox.records import ZERO, Account, IncomeType, Side

from . import test_futures_market, test_matching
from .conftest import SYMBOL, Market

actions = st.lists(
    st.tuples(
        st.sampled_from(["spot", "futures", "reduce", "move", "cancel"]),
        st.integers(0, 1),
        st.sampled_from(["BUY", "SELL"]),
        st.integers(10, 4_000),
        st.one_of(st.none(), st.integers(-300, 300)),
    ),
    max_size=30,
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
    insurance = [e.amount for e in income if e.type is IncomeType.INSURANCE_CLEAR]
    assert wallet.balance == Decimal(10_000) + realised - fees + sum(insurance, ZERO)
    position = wallet.position(SYMBOL, test_futures_market.PositionSide.BOTH)
    assert position.amount == sum((f.side.sign * f.quantity for f in fills), ZERO)
    paid = sum((f.side.sign * f.quote for f in fills), ZERO)
    assert realised == position.cost - paid


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(actions)
def test_balances_are_the_sums_of_fills_and_fees(
    steps: list[tuple[str, int, str, int, int | None]],
) -> None:
    market = Market()
    accounts = [market.open_account(), market.open_account()]
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
                for order in market.exchange.spot.open_orders(account.id)[:1]:
                    market.exchange.spot.cancel(order, market.now_ms)
            else:
                reduce_only = kind == "reduce"
                test_futures_market.place(
                    market, account, side, quantity, limit, reduce_only=reduce_only
                )
        except Refusal as refusal:
            refused.add(refusal.code)
        for one in accounts:
            check_spot(market, one)
            check_futures(market, one)
    assert refused <= {-2010, -2019, -2022, -2027, -1013, -4164}
