"""The gateway against the real sandbox through the real ccxt: what goes in comes out."""

import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from django.db import transaction

from connections.choices import MarketType
from connections.gateway.errors import GatewayError, InvalidOrder, NotFound
from connections.gateway.gateway import Gateway
from connections.gateway.types import OrderReport, OrderTicket, ReportedState
from tests.connections.conftest import OpenGateway
from tests.sandbox_process import Credentials, SandboxProcess

SPOT, PERPETUAL = MarketType.SPOT, MarketType.USDT_PERPETUAL


def symbol_of(gateway: Gateway) -> str:
    return "BTC/USDT" if gateway.venue.is_spot else "BTC/USDT:USDT"


def on_step(value: Decimal, step: Decimal) -> Decimal:
    return value // step * step


def ticket(
    gateway: Gateway,
    client_order_id: str,
    *,
    kind: str = "market",
    side: str = "buy",
    notional: str = "200",
    at: str = "1",
    reduce_only: bool = False,
    quantity: Decimal | None = None,
    position_side: str = "long",
) -> OrderTicket:
    """A ticket of `notional` USDT whose price is `at` x the last one."""
    symbol = symbol_of(gateway)
    spec = gateway.markets()[symbol]
    last = gateway.tickers([symbol])[symbol].last
    price = on_step(last * Decimal(at), spec.tick)
    spot_stop = kind == "stop" and gateway.venue.is_spot
    slippage = on_step(price * Decimal("0.9"), spec.tick)
    return OrderTicket(
        client_order_id=client_order_id,
        symbol=symbol,
        side=side,
        position_side=position_side,
        kind=kind,
        quantity=quantity or on_step(Decimal(notional) / last, spec.lot),
        reduce_only=reduce_only,
        limit_price=slippage if spot_stop else price if kind == "limit" else None,
        trigger_price=price if kind == "stop" else None,
    )


@pytest.mark.parametrize("market_type", [SPOT, PERPETUAL])
class TestPublicData:
    def test_markets_tell_lot_tick_and_minimum(
        self, open_gateway: OpenGateway, market_type: str
    ) -> None:
        gateway = open_gateway(market_type)
        spec = gateway.markets()[symbol_of(gateway)]
        assert spec.tick == Decimal("0.01")
        assert spec.min_notional >= 5
        assert spec.is_trading
        assert spec.contract_size == 1
        kinds = {type(v) for v in (spec.lot, spec.tick, spec.min_quantity, spec.min_notional)}
        assert kinds == {Decimal}

    def test_tickers_have_bid_and_ask_as_decimals(
        self, open_gateway: OpenGateway, market_type: str
    ) -> None:
        gateway = open_gateway(market_type)
        symbol = symbol_of(gateway)
        found = gateway.tickers([symbol])
        assert list(found) == [symbol]
        assert isinstance(found[symbol].last, Decimal)
        assert found[symbol].bid is not None
        assert found[symbol].bid < found[symbol].ask  # type: ignore[operator]

    def test_candles_come_oldest_first(self, open_gateway: OpenGateway, market_type: str) -> None:
        gateway = open_gateway(market_type)
        rows = gateway.candles(symbol_of(gateway), "1m", limit=5)
        assert len(rows) == 5
        steps = {b.open_ms - a.open_ms for a, b in pairwise(rows)}
        assert steps == {60_000}
        assert all(row.low <= min(row.open, row.close) for row in rows)

    def test_balance_is_in_usdt(self, open_gateway: OpenGateway, market_type: str) -> None:
        balance = open_gateway(market_type).balance()
        assert (balance.currency, balance.free, balance.total) == ("USDT", 10_000, 10_000)
        assert isinstance(balance.total, Decimal)

    def test_capabilities_and_permissions(
        self, open_gateway: OpenGateway, market_type: str
    ) -> None:
        gateway = open_gateway(market_type)
        offered = gateway.capabilities()
        assert offered.stop_orders
        assert offered.hedge_mode == offered.leverage == (market_type == PERPETUAL)
        permissions = gateway.permissions()
        assert permissions.may_trade is True
        assert permissions.may_withdraw is False
        assert abs(gateway.clock_skew_ms()) < 2_000


@pytest.mark.parametrize("market_type", [SPOT, PERPETUAL])
class TestOrders:
    def test_market_order_fills_and_its_trades_add_up(
        self, open_gateway: OpenGateway, market_type: str
    ) -> None:
        gateway = open_gateway(market_type)
        symbol = symbol_of(gateway)
        wanted = ticket(gateway, "centry1")
        report = gateway.submit(wanted)
        assert report.client_order_id == "centry1"
        assert report.state is ReportedState.FILLED
        assert report.filled == wanted.quantity
        trades = gateway.trades(symbol, report.exchange_order_id)
        assert sum(trade.quantity for trade in trades) == wanted.quantity
        assert all(trade.fee is not None and trade.fee > 0 for trade in trades)
        since = datetime.now(UTC) - timedelta(minutes=1)
        assert gateway.trades(symbol, since=since) == trades
        assert gateway.trades(symbol, "999999999") == []
        if market_type == PERPETUAL:
            (position,) = gateway.positions([symbol])
            assert (position.side, position.quantity) == ("long", wanted.quantity)
            assert position.entry_price == report.average_price
        else:
            assert gateway.positions() == []

    def test_limit_order_is_found_cancelled_and_gone(
        self, open_gateway: OpenGateway, market_type: str
    ) -> None:
        gateway = open_gateway(market_type)
        symbol = symbol_of(gateway)
        sent = gateway.submit(ticket(gateway, "climit1", kind="limit", at="0.9"))
        assert sent.state is ReportedState.OPEN
        assert gateway.order(symbol, "climit1", "limit") == sent
        assert [one.client_order_id for one in gateway.open_orders()] == ["climit1"]
        cancelled = gateway.cancel(symbol, "climit1", "limit")
        assert cancelled is not None
        assert (cancelled.client_order_id, cancelled.state) == ("climit1", "canceled")
        assert gateway.order(symbol, "climit1", "limit").state is ReportedState.CANCELED
        assert gateway.open_orders(symbol) == []
        with pytest.raises(NotFound):
            gateway.cancel(symbol, "climit1", "limit")

    def test_stop_stands_on_the_exchange_and_is_cancelled(
        self, open_gateway: OpenGateway, market_type: str
    ) -> None:
        gateway = open_gateway(market_type)
        symbol = symbol_of(gateway)
        entry = gateway.submit(ticket(gateway, "centry2"))
        quantity = on_step(entry.filled * Decimal("0.99"), gateway.markets()[symbol].lot)
        stop = ticket(
            gateway,
            "cstop2",
            kind="stop",
            side="sell",
            at="0.5",
            reduce_only=True,
            quantity=quantity,
        )
        assert gateway.submit(stop).state is ReportedState.OPEN
        assert [one.client_order_id for one in gateway.open_orders()] == ["cstop2"]
        assert gateway.order(symbol, "cstop2", "stop").state is ReportedState.OPEN
        gateway.cancel(symbol, "cstop2", "stop")
        assert gateway.order(symbol, "cstop2", "stop").state is ReportedState.CANCELED
        with pytest.raises(NotFound):
            gateway.order(symbol, "cnever", "stop")
        with pytest.raises(NotFound):
            gateway.order(symbol, "cnever", "market")

    def test_triggered_stop_is_as_filled_as_its_order(
        self, open_gateway: OpenGateway, market_type: str
    ) -> None:
        gateway = open_gateway(market_type)
        symbol = symbol_of(gateway)
        entry = gateway.submit(ticket(gateway, "centry3"))
        quantity = on_step(entry.filled * Decimal("0.99"), gateway.markets()[symbol].lot)
        done = triggered_stop(gateway, quantity)
        assert done.filled == quantity
        assert done.average_price is not None
        assert bool(done.triggered_order_id) == (market_type == PERPETUAL)
        trades = gateway.trades(symbol, done.triggered_order_id or done.exchange_order_id)
        assert sum(trade.quantity for trade in trades) == quantity
        assert {trade.side for trade in trades} == {"sell"}

    def test_figures_off_the_steps_are_refused_not_rounded(
        self, open_gateway: OpenGateway, exchange: SandboxProcess, market_type: str
    ) -> None:
        gateway = open_gateway(market_type)
        lot = gateway.markets()[symbol_of(gateway)].lot
        with pytest.raises(InvalidOrder, match="steps of"):
            gateway.submit(ticket(gateway, "coff", quantity=lot * Decimal("10.5")))
        with pytest.raises(InvalidOrder, match="no market"):
            gateway.cancel("NOPE/USDT", "coff", "market")
        with pytest.raises(NotFound):
            gateway.order(symbol_of(gateway), "coff", "market")


def triggered_stop(gateway: Gateway, quantity: Decimal) -> OrderReport:
    """Place stops just below the price, nearer ones where it ran away, until one is filled."""
    symbol = symbol_of(gateway)
    for number in range(30):
        name = f"cnear{number}"
        wanted = ticket(
            gateway,
            name,
            kind="stop",
            side="sell",
            at="0.9999",
            reduce_only=True,
            quantity=quantity,
        )
        try:
            gateway.submit(wanted)
        except InvalidOrder:
            continue  # the price fell through it before it arrived
        for _ in range(15):
            report = gateway.order(symbol, name, "stop")
            if report.state is ReportedState.FILLED:
                assert report.client_order_id == name
                return report
            time.sleep(0.1)
        with suppress(NotFound):
            gateway.cancel(symbol, name, "stop")
        report = gateway.order(symbol, name, "stop")
        if report.state is not ReportedState.CANCELED:
            return report
    pytest.fail("the price ran away from thirty stops")


class TestPerpetual:
    def test_reduce_only_never_opens_the_other_side(self, open_gateway: OpenGateway) -> None:
        gateway = open_gateway()
        with pytest.raises(InvalidOrder):
            gateway.submit(ticket(gateway, "cclose", side="sell", reduce_only=True))
        assert gateway.positions() == []

    def test_hedge_mode_holds_both_sides(self, open_gateway: OpenGateway) -> None:
        gateway = open_gateway(position_mode="hedge", leverage=5)
        symbol = symbol_of(gateway)
        gateway.ensure_account_modes([symbol])
        gateway.submit(ticket(gateway, "clong"))
        gateway.submit(ticket(gateway, "cshort", side="sell", position_side="short"))
        sides = {one.side: one.quantity for one in gateway.positions()}
        assert set(sides) == {"long", "short"}
        closing = ticket(gateway, "cclose", side="sell", reduce_only=True, quantity=sides["long"])
        assert gateway.submit(closing).state is ReportedState.FILLED
        assert [one.side for one in gateway.positions()] == ["short"]

    def test_account_modes_are_set_once_and_again_without_harm(
        self, open_gateway: OpenGateway, exchange: SandboxProcess, account: Credentials
    ) -> None:
        for _ in range(2):  # a second gateway knows nothing of the first
            gateway = open_gateway(position_mode="hedge", leverage=7)
            gateway.ensure_account_modes(["BTC/USDT:USDT", "ETH/USDT:USDT"])
        futures = exchange.ledger(account.id)["futures"]
        assert futures["dual_side"] is True
        assert {str(one["leverage"]) for one in futures["settings"].values()} == {"7"}

    def test_modes_can_not_change_under_an_open_position(self, open_gateway: OpenGateway) -> None:
        gateway = open_gateway()
        gateway.submit(ticket(gateway, "centry"))
        with pytest.raises(GatewayError):
            open_gateway(position_mode="hedge").ensure_account_modes([symbol_of(gateway)])


@pytest.mark.django_db(transaction=True)
def test_a_call_inside_a_transaction_is_a_fault_of_ours(open_gateway: OpenGateway) -> None:
    gateway = open_gateway()
    with transaction.atomic(), pytest.raises(RuntimeError, match="no database transaction"):
        gateway.balance()
    assert gateway.balance().total == 10_000


@pytest.mark.django_db
def test_the_transaction_around_a_test_case_does_not_count(open_gateway: OpenGateway) -> None:
    gateway = open_gateway()
    assert gateway.balance().total == 10_000
    with transaction.atomic(), pytest.raises(RuntimeError):
        gateway.balance()


def test_markets_are_loaded_once_for_all_gateways_of_a_venue(
    open_gateway: OpenGateway, exchange: SandboxProcess
) -> None:
    first = open_gateway()
    first.markets()
    exchange.add_fault("refuse", path="/exchangeInfo")
    assert open_gateway().markets() is first.markets()


def test_report_of_a_partial_fill(open_gateway: OpenGateway, exchange: SandboxProcess) -> None:
    gateway = open_gateway()
    exchange.add_fault("partial_fill", value=0.5, times=1)
    report = gateway.submit(ticket(gateway, "chalf", kind="limit", at="1.01"))
    assert report.state is ReportedState.PARTIALLY_FILLED
    assert Decimal(0) < report.filled < report.quantity
    assert gateway.order(symbol_of(gateway), "chalf", "limit").filled >= report.filled
