"""Engines in the admin, and records that nobody edits."""

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group

from cts.admin_pages import RecordAdmin
from cts.choices import Role
from cts.models import ActivityEntry
from positions.models import Fill, LivePosition, Order, PseudoPosition, Refusal
from tests import factories
from tests.factories import browser_of
from trading.choices import DesiredState
from trading.models import Engine, Market, StageChange, Tournament, TournamentSet

pytestmark = pytest.mark.django_db
CONFIRMED = {"_form_submitted": "True"}
BASE = "/admin/trading/engine"


@pytest.fixture
def engine():
    return factories.EngineFactory()


def test_each_act_asks_on_get_and_acts_on_post(engine):
    browser = browser_of(factories.UserFactory(role=Role.OPERATOR))
    wanted = []
    for act in ("pause", "resume", "stop", "start"):
        before = engine.desired
        browser.get(f"{BASE}/{engine.pk}/{act}/")
        engine.refresh_from_db()
        assert engine.desired == before
        browser.post(f"{BASE}/{engine.pk}/{act}/", CONFIRMED)
        engine.refresh_from_db()
        wanted.append(engine.desired)

    assert wanted == ["paused", "running", "stopped", "running"]
    assert set(ActivityEntry.objects.values_list("source", flat=True)) == {"admin"}


def test_stop_with_open_positions_has_to_be_said(engine):
    factories.LivePositionFactory(connection=engine.connection)
    browser = browser_of(factories.UserFactory(role=Role.OPERATOR))

    refused = browser.post(f"{BASE}/{engine.pk}/stop/", CONFIRMED, follow=True)
    engine.refresh_from_db()
    assert engine.desired == DesiredState.RUNNING
    assert b"Confirm to stop anyway" in refused.content
    browser.post(f"{BASE}/{engine.pk}/stop/", {**CONFIRMED, "leave_positions": "on"})

    engine.refresh_from_db()
    assert engine.desired == DesiredState.STOPPED


@pytest.mark.parametrize("role", [Role.VIEWER, Role.TRADER])
def test_who_is_not_let_in_operates_nothing(engine, role):
    answer = browser_of(factories.UserFactory(role=role)).post(
        f"{BASE}/{engine.pk}/pause/", CONFIRMED
    )

    assert answer.status_code == 302
    engine.refresh_from_db()
    assert engine.desired == DesiredState.RUNNING


@pytest.mark.parametrize(
    "model",
    [
        Engine,
        Fill,
        LivePosition,
        Market,
        Order,
        PseudoPosition,
        Refusal,
        StageChange,
        Tournament,
        TournamentSet,
    ],
)
def test_records_are_neither_added_changed_nor_deleted(model, rf):
    request = rf.get("/")
    request.user = factories.UserFactory(role=Role.ADMIN)
    page = admin.site.get_model_admin(model)

    assert isinstance(page, RecordAdmin)
    assert page.has_view_permission(request)
    assert not page.has_add_permission(request)
    assert not page.has_change_permission(request)
    assert not page.has_delete_permission(request)


def test_rights_are_roles_so_there_are_no_groups():
    assert not admin.site.is_registered(Group)


def test_a_schedule_is_switched_off_by_an_admin_only_and_that_is_recorded():
    from django_celery_beat.models import IntervalSchedule, PeriodicTask

    every, _ = IntervalSchedule.objects.get_or_create(every=5, period=IntervalSchedule.SECONDS)
    task = PeriodicTask.objects.create(name="test", task="test", interval=every)
    path = f"/admin/django_celery_beat/periodictask/{task.pk}/change/"

    browser_of(factories.UserFactory(role=Role.OPERATOR)).post(path, {})
    task.refresh_from_db()
    assert task.enabled is True
    browser_of(factories.UserFactory(role=Role.ADMIN)).post(path, {})

    task.refresh_from_db()
    assert task.enabled is False
    assert ActivityEntry.objects.get().action == "schedule.changed"
