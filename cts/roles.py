"""Who may do what: one table, asked by web, API, admin and services alike. Denied by default."""

from enum import StrEnum
from typing import Any, TypeVar

from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet

from cts.actors import Actor
from cts.choices import Role

M = TypeVar("M", bound=Model)


class Act(StrEnum):
    """Something a person may be allowed to do."""

    VIEW = "view"
    MANAGE_CONNECTION = "manage_connection"
    OPERATE_ENGINE = "operate_engine"
    TRADE = "trade"
    VIEW_SYSTEM = "view_system"
    VIEW_ACTIVITY = "view_activity"
    MANAGE_USERS = "manage_users"
    MANAGE_SETTINGS = "manage_settings"


class Scope(StrEnum):
    """Whose objects a permission reaches."""

    OWN = "own"
    ALL = "all"


_OPERATOR = {
    Act.VIEW: Scope.ALL,
    Act.MANAGE_CONNECTION: Scope.ALL,
    Act.OPERATE_ENGINE: Scope.ALL,
    Act.TRADE: Scope.ALL,
    Act.VIEW_SYSTEM: Scope.ALL,
}

RULES: dict[Role, dict[Act, Scope]] = {
    Role.VIEWER: {Act.VIEW: Scope.ALL},
    Role.TRADER: {
        Act.VIEW: Scope.OWN,
        Act.MANAGE_CONNECTION: Scope.OWN,
        Act.OPERATE_ENGINE: Scope.OWN,
        Act.TRADE: Scope.OWN,
    },
    Role.OPERATOR: _OPERATOR,
    Role.ADMIN: {
        **_OPERATOR,
        Act.VIEW_ACTIVITY: Scope.ALL,
        Act.MANAGE_USERS: Scope.ALL,
        Act.MANAGE_SETTINGS: Scope.ALL,
    },
}


def scope_of(user: Any, act: Act) -> Scope | None:
    """Give how far `user` may do `act`; None means not at all."""
    if user is None or not user.is_authenticated or not user.is_active:
        return None
    return RULES.get(Role(user.role), {}).get(act)


def permitted(user: Any, act: Act, *, owner_id: int | None = None) -> bool:
    """Tell whether `user` may do `act` to an object owned by `owner_id` (None: nobody's)."""
    scope = scope_of(user, act)
    return scope is Scope.ALL or (scope is Scope.OWN and owner_id == user.pk)


def require(actor: Actor, act: Act, *, owner_id: int | None = None) -> None:
    """Raise PermissionDenied unless `actor` may do `act`. The system itself may do everything."""
    if actor.is_system:
        return
    if not permitted(actor.user, act, owner_id=owner_id):
        raise PermissionDenied(f"The role {actor.role_label} may not do this here.")


def visible(
    queryset: QuerySet[M], user: Any, *, owner: str = "owner", act: Act = Act.VIEW
) -> QuerySet[M]:
    """Narrow `queryset` to what `user` may see; `owner` is the lookup path to the owner."""
    scope = scope_of(user, act)
    if scope is Scope.ALL:
        return queryset
    if scope is Scope.OWN:
        return queryset.filter(**{owner: user})
    return queryset.none()
