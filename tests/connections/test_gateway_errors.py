"""What goes wrong at an exchange, by real HTTP answers, and what we call it."""

import json
import traceback
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest
from django.conf import LazySettings

from connections.choices import Environment, MarketType
from connections.gateway import errors
from connections.gateway.gateway import Gateway
from connections.gateway.markets import forget_markets
from connections.gateway.types import OrderTicket
from connections.gateway.venue import AccountModes, Keys, Venue
from cts.fields import Sealed
from tests.connections.conftest import OpenGateway
from tests.connections.scripted_exchange import DROP, ScriptedExchange, scripted_exchange
from tests.connections.test_gateway import symbol_of, ticket
from tests.sandbox_process import SandboxProcess

KEY = "plantedKEY0123456789abcdefplanted"
SECRET = "plantedSECRET9876543210planted"
SYMBOL = "BTC/USDT:USDT"
EXCHANGE_INFO = json.dumps(
    {
        "symbols": [
            {
                "symbol": "BTCUSDT",
                "pair": "BTCUSDT",
                "contractType": "PERPETUAL",
                "status": "TRADING",
                "baseAsset": "BTC",
                "quoteAsset": "USDT",
                "marginAsset": "USDT",
                "pricePrecision": 2,
                "quantityPrecision": 3,
                "baseAssetPrecision": 8,
                "quotePrecision": 8,
                "underlyingType": "COIN",
                "orderTypes": ["LIMIT", "MARKET", "STOP_MARKET"],
                "filters": [
                    {"filterType": "PRICE_FILTER", "tickSize": "0.10", "minPrice": "0.10"},
                    {"filterType": "LOT_SIZE", "stepSize": "0.001", "minQty": "0.001"},
                    {"filterType": "MIN_NOTIONAL", "notional": "5"},
                ],
            }
        ]
    }
)
# The sandbox's own ticker of an order: never sent to a real exchange here.
ORDER = OrderTicket(
    client_order_id="corder1",
    symbol=SYMBOL,
    side="buy",
    position_side="long",
    kind="market",
    quantity=Decimal("0.010"),
    reduce_only=False,
)


@pytest.fixture
def scripted(settings: LazySettings) -> Iterator[ScriptedExchange]:
    """An exchange that lists BTCUSDT and answers everything else as the test says."""
    forget_markets()
    with scripted_exchange() as exchange:
        settings.SANDBOX_URL = exchange.base_url
        exchange.says("/exchangeInfo", 200, EXCHANGE_INFO)
        yield exchange
    forget_markets()


@pytest.fixture
def gateway(scripted: ScriptedExchange) -> Iterator[Gateway]:
    """A gateway with planted credentials to the scripted exchange."""
    gateway = Gateway(
        Venue("binance", Environment.SANDBOX, MarketType.USDT_PERPETUAL),
        keys=Keys(Sealed.seal(KEY), Sealed.seal(SECRET), Sealed.seal("")),
        modes=AccountModes("cross", "one-way", 1),
        timeout_s=0.5,
    )
    yield gateway
    gateway.close()


def answer(code: int, message: str) -> str:
    return json.dumps({"code": code, "msg": message})


REFUSALS = [
    (400, answer(-2019, "Margin is insufficient."), errors.InsufficientFunds),
    (400, answer(-2022, "ReduceOnly Order is rejected."), errors.InvalidOrder),
    (400, answer(-2021, "Order would immediately trigger."), errors.InvalidOrder),
    (400, answer(-4164, "Order's notional must be no smaller than 5"), errors.InvalidOrder),
    (400, answer(-1111, "Precision is over the maximum defined."), errors.InvalidOrder),
    (400, answer(-1013, "Filter failure: PERCENT_PRICE"), errors.InvalidOrder),
    (401, answer(-2014, "API-key format invalid."), errors.AuthenticationFailed),
    (
        401,
        answer(-2015, "Invalid API-key, IP, or permissions for action."),
        errors.AuthenticationFailed,
    ),
    (400, answer(-1022, "Signature for this request is not valid."), errors.AuthenticationFailed),
    (400, answer(-4400, "Only reduceOnly order is allowed."), errors.PermissionRefused),
    (400, answer(-1021, "Timestamp for this request is ahead."), errors.ClockWrong),
    (429, answer(-1003, "Too many requests."), errors.RateLimited),
    (418, answer(-1003, "Way too many requests; IP banned."), errors.RateLimited),
    (400, answer(-1015, "Too many new orders."), errors.RateLimited),
    (503, answer(-1008, "Request throttled by system-level protection."), errors.Unavailable),
    (403, "<html>Forbidden by a firewall</html>", errors.Unavailable),
    (400, answer(-9999, "Something new."), errors.GatewayError),
]
UNCERTAIN = [
    (503, answer(-1000, "Unknown error, please check your request or try again later.")),
    (503, answer(-1001, "Internal error; unable to process your request.")),
    (400, answer(-1006, "An unexpected response was received. Execution status unknown.")),
    (400, answer(-1007, "Timeout waiting for response. Send status unknown.")),
    (500, "Internal Server Error"),
    (502, "<html>Bad Gateway</html>"),
    (504, ""),
    (408, ""),
    (200, "<html>Welcome to the hotel's network</html>"),
    (200, '{"orderId": 1'),
    (200, "{}"),
    (200, "[]"),
    (200, answer(-1007, "Timeout waiting for response. Send status unknown.")),
    (400, answer(-4116, "ClientOrderId is duplicated.")),
    (400, answer(-2010, "Duplicate order sent.")),
    (DROP, ""),
]


class TestSubmit:
    @pytest.mark.parametrize(("status", "body", "kind"), REFUSALS)
    def test_refused_for_certain(
        self,
        scripted: ScriptedExchange,
        gateway: Gateway,
        status: int,
        body: str,
        kind: type[errors.GatewayError],
    ) -> None:
        scripted.says("/fapi/v1/order", status, body)
        with pytest.raises(errors.GatewayError) as caught:
            gateway.submit(ORDER)
        assert type(caught.value) is kind
        assert scripted.count("POST /fapi/v1/order") == 1

    @pytest.mark.parametrize(("status", "body"), UNCERTAIN)
    def test_perhaps_done_is_ambiguous_and_not_sent_again(
        self, scripted: ScriptedExchange, gateway: Gateway, status: int, body: str
    ) -> None:
        scripted.says("/fapi/v1/order", status, body)
        with pytest.raises(errors.Ambiguous):
            gateway.submit(ORDER)
        assert scripted.count("POST /fapi/v1/order") == 1

    @pytest.mark.parametrize(("status", "body"), UNCERTAIN[:11])
    def test_cancel_perhaps_done_is_ambiguous(
        self, scripted: ScriptedExchange, gateway: Gateway, status: int, body: str
    ) -> None:
        scripted.says("/fapi/v1/order", status, body)
        with pytest.raises(errors.Ambiguous):
            gateway.cancel(SYMBOL, "corder1", "market")
        assert scripted.count("DELETE /fapi/v1/order") == 1

    def test_a_refused_connection_is_certainly_not_done(
        self, scripted: ScriptedExchange, gateway: Gateway
    ) -> None:
        gateway.markets()
        scripted.stop()
        with pytest.raises(errors.Unavailable):
            gateway.submit(ORDER)

    def test_markets_that_can_not_be_loaded_send_nothing(
        self, scripted: ScriptedExchange, gateway: Gateway
    ) -> None:
        scripted.says("/exchangeInfo", 502, "")
        with pytest.raises(errors.Unavailable):
            gateway.submit(ORDER)
        assert scripted.count("/order") == 0


class TestReads:
    @pytest.mark.parametrize(
        ("status", "body", "kind", "tries"),
        [
            (502, "<html>Bad Gateway</html>", errors.Unavailable, 3),
            (DROP, "", errors.Unavailable, 3),
            (504, "", errors.TimedOut, 3),
            (400, answer(-2013, "Order does not exist."), errors.NotFound, 1),
            (401, answer(-2015, "Invalid API-key."), errors.AuthenticationFailed, 1),
            (200, "<html>Welcome</html>", errors.ExchangeBug, 1),
            (200, "{}", errors.ExchangeBug, 1),
            (200, '{"orderId": 1, "status": "MELTED"}', errors.ExchangeBug, 1),
        ],
    )
    def test_are_retried_only_where_that_may_help(
        self,
        scripted: ScriptedExchange,
        gateway: Gateway,
        status: int,
        body: str,
        kind: type[errors.GatewayError],
        tries: int,
    ) -> None:
        scripted.says("/fapi/v1/order", status, body)
        with pytest.raises(errors.GatewayError) as caught:
            gateway.order(SYMBOL, "corder1", "market")
        assert type(caught.value) is kind
        assert scripted.count("GET /fapi/v1/order") == tries

    @pytest.mark.parametrize("body", ["<html>Welcome</html>", '[{"orderId"', '{"some": 1}', "{}"])
    def test_garbled_open_orders_are_never_no_orders(
        self, scripted: ScriptedExchange, gateway: Gateway, body: str
    ) -> None:
        scripted.says("/fapi/v1/openOrders", 200, body)
        scripted.says("/fapi/v1/openAlgoOrders", 200, "[]")
        with pytest.raises(errors.ExchangeBug):
            gateway.open_orders()

    def test_come_back_no_sooner_than_asked(
        self, scripted: ScriptedExchange, gateway: Gateway
    ) -> None:
        scripted.says("/fapi/v1/order", 429, answer(-1003, "Too many."), Retry_After="30")
        with pytest.raises(errors.RateLimited) as caught:
            gateway.order(SYMBOL, "corder1", "market")
        assert caught.value.retry_after_s == 30
        assert scripted.count("GET /fapi/v1/order") == 1  # 30 s is more than a read may wait

    def test_a_late_answer_is_a_timeout_for_a_read_and_ambiguous_for_an_order(
        self, open_gateway: OpenGateway, exchange: SandboxProcess
    ) -> None:
        gateway = open_gateway(attempts=1)
        wanted = ticket(gateway, "clate")
        gateway.set_timeout(0.3)
        exchange.add_fault("latency_ms", value=1500, path="/fapi/")
        with pytest.raises(errors.TimedOut):
            gateway.order(SYMBOL, "clate", "market")
        with pytest.raises(errors.Ambiguous):
            gateway.submit(wanted)


class TestSandboxFaults:
    def test_a_dropped_answer_is_ambiguous_and_the_order_is_there(
        self, open_gateway: OpenGateway, exchange: SandboxProcess
    ) -> None:
        gateway = open_gateway()
        wanted = ticket(gateway, "cdrop")
        exchange.add_fault("drop_answer", times=1, method="POST")
        with pytest.raises(errors.Ambiguous):
            gateway.submit(wanted)
        assert gateway.order(symbol_of(gateway), "cdrop", "market").filled == wanted.quantity

    def test_dropped_before_it_was_done_is_ambiguous_and_the_order_is_not_there(
        self, open_gateway: OpenGateway, exchange: SandboxProcess
    ) -> None:
        gateway = open_gateway()
        wanted = ticket(gateway, "crefuse")
        exchange.add_fault("refuse", times=1, method="POST")
        with pytest.raises(errors.Ambiguous):
            gateway.submit(wanted)
        with pytest.raises(errors.NotFound):
            gateway.order(symbol_of(gateway), "crefuse", "market")

    def test_a_repeated_client_order_id_is_ambiguous(self, open_gateway: OpenGateway) -> None:
        for market_type in (MarketType.SPOT, MarketType.USDT_PERPETUAL):
            gateway = open_gateway(market_type)
            wanted = ticket(gateway, "ctwice", kind="limit", at="0.9")
            gateway.submit(wanted)
            with pytest.raises(errors.Ambiguous, match="already knows"):
                gateway.submit(wanted)

    def test_a_clock_that_is_off_is_said_with_the_amount(
        self, open_gateway: OpenGateway, exchange: SandboxProcess
    ) -> None:
        gateway = open_gateway()
        gateway.markets()
        exchange.add_fault("clock_skew_ms", value=60_000)
        with pytest.raises(errors.ClockWrong, match=r"clock is (59|60)\d{3} ms behind"):
            gateway.balance()

    def test_wrong_key_and_wrong_secret(self, open_gateway: OpenGateway) -> None:
        for wrong in ({"key": "nobody"}, {"secret": "nonsense"}):
            with pytest.raises(errors.AuthenticationFailed):
                open_gateway(**wrong).balance()


def test_neither_messages_nor_tracebacks_hold_credentials_or_signatures(
    scripted: ScriptedExchange, gateway: Gateway, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    acts: list[Callable[[], Any]] = [
        lambda: gateway.submit(ORDER),
        lambda: gateway.order(SYMBOL, "corder1", "market"),
        gateway.balance,
    ]
    echo = answer(-2014, f"API-key {KEY} with secret {SECRET} is invalid.")
    texts = [repr(gateway), repr(gateway.__dict__), str(gateway)]
    for status, body in [(401, echo), (500, "oops"), (DROP, ""), (200, "<html>"), (404, echo)]:
        scripted.says("/fapi/", status, body)
        scripted.says("/exchangeInfo", 200, EXCHANGE_INFO)
        for act in acts:
            with pytest.raises(errors.GatewayError) as caught:
                act()
            texts += [str(caught.value), repr(caught.value)]
            texts += traceback.format_exception(caught.value)
    texts += [record.getMessage() for record in caplog.records]
    everything = "\n".join(texts)
    assert "is invalid" in everything  # the exchange's words do come through
    for planted in (KEY, SECRET, "signature="):
        assert planted not in everything
