"""Permission by role, denied by default."""

from typing import Any

from rest_framework.exceptions import NotAuthenticated
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from cts.models import User
from cts.roles import Act, scope_of


class RolePermission(BasePermission):
    """Asks the view's `acts` table ({method or action: Act}); what is not in it is denied.

    Whose objects a person reaches is decided by the view's queryset (cts.roles.visible) and once
    more by the service that is called.
    """

    def has_permission(self, request: Request, view: Any) -> bool:
        """Tell whether the role may do this kind of thing at all."""
        acts: dict[str, Act] = getattr(view, "acts", {})
        act = acts.get(getattr(view, "action", None) or "") or acts.get(request.method or "")
        return act is not None and scope_of(request.user, act) is not None


def signed_in(request: Request) -> User:
    """Give the person behind `request`; raises NotAuthenticated for nobody."""
    if not isinstance(request.user, User):
        raise NotAuthenticated
    return request.user
