"""How a page answers after an act: back to where the person was, with a word on what happened."""

from typing import Any
from urllib.parse import urlsplit

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render, resolve_url
from django.utils.http import url_has_allowed_host_and_scheme

from cts.errors import Refused
from monitoring.access import PageRequest


def next_url(request: PageRequest, default: str = "dashboard") -> str:
    """Give where to go after the act: `next`, the page that opened the dialog, or `default`.

    Addresses of other sites are ignored.
    """
    asked = request.POST.get("next") or request.GET.get("next") or _current_page(request)
    if asked and url_has_allowed_host_and_scheme(asked, allowed_hosts=None):
        return asked
    return resolve_url(default)


def posted(request: PageRequest) -> QueryDict | None:
    """Give what a form is bound to: what was posted, even nothing; None on GET."""
    return request.POST if request.method == "POST" else None


def done(request: PageRequest, message: str, *, to: str) -> HttpResponse:
    """Say that the act was carried out and go to `to`."""
    messages.success(request, message)
    return go(request, to)


def go(request: PageRequest, to: str) -> HttpResponse:
    """Go to `to`, from a page or from a dialog."""
    if request.htmx:
        return HttpResponse(status=204, headers={"HX-Redirect": to})
    return redirect(to)


def refused(request: HttpRequest, error: Refused) -> None:
    """Say why the act was not carried out."""
    messages.error(request, error.message)


def dialog(
    request: PageRequest, name: str, context: dict[str, Any], status: int = 200
) -> HttpResponse:
    """Render `name` as a page, or its fragment `_name` where a dialog on a page asked for it."""
    context = {**context, "next": next_url(request)}
    folder, _, file = name.rpartition("/")
    template = f"{folder}/_{file}" if request.htmx else name
    return render(request, template, context, status=status)


def _current_page(request: PageRequest) -> str:
    if not request.htmx or not request.htmx.current_url:
        return ""
    return urlsplit(request.htmx.current_url).path
