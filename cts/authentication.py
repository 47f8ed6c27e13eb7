"""Who signs in, how often they may try, and Django's permission questions answered by role."""

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from rest_framework.throttling import SimpleRateThrottle

from cts.roles import Act, permitted

LOCKED_OUT = (
    "Too many failed attempts: this name is locked for your address for 15 minutes. "
    "Wait, or ask an admin to reset the lock with `manage.py axes_reset`."
)

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


class SignInThrottle(SimpleRateThrottle):
    """Attempts to sign in by address, counted over the web and the API together."""

    scope = "sign-in"

    def get_cache_key(self, request: Any, view: Any) -> str:
        """Count by the address that the request came from."""
        return self.cache_format % {"scope": self.scope, "ident": self.get_ident(request)}


def locked_out(
    request: HttpRequest,
    response: HttpResponse | None = None,
    credentials: dict[str, Any] | None = None,
) -> HttpResponse:
    """Answer an attempt of somebody locked out by axes: a problem for the API, else the page."""
    if request.path_info.startswith("/api/"):
        return JsonResponse(
            {
                "type": "urn:cts:problem:sign_in.locked_out",
                "title": "Too Many Requests",
                "status": 429,
                "detail": LOCKED_OUT,
            },
            status=429,
            content_type="application/problem+json",
        )
    return render(request, "sign_in.html", {"notice": LOCKED_OUT}, status=429)
