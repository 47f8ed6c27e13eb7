"""The first admin."""

import re
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from cts.choices import Role, Source
from cts.models import ActivityEntry, User

pytestmark = pytest.mark.django_db


def ensure_admin():
    output = StringIO()
    call_command("ensure_admin", stdout=output)
    return output.getvalue()


def test_a_password_is_generated_and_shown_once(settings):
    settings.ADMIN_PASSWORD = ""
    shown = ensure_admin()
    password = re.search(r"password  (\S+)", shown).group(1)
    admin = User.objects.get(username="admin")
    assert admin.role == Role.ADMIN
    assert admin.is_staff
    assert admin.check_password(password)
    assert len(password) >= 20

    assert ensure_admin() == ""
    assert User.objects.count() == 1


def test_name_and_password_may_come_from_the_environment_and_are_not_shown(settings):
    settings.ADMIN_USERNAME = "irene"
    settings.ADMIN_PASSWORD = "quiet-Harbour-42-lamps"
    shown = ensure_admin()
    assert User.objects.get(username="irene").check_password("quiet-Harbour-42-lamps")
    assert "quiet-Harbour" not in shown


def test_it_is_on_record_without_the_password(settings):
    settings.ADMIN_PASSWORD = "quiet-Harbour-42-lamps"
    ensure_admin()
    entry = ActivityEntry.objects.get(action="user.created")
    assert entry.source == Source.COMMAND
    assert entry.after == {"username": "admin", "role": "admin"}


def test_a_weak_password_is_refused_and_nobody_is_made(settings):
    settings.ADMIN_PASSWORD = "short"
    with pytest.raises(CommandError, match=r"CTS_ADMIN_PASSWORD: .*too short"):
        ensure_admin()
    assert not User.objects.exists()
    assert not ActivityEntry.objects.exists()


def test_a_name_that_belongs_to_somebody_else_is_refused(settings):
    User.objects.create_user("admin", role=Role.VIEWER)
    with pytest.raises(CommandError, match="CTS_ADMIN_USERNAME: expected a name that is free"):
        ensure_admin()
    assert User.objects.get().role == Role.VIEWER


def test_an_inactive_admin_does_not_count(settings):
    settings.ADMIN_USERNAME = "second"
    User.objects.create_user("first", role=Role.ADMIN, is_active=False)
    ensure_admin()
    assert User.objects.filter(username="second", role=Role.ADMIN).exists()
