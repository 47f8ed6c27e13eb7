"""Creating and changing people, by service and in the admin."""

import pytest
from django.core.exceptions import PermissionDenied

from cts import people
from cts.actors import Actor
from cts.choices import Role, Source
from cts.errors import Refused
from cts.models import ActivityEntry, User
from tests import factories
from tests.factories import browser_of

pytestmark = pytest.mark.django_db
STRONG = "a long and winding password"


@pytest.fixture
def admin():
    return factories.UserFactory(username="ada", role=Role.ADMIN)


@pytest.fixture
def actor(admin):
    return Actor(source=Source.WEB, user=admin, name=admin.username)


def test_creates_somebody_and_records_it_without_the_password(actor):
    person = people.create_person(actor=actor, username="tom", password=STRONG, role="trader")

    assert person.check_password(STRONG)
    entry = ActivityEntry.objects.get()
    assert (entry.action, entry.after["role"]) == ("person.created", "trader")
    assert STRONG not in str(entry.after)


@pytest.mark.parametrize(
    ("given", "code", "field"),
    [
        ({"username": "ada"}, "person.name_taken", "username"),
        ({"password": "short"}, "person.weak_password", "password"),
        ({"role": "king"}, "person.unknown_role", "role"),
    ],
)
def test_bad_input_is_refused_at_its_field(actor, given, code, field):
    with pytest.raises(Refused) as refused:
        people.create_person(
            actor=actor, **{"username": "tom", "password": STRONG, "role": "trader", **given}
        )

    assert (refused.value.code, refused.value.field) == (code, field)
    assert User.objects.count() == 1


@pytest.mark.parametrize("change", [{"role": Role.TRADER}, {"is_active": False}])
def test_the_last_admin_stays_one(actor, admin, change):
    with pytest.raises(Refused, match="only active admin"):
        people.change_person(
            actor=actor, person=admin, **{"role": Role.ADMIN, "is_active": True, **change}
        )

    admin.refresh_from_db()
    assert (admin.role, admin.is_active) == (Role.ADMIN, True)


def test_nobody_but_an_admin_manages_people(admin):
    operator = factories.UserFactory(role=Role.OPERATOR)
    actor = Actor(source=Source.WEB, user=operator, name=operator.username)

    with pytest.raises(PermissionDenied):
        people.set_password(actor=actor, person=admin, password=STRONG)
    with pytest.raises(PermissionDenied):
        people.change_person(actor=actor, person=operator, role=Role.ADMIN, is_active=True)


class TestInTheAdmin:
    def test_adds_somebody(self, admin):
        browser = browser_of(admin)

        browser.post(
            "/admin/cts/user/add/", {"username": "tom", "role": "viewer", "password": STRONG}
        )

        assert User.objects.get(username="tom").check_password(STRONG)
        assert ActivityEntry.objects.get().source == "admin"

    def test_a_refusal_stands_in_the_form(self, admin):
        answer = browser_of(admin).post(
            f"/admin/cts/user/{admin.pk}/change/", {"role": "viewer", "is_active": "on"}
        )

        assert answer.status_code == 200
        assert b"only active admin" in answer.content
        admin.refresh_from_db()
        assert admin.role == Role.ADMIN

    def test_changes_a_role_and_records_before_and_after(self, admin):
        tom = factories.UserFactory(role=Role.TRADER)

        browser_of(admin).post(
            f"/admin/cts/user/{tom.pk}/change/", {"role": "operator", "is_active": "on"}
        )

        entry = ActivityEntry.objects.get()
        assert (entry.before, entry.after) == ({"role": "trader"}, {"role": "operator"})

    def test_sets_a_password_by_dialog(self, admin):
        tom = factories.UserFactory()
        path = f"/admin/cts/user/{tom.pk}/set-password/"
        browser = browser_of(admin)

        browser.get(path)
        tom.refresh_from_db()
        assert tom.check_password(factories.PASSWORD)
        browser.post(path, {"password": STRONG, "_form_submitted": "True"})

        tom.refresh_from_db()
        assert tom.check_password(STRONG)
