"""Services of connections: who may, what changes, what is recorded, what is refused."""

import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, close_old_connections, transaction

from connections import open_positions
from connections.models import Connection
from connections.selectors import (
    connection_named,
    connections_for,
    deleted_connection_named,
    deleted_connections_for,
)
from connections.services import creation, editing, lifecycle, live_trading, testing
from cts.activity import first_broken_entry
from cts.actors import Actor
from cts.choices import Role
from cts.errors import Refused
from cts.fields import Sealed
from cts.models import ActivityEntry, User
from tests.connections.conftest import acting
from tests.factories import ConnectionFactory, UserFactory

pytestmark = pytest.mark.django_db

KEY = "PLANTEDKEYPLANTEDKEYPLANTEDKEYabcd"
SECRET = "PLANTEDSECRETPLANTEDSECRETPLANTED"
PASSPHRASE = "PLANTEDPASSPHRASE"


def create(owner: User, *, actor: Actor | None = None, **changed: Any) -> Connection:
    wanted: dict[str, Any] = {
        "name": "Mine",
        "exchange": "binance",
        "environment": "live",
        "market_type": "usdt-perpetual",
        "api_key": KEY,
        "api_secret": SECRET,
        "passphrase": PASSPHRASE,
    }
    return creation.create_connection(
        actor=actor or acting(owner), owner=owner, **{**wanted, **changed}
    )


def actions(connection: Connection) -> list[str]:
    entries = ActivityEntry.objects.filter(
        object_type="connections.connection", object_id=str(connection.pk)
    )
    return list(entries.order_by("id").values_list("action", flat=True))


@pytest.fixture
def reported_open() -> Iterator[list[str]]:
    """Positions that the floor above says are open; empty unless the test adds some."""
    labels: list[str] = []
    open_positions.register("test", lambda connection: labels)
    yield labels
    open_positions.unregister("test")


class TestCreate:
    def test_is_disabled_sealed_and_on_record(self, owner: User) -> None:
        connection = create(owner, leverage=3, position_mode="hedge")
        connection.refresh_from_db()
        assert connection.state == "disabled"
        assert connection.key_hint == "abcd"
        assert connection.leverage == 3
        sealed: Any = connection
        assert sealed.api_secret.reveal() == SECRET
        assert SECRET not in sealed.api_secret.token
        assert actions(connection) == ["connection.created"]
        assert first_broken_entry() is None

    @pytest.mark.parametrize(
        ("changed", "code", "field"),
        [
            ({"exchange": "binanse"}, "connection.unknown_exchange", "exchange"),
            ({"exchange": "../etc"}, "connection.unknown_exchange", "exchange"),
            ({"exchange": "binanceusdm"}, "connection.unknown_exchange", "exchange"),
            ({"exchange": "pionex"}, "connection.no_connector", "exchange"),
            (
                {"exchange": "okx", "environment": "sandbox"},
                "connection.sandbox_speaks_binance",
                "exchange",
            ),
            (
                {"market_type": "coin-perpetual"},
                "connection.market_type_not_offered",
                "market_type",
            ),
            ({"market_type": "futures"}, "connection.invalid", "market_type"),
            ({"environment": "moon"}, "connection.invalid", "environment"),
            ({"name": ""}, "connection.invalid", "name"),
            ({"name": "x" * 61}, "connection.invalid", "name"),
            ({"api_key": " "}, "connection.credentials_missing", "api_key"),
            ({"api_secret": ""}, "connection.credentials_missing", "api_secret"),
            ({"api_key": "schlüssel-aus-papier"}, "connection.credentials_malformed", "api_key"),
            ({"api_key": "two\nlines"}, "connection.credentials_malformed", "api_key"),
            ({"leverage": 0}, "connection.invalid", "leverage"),
            ({"leverage": "much"}, "connection.invalid", "leverage"),
            ({"volume_factor_main": "11"}, "connection.invalid", "volume_factor_main"),
            ({"symbol_count": 31}, "connection.invalid", "symbol_count"),
            ({"forced_symbols": ["BTCUSDT"]}, "connection.invalid_symbols", "forced_symbols"),
            ({"forced_symbols": "BTC/USDT:USDT"}, "connection.invalid_symbols", "forced_symbols"),
            ({"forced_symbols": [3]}, "connection.invalid_symbols", "forced_symbols"),
            (
                {"market_type": "spot", "leverage": 2},
                "connection.no_leverage_on_spot",
                "leverage",
            ),
            (
                {"market_type": "spot", "position_mode": "hedge"},
                "connection.no_hedge_on_spot",
                "position_mode",
            ),
            ({"is_enabled": True}, "connection.unknown_setting", "is_enabled"),
        ],
    )
    def test_bad_input_names_the_field_and_stores_nothing(
        self, owner: User, changed: dict[str, Any], code: str, field: str
    ) -> None:
        with pytest.raises(Refused) as caught:
            create(owner, **changed)
        assert (caught.value.code, caught.value.field) == (code, field)
        assert not Connection.objects.exists()
        assert not ActivityEntry.objects.exists()

    def test_an_unknown_exchange_is_answered_with_near_names(self, owner: User) -> None:
        with pytest.raises(Refused, match="Did you mean binance"):
            create(owner, exchange="binanc")

    def test_a_name_is_taken_once_per_owner_and_free_after_deletion(self, owner: User) -> None:
        first = create(owner)
        with pytest.raises(Refused) as caught:
            create(owner)
        assert (caught.value.code, caught.value.field) == ("connection.name_taken", "name")
        create(UserFactory(role=Role.TRADER))
        lifecycle.delete(actor=acting(owner), connection=first)
        create(owner)

    def test_a_pem_secret_is_taken_as_it_is(self, owner: User) -> None:
        pem = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2Vw\n-----END PRIVATE KEY-----"
        stored: Any = create(owner, api_secret=pem)
        assert stored.api_secret.reveal() == pem


Act = Callable[[Actor, Connection], object]
ACTS: dict[str, Act] = {
    "edit": lambda a, c: editing.edit_connection(actor=a, connection=c, leverage=2),
    "credentials": lambda a, c: editing.replace_credentials(
        actor=a, connection=c, api_key=KEY, api_secret=SECRET
    ),
    "test": lambda a, c: testing.test_connection(actor=a, connection=c),
    "enable": lambda a, c: lifecycle.enable(actor=a, connection=c),
    "activate": lambda a, c: lifecycle.activate(actor=a, connection=c),
    "deactivate": lambda a, c: lifecycle.deactivate(actor=a, connection=c),
    "disable": lambda a, c: lifecycle.disable(actor=a, connection=c),
    "delete": lambda a, c: lifecycle.delete(actor=a, connection=c),
    "restore": lambda a, c: lifecycle.restore(actor=a, connection=c),
    "live on": lambda a, c: live_trading.switch_live_on(
        actor=a, connection=c, indication_types=["move"], confirmation=c.name
    ),
    "live off": lambda a, c: live_trading.switch_live_off(actor=a, connection=c),
    "preset off": lambda a, c: live_trading.switch_preset_off(actor=a, connection=c),
}


class TestPermissions:
    @pytest.mark.parametrize("act", ACTS)
    @pytest.mark.parametrize("role", [Role.TRADER, Role.VIEWER])
    def test_neither_a_colleague_nor_a_viewer_may(self, act: str, role: Role) -> None:
        connection = ConnectionFactory(active=True)
        before = Connection.objects.filter(pk=connection.pk).values().get()
        with pytest.raises(PermissionDenied):
            ACTS[act](acting(UserFactory(role=role)), connection)
        assert Connection.objects.filter(pk=connection.pk).values().get() == before
        assert not ActivityEntry.objects.exists()

    @pytest.mark.parametrize("act", ["deactivate", "disable", "live off", "live on", "edit"])
    def test_owner_and_operator_may(self, act: str) -> None:
        for number, role in enumerate((Role.TRADER, Role.OPERATOR, Role.ADMIN)):
            connection = ConnectionFactory(live=True, name=f"c{number}", indication_types=["move"])
            user = connection.owner if role == Role.TRADER else UserFactory(role=role)
            ACTS[act](acting(user), connection)

    def test_a_viewer_can_not_create_and_a_trader_not_for_others(self, owner: User) -> None:
        for user in (UserFactory(role=Role.VIEWER), UserFactory(role=Role.TRADER)):
            with pytest.raises(PermissionDenied):
                create(owner, actor=acting(user))
        create(owner, actor=acting(UserFactory(role=Role.OPERATOR)))

    def test_what_is_seen(self, owner: User, connection: Connection) -> None:
        ConnectionFactory(deleted_at="2026-01-01T00:00Z", owner=owner)
        theirs = ConnectionFactory()
        assert list(connections_for(owner)) == [connection]
        assert set(connections_for(UserFactory(role=Role.VIEWER))) == {connection, theirs}
        assert connection_named("Mine") == connection
        assert connection_named(str(theirs.pk)) == theirs
        with pytest.raises(Refused):
            connection_named("Nobody's")
        ConnectionFactory(name="Mine")
        with pytest.raises(Refused, match="Several owners"):
            connection_named("Mine")
        assert connection_named("Mine", owner=owner) == connection


class TestLifeCycle:
    def test_from_the_dashboard_to_live_and_all_the_way_back(self, owner: User) -> None:
        connection = ConnectionFactory(owner=owner, enabled=True)
        actor = acting(owner)
        lifecycle.activate(actor=actor, connection=connection)
        assert connection.state == "active"
        live_trading.switch_live_on(
            actor=actor,
            connection=connection,
            indication_types=["move", "direction"],
            dca=True,
            confirmation=connection.name,
        )
        assert connection.state == "active + live"
        assert connection.indication_types == ["direction", "move"]
        assert (connection.trailing_enabled, connection.dca_enabled) == (True, True)
        lifecycle.disable(actor=actor, connection=connection)
        assert connection.state == "disabled"
        lifecycle.delete(actor=actor, connection=connection)
        assert connection.deleted_at is not None
        assert actions(connection) == [
            "connection.activated",
            "connection.live_on",
            "connection.disabled",
            "connection.deleted",
        ]
        entry = ActivityEntry.objects.get(action="connection.disabled")
        assert entry.before == {"is_enabled": True, "is_active": True, "live_trading": True}
        assert (entry.actor, entry.source, entry.ip) == (owner, "web", "127.0.0.1")

    @pytest.mark.parametrize("act", ["activate", "deactivate", "disable", "live off", "delete"])
    def test_twice_is_once(self, owner: User, act: str) -> None:
        connection = ConnectionFactory(owner=owner, enabled=True)
        for _ in range(2):
            ACTS[act](acting(owner), Connection.objects.get(pk=connection.pk))
        assert len(actions(connection)) == (0 if act in ("deactivate", "live off") else 1)

    def test_removing_from_the_dashboard_switches_live_off(self, owner: User) -> None:
        connection = ConnectionFactory(owner=owner, live=True)
        lifecycle.deactivate(actor=acting(owner), connection=connection)
        assert connection.state == "enabled"
        assert connection.live_trading is False

    def test_a_disabled_connection_is_not_activated(
        self, owner: User, connection: Connection
    ) -> None:
        with pytest.raises(Refused, match="enable it first"):
            lifecycle.activate(actor=acting(owner), connection=connection)

    @pytest.mark.parametrize(
        ("state", "changed", "code", "field"),
        [
            ("active", {"confirmation": "mine"}, "connection.not_confirmed", "confirmation"),
            (
                "active",
                {"indication_types": []},
                "connection.no_indication",
                "indication_types",
            ),
            (
                "active",
                {"indication_types": ["optimal"]},
                "connection.indication_not_offered",
                "indication_types",
            ),
            (
                "active",
                {"indication_types": ["magic"]},
                "connection.unknown_indication",
                "indication_types",
            ),
            ("enabled", {}, "connection.not_active", None),
        ],
    )
    def test_live_is_refused_without(
        self, owner: User, state: str, changed: dict[str, Any], code: str, field: str | None
    ) -> None:
        connection = ConnectionFactory(owner=owner, name="Mine", **{state: True})
        wanted = {"indication_types": ["move"], "confirmation": "Mine", **changed}
        with pytest.raises(Refused) as caught:
            live_trading.switch_live_on(actor=acting(owner), connection=connection, **wanted)
        assert (caught.value.code, caught.value.field) == (code, field)
        connection.refresh_from_db()
        assert connection.live_trading is False

    @pytest.mark.parametrize(
        ("environment", "words"),
        [("live", "real money"), ("testnet", "testnet"), ("sandbox", "sandbox")],
    )
    def test_the_confirmation_names_exchange_and_money(
        self, owner: User, environment: str, words: str
    ) -> None:
        connection = ConnectionFactory(owner=owner, active=True, environment=environment)
        with pytest.raises(Refused, match=f"binance, {words}"):
            live_trading.switch_live_on(
                actor=acting(owner),
                connection=connection,
                indication_types=["move"],
                confirmation="",
            )

    def test_choices_of_a_live_connection_can_be_changed(self, owner: User) -> None:
        connection = ConnectionFactory(owner=owner, live=True)
        ACTS["live on"](acting(owner), connection)
        assert connection.indication_types == ["move"]
        assert actions(connection) == ["connection.live_choices_changed"]

    def test_open_positions_forbid_deletion_and_are_named_when_switching_off(
        self, owner: User, reported_open: list[str]
    ) -> None:
        reported_open.append("BTC/USDT:USDT long #7")
        connection = ConnectionFactory(owner=owner, live=True)
        with pytest.raises(Refused, match="BTC/USDT:USDT long #7"):
            lifecycle.delete(actor=acting(owner), connection=connection)
        assert (connection.deleted_at, connection.live_trading) == (None, True)
        assert actions(connection) == []
        lifecycle.disable(actor=acting(owner), connection=connection)
        entry = ActivityEntry.objects.get(action="connection.disabled")
        assert entry.after["open_positions"] == ["BTC/USDT:USDT long #7"]

    def test_a_deleted_connection_is_left_alone(self, owner: User, connection: Connection) -> None:
        stale = Connection.objects.get(pk=connection.pk)
        lifecycle.delete(actor=acting(owner), connection=connection)
        for name in ("edit", "credentials", "test", "enable", "activate", "disable", "live on"):
            with pytest.raises(Refused) as caught:
                ACTS[name](acting(owner), Connection.objects.get(pk=stale.pk))
            assert caught.value.code == "connection.deleted"


class TestRestore:
    @pytest.fixture
    def deleted(self, owner: User) -> Connection:
        """A connection that was live once, deleted by its owner."""
        connection = ConnectionFactory(owner=owner, name="Mine", live=True)
        return lifecycle.delete(actor=acting(owner), connection=connection)

    def test_comes_back_disabled_with_credentials_and_history(
        self, owner: User, deleted: Connection
    ) -> None:
        assert deleted.state == "deleted"
        lifecycle.restore(actor=acting(owner), connection=deleted)
        restored: Any = connections_for(owner).get()
        assert (restored.pk, restored.state) == (deleted.pk, "disabled")
        assert (restored.live_trading, restored.is_active) == (False, False)
        assert restored.api_secret.reveal() == "the-secret-wxyz"
        assert actions(deleted) == ["connection.deleted", "connection.restored"]
        entry = ActivityEntry.objects.get(action="connection.restored")
        assert entry.before["deleted_at"] is not None
        assert entry.after == {"deleted_at": None}
        assert (entry.actor, entry.source) == (owner, "web")
        assert first_broken_entry() is None

    def test_twice_is_once_and_an_existing_one_is_left_alone(
        self, owner: User, deleted: Connection
    ) -> None:
        for _ in range(2):
            lifecycle.restore(actor=acting(owner), connection=deleted)
        assert actions(deleted) == ["connection.deleted", "connection.restored"]
        active = ConnectionFactory(owner=owner, active=True)
        lifecycle.restore(actor=acting(owner), connection=active)
        active.refresh_from_db()
        assert (active.state, actions(active)) == ("active", [])

    def test_is_refused_where_the_owner_uses_the_name_again(
        self, owner: User, deleted: Connection
    ) -> None:
        ConnectionFactory(name="Mine")
        other = ConnectionFactory(owner=owner, name="Mine")
        with pytest.raises(Refused, match="rename that one, then restore this one") as caught:
            lifecycle.restore(actor=acting(owner), connection=deleted)
        assert (caught.value.code, caught.value.field) == ("connection.name_taken", "name")
        deleted.refresh_from_db()
        assert (deleted.state, actions(deleted)) == ("deleted", ["connection.deleted"])
        editing.edit_connection(actor=acting(owner), connection=other, name="Newer")
        lifecycle.restore(actor=acting(owner), connection=deleted)
        assert deleted.state == "disabled"

    @pytest.mark.parametrize("role", [Role.OPERATOR, Role.ADMIN])
    def test_an_operator_and_an_admin_may(self, deleted: Connection, role: Role) -> None:
        lifecycle.restore(actor=acting(UserFactory(role=role)), connection=deleted)
        assert deleted.deleted_at is None

    @pytest.mark.parametrize("role", [Role.TRADER, Role.VIEWER])
    def test_neither_a_colleague_nor_a_viewer_may(self, deleted: Connection, role: Role) -> None:
        user = UserFactory(role=role)
        with pytest.raises(PermissionDenied):
            lifecycle.restore(actor=acting(user), connection=deleted)
        deleted.refresh_from_db()
        assert deleted.deleted_at is not None
        assert not deleted_connections_for(user).exists()

    def test_is_found_by_name_or_number_among_the_deleted(
        self, owner: User, deleted: Connection
    ) -> None:
        existing = ConnectionFactory(owner=owner, name="Mine")
        assert list(deleted_connections_for(owner)) == [deleted]
        assert deleted_connection_named("Mine") == deleted
        assert deleted_connection_named(str(deleted.pk)) == deleted
        with pytest.raises(Refused, match="no deleted connection"):
            deleted_connection_named(str(existing.pk))
        lifecycle.delete(actor=acting(owner), connection=existing)
        with pytest.raises(Refused, match="give its number instead"):
            deleted_connection_named("Mine")


class TestEdit:
    def test_only_what_differs_is_recorded(self, owner: User, connection: Connection) -> None:
        editing.edit_connection(
            actor=acting(owner), connection=connection, leverage="5", symbol_count=12
        )
        assert connection.leverage == 5
        entry = ActivityEntry.objects.get(action="connection.edited")
        assert (entry.before, entry.after) == ({"leverage": 1}, {"leverage": 5})

    def test_a_taken_name_is_refused(self, owner: User, connection: Connection) -> None:
        ConnectionFactory(owner=owner, name="Other")
        with pytest.raises(Refused) as caught:
            editing.edit_connection(actor=acting(owner), connection=connection, name=" Other ")
        assert caught.value.code == "connection.name_taken"

    def test_modes_stay_while_positions_are_open(
        self, owner: User, connection: Connection, reported_open: list[str]
    ) -> None:
        reported_open.append("BTC/USDT:USDT long #7")
        with pytest.raises(Refused, match="before changing the position mode"):
            editing.edit_connection(
                actor=acting(owner), connection=connection, position_mode="hedge"
            )
        editing.edit_connection(actor=acting(owner), connection=connection, leverage=2)

    def test_credentials_are_replaced_on_a_disabled_connection_only(self, owner: User) -> None:
        enabled = ConnectionFactory(owner=owner, enabled=True)
        with pytest.raises(Refused, match="disable it"):
            ACTS["credentials"](acting(owner), enabled)
        tested = ConnectionFactory(owner=owner, tested=True)
        ACTS["credentials"](acting(owner), tested)
        assert (tested.last_test_ok, tested.balance_quote, tested.key_hint) == (None, None, "abcd")
        entry = ActivityEntry.objects.get(action="connection.credentials_replaced")
        assert entry.after["api_secret"] == "(secret)"


class TestConstraints:
    @pytest.mark.parametrize(
        "values",
        [
            {"is_active": True},
            {"live_trading": True},
            {"is_enabled": True, "last_test_ok": False},
            {"environment": "moon"},
        ],
    )
    def test_the_database_refuses_states_that_can_not_be(
        self, connection: Connection, values: dict[str, Any]
    ) -> None:
        with pytest.raises(IntegrityError), transaction.atomic():
            Connection.objects.filter(pk=connection.pk).update(**values)


@pytest.mark.django_db(transaction=True)
def test_eight_at_once_switch_live_on_once() -> None:
    owner = UserFactory(role=Role.TRADER)
    connection = ConnectionFactory(owner=owner, active=True)
    outcomes: list[str] = []
    barrier = threading.Barrier(8)

    def switch() -> None:
        mine = Connection.objects.get(pk=connection.pk)
        barrier.wait(10)
        try:
            ACTS["live on"](acting(owner), mine)
            outcomes.append("on")
        except Refused as refused:
            outcomes.append(refused.code)
        finally:
            close_old_connections()
            transaction.get_connection().close()

    threads = [threading.Thread(target=switch) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(outcomes) == ["connection.changed_meanwhile"] * 7 + ["on"]
    assert actions(connection) == ["connection.live_on"]
    assert first_broken_entry() is None


def test_planted_credentials_are_nowhere_in_clear(
    owner: User, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    connection = create(owner)
    editing.edit_connection(actor=acting(owner), connection=connection, leverage=2)
    editing.replace_credentials(
        actor=acting(owner),
        connection=connection,
        api_key=KEY,
        api_secret=SECRET,
        passphrase=PASSPHRASE,
    )
    texts = [repr(connection), str(connection), repr(connection.__dict__), caplog.text]
    for entry in ActivityEntry.objects.values():
        texts.append(json.dumps(entry, default=str))
    for row in Connection.objects.values():
        sealed = {k: v.token if isinstance(v, Sealed) else v for k, v in row.items()}
        texts.append(json.dumps(sealed, default=str))
    for field in ("api_key", "api_secret", "passphrase"):
        with pytest.raises(Refused) as caught:
            create(owner, **{"name": "Other", field: f"{SECRET}\x00{KEY}"})
        texts.append(str(caught.value))
    everything = "\n".join(texts)
    for planted in (KEY, SECRET, PASSPHRASE):
        assert planted not in everything
