"""What a page offers to whom; the services decide again."""

from dataclasses import dataclass
from typing import Any

from django import template
from django.template import Context
from django.urls import reverse

from cts.roles import Act, scope_of

register = template.Library()


@register.filter
def may(user: Any, act: str) -> bool:
    """Tell whether `user` may do `act` to what the page shows (its lists are narrowed already)."""
    return scope_of(user, Act(act)) is not None


@dataclass(frozen=True, slots=True)
class NavigationItem:
    """One entry of the main navigation."""

    label: str
    url: str
    is_current: bool


_NAVIGATION: tuple[tuple[str, str, Act], ...] = (
    ("Dashboard", "dashboard", Act.VIEW),
    ("Connections", "connections", Act.VIEW),
    ("Positions", "positions", Act.VIEW),
    ("Tournaments", "tournaments", Act.VIEW),
    ("System", "system", Act.VIEW_SYSTEM),
    ("Admin", "admin:index", Act.VIEW_SYSTEM),
    ("API", "api-docs", Act.VIEW),
)


@register.simple_tag(takes_context=True)
def navigation(context: Context) -> list[NavigationItem]:
    """Give the pages that the signed-in person may open, the current one marked."""
    request = context["request"]
    items = []
    for label, name, act in _NAVIGATION:
        if scope_of(request.user, act) is None:
            continue
        url = reverse(name)
        here = request.path == url if url == reverse("dashboard") else request.path.startswith(url)
        items.append(NavigationItem(label, url, here))
    return items
