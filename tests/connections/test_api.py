"""Connections over the API."""

from decimal import Decimal

import pytest

from connections.models import Connection
from connections.services import lifecycle, testing
from connections.services.testing import Findings
from cts.choices import Role
from cts.models import ActivityEntry
from tests import factories
from tests.connections.conftest import acting
from tests.factories import api_of

pytestmark = pytest.mark.django_db
LIST = "/api/v1/connections"
NEW = {
    "name": "Practice",
    "exchange": "binance",
    "environment": "sandbox",
    "market_type": "usdt-perpetual",
    "api_key": "the-key-of-the-test-1234",
    "api_secret": "the-secret-of-the-test",
}
SECRETS = (NEW["api_key"], NEW["api_secret"])


@pytest.fixture
def owner():
    return factories.UserFactory(role=Role.TRADER)


@pytest.fixture
def connection(owner):
    return factories.ConnectionFactory(owner=owner, active=True)


def path_of(connection: Connection, act: str = "") -> str:
    return f"{LIST}/{connection.pk}" + (f"/{act}" if act else "")


class TestCreating:
    def test_creates_a_disabled_connection_and_never_gives_the_credentials_back(self, owner):
        answer = api_of(owner).post(LIST, NEW)

        assert answer.status_code == 201
        body = answer.json()
        assert (body["state"], body["key_hint"], body["owner"]) == (
            "disabled",
            "1234",
            owner.username,
        )
        listed = api_of(owner).get(LIST).content + api_of(owner).get(f"{LIST}/{body['id']}").content
        for secret in SECRETS:
            assert secret.encode() not in answer.content + listed
        assert not {"api_key", "api_secret", "passphrase"} & set(body)
        stored = Connection.objects.get()
        assert (stored.api_key.reveal(), stored.api_secret.reveal()) == SECRETS
        entry = ActivityEntry.objects.get()
        assert (entry.action, entry.source) == ("connection.created", "api")

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("exchange", "binanze"),
            ("environment", "moon"),
            ("market_type", "options"),
            ("api_key", ""),
            ("leverage", 0),
            ("share_per_position_pct", "0.01"),
            ("forced_symbols", ["not a symbol"]),
        ],
    )
    def test_bad_input_names_the_field(self, owner, field, value):
        answer = api_of(owner).post(LIST, {**NEW, field: value})

        assert answer.status_code == 400
        assert answer["Content-Type"] == "application/problem+json"
        assert list(answer.json()["errors"]) == [field]
        assert not Connection.objects.exists()

    def test_an_error_never_repeats_a_secret(self, owner):
        answer = api_of(owner).post(LIST, {**NEW, "api_secret": "bad\x00secret-of-mine"})

        assert answer.status_code == 400
        assert b"secret-of-mine" not in answer.content

    def test_a_viewer_may_not(self):
        answer = api_of(factories.UserFactory(role=Role.VIEWER)).post(LIST, NEW)

        assert answer.status_code == 403


class TestReading:
    def test_lists_own_connections_in_a_constant_number_of_queries(
        self, owner, django_assert_num_queries
    ):
        factories.ConnectionFactory.create_batch(5, owner=owner)
        factories.ConnectionFactory()

        with django_assert_num_queries(1):
            answer = api_of(owner).get(LIST)

        assert len(answer.json()["results"]) == 5

    def test_amounts_are_decimal_strings_and_unknown_is_null(self, owner, connection):
        connection.balance_quote = Decimal("10000.50")
        connection.save()
        unknown = factories.ConnectionFactory(owner=owner)

        known = api_of(owner).get(path_of(connection)).json()

        assert (known["balance_quote"], known["volume_factor_main"]) == ("10000.5", "1")
        assert known["balance_at"].endswith("Z")
        assert api_of(owner).get(path_of(unknown)).json()["balance_quote"] is None

    def test_a_strangers_is_not_found(self, connection):
        stranger = factories.UserFactory(role=Role.TRADER)

        answer = api_of(stranger).get(path_of(connection))

        assert answer.status_code == 404
        assert answer["Content-Type"] == "application/problem+json"

    def test_pages_follow_each_other(self, owner):
        factories.ConnectionFactory.create_batch(3, owner=owner)
        client = api_of(owner)

        first = client.get(f"{LIST}?page_size=2").json()
        second = client.get(first["next"]).json()

        seen = [row["id"] for row in first["results"] + second["results"]]
        assert seen == sorted(seen, reverse=True)
        assert len(set(seen)) == 3

    def test_tests_are_listed(self, owner, connection):
        factories.ConnectionTestFactory.create_batch(2, connection=connection)

        answer = api_of(owner).get(path_of(connection, "tests"))

        assert [row["ok"] for row in answer.json()["results"]] == [True, True]


class TestChanging:
    def test_changes_one_setting(self, owner, connection):
        answer = api_of(owner).patch(path_of(connection), {"leverage": 3})

        assert answer.json()["leverage"] == 3
        connection.refresh_from_db()
        assert connection.leverage == 3

    @pytest.mark.parametrize("field", ["is_enabled", "live_trading", "owner", "exchange"])
    def test_what_only_acts_change_is_left_alone(self, owner, field):
        connection = factories.ConnectionFactory(owner=owner)
        before = Connection.objects.values().get(pk=connection.pk)

        api_of(owner).patch(path_of(connection), {field: True})

        assert Connection.objects.values().get(pk=connection.pk) == before

    def test_credentials_of_an_enabled_connection_are_not_replaced(self, owner, connection):
        answer = api_of(owner).post(
            path_of(connection, "credentials"), {"api_key": "k" * 20, "api_secret": "s" * 20}
        )

        assert answer.status_code == 409
        assert answer.json()["type"] == "urn:cts:problem:connection.not_disabled"

    def test_delete_is_soft(self, owner):
        connection = factories.ConnectionFactory(owner=owner)

        assert api_of(owner).delete(path_of(connection)).status_code == 204
        assert api_of(owner).get(path_of(connection)).status_code == 404
        assert Connection.objects.get().deleted_at is not None


class TestActs:
    def test_test_gives_what_it_found(self, owner, monkeypatch):
        def ask(connection, *, deadline):
            findings = Findings()
            findings.fail("The key is wrong.")
            return findings

        monkeypatch.setattr(testing, "_ask_exchange", ask)
        connection = factories.ConnectionFactory(owner=owner)

        answer = api_of(owner).post(path_of(connection, "test"))

        assert answer.status_code == 200
        assert (answer.json()["ok"], answer.json()["message"]) == (False, "The key is wrong.")

    def test_from_disabled_to_live_and_back(self, owner):
        connection = factories.ConnectionFactory(owner=owner, tested=True, name="Practice")
        client = api_of(owner)
        states = [
            client.post(path_of(connection, act), body).json()["state"]
            for act, body in (
                ("enable", {}),
                ("activate", {}),
                ("live-on", {"indication_types": ["direction"], "confirmation": "Practice"}),
                ("live-off", {}),
                ("deactivate", {}),
                ("disable", {}),
            )
        ]

        assert states == ["enabled", "active", "active + live", "active", "enabled", "disabled"]

    def test_live_needs_the_name_as_confirmation(self, owner, connection):
        body = {"indication_types": ["direction"], "confirmation": "yes"}

        answer = api_of(owner).post(path_of(connection, "live-on"), body)

        assert answer.status_code == 400
        assert list(answer.json()["errors"]) == ["confirmation"]
        connection.refresh_from_db()
        assert connection.live_trading is False

    @pytest.mark.parametrize("role", [Role.OPERATOR, Role.ADMIN])
    def test_operators_and_admins_act_on_everybodys(self, connection, role):
        answer = api_of(factories.UserFactory(role=role)).post(path_of(connection, "disable"))

        assert answer.json()["state"] == "disabled"

    @pytest.mark.parametrize(
        "act", ["test", "enable", "disable", "activate", "deactivate", "live-on", "live-off"]
    )
    def test_neither_a_viewer_nor_a_stranger_acts(self, connection, act):
        viewer = factories.UserFactory(role=Role.VIEWER)
        stranger = factories.UserFactory(role=Role.TRADER)
        body = {"indication_types": ["direction"], "confirmation": connection.name}

        assert api_of(viewer).post(path_of(connection, act), body).status_code == 403
        assert api_of(stranger).post(path_of(connection, act), body).status_code == 404
        connection.refresh_from_db()
        assert connection.state == "active"


class TestRestoring:
    @pytest.fixture
    def deleted(self, owner):
        connection = factories.ConnectionFactory(owner=owner, tested=True, name="Mine")
        return lifecycle.delete(actor=acting(owner), connection=connection)

    def test_comes_back_disabled_and_asking_twice_is_once(self, owner, deleted):
        for _ in range(2):
            answer = api_of(owner).post(path_of(deleted, "restore"))
            assert (answer.status_code, answer.json()["state"]) == (200, "disabled")

        assert api_of(owner).get(path_of(deleted)).status_code == 200
        entry = ActivityEntry.objects.get(action="connection.restored")
        assert (entry.actor, entry.source) == (owner, "api")

    def test_a_taken_name_is_refused_at_the_field(self, owner, deleted):
        factories.ConnectionFactory(owner=owner, name="Mine")

        answer = api_of(owner).post(path_of(deleted, "restore"))

        assert answer.status_code == 400
        assert list(answer.json()["errors"]) == ["name"]
        deleted.refresh_from_db()
        assert deleted.deleted_at is not None

    def test_neither_a_viewer_nor_a_stranger_restores(self, deleted):
        viewer = factories.UserFactory(role=Role.VIEWER)
        stranger = factories.UserFactory(role=Role.TRADER)

        assert api_of(viewer).post(path_of(deleted, "restore")).status_code == 403
        assert api_of(stranger).post(path_of(deleted, "restore")).status_code == 404
        deleted.refresh_from_db()
        assert deleted.deleted_at is not None

    @pytest.mark.parametrize("act", ["enable", "disable", "test", "live-off"])
    def test_no_other_act_finds_a_deleted_one(self, owner, deleted, act):
        assert api_of(owner).post(path_of(deleted, act)).status_code == 404

    def test_deleted_ones_are_listed_for_who_may_restore_them(self, owner, connection, deleted):
        def listed(user, deleted):
            answer = api_of(user).get(f"{LIST}?deleted={deleted}")
            return [row["id"] for row in answer.json()["results"]]

        assert listed(owner, "true") == [deleted.pk]
        assert listed(owner, "false") == [connection.pk]
        assert listed(factories.UserFactory(role=Role.OPERATOR), "true") == [deleted.pk]
        for role in (Role.VIEWER, Role.TRADER):
            assert listed(factories.UserFactory(role=role), "true") == []

    def test_a_malformed_choice_is_refused(self, owner):
        answer = api_of(owner).get(f"{LIST}?deleted=perhaps")

        assert answer.status_code == 400
        assert list(answer.json()["errors"]) == ["deleted"]
