"""The system page: machine, queues, workers, engines."""

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone

from cts.roles import Act
from monitoring import system as system_state
from monitoring.access import PageRequest, page
from trading.models import EngineChange

CHANGES_SHOWN = 30


@page(Act.VIEW_SYSTEM)
def system(request: PageRequest) -> HttpResponse:
    """Show what runs and how the machine stands."""
    context = {
        "machine": system_state.machine(),
        "broker": system_state.broker(),
        "engines": system_state.engines(timezone.now()),
        "changes": EngineChange.objects.select_related("engine__connection")[:CHANGES_SHOWN],
    }
    return render(request, "system/system.html", context)
