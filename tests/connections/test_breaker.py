"""The circuit breaker, over a real cache and calls to a loopback exchange that fails."""

import json
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import time_machine
from django.conf import LazySettings

from connections.choices import Environment, MarketType
from connections.gateway import errors, shared_cache
from connections.gateway.breaker import (
    FAILURES_TO_OPEN,
    Breaker,
    BreakerStatus,
    breaker_state,
    connection_scope,
    venue_scope,
)
from connections.gateway.factory import forget_all, gateway_for, gateway_for_test
from connections.gateway.gateway import Gateway
from connections.gateway.markets import forget_markets
from connections.gateway.retrying import ask_again
from connections.gateway.types import OrderTicket
from connections.gateway.venue import AccountModes, Keys, Venue
from connections.models import Connection
from cts.fields import Sealed
from tests.connections.scripted_exchange import ScriptedExchange, scripted_exchange
from tests.connections.test_gateway_errors import EXCHANGE_INFO, ORDER, SYMBOL, answer
from tests.factories import ConnectionFactory

VENUE = Venue("binance", Environment.SANDBOX, MarketType.USDT_PERPETUAL)
CONNECTION = Connection(pk=41)
START = datetime(2026, 3, 1, 12, tzinfo=UTC)
DOWN = errors.Unavailable("down")


@pytest.fixture
def scripted(settings: LazySettings) -> Iterator[ScriptedExchange]:
    """An exchange that lists its markets, and is out of order for everything else."""
    forget_markets()
    with scripted_exchange() as exchange:
        settings.SANDBOX_URL = exchange.base_url
        exchange.says("/fapi/", 502, "")
        exchange.says("/exchangeInfo", 200, EXCHANGE_INFO)
        yield exchange
    forget_markets()


@pytest.fixture
def gateway(scripted: ScriptedExchange) -> Iterator[Gateway]:
    """A connection's gateway that tries everything once; its markets are loaded."""
    gateway = new_gateway()
    gateway.markets()
    yield gateway
    gateway.close()


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    """Time that stands still until it is moved."""
    with time_machine.travel(START, tick=False) as traveller:
        yield traveller


@pytest.fixture
def no_cache(settings: LazySettings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nobody listens where the cache should be."""
    settings.REDIS_URL = f"unix://{tmp_path}/nobody.sock"
    monkeypatch.setattr(shared_cache, "_silent_until", 0.0)


def new_gateway(*, always_asks: bool = False) -> Gateway:
    keys = Keys(Sealed.seal("key"), Sealed.seal("secret"), Sealed.seal(""))
    return Gateway(
        VENUE,
        keys=keys,
        modes=AccountModes("cross", "one-way", 1),
        connection_id=CONNECTION.pk,
        always_asks=always_asks,
        attempts=1,
        timeout_s=2,
    )


def fail(gateway: Gateway, times: int = FAILURES_TO_OPEN) -> None:
    for _ in range(times):
        with pytest.raises(errors.Unavailable) as caught:
            gateway.balance()
        assert type(caught.value) is errors.Unavailable


def let_fail(breaker: Breaker, times: int = FAILURES_TO_OPEN) -> None:
    for _ in range(times):
        breaker.failed(DOWN, breaker.admit(priority=True))


def works(exchange: ScriptedExchange) -> None:
    exchange.says("/fapi/v2/account", 200, json.dumps({"assets": [], "positions": []}))
    exchange.says("/fapi/v3/account", 200, json.dumps({"assets": [], "positions": []}))
    exchange.says("/fapi/v2/balance", 200, "[]")
    exchange.says("/fapi/v3/balance", 200, "[]")


@pytest.mark.usefixtures("clock")
class TestOpening:
    def test_five_failures_in_a_row_open_both_breakers_and_nothing_more_is_sent(
        self, scripted: ScriptedExchange, gateway: Gateway
    ) -> None:
        fail(gateway, 4)
        assert breaker_state(VENUE).status == BreakerStatus.CLOSED
        assert breaker_state(VENUE).failures == 4
        fail(gateway, 1)
        sent = len(scripted.requests)
        with pytest.raises(errors.BreakerOpen, match="until 12:00:05 UTC"):
            gateway.balance()
        with pytest.raises(errors.BreakerOpen):
            gateway.submit(ORDER)
        assert len(scripted.requests) == sent
        for one in (VENUE, CONNECTION):
            assert breaker_state(one).status == BreakerStatus.OPEN
            assert breaker_state(one).until == START + timedelta(seconds=5)

    def test_a_refusal_is_not_tried_again(self) -> None:
        asked = []

        def refused() -> None:
            asked.append(1)
            raise errors.BreakerOpen("left alone")

        with pytest.raises(errors.BreakerOpen):
            ask_again(refused, attempts=3)
        assert len(asked) == 1

    def test_an_answer_between_failures_starts_the_count_again(
        self, scripted: ScriptedExchange, gateway: Gateway
    ) -> None:
        fail(gateway, 4)
        scripted.says("/fapi/v1/order", 400, answer(-2013, "Order does not exist."))
        with pytest.raises(errors.NotFound):
            gateway.order(SYMBOL, "corder1", "market")
        assert breaker_state(VENUE).failures == 0
        fail(gateway, 4)
        assert breaker_state(VENUE).status == BreakerStatus.CLOSED

    @pytest.mark.parametrize(
        "error",
        [errors.RateLimited("slow"), errors.AuthenticationFailed("who"), errors.Ambiguous("eh")],
    )
    def test_what_says_nothing_about_health_neither_counts_nor_absolves(
        self, error: errors.GatewayError
    ) -> None:
        breaker = Breaker.of(VENUE)
        let_fail(breaker, 4)
        breaker.failed(error, breaker.admit(priority=False))
        assert breaker_state(VENUE).failures == 4

    @pytest.mark.parametrize("error", [errors.TimedOut("late"), errors.ExchangeBug("odd"), DOWN])
    def test_silence_and_nonsense_count(self, error: errors.GatewayError) -> None:
        breaker = Breaker.of(VENUE)
        breaker.failed(error, breaker.admit(priority=False))
        assert breaker_state(VENUE).failures == 1

    def test_another_connection_is_let_through_when_only_one_fails(self) -> None:
        failing, healthy = Breaker.of(VENUE, 41), Breaker.of(VENUE, 42)
        for _ in range(FAILURES_TO_OPEN):
            failing.failed(DOWN, failing.admit(priority=False))
            healthy.heard(healthy.admit(priority=False))
        with pytest.raises(errors.BreakerOpen):
            failing.admit(priority=False)
        assert healthy.admit(priority=False).probes == ()
        assert breaker_state(VENUE).status == BreakerStatus.CLOSED


class TestClosing:
    def test_after_the_pause_one_call_goes_through_and_its_success_closes(
        self, scripted: ScriptedExchange, gateway: Gateway, clock: time_machine.Traveller
    ) -> None:
        fail(gateway)
        works(scripted)
        clock.shift(5)
        assert breaker_state(VENUE).status == BreakerStatus.HALF_OPEN
        gateway.balance()
        for one in (VENUE, CONNECTION):
            assert breaker_state(one).status == BreakerStatus.CLOSED
            assert breaker_state(one).failures == 0

    def test_while_one_probes_the_others_are_refused(self, clock: time_machine.Traveller) -> None:
        breaker = Breaker.of(VENUE, 41)
        let_fail(breaker)
        clock.shift(5)
        probe = breaker.admit(priority=False)
        for other in (breaker, Breaker.of(VENUE), Breaker.of(VENUE, 42)):
            with pytest.raises(errors.BreakerOpen, match="finding out"):
                other.admit(priority=False)
        breaker.heard(probe)
        assert breaker.admit(priority=False).probes == ()

    def test_each_failed_probe_doubles_the_pause_up_to_a_minute(
        self, clock: time_machine.Traveller
    ) -> None:
        breaker = Breaker.of(VENUE)
        let_fail(breaker)
        pauses = []
        for _ in range(6):
            until = breaker_state(VENUE).until
            assert until is not None
            pauses.append((until - datetime.now(UTC)).total_seconds())
            clock.move_to(until)
            breaker.failed(DOWN, breaker.admit(priority=False))
        assert pauses == [5, 10, 20, 40, 60, 60]

    def test_a_probe_that_tells_nothing_is_followed_by_another(
        self, clock: time_machine.Traveller
    ) -> None:
        breaker = Breaker.of(VENUE, 41)
        let_fail(breaker)
        clock.shift(5)
        breaker.failed(errors.Ambiguous("eh"), breaker.admit(priority=False))
        assert len(breaker.admit(priority=False).probes) == 2

    def test_a_probe_that_one_of_two_breakers_refuses_keeps_neither(
        self, clock: time_machine.Traveller
    ) -> None:
        let_fail(Breaker.of(VENUE, 41))
        clock.shift(5)
        alone = Breaker("Binance", ("connection:41",))
        taken = alone.admit(priority=False)
        with pytest.raises(errors.BreakerOpen):
            Breaker.of(VENUE, 41).admit(priority=False)
        assert taken.probes
        assert Breaker.of(VENUE).admit(priority=False).probes == ((venue_scope(VENUE), 1),)


@pytest.mark.usefixtures("clock")
class TestPriority:
    def test_what_shrinks_risk_is_sent_through_an_open_breaker(
        self, scripted: ScriptedExchange, gateway: Gateway
    ) -> None:
        fail(gateway)
        exit_order = OrderTicket(**{**fields_of(ORDER), "reduce_only": True, "side": "sell"})
        with pytest.raises(errors.Ambiguous):
            gateway.submit(exit_order)
        with pytest.raises(errors.Ambiguous):
            gateway.cancel(SYMBOL, "corder1", "market")
        for ask in (
            lambda: gateway.order(SYMBOL, "corder1", "market"),
            gateway.open_orders,
            lambda: gateway.trades(SYMBOL),
        ):
            with pytest.raises(errors.Unavailable) as caught:
                ask()
            assert type(caught.value) is errors.Unavailable
        for sent in ("POST /fapi/v1/order", "DELETE /fapi/v1/order", "GET /fapi/v1/order"):
            assert scripted.count(sent) >= 1
        assert scripted.count("openOrders") == 1
        assert scripted.count("userTrades") == 1
        with pytest.raises(errors.BreakerOpen):
            gateway.balance()

    def test_a_stop_is_sent_through_an_open_breaker(
        self, scripted: ScriptedExchange, gateway: Gateway
    ) -> None:
        fail(gateway)
        sent = len(scripted.requests)
        stop = {**fields_of(ORDER), "kind": "stop", "side": "sell", "trigger_price": 50_000}
        with pytest.raises(errors.Ambiguous):
            gateway.submit(OrderTicket(**stop))
        assert len(scripted.requests) == sent + 1

    def test_markets_that_a_cancel_needs_are_loaded_through_an_open_breaker(
        self, scripted: ScriptedExchange, gateway: Gateway
    ) -> None:
        fail(gateway)
        forget_markets()
        with pytest.raises(errors.Ambiguous):
            gateway.cancel(SYMBOL, "corder1", "market")

    def test_markets_that_a_start_needs_are_loaded_through_an_open_breaker(
        self, gateway: Gateway
    ) -> None:
        fail(gateway)
        forget_markets()
        assert SYMBOL in gateway.markets()

    def test_an_exit_that_is_answered_closes_the_breaker(
        self, scripted: ScriptedExchange, gateway: Gateway
    ) -> None:
        fail(gateway)
        scripted.says("/fapi/v1/openOrders", 200, "[]")
        scripted.says("/fapi/v1/openAlgoOrders", 200, "[]")
        assert gateway.open_orders() == []
        assert breaker_state(VENUE).status == BreakerStatus.CLOSED

    def test_a_gateway_that_always_asks_is_never_held_up(
        self, scripted: ScriptedExchange, gateway: Gateway
    ) -> None:
        fail(gateway)
        fail(new_gateway(always_asks=True), 1)


@pytest.mark.django_db
class TestGatewaysOfConnections:
    @pytest.fixture
    def gateways(self, scripted: ScriptedExchange) -> Iterator[tuple[Connection, Gateway, Gateway]]:
        """A connection whose breaker is open, its own gateway and the one that tests it."""
        connection = ConnectionFactory()
        let_fail(Breaker("Binance", (connection_scope(connection.pk),)))
        tester = gateway_for_test(connection)
        yield connection, gateway_for(connection), tester
        tester.close()
        forget_all()

    def test_are_held_up_by_the_breaker_of_theirs(
        self, gateways: tuple[Connection, Gateway, Gateway]
    ) -> None:
        connection, gateway, _ = gateways
        with pytest.raises(errors.BreakerOpen):
            gateway.balance()
        assert breaker_state(connection).status == BreakerStatus.OPEN

    def test_a_test_asks_the_exchange_all_the_same(
        self, gateways: tuple[Connection, Gateway, Gateway]
    ) -> None:
        connection, _, tester = gateways
        let_fail(Breaker.of(Venue(*connection.venue)))
        with pytest.raises(errors.Unavailable) as caught:
            tester.balance()
        assert type(caught.value) is errors.Unavailable


class TestSharing:
    def test_another_process_is_refused_too(self) -> None:
        let_fail(Breaker.of(VENUE))
        assert admitted_elsewhere() == "BreakerOpen"

    def test_another_process_is_let_through_without_failures(self) -> None:
        assert admitted_elsewhere() == "admitted"

    def test_threads_count_together_and_one_of_them_probes(
        self, clock: time_machine.Traveller
    ) -> None:
        breaker = Breaker.of(VENUE)

        def probes(_: int) -> bool:
            try:
                return bool(breaker.admit(priority=False).probes)
            except errors.BreakerOpen:
                return False

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda _: let_fail(breaker, 1), range(FAILURES_TO_OPEN)))
            assert breaker_state(VENUE).status == BreakerStatus.OPEN
            clock.shift(5)
            assert sum(pool.map(probes, range(8))) == 1


@pytest.mark.usefixtures("no_cache")
class TestWithoutCache:
    def test_everything_is_sent(self, scripted: ScriptedExchange, gateway: Gateway) -> None:
        fail(gateway, 2 * FAILURES_TO_OPEN)
        works(scripted)
        gateway.balance()

    def test_the_state_is_unknown(self) -> None:
        assert breaker_state(VENUE).status == BreakerStatus.UNKNOWN

    def test_it_is_not_asked_again_for_a_while(self, caplog: pytest.LogCaptureFixture) -> None:
        for _ in range(3):
            assert Breaker.of(VENUE).admit(priority=False).probes == ()
        assert len([r for r in caplog.records if "Redis does not answer" in r.getMessage()]) == 1


def fields_of(ticket: OrderTicket) -> dict[str, object]:
    return {name: getattr(ticket, name) for name in OrderTicket.__dataclass_fields__}


def admitted_elsewhere() -> str:
    """What another process is told by the breaker of the same venue."""
    from django.conf import settings

    program = f"""
import django
from django.conf import settings
settings.configure(
    REDIS_URL={settings.REDIS_URL!r},
    CACHES={{"default": {settings.CACHES["default"]!r}}},
)
django.setup()
from connections.gateway.breaker import Breaker
from connections.gateway.errors import BreakerOpen
from connections.gateway.venue import Venue
try:
    Breaker.of(Venue(*{tuple(map(str, VENUE))!r})).admit(priority=False)
    print("admitted")
except BreakerOpen:
    print("BreakerOpen")
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout.strip()
