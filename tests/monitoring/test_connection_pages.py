"""The pages of connections: list, one, new, edit, and the acts on one."""

import pytest

from connections.models import Connection
from connections.services import testing
from connections.services.testing import Findings
from cts.choices import Role
from tests import factories
from tests.factories import browser_of

pytestmark = pytest.mark.django_db
NEW = {
    "name": "Practice",
    "exchange": "binance",
    "environment": "sandbox",
    "market_type": "usdt-perpetual",
    "api_key": "the-key-of-the-test-1234",
    "api_secret": "the-secret-of-the-test",
    "passphrase": "",
    "margin_mode": "cross",
    "position_mode": "one-way",
    "leverage": "1",
    "volume_factor_main": "1",
    "volume_factor_preset": "1",
    "share_per_position_pct": "1",
    "enforce_minimum": "on",
    "max_open_positions": "10",
    "max_exposure_pct": "100",
    "daily_loss_limit_pct": "5",
    "forced_symbols": "btc/usdt:usdt ETH/USDT:USDT",
    "symbol_order": "volume_24h",
    "symbol_count": "12",
}
HTMX = {"HX-Request": "true"}


@pytest.fixture
def owner():
    return factories.UserFactory(role=Role.TRADER)


@pytest.fixture
def browser(owner):
    return browser_of(owner)


class TestNew:
    def test_saves_and_goes_to_the_connection(self, owner, browser):
        answer = browser.post("/connections/new", NEW, follow=True)

        connection = Connection.objects.get()
        assert answer.redirect_chain == [(f"/connections/{connection.pk}", 302)]
        assert (connection.owner, connection.state) == (owner, "disabled")
        assert connection.forced_symbols == ["BTC/USDT:USDT", "ETH/USDT:USDT"]
        assert b"Test it, then enable it" in answer.content
        assert NEW["api_secret"].encode() not in answer.content

    @pytest.mark.parametrize(
        ("field", "value", "words"),
        [
            ("exchange", "binanze", "Did you mean binance"),
            ("leverage", "0", "greater than or equal to 1"),
            ("share_per_position_pct", "abc", "Enter a number"),
            ("api_secret", "", "This field is required"),
        ],
    )
    def test_bad_input_is_said_at_its_field_and_nothing_typed_is_lost(
        self, browser, field, value, words
    ):
        answer = browser.post("/connections/new", {**NEW, field: value})

        page = answer.content.decode()
        assert answer.status_code == 400
        assert words in page
        assert 'value="Practice"' in page
        assert NEW["api_key"] not in page
        assert not Connection.objects.exists()

    def test_a_name_twice_is_refused_in_place(self, owner, browser):
        factories.ConnectionFactory(owner=owner, name="Practice")

        answer = browser.post("/connections/new", NEW)

        assert answer.status_code == 400
        assert b"Practice" in answer.content
        assert Connection.objects.count() == 1


class TestEditing:
    def test_changes_settings(self, owner, browser):
        connection = factories.ConnectionFactory(owner=owner)

        browser.post(f"/connections/{connection.pk}/edit", {**NEW, "leverage": "3"})

        connection.refresh_from_db()
        assert (connection.name, connection.leverage) == ("Practice", 3)
        assert connection.api_secret.reveal() == "the-secret-wxyz"

    def test_replaces_credentials_of_a_disabled_connection(self, owner, browser):
        connection = factories.ConnectionFactory(owner=owner)
        keys = {name: NEW[name] for name in ("api_key", "api_secret", "passphrase")}

        browser.post(f"/connections/{connection.pk}/credentials", keys)

        connection.refresh_from_db()
        assert connection.api_secret.reveal() == NEW["api_secret"]

    def test_credentials_are_not_on_any_page(self, owner, browser):
        connection = factories.ConnectionFactory(owner=owner, live=True)
        for act in ("", "/edit", "/credentials", "/live-on"):
            page = browser.get(f"/connections/{connection.pk}{act}").content
            assert b"the-secret-wxyz" not in page
            assert b"the-key-abcd" not in page


class TestActs:
    def test_a_failed_test_is_told_with_its_reason(self, owner, browser, monkeypatch):
        def ask(connection, *, deadline):
            findings = Findings()
            findings.fail("The key is wrong.")
            return findings

        monkeypatch.setattr(testing, "_ask_exchange", ask)
        connection = factories.ConnectionFactory(owner=owner)

        answer = browser.post(f"/connections/{connection.pk}/test", follow=True)

        assert b"The test failed. The key is wrong." in answer.content

    def test_the_road_from_tested_to_live_and_back(self, owner, browser):
        connection = factories.ConnectionFactory(owner=owner, tested=True, name="Practice")
        states = []
        for act, posted in (
            ("enable", {}),
            ("activate", {}),
            ("live-on", {"indication_types": ["direction"], "confirmation": "Practice"}),
            ("live-off", {}),
            ("deactivate", {}),
            ("disable", {}),
        ):
            browser.post(f"/connections/{connection.pk}/{act}", posted)
            connection.refresh_from_db()
            states.append(connection.state)

        assert states == ["enabled", "active", "active + live", "active", "enabled", "disabled"]

    def test_live_without_the_name_keeps_the_choices(self, owner, browser):
        connection = factories.ConnectionFactory(owner=owner, active=True)

        answer = browser.post(
            f"/connections/{connection.pk}/live-on",
            {"indication_types": ["move"], "confirmation": "yes", "next": "/"},
            headers=HTMX,
        )

        page = answer.content.decode()
        assert answer.status_code == 400
        assert "<html" not in page
        assert "sandbox" in page
        assert 'value="move" id="id_indication_types_1" checked' in page
        assert 'value="direction" id="id_indication_types_0">' in page
        assert 'value="yes"' in page

    def test_switching_off_says_what_stays_open(self, owner, browser):
        position = factories.LivePositionFactory(connection__owner=owner)

        page = browser.get(f"/connections/{position.connection_id}/disable").content.decode()

        assert "1 live position stays open" in page

    def test_delete_with_open_positions_is_refused_in_the_dialog(self, owner, browser):
        position = factories.LivePositionFactory(connection__owner=owner)

        answer = browser.post(f"/connections/{position.connection_id}/delete", headers=HTMX)

        assert answer.status_code == 409
        assert b"close them before deleting it" in answer.content

    def test_delete_goes_to_the_list(self, owner, browser):
        connection = factories.ConnectionFactory(owner=owner)

        answer = browser.post(f"/connections/{connection.pk}/delete", headers=HTMX)

        assert (answer.status_code, answer["HX-Redirect"]) == (204, "/connections")
        assert b"There is no connection yet" in browser.get("/connections").content

    @pytest.mark.parametrize(
        "act",
        ["test", "enable", "activate", "disable", "deactivate", "live-on", "live-off", "delete"],
    )
    def test_neither_a_viewer_nor_a_stranger_acts(self, owner, act):
        connection = factories.ConnectionFactory(owner=owner, active=True)
        path = f"/connections/{connection.pk}/{act}"
        posted = {"indication_types": ["direction"], "confirmation": connection.name}

        viewer = browser_of(factories.UserFactory(role=Role.VIEWER)).post(path, posted)
        stranger = browser_of(factories.UserFactory(role=Role.TRADER)).post(path, posted)

        assert (viewer.status_code, stranger.status_code) == (403, 404)
        connection.refresh_from_db()
        assert connection.state == "active"


@pytest.mark.parametrize(
    ("path", "count"),
    [
        ("/connections", 3),
        ("/positions", 4),
        ("/positions/closed", 5),
        ("/positions/paper", 5),
        ("/tournaments", 5),
    ],
)
def test_lists_cost_the_same_queries_however_long_they_are(
    owner, path, count, django_assert_num_queries
):
    tournament = factories.TournamentFactory()
    for _ in range(4):
        connection = factories.ConnectionFactory(owner=owner, live=True)
        factories.EngineFactory(connection=connection)
        factories.LivePositionFactory(connection=connection)
        factories.LivePositionFactory(connection=connection, closed=True)
        factories.PseudoPositionFactory(tournament_id=tournament.pk)
        factories.TournamentSetFactory(tournament=tournament)
        factories.StageChangeFactory(tournament=tournament)
    browser = browser_of(owner)

    with django_assert_num_queries(count):
        answer = browser.get(path)

    assert answer.status_code == 200
