"""`manage.py ensure_admin`: makes the first admin where there is none."""

import secrets
from typing import Any

from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from cts.activity import log_action
from cts.actors import Actor
from cts.choices import Role
from cts.models import User

GENERATED_BYTES = 18


class Command(BaseCommand):
    """Creates a person of the role admin, unless one who may sign in exists."""

    help = (
        "Makes the first admin. Name: CTS_ADMIN_USERNAME (admin). Password: CTS_ADMIN_PASSWORD, "
        "or one that is generated and shown this once. Does nothing where an admin exists."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        """Create the admin, on record; raises CommandError for a password that is too weak."""
        if User.objects.filter(role=Role.ADMIN, is_active=True).exists():
            return
        username = settings.ADMIN_USERNAME
        if User.objects.filter(username=username).exists():
            raise CommandError(
                f"CTS_ADMIN_USERNAME: expected a name that is free, {username!r} belongs to a "
                f"person who is no active admin. Set another name."
            )
        password = settings.ADMIN_PASSWORD or secrets.token_urlsafe(GENERATED_BYTES)
        _create(username, password)
        if settings.ADMIN_PASSWORD:
            self.stdout.write(f"Made the admin {username!r} with the password of your environment.")
        else:
            self.stdout.write(password_box(username, password))


@transaction.atomic
def _create(username: str, password: str) -> None:
    user = User(username=username, role=Role.ADMIN)
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise CommandError(f"CTS_ADMIN_PASSWORD: {' '.join(error.messages)}") from error
    user.set_password(password)
    user.save(force_insert=True)
    log_action(
        actor=Actor.command(),
        action="user.created",
        obj=user,
        after={"username": username, "role": user.role},
    )


def password_box(username: str, password: str) -> str:
    """Give the box that shows a generated password."""
    lines = [
        "The first admin. This password is shown only once:",
        "",
        f"    name      {username}",
        f"    password  {password}",
        "",
        "Sign in and change it, or set CTS_ADMIN_PASSWORD before the first start.",
    ]
    width = max(len(line) for line in lines)
    edge = "+" + "-" * (width + 2) + "+"
    return "\n".join([edge, *(f"| {line:<{width}} |" for line in lines), edge])
