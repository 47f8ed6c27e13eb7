"""Positions, margin, stops, funding and liquidation with a hand-moved price."""

from __future__ import annotations

from decimal import Decimal

import pytest

from connections.sandbox import margin
from connections.sandbox.conditional import AlgoRequest
from connections.sandbox.errors import Refusal
from connections.sandbox.futures import FuturesRequest
from connections.sandbox.records import (
    Account,
    AlgoOrder,
    AlgoStatus,
    IncomeType,
    MarginType,
    Order,
    OrderStatus,
    Position,
    PositionSide,
    Side,
    TimeInForce,
    WorkingType,
)
from connections.sandbox.risk import FUNDING_INTERVAL_MS

from .conftest import SYMBOL, Market

NAMES = iter(f"order-{n}" for n in range(1_000_000))


def place(
    market: Market,
    account: Account,
    side: str,
    quantity: str,
    price: str | None = None,
    *,
    reduce_only: bool = False,
    position_side: str = "BOTH",
    symbol: str = SYMBOL,
) -> Order:
    market.now_ms += 1
    request = FuturesRequest(
        symbol=symbol,
        side=Side(side),
        position_side=PositionSide(position_side),
        time_in_force=TimeInForce.GTC,
        quantity=Decimal(quantity),
        price=None if price is None else Decimal(price),
        reduce_only=reduce_only,
        client_id=next(NAMES),
    )
    return market.exchange.futures.place(account.id, request, market.now_ms)


def place_stop(
    market: Market,
    account: Account,
    side: str,
    trigger: str,
    quantity: str | None = None,
    *,
    kind: str = "STOP_MARKET",
    price: str | None = None,
    reduce_only: bool = False,
) -> AlgoOrder:
    request = AlgoRequest(
        symbol=SYMBOL,
        side=Side(side),
        position_side=PositionSide.BOTH,
        type=kind,
        time_in_force=TimeInForce.GTC,
        quantity=None if quantity is None else Decimal(quantity),
        price=None if price is None else Decimal(price),
        trigger_price=Decimal(trigger),
        working_type=WorkingType.MARK_PRICE,
        close_position=quantity is None,
        reduce_only=reduce_only,
        price_protect=False,
        client_id=next(NAMES),
    )
    return market.exchange.futures.conditional.place(account.id, request, market.now_ms)


def position_of(market: Market, account: Account, side: str = "BOTH") -> Position:
    wallet = market.exchange.futures.wallets[account.id]
    return wallet.position(SYMBOL, PositionSide(side))


def balance_of(market: Market, account: Account) -> Decimal:
    return market.exchange.futures.wallets[account.id].balance


def test_entry_price_is_the_mean_and_profit_is_realised_on_the_way_out(market: Market) -> None:
    account = market.open_account()
    first = place(market, account, "BUY", "0.1")
    market.to(20_400)
    second = place(market, account, "BUY", "0.3")
    position = position_of(market, account)
    paid = first.executed_quote + second.executed_quote
    assert position.entry_price == paid / Decimal("0.4")
    market.to(21_000)
    closed = place(market, account, "SELL", "0.4", reduce_only=True)
    profit = closed.executed_quote - paid
    fees = (paid + closed.executed_quote) * Decimal("0.0005")
    assert position.amount == position.cost == 0
    assert balance_of(market, account) == Decimal(10_000) + profit - fees


def test_selling_more_than_the_position_turns_it_around(market: Market) -> None:
    account = market.open_account()
    place(market, account, "BUY", "0.1")
    turned = place(market, account, "SELL", "0.3")
    position = position_of(market, account)
    assert position.amount == Decimal("-0.2")
    assert position.entry_price == turned.average_price


def test_reduce_only_never_opens(market: Market) -> None:
    account = market.open_account()
    with pytest.raises(Refusal) as refused:
        place(market, account, "SELL", "0.1", reduce_only=True)
    assert refused.value.code == -2022
    place(market, account, "BUY", "0.1")
    with pytest.raises(Refusal):
        place(market, account, "BUY", "0.1", reduce_only=True)
    larger = place(market, account, "SELL", "0.5", reduce_only=True)
    assert (larger.executed, larger.status) == (Decimal("0.1"), OrderStatus.EXPIRED)
    assert position_of(market, account).amount == 0


def test_a_resting_reduce_only_order_ends_with_the_position(market: Market) -> None:
    account = market.open_account()
    place(market, account, "BUY", "0.1")
    resting = place(market, account, "SELL", "0.1", "20500", reduce_only=True)
    place(market, account, "SELL", "0.1")
    assert resting.status is OrderStatus.EXPIRED


def test_open_orders_and_positions_use_margin(market: Market) -> None:
    account = market.open_account()
    market.exchange.futures.wallets[account.id].settings_of(SYMBOL).leverage = 10
    place(market, account, "BUY", "1", "19000")
    assert market.exchange.futures.summary(account.id).available == Decimal(10_000) - 1_900
    with pytest.raises(Refusal) as refused:
        place(market, account, "BUY", "5", "19000")
    assert refused.value.code == -2019


def test_an_isolated_position_carries_its_own_margin(market: Market) -> None:
    account = market.open_account()
    settings = market.exchange.futures.wallets[account.id].settings_of(SYMBOL)
    settings.leverage, settings.margin_type = 10, MarginType.ISOLATED
    order = place(market, account, "BUY", "0.5")
    position = position_of(market, account)
    assert position.isolated_wallet == order.executed_quote / 10
    place(market, account, "SELL", "0.25", reduce_only=True)
    assert position.isolated_wallet == pytest.approx(order.executed_quote / 20)
    place(market, account, "SELL", "0.25", reduce_only=True)
    assert position.isolated_wallet == 0


def test_a_stop_triggers_closes_and_is_done(market: Market) -> None:
    account = market.open_account()
    place(market, account, "BUY", "0.1")
    stop = place_stop(market, account, "SELL", "19500", "0.1", reduce_only=True)
    market.to(19_500.5)
    assert stop.status is AlgoStatus.NEW
    market.to(19_400)
    assert stop.status is AlgoStatus.FINISHED
    assert position_of(market, account).amount == 0
    order = market.exchange.futures.orders[stop.order_id]
    assert (order.status, order.type, order.orig_type) == (
        OrderStatus.FILLED,
        "MARKET",
        "STOP_MARKET",
    )


def test_of_two_closing_stops_only_one_trades(market: Market) -> None:
    account = market.open_account()
    place(market, account, "BUY", "0.1")
    stop = place_stop(market, account, "SELL", "19500")
    profit = place_stop(market, account, "SELL", "21000", kind="TAKE_PROFIT_MARKET")
    with pytest.raises(Refusal) as refused:
        place_stop(market, account, "SELL", "19400")
    assert refused.value.code == -4130
    market.to(21_100)
    assert profit.status is AlgoStatus.FINISHED
    assert stop.status is AlgoStatus.EXPIRED
    market.to(19_000)
    assert position_of(market, account).amount == 0


def test_a_stop_that_finds_no_position_keeps_the_reason(market: Market) -> None:
    account = market.open_account()
    place(market, account, "BUY", "0.1")
    stop = place_stop(market, account, "SELL", "19500", "0.1", reduce_only=True)
    place(market, account, "SELL", "0.1")
    market.to(19_400)
    assert stop.status is AlgoStatus.REJECTED
    assert "-2022" in stop.fail_reason


def test_a_stop_limit_rests_after_its_trigger(market: Market) -> None:
    account = market.open_account()
    place(market, account, "BUY", "0.1")
    stop = place_stop(market, account, "SELL", "19500", "0.1", kind="STOP", price="19450")
    market.to(19_400)
    assert stop.status is AlgoStatus.TRIGGERED
    market.to(19_460)
    assert stop.status is AlgoStatus.FINISHED
    assert market.exchange.futures.orders[stop.order_id].average_price == 19_450


def test_longs_pay_funding_every_eight_hours(market: Market) -> None:
    long, short = market.open_account(), market.open_account()
    place(market, long, "BUY", "0.1")
    place(market, short, "SELL", "0.1")
    market.wait(FUNDING_INTERVAL_MS)
    paid, received = (
        [i for i in market.exchange.futures.income[a.id] if i.type is IncomeType.FUNDING_FEE]
        for a in (long, short)
    )
    assert [i.amount for i in paid] == [Decimal("-0.2")]
    assert [i.amount for i in received] == [Decimal("0.2")]
    assert paid[0].time_ms % FUNDING_INTERVAL_MS == 0


def test_an_isolated_position_pays_funding_from_its_own_margin(market: Market) -> None:
    account = market.open_account()
    settings = market.exchange.futures.wallets[account.id].settings_of(SYMBOL)
    settings.margin_type = MarginType.ISOLATED
    place(market, account, "BUY", "0.1")
    before = position_of(market, account).isolated_wallet
    market.wait(FUNDING_INTERVAL_MS)
    assert position_of(market, account).isolated_wallet == before - Decimal("0.2")


def test_a_cross_position_is_liquidated_at_its_maintenance_margin(market: Market) -> None:
    account = market.open_account(futures="1000")
    place(market, account, "BUY", "0.9")
    wallet, position = market.exchange.futures.wallets[account.id], position_of(market, account)
    summary = market.exchange.futures.summary(account.id)
    price = margin.liquidation_price(wallet, position, summary, Decimal(20_000))
    assert 18_800 < price < 19_000
    market.to(float(price) + 20)
    assert position.amount == Decimal("0.9")
    market.to(float(price) - 20)
    assert position.amount == 0
    assert 0 <= wallet.balance < 120
    last = market.exchange.futures.all_orders(account.id)[-1]
    assert last.client_id.startswith("autoclose-")


def test_an_isolated_loss_stops_at_its_own_margin(market: Market) -> None:
    account = market.open_account()
    settings = market.exchange.futures.wallets[account.id].settings_of(SYMBOL)
    settings.leverage, settings.margin_type = 20, MarginType.ISOLATED
    order = place(market, account, "BUY", "0.5")
    risked = order.executed_quote / 20
    fee = order.executed_quote * Decimal("0.0005")
    market.to(18_000)
    assert position_of(market, account).amount == 0
    assert balance_of(market, account) == Decimal(10_000) - fee - risked


def test_prices_inside_the_room_liquidate_nothing() -> None:
    """`room_to_move` is what lets candles be skipped: inside it equity stays above maintenance."""
    market = Market(symbols=(SYMBOL, "ETHUSDT"))
    account = market.open_account(futures="2000")
    place(market, account, "BUY", "0.5")
    place(market, account, "SELL", "0.7", symbol="ETHUSDT")
    venue, wallet = market.exchange.futures, market.exchange.futures.wallets[account.id]
    rooms = {s: margin.room_to_move(wallet, s, venue.mark) for s in (SYMBOL, "ETHUSDT")}
    assert all(room > 0 for room in rooms.values())
    worst = {
        SYMBOL: venue.mark(SYMBOL) - rooms[SYMBOL],
        "ETHUSDT": venue.mark("ETHUSDT") + rooms["ETHUSDT"],
    }
    summary = margin.summarize(wallet, [], worst.__getitem__)
    assert summary.cross_balance + summary.cross_unrealized > summary.cross_maintenance


def test_the_position_of_hedge_mode_cant_be_oversold(market: Market) -> None:
    account = market.open_account()
    market.exchange.futures.wallets[account.id].dual_side = True
    place(market, account, "BUY", "0.1", position_side="LONG")
    place(market, account, "SELL", "0.2", position_side="SHORT")
    assert position_of(market, account, "LONG").amount == Decimal("0.1")
    assert position_of(market, account, "SHORT").amount == Decimal("-0.2")
    with pytest.raises(Refusal) as refused:
        place(market, account, "SELL", "0.2", position_side="LONG")
    assert refused.value.code == -2022
