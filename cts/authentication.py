"""Django's permission questions answered from the role table."""

from typing import Any

from django.contrib.auth.backends import ModelBackend

from cts.roles import Act, permitted

# What the admin asks as "app.verb_model"; every model not named here is readable by those who
# may see the system, and writable by nobody through generic forms.
_ADMIN_ACTS: dict[str, Act] = {
    "cts.view_user": Act.MANAGE_USERS,
    "cts.add_user": Act.MANAGE_USERS,
    "cts.change_user": Act.MANAGE_USERS,
    "cts.view_activityentry": Act.VIEW_ACTIVITY,
    "connections.add_connection": Act.MANAGE_CONNECTION,
    "connections.change_connection": Act.MANAGE_CONNECTION,
    "django_celery_beat.change_periodictask": Act.MANAGE_SETTINGS,
    "trading.change_tournament": Act.MANAGE_SETTINGS,
}


class RoleBackend(ModelBackend):
    """Signs people in by password; answers has_perm() from cts.roles."""

    def has_perm(self, user_obj: Any, perm: str, obj: Any = None) -> bool:
        """Tell whether the role allows the admin permission `perm` ("app.verb_model")."""
        act = _ADMIN_ACTS.get(perm)
        if act is None and perm.split(".", 1)[-1].startswith("view_"):
            act = Act.VIEW_SYSTEM
        owner_id = getattr(obj, "owner_id", None)
        return act is not None and permitted(user_obj, act, owner_id=owner_id)

    def has_module_perms(self, user_obj: Any, app_label: str) -> bool:
        """Tell whether the admin shows the app at all."""
        return permitted(user_obj, Act.VIEW_SYSTEM)

    def get_all_permissions(self, user_obj: Any, obj: Any = None) -> set[str]:
        """Give nothing: permissions are roles, never rows."""
        return set()
