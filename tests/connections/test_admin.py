"""Connections in the admin: forms through the services, acts as dialogs."""

import pytest

from connections.models import Connection
from connections.services import testing
from connections.services.testing import Findings
from cts.choices import Role
from cts.models import ActivityEntry
from tests import factories
from tests.factories import browser_of
from tests.monitoring.test_connection_pages import NEW

pytestmark = pytest.mark.django_db
CONFIRMED = {"_form_submitted": "True"}
BASE = "/admin/connections/connection"


@pytest.fixture
def operator():
    return factories.UserFactory(role=Role.OPERATOR)


@pytest.fixture
def browser(operator):
    return browser_of(operator)


def test_creates_a_connection_with_sealed_credentials(operator, browser):
    answer = browser.post(f"{BASE}/add/", NEW)

    assert answer.status_code == 302
    connection = Connection.objects.get()
    assert (connection.owner, connection.api_secret.reveal()) == (operator, NEW["api_secret"])
    entry = ActivityEntry.objects.get()
    assert (entry.action, entry.source) == ("connection.created", "admin")


def test_a_refusal_stands_at_its_field_and_secrets_do_not_come_back(browser):
    answer = browser.post(f"{BASE}/add/", {**NEW, "exchange": "binanze"})

    assert answer.status_code == 200
    assert b"Did you mean binance" in answer.content
    assert NEW["api_secret"].encode() not in answer.content
    assert not Connection.objects.exists()


def test_changes_settings_and_shows_no_secret(browser):
    connection = factories.ConnectionFactory()
    path = f"{BASE}/{connection.pk}/change/"

    page = browser.get(path).content
    browser.post(path, {**NEW, "leverage": "4"})

    assert b"the-secret-wxyz" not in page
    assert b"api_secret" not in page
    connection.refresh_from_db()
    assert (connection.leverage, connection.api_secret.reveal()) == (4, "the-secret-wxyz")
    assert ActivityEntry.objects.get().action == "connection.edited"


def test_each_act_asks_on_get_and_acts_on_post(browser):
    connection = factories.ConnectionFactory(tested=True, name="Practice")
    live_on = {"indication_types": ["direction"], "confirmation": "Practice"}
    asked, done = [], []
    for act, posted in (
        ("enable", {}),
        ("activate", {}),
        ("live-on", live_on),
        ("live-off", {}),
        ("deactivate", {}),
        ("disable", {}),
    ):
        path = f"{BASE}/{connection.pk}/{act}/"
        before = connection.state
        assert browser.get(path).status_code == 200
        connection.refresh_from_db()
        asked.append(connection.state == before)
        browser.post(path, {**CONFIRMED, **posted})
        connection.refresh_from_db()
        done.append(connection.state)

    assert asked == [True] * 6
    assert done == ["enabled", "active", "active + live", "active", "enabled", "disabled"]


def test_a_refused_act_says_why(browser):
    connection = factories.ConnectionFactory()

    answer = browser.post(f"{BASE}/{connection.pk}/activate/", CONFIRMED, follow=True)

    connection.refresh_from_db()
    assert connection.state == "disabled"
    assert b"enable it" in answer.content


def test_the_test_tells_what_it_found(browser, monkeypatch):
    def ask(connection, *, deadline):
        findings = Findings()
        findings.fail("The key is wrong.")
        return findings

    monkeypatch.setattr(testing, "_ask_exchange", ask)
    connection = factories.ConnectionFactory()

    answer = browser.post(
        f"{BASE}/{connection.pk}/test/", CONFIRMED, headers={"HX-Request": "true"}
    )

    assert answer["HX-Redirect"] == f"{BASE}/{connection.pk}/change/"
    assert connection.tests.get().message == "The key is wrong."


@pytest.mark.parametrize("path", ["delete/", "delete-softly/"])
def test_nothing_with_open_positions_is_deleted(browser, path):
    position = factories.LivePositionFactory()

    browser.post(f"{BASE}/{position.connection_id}/{path}", {**CONFIRMED, "post": "yes"})

    assert Connection.objects.get().deleted_at is None


def test_a_trader_does_not_get_in():
    connection = factories.ConnectionFactory()

    answer = browser_of(connection.owner).post(f"{BASE}/{connection.pk}/disable/", CONFIRMED)

    assert answer.status_code == 302
    assert answer["Location"].startswith("/admin/login/")


def test_the_list_costs_the_same_queries_however_long_it_is(browser, django_assert_max_num_queries):
    factories.ConnectionFactory.create_batch(8)

    with django_assert_max_num_queries(8):
        assert browser.get(f"{BASE}/").status_code == 200
