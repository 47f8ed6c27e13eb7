"""The dashboard and the fragment that keeps it fresh."""

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone

from cts.roles import Act
from monitoring import selectors
from monitoring.access import PageRequest, page


@page(Act.VIEW)
def dashboard(request: PageRequest) -> HttpResponse:
    """Show the dashboard."""
    return render(request, "dashboard/dashboard.html", _context(request))


@page(Act.VIEW)
def live(request: PageRequest) -> HttpResponse:
    """Give the part of the dashboard that changes, with any messages for its page."""
    return live_fragment(request)


def live_fragment(request: PageRequest) -> HttpResponse:
    """Render the changing part, for polling and after an act on the dashboard."""
    return render(request, "dashboard/_live.html", {**_context(request), "with_notices": True})


def _context(request: PageRequest) -> dict[str, object]:
    return {"board": selectors.dashboard(request.user, timezone.now())}
