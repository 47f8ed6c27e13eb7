"""What the whole API shares: the log of changes, its description, its errors."""

from io import StringIO

import pytest
import yaml
from django.core.management import call_command

from cts.activity import log_action
from cts.actors import Actor
from cts.choices import Role
from tests import factories
from tests.factories import api_of

pytestmark = pytest.mark.django_db


def test_the_schema_is_valid_and_has_no_warnings():
    out = StringIO()
    call_command("spectacular", "--validate", "--fail-on-warn", stdout=out)

    paths = yaml.safe_load(out.getvalue())["paths"]

    assert {"/api/v1/connections", "/api/v1/engines/{id}/pause"} <= set(paths)


def test_docs_load_no_inline_script_or_style():
    browser = factories.browser_of(factories.UserFactory())

    page = browser.get("/api/v1/docs")
    script = browser.get("/api/v1/docs?script=")

    assert b"<style" not in page.content
    assert page.content.count(b"<script") == page.content.count(b"<script src=") == 3
    assert "'unsafe-inline'" not in page["Content-Security-Policy"]
    assert script["Content-Type"].startswith("application/javascript")


def test_admins_read_the_log_of_changes_and_narrow_it(django_assert_num_queries):
    admin = factories.UserFactory(role=Role.ADMIN)
    actor = Actor(source="web", user=admin, name=admin.username, ip="127.0.0.1")
    for action in ("connection.enabled", "connection.disabled", "engine.pause"):
        log_action(actor=actor, action=action, obj=admin, before={"a": 1}, after={"a": 2})

    with django_assert_num_queries(1):
        answer = api_of(admin).get("/api/v1/activity?action=connection.")

    actions = [entry["action"] for entry in answer.json()["results"]]
    assert actions == ["connection.disabled", "connection.enabled"]
    assert answer.json()["results"][0]["before"] == {"a": 1}


def test_an_operator_does_not_read_it():
    answer = api_of(factories.UserFactory(role=Role.OPERATOR)).get("/api/v1/activity")

    assert answer.status_code == 403
    assert answer["Content-Type"] == "application/problem+json"


def test_health_counts_engines_and_leaves_unknown_null(monkeypatch):
    from monitoring import system

    monkeypatch.setattr(system, "ANSWER_WITHIN_S", 0.05)
    factories.EngineFactory()
    factories.EngineFactory(heartbeat_at=None)

    answer = api_of(factories.UserFactory(role=Role.OPERATOR)).get("/api/v1/health").json()

    assert answer["engines"] == {"running": 1, "lost": 1}
    assert answer["queued"] == {"jobs": 0, "engines": 0}
    assert answer["workers"] == []
    assert 0 < answer["memory_pct"] <= 100
