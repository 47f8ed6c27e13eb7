"""The connection test and enabling, against the sandbox and against exchanges that refuse."""

import json
import re
import time

import pytest
from django.conf import LazySettings

from connections.gateway.markets import forget_markets
from connections.models import Connection, ConnectionTest
from connections.services import lifecycle, testing
from cts.errors import Refused
from cts.fields import Sealed
from cts.models import ActivityEntry, User
from tests.connections.conftest import acting
from tests.connections.scripted_exchange import scripted_exchange
from tests.connections.test_gateway_errors import EXCHANGE_INFO, KEY, SECRET, answer
from tests.factories import ConnectionFactory
from tests.sandbox_process import SandboxProcess

pytestmark = pytest.mark.django_db


def run(connection: Connection) -> ConnectionTest:
    return testing.test_connection(actor=acting(connection.owner), connection=connection)


def test_a_good_connection_passes_with_its_balance(
    exchange: SandboxProcess, good_connection: Connection
) -> None:
    test = run(good_connection)
    assert test.ok, test.lines
    assert test.balance_quote == 10_000
    assert any("markets are open for trading" in line for line in test.lines)
    assert any("may not withdraw" in line for line in test.lines)
    assert "Balance: 10000 USDT, 10000 free." in test.lines
    assert good_connection.last_test_ok is True
    assert good_connection.balance_quote == 10_000
    entry = ActivityEntry.objects.get(action="connection.tested")
    assert entry.after["ok"] is True


def test_spot_passes_too(exchange: SandboxProcess, good_connection: Connection) -> None:
    Connection.objects.filter(pk=good_connection.pk).update(market_type="spot")
    assert run(good_connection).ok


def test_enabling_tests_and_a_second_time_does_nothing(
    exchange: SandboxProcess, good_connection: Connection, owner: User
) -> None:
    for _ in range(2):
        lifecycle.enable(actor=acting(owner), connection=good_connection)
    assert good_connection.state == "enabled"
    assert good_connection.tests.count() == 1
    actions = ActivityEntry.objects.order_by("id").values_list("action", flat=True)
    assert list(actions) == ["connection.tested", "connection.enabled"]


@pytest.mark.parametrize(
    ("field", "words"), [("api_key", "Invalid API-key"), ("api_secret", "Signature")]
)
def test_wrong_key_and_wrong_secret_have_a_plain_answer(
    exchange: SandboxProcess, good_connection: Connection, owner: User, field: str, words: str
) -> None:
    Connection.objects.filter(pk=good_connection.pk).update(**{field: Sealed.seal("nonsense-x")})
    with pytest.raises(Refused, match=words) as caught:
        lifecycle.enable(actor=acting(owner), connection=good_connection)
    assert caught.value.code == "connection.test_failed"
    assert (good_connection.state, good_connection.last_test_ok) == ("disabled", False)
    assert "does not accept the credentials" in good_connection.last_test_message


def test_an_unreachable_exchange_has_a_plain_answer(
    connection: Connection, settings: LazySettings
) -> None:
    settings.SANDBOX_URL = "http://127.0.0.1:9"
    started = time.monotonic()
    test = run(connection)
    assert not test.ok
    assert "can't be reached" in test.message
    assert time.monotonic() - started < 5


def test_an_outage_leaves_an_enabled_connection_as_it_is(
    exchange: SandboxProcess, good_connection: Connection, owner: User
) -> None:
    lifecycle.enable(actor=acting(owner), connection=good_connection)
    lifecycle.activate(actor=acting(owner), connection=good_connection)
    exchange.add_fault("outage")
    assert run(good_connection).ok is False
    assert (good_connection.state, good_connection.last_test_ok) == ("active", True)


def test_what_the_exchange_refuses_disables_the_connection(
    exchange: SandboxProcess, good_connection: Connection, owner: User
) -> None:
    lifecycle.enable(actor=acting(owner), connection=good_connection)
    Connection.objects.filter(pk=good_connection.pk).update(api_secret=Sealed.seal("revoked-xyz"))
    assert run(good_connection).ok is False
    assert (good_connection.state, good_connection.last_test_ok) == ("disabled", False)
    assert ActivityEntry.objects.filter(action="connection.disabled").count() == 1


def test_the_answer_about_former_credentials_is_not_taken_for_the_new_ones(
    exchange: SandboxProcess, good_connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = testing._ask_exchange

    def replaced_meanwhile(connection: Connection, *, deadline: float) -> testing.Findings:
        findings = asked(connection, deadline=deadline)
        Connection.objects.filter(pk=connection.pk).update(api_key=Sealed.seal("another-key"))
        return findings

    monkeypatch.setattr(testing, "_ask_exchange", replaced_meanwhile)
    assert run(good_connection).ok
    assert good_connection.last_test_ok is None


def test_a_clock_that_is_off_is_said_with_the_amount(
    exchange: SandboxProcess, good_connection: Connection
) -> None:
    exchange.add_fault("clock_skew_ms", value=-60_000)
    test = run(good_connection)
    assert not test.ok
    assert re.search(r"(59|60)\d{3} ms ahead of the exchange", "\n".join(test.lines))


def test_a_forced_symbol_that_is_not_traded_fails(
    exchange: SandboxProcess, good_connection: Connection
) -> None:
    Connection.objects.filter(pk=good_connection.pk).update(forced_symbols=["NIX/USDT:USDT"])
    assert "does not trade NIX/USDT:USDT" in run(good_connection).message


def test_a_slow_exchange_ends_the_test_in_time(
    exchange: SandboxProcess, good_connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(testing, "REQUEST_TIMEOUT_S", 0.5)
    monkeypatch.setattr(testing, "WHOLE_TEST_S", 1.0)
    exchange.add_fault("latency_ms", value=400)
    started = time.monotonic()
    test = run(good_connection)
    assert not test.ok
    assert time.monotonic() - started < 3


@pytest.mark.parametrize(
    ("permissions", "words"),
    [
        ({"enableWithdrawals": True, "enableFutures": True}, "may withdraw money"),
        ({"enableWithdrawals": False, "enableFutures": False}, "may not trade futures"),
    ],
)
def test_a_key_with_the_wrong_permissions_is_refused(
    owner: User, settings: LazySettings, permissions: dict[str, bool], words: str
) -> None:
    connection = ConnectionFactory(owner=owner)
    forget_markets()
    with scripted_exchange() as exchange:
        settings.SANDBOX_URL = exchange.base_url
        exchange.says("/exchangeInfo", 200, EXCHANGE_INFO)
        now = json.dumps({"serverTime": round(time.time() * 1000)})
        exchange.says("/time", 200, now)
        exchange.says("/apiRestrictions", 200, json.dumps(permissions))
        test = run(connection)
    forget_markets()
    assert words in test.message


def test_credentials_echoed_by_an_exchange_are_not_stored(
    owner: User, settings: LazySettings
) -> None:
    connection = ConnectionFactory(
        owner=owner, api_key=Sealed.seal(KEY), api_secret=Sealed.seal(SECRET)
    )
    forget_markets()
    with scripted_exchange() as exchange:
        settings.SANDBOX_URL = exchange.base_url
        exchange.says("/", 401, answer(-2014, f"{KEY} and {SECRET} are not good"))
        exchange.says("/exchangeInfo", 200, EXCHANGE_INFO)
        exchange.says("/time", 200, json.dumps({"serverTime": round(time.time() * 1000)}))
        test = run(connection)
    forget_markets()
    assert "are not good" in test.message
    stored = json.dumps(
        [
            list(ConnectionTest.objects.values()),
            list(ActivityEntry.objects.values()),
            connection.last_test_message,
        ],
        default=str,
    )
    assert KEY not in stored
    assert SECRET not in stored
