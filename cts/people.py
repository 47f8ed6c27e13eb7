"""Create and change people, and set their passwords. The last active admin always stays one."""

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, models, transaction

from cts.activity import changes, log_action
from cts.actors import Actor
from cts.choices import Role
from cts.errors import Refused
from cts.models import User
from cts.roles import Act, require

_FACTS = ("username", "role", "is_active", "email", "first_name", "last_name")


def create_person(*, actor: Actor, username: str, password: str, role: str) -> User:
    """Create a person with one role. Raises Refused (name taken, weak password, unknown role)."""
    require(actor, Act.MANAGE_USERS)
    person = User(username=User.normalize_username(username.strip()), role=_known_role(role))
    _require_strong(password, person)
    person.set_password(password)
    try:
        with transaction.atomic():
            person.save(force_insert=True)
            log_action(actor=actor, action="person.created", obj=person, after=_facts(person))
    except IntegrityError as error:
        raise Refused(
            "person.name_taken", f'There is a person "{username}" already.', field="username"
        ) from error
    return person


def change_person(
    *, actor: Actor, person: User, role: str, is_active: bool, email: str = ""
) -> User:
    """Change role, activity and address. Raises Refused for the last active admin."""
    require(actor, Act.MANAGE_USERS)
    with transaction.atomic():
        row = User.objects.select_for_update().get(pk=person.pk)
        before = _facts(row)
        row.role, row.is_active, row.email = _known_role(role), is_active, email
        stays_admin = row.is_active and row.role == Role.ADMIN
        if not stays_admin and not _other_admins(row).exists():
            raise Refused(
                "person.last_admin",
                f"{row.username} is the only active admin: make another one first.",
            )
        row.save()
        former, present = changes(before, _facts(row))
        if present:
            log_action(actor=actor, action="person.changed", obj=row, before=former, after=present)
    person.refresh_from_db()
    return person


def set_password(*, actor: Actor, person: User, password: str) -> User:
    """Set a person's password; their API tokens end with the old one. Raises Refused if weak."""
    require(actor, Act.MANAGE_USERS)
    _require_strong(password, person)
    with transaction.atomic():
        person.set_password(password)
        person.save(update_fields=["password"])
        log_action(actor=actor, action="person.password_set", obj=person)
    return person


def _facts(person: User) -> dict[str, object]:
    return {name: getattr(person, name) for name in _FACTS}


def _other_admins(person: User) -> models.QuerySet[User]:
    return User.objects.filter(role=Role.ADMIN, is_active=True).exclude(pk=person.pk)


def _known_role(role: str) -> Role:
    if role not in Role.values:
        raise Refused(
            "person.unknown_role",
            f"Expected a role out of {', '.join(Role.values)}, was {role[:20]!r}.",
            field="role",
        )
    return Role(role)


def _require_strong(password: str, person: User) -> None:
    try:
        validate_password(password, person)
    except ValidationError as error:
        raise Refused("person.weak_password", " ".join(error.messages), field="password") from error
