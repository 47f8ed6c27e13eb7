"""Price first, then time; stops, fills and money on spot with a hand-moved price."""

from __future__ import annotations

from decimal import Decimal

import pytest

from connections.sandbox.errors import Refusal
from connections.sandbox.records import Account, Order, OrderStatus, Side, TimeInForce
from connections.sandbox.spot import SpotRequest

from .conftest import SYMBOL, Market

NAMES = iter(f"order-{n}" for n in range(1_000_000))


def place(
    market: Market,
    account: Account,
    side: str,
    quantity: str,
    price: str | None = None,
    *,
    kind: str | None = None,
    stop: str | None = None,
    time_in_force: str = "GTC",
    client_id: str | None = None,
) -> Order:
    market.now_ms += 1
    return market.exchange.spot.place(
        account.id,
        SpotRequest(
            symbol=SYMBOL,
            side=Side(side),
            type=kind or ("MARKET" if price is None else "LIMIT"),
            time_in_force=TimeInForce(time_in_force),
            quantity=Decimal(quantity),
            quote_quantity=None,
            price=None if price is None else Decimal(price),
            stop_price=None if stop is None else Decimal(stop),
            client_id=client_id or next(NAMES),
        ),
        market.now_ms,
    )


def test_the_better_price_is_served_first_and_then_the_earlier_order(market: Market) -> None:
    alice, bob, carol, taker = (market.open_account() for _ in range(4))
    bid = market.exchange.spot.books[SYMBOL].maker[Side.BUY][0].price
    above = str(bid + Decimal("0.01"))
    late = place(market, bob, "BUY", "0.01", above)
    later = place(market, carol, "BUY", "0.01", above)
    best = place(market, alice, "BUY", "0.01", str(bid + Decimal("0.02")))
    sold = place(market, taker, "SELL", "0.025")
    assert sold.status is OrderStatus.FILLED
    assert best.status is OrderStatus.FILLED
    assert late.status is OrderStatus.FILLED
    assert (later.status, later.executed) == (OrderStatus.PARTIALLY_FILLED, Decimal("0.005"))
    fills = market.exchange.spot.fills_of_order(sold.id)
    assert [fill.price for fill in fills] == [bid + Decimal("0.02")] + [bid + Decimal("0.01")] * 2
    assert [fill.is_maker for fill in market.exchange.spot.fills_of_order(best.id)] == [True]


def test_a_user_comes_before_the_house_at_the_same_price(market: Market) -> None:
    maker, taker = market.open_account(), market.open_account()
    bid = market.exchange.spot.books[SYMBOL].maker[Side.BUY][0].price
    resting = place(market, maker, "BUY", "0.01", str(bid))
    place(market, taker, "SELL", "0.01")
    assert resting.status is OrderStatus.FILLED


def test_a_large_market_order_walks_the_book_and_the_rest_expires(market: Market) -> None:
    taker = market.open_account(spot={"USDT": "100000000"})
    asks = [level.price for level in market.exchange.spot.books[SYMBOL].maker[Side.SELL]]
    total = sum(level.quantity for level in market.exchange.spot.books[SYMBOL].maker[Side.SELL])
    order = place(market, taker, "BUY", str(total + 1))
    assert order.status is OrderStatus.EXPIRED
    assert order.executed == total
    prices = [fill.price for fill in market.exchange.spot.fills_of_order(order.id)]
    assert prices == asks == sorted(asks)


def test_a_resting_order_fills_at_its_own_price_when_the_market_comes(market: Market) -> None:
    account = market.open_account()
    order = place(market, account, "BUY", "0.1", "19900")
    market.to(19_901)
    assert order.status is OrderStatus.NEW
    market.to(19_850)
    assert (order.status, order.average_price) == (OrderStatus.FILLED, Decimal(19_900))
    (fill,) = market.exchange.spot.fills_of_order(order.id)
    assert fill.is_maker
    assert fill.commission == Decimal("0.0001")
    assert fill.time_ms <= market.now_ms


def test_the_house_has_bounded_size_so_a_large_order_fills_over_several_ticks(
    market: Market,
) -> None:
    account = market.open_account(spot={"USDT": "100000000"})
    order = place(market, account, "BUY", "40", "19999.50")
    market.to(19_990)
    assert order.status in (OrderStatus.PARTIALLY_FILLED, OrderStatus.FILLED)
    first = order.executed
    assert 0 < first < 40
    market.to(19_980)
    assert order.executed > first


def test_own_resting_orders_expire_rather_than_trade_with_their_owner(market: Market) -> None:
    account = market.open_account()
    bid = market.exchange.spot.books[SYMBOL].maker[Side.BUY][0].price
    own = place(market, account, "BUY", "0.01", str(bid + Decimal("0.01")))
    sold = place(market, account, "SELL", "0.01")
    assert own.status is OrderStatus.EXPIRED_IN_MATCH
    assert sold.average_price == bid


def test_a_stop_loss_wakes_at_its_price_and_not_before(market: Market) -> None:
    account = market.open_account()
    stop = place(market, account, "SELL", "0.1", kind="STOP_LOSS", stop="19500")
    assert not stop.is_working
    market.to(19_500.01)
    assert stop.status is OrderStatus.NEW
    market.to(19_500)
    assert stop.status is OrderStatus.FILLED
    assert stop.average_price == pytest.approx(Decimal(19_500), rel=Decimal("0.0005"))


def test_a_stop_loss_limit_becomes_a_resting_order(market: Market) -> None:
    account = market.open_account()
    stop = place(market, account, "SELL", "0.1", "19550", kind="STOP_LOSS_LIMIT", stop="19500")
    market.to(19_400)
    assert (stop.status, stop.is_working) == (OrderStatus.NEW, True)
    market.to(19_600)
    assert (stop.status, stop.average_price) == (OrderStatus.FILLED, Decimal(19_550))


def test_what_is_locked_comes_back(market: Market) -> None:
    account = market.open_account(spot={"USDT": "1000"})
    order = place(market, account, "BUY", "0.05", "19000")
    balance = market.exchange.spot.wallets[account.id].balance("USDT")
    assert (balance.free, balance.locked) == (Decimal(50), Decimal(950))
    market.exchange.spot.cancel(order, market.now_ms)
    assert (balance.free, balance.locked) == (Decimal(1000), Decimal(0))


def test_a_refused_order_changes_nothing(market: Market) -> None:
    account = market.open_account(spot={"USDT": "100"})
    with pytest.raises(Refusal) as refused:
        place(market, account, "BUY", "1", "19000")
    assert refused.value.code == -2010
    assert market.exchange.spot.all_orders(account.id) == []
    assert market.exchange.spot.wallets[account.id].balance("USDT").free == 100


def test_a_fill_or_kill_order_fills_whole_or_not_at_all(market: Market) -> None:
    account = market.open_account(spot={"USDT": "100000000"})
    killed = place(market, account, "BUY", "30", "20001", time_in_force="FOK")
    assert (killed.status, killed.executed) == (OrderStatus.EXPIRED, 0)
    filled = place(market, account, "BUY", "0.1", "20001", time_in_force="FOK")
    assert filled.status is OrderStatus.FILLED


def test_a_commanded_partial_fill_leaves_the_rest_in_the_book(market: Market) -> None:
    account = market.open_account()
    market.exchange.faults.add({"kind": "partial_fill", "value": "0.4", "times": 1})
    order = place(market, account, "BUY", "0.1", "20010")
    assert (order.status, order.executed) == (OrderStatus.PARTIALLY_FILLED, Decimal("0.04"))
    market.to(19_999)
    assert order.status is OrderStatus.FILLED
