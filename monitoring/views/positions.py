"""Positions: open and closed ones, paper ones, one with its orders and fills; closing one."""

from django import forms
from django.core.paginator import Paginator
from django.db.models import Prefetch, QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone

from connections.selectors import connections_for
from cts.actors import Actor
from cts.choices import Source
from cts.errors import Refused
from cts.roles import Act
from monitoring.access import PageRequest, page
from monitoring.prices import read_prices
from monitoring.selectors import closed_row, open_row, visible_positions
from monitoring.views import answers
from positions.choices import CloseReason, PositionState, Side
from positions.closing import request_close
from positions.models import LivePosition, Order, PseudoPosition
from positions.models.positions import OPEN_STATES
from trading.models import Tournament

PAGE_SIZE = 50
CLOSED_STATES = (PositionState.CLOSED, PositionState.LIQUIDATED)


class PositionFilter(forms.Form):
    """What the lists are narrowed to; wrong values narrow nothing and say so."""

    symbol = forms.CharField(required=False, max_length=40)
    side = forms.ChoiceField(required=False, choices=[("", "Both sides"), *Side.choices])
    connection = forms.IntegerField(required=False, min_value=1)

    def narrow(self, positions: QuerySet[LivePosition]) -> QuerySet[LivePosition]:
        """Apply every valid value given."""
        asked = self.cleaned_data if self.is_valid() else {}
        if asked.get("symbol"):
            positions = positions.filter(symbol__icontains=asked["symbol"])
        if asked.get("side"):
            positions = positions.filter(side=asked["side"])
        if asked.get("connection"):
            positions = positions.filter(connection_id=asked["connection"])
        return positions


@page(Act.VIEW)
def live_open(request: PageRequest) -> HttpResponse:
    """List the open live positions."""
    now = timezone.now()
    narrowed = PositionFilter(request.GET)
    positions = list(narrowed.narrow(visible_positions(request.user).filter(state__in=OPEN_STATES)))
    prices = read_prices((each.connection.venue, each.symbol) for each in positions)
    context = {
        "rows": [open_row(position, prices, now) for position in positions],
        "prices_reachable": prices.reachable,
        **_filter_context(request, narrowed),
    }
    return render(request, "positions/open.html", context)


@page(Act.VIEW)
def live_closed(request: PageRequest) -> HttpResponse:
    """List the closed live positions, newest first."""
    narrowed = PositionFilter(request.GET)
    positions = narrowed.narrow(visible_positions(request.user).filter(state__in=CLOSED_STATES))
    shown = Paginator(positions.order_by("-closed_at", "-id"), PAGE_SIZE).get_page(
        request.GET.get("page")
    )
    context = {
        "rows": [closed_row(position) for position in shown],
        "shown": shown,
        **_filter_context(request, narrowed),
    }
    return render(request, "positions/closed.html", context)


@page(Act.VIEW)
def pseudo(request: PageRequest) -> HttpResponse:
    """List the positions on paper of the tournaments, newest first."""
    shown = Paginator(PseudoPosition.objects.order_by("-id"), PAGE_SIZE).get_page(
        request.GET.get("page")
    )
    tournaments = Tournament.objects.in_bulk({row.tournament_id for row in shown})
    context = {
        "rows": [(row, tournaments.get(row.tournament_id)) for row in shown],
        "shown": shown,
    }
    return render(request, "positions/pseudo.html", context)


@page(Act.VIEW)
def detail(request: PageRequest, pk: int) -> HttpResponse:
    """Show one live position with its orders, their events and fills."""
    orders = Order.objects.order_by("id").prefetch_related("events", "fills")
    positions = visible_positions(request.user).prefetch_related(Prefetch("orders", orders))
    position = get_object_or_404(positions, pk=pk)
    prices = read_prices([(position.connection.venue, position.symbol)])
    context = {
        "position": position,
        "open": open_row(position, prices, timezone.now()) if position.is_open else None,
        "closed": None if position.is_open else closed_row(position),
    }
    return render(request, "positions/position.html", context)


@page(Act.TRADE, ("GET", "HEAD", "POST"))
def close(request: PageRequest, pk: int) -> HttpResponse:
    """Ask before an open position is closed at market."""
    position = get_object_or_404(visible_positions(request.user), pk=pk)
    refusal, status = None, 200
    if request.method == "POST":
        try:
            request_close(
                actor=Actor.from_request(request, Source.WEB),
                position=position,
                reason=CloseReason.MANUAL,
            )
        except Refused as error:
            refusal, status = error.message, 409
        else:
            message = f"Closing {position.symbol} {position.side} at market."
            return answers.done(request, message, to=answers.next_url(request))
    prices = read_prices([(position.connection.venue, position.symbol)])
    context = {"row": open_row(position, prices, timezone.now()), "refusal": refusal}
    return answers.dialog(request, "positions/close.html", context, status=status)


def _filter_context(request: PageRequest, narrowed: PositionFilter) -> dict[str, object]:
    query = request.GET.copy()
    query.pop("page", None)
    return {
        "filter": narrowed,
        "query": query.urlencode(),
        "connections": connections_for(request.user),
    }
