"""The dashboard and the acts on it, as people see them."""

import pytest
from django.core.cache import cache
from redis.exceptions import ConnectionError as RedisConnectionError

from cts.choices import Role
from cts.models import ActivityEntry
from positions.choices import PositionState, StopKind
from tests import factories
from tests.factories import browser_of
from trading.choices import ActualState, DesiredState

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner():
    return factories.UserFactory(role=Role.TRADER)


@pytest.fixture
def engine(owner):
    return factories.EngineFactory(connection__owner=owner, connection__live=True)


def page_of(user, path: str = "/") -> str:
    response = browser_of(user).get(path)
    assert response.status_code == 200
    return response.content.decode()


class TestWhatIsShown:
    def test_who_is_signed_in_and_as_what(self, owner):
        assert f'{owner.username} <span class="role">Trader</span>' in page_of(owner)

    def test_without_connections_it_says_what_to_do(self, owner):
        page = page_of(owner)

        assert "No connection is active" in page
        assert "No live position is open" in page

    def test_each_connection_with_its_label_engine_and_acts(self, owner, engine):
        page = page_of(owner)

        assert engine.connection.name in page
        assert '<span class="env env-sandbox">SANDBOX</span>' in page
        assert f"/connections/{engine.connection_id}/engine/pause" in page
        assert "host-1" in page

    def test_a_viewer_is_offered_no_act(self, engine):
        factories.LivePositionFactory(connection=engine.connection)

        page = page_of(factories.UserFactory(role=Role.VIEWER))

        assert engine.connection.name in page
        assert "/engine/pause" not in page
        assert "Close…" not in page

    def test_who_watches_each_stop(self, owner, engine):
        for kind in StopKind.values:
            factories.LivePositionFactory(connection=engine.connection, stop_kind=kind)

        page = page_of(owner)

        for words in ("stop on the exchange", "engine-side stop", "no stop yet", "row-alarm"):
            assert words in page

    def test_says_in_plain_words_that_no_set_is_real(self, owner, engine):
        assert "that is the product working" in page_of(owner)

    def test_a_halt_is_shown_with_its_reason(self, owner, engine):
        engine.actual, engine.reason = ActualState.HALTED, "Daily loss limit reached."
        engine.save()

        page = page_of(owner)

        assert "Halted by a limit" in page
        assert "Daily loss limit reached." in page

    def test_an_unreachable_price_board_leaves_prices_unknown(self, owner, engine, monkeypatch):
        def fail(*args, **kwargs):
            raise RedisConnectionError("down")

        factories.LivePositionFactory(connection=engine.connection)
        monkeypatch.setattr(cache, "get_many", fail)

        page = page_of(owner)

        assert "The price board does not answer" in page
        assert '<span class="unknown">unknown</span>' in page

    def test_names_are_escaped(self, owner):
        factories.ConnectionFactory(owner=owner, active=True, name="<script>alert(1)</script>")

        assert "<script>alert" not in page_of(owner)


class TestRefreshing:
    def test_the_fragment_is_the_part_of_the_page_that_changes(self, owner, engine):
        fragment = browser_of(owner).get("/live", headers={"HX-Request": "true"})

        assert fragment.status_code == 200
        assert b"<html" not in fragment.content
        assert b'hx-trigger="every 10s"' in fragment.content
        assert "no-store" in fragment["Cache-Control"]

    def test_a_lost_session_moves_the_whole_page_to_sign_in(self):
        response = browser_of(None).get("/live", headers={"HX-Request": "true"})

        assert response.status_code == 401
        assert response["HX-Redirect"] == "/sign-in"


class TestEngineActs:
    def test_pause_without_javascript_comes_back_to_the_page(self, owner, engine):
        response = browser_of(owner).post(
            f"/connections/{engine.connection_id}/engine/pause", {"next": "/"}, follow=True
        )

        engine.refresh_from_db()
        assert engine.desired == DesiredState.PAUSED
        assert response.redirect_chain == [("/", 302)]
        assert b"is asked to pause" in response.content
        assert ActivityEntry.objects.get().action == "engine.pause"
        assert ActivityEntry.objects.get().source == "web"

    def test_pause_with_htmx_answers_the_fragment(self, owner, engine):
        response = browser_of(owner).post(
            f"/connections/{engine.connection_id}/engine/pause", headers={"HX-Request": "true"}
        )

        assert response.status_code == 200
        assert b'id="live"' in response.content
        assert b"is asked to pause" in response.content

    def test_a_refusal_is_shown_in_place(self, owner):
        connection = factories.ConnectionFactory(owner=owner, enabled=True)

        response = browser_of(owner).post(
            f"/connections/{connection.pk}/engine/start", {"next": "/connections"}, follow=True
        )

        assert b"is enabled: enable it and add it to the" in response.content

    def test_an_address_of_another_site_is_not_gone_to(self, owner, engine):
        response = browser_of(owner).post(
            f"/connections/{engine.connection_id}/engine/pause", {"next": "https://evil.test/"}
        )

        assert response["Location"] == "/"

    def test_a_stranger_does_not_find_it(self, engine):
        stranger = factories.UserFactory(role=Role.TRADER)

        response = browser_of(stranger).post(f"/connections/{engine.connection_id}/engine/pause")

        assert response.status_code == 404
        engine.refresh_from_db()
        assert engine.desired == DesiredState.RUNNING

    def test_stop_asks_and_says_what_stays_open(self, owner, engine):
        factories.LivePositionFactory(connection=engine.connection)
        path = f"/connections/{engine.connection_id}/engine/stop"

        asked = browser_of(owner).get(path)
        refused = browser_of(owner).post(path)
        stopped = browser_of(owner).post(path, {"leave_positions": "on"})

        assert b"1 live position open." in asked.content
        assert refused.status_code == 409
        assert b"Confirm to stop anyway" in refused.content
        assert stopped.status_code == 302
        engine.refresh_from_db()
        assert engine.desired == DesiredState.STOPPED

    def test_a_form_without_its_token_changes_nothing(self, owner, engine):
        browser = browser_of(owner)
        browser.handler.enforce_csrf_checks = True

        response = browser.post(f"/connections/{engine.connection_id}/engine/pause")

        assert response.status_code == 403
        assert b"out of date" in response.content
        engine.refresh_from_db()
        assert engine.desired == DesiredState.RUNNING


class TestClosing:
    def test_asks_first_then_closes(self, owner, engine):
        position = factories.LivePositionFactory(connection=engine.connection)
        path = f"/positions/{position.pk}/close"

        asked = browser_of(owner).get(path, headers={"HX-Request": "true"})
        answer = browser_of(owner).post(path, {"next": "/"}, headers={"HX-Request": "true"})

        assert b"<html" not in asked.content
        assert b"Close at market" in asked.content
        assert (answer.status_code, answer["HX-Redirect"]) == (204, "/")
        position.refresh_from_db()
        assert position.state == PositionState.CLOSING

    def test_a_second_close_is_refused_in_the_dialog(self, owner, engine):
        position = factories.LivePositionFactory(
            connection=engine.connection, state=PositionState.CLOSING
        )

        response = browser_of(owner).post(f"/positions/{position.pk}/close")

        assert response.status_code == 409
        assert b"only an open position" in response.content

    def test_a_viewer_may_not(self, engine):
        position = factories.LivePositionFactory(connection=engine.connection)

        response = browser_of(factories.UserFactory(role=Role.VIEWER)).post(
            f"/positions/{position.pk}/close"
        )

        assert response.status_code == 403
        position.refresh_from_db()
        assert position.state == PositionState.OPEN
