"""The door of every page: signed in, allowed by role, by the right method; else a plain answer."""

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec

from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import resolve_url
from django.utils.cache import add_never_cache_headers

from cts.models import User
from cts.roles import Act, scope_of

P = ParamSpec("P")
READ = ("GET", "HEAD")
WRITE = ("POST",)


class PageRequest(HttpRequest):
    """A request of somebody signed in."""

    user: User
    htmx: Any


PageView = Callable[Concatenate[PageRequest, P], HttpResponse]


def page(
    act: Act, methods: tuple[str, ...] = READ
) -> Callable[[PageView[P]], Callable[Concatenate[HttpRequest, P], HttpResponse]]:
    """Let a view be reached by those whose role may do `act`, by `methods` only.

    Anonymous: sent to the sign-in page (a fragment is told to move the whole page there). Others
    whose role does not allow it: PermissionDenied, the 403 page. Answers are never cached.
    """

    def decorate(view: PageView[P]) -> Callable[Concatenate[HttpRequest, P], HttpResponse]:
        @wraps(view)
        def checked(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
            if not request.user.is_authenticated:
                return _to_sign_in(request)
            if scope_of(request.user, act) is None:
                raise PermissionDenied("Your role does not allow this page.")
            if request.method not in methods:
                return HttpResponseNotAllowed(methods)
            response = view(request, *args, **kwargs)  # type: ignore[arg-type]
            add_never_cache_headers(response)
            return response

        return checked

    return decorate


def _to_sign_in(request: HttpRequest) -> HttpResponse:
    if getattr(request, "htmx", False):
        return HttpResponse(status=401, headers={"HX-Redirect": resolve_url("login")})
    after = request.get_full_path() if request.method in READ else resolve_url("dashboard")
    return redirect_to_login(after)
