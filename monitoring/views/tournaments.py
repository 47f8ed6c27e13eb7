"""Tournaments: the sets at Main and Real, and how the stages moved."""

from django.db.models import Count, Q
from django.http import HttpResponse
from django.shortcuts import render

from cts.roles import Act
from monitoring.access import PageRequest, page
from monitoring.set_words import words_of_key
from trading.models import StageChange, Tournament, TournamentSet
from trading.tournament.stage import Stage

SETS_SHOWN = 50
CHANGES_SHOWN = 50
_CLIMBING = (Stage.BASE_ACTIVE, Stage.MAIN, Stage.REAL)


@page(Act.VIEW)
def tournament_list(request: PageRequest) -> HttpResponse:
    """Show every tournament, its best sets and the newest stage changes. Three queries."""
    counts = {stage.value: Count("sets", filter=Q(sets__stage=stage)) for stage in _CLIMBING}
    best = TournamentSet.objects.filter(stage__in=(Stage.MAIN, Stage.REAL)).select_related(
        "tournament"
    )
    # Real before Main: the names sort that way round.
    sets = best.order_by("-stage", "-since_ms")[:SETS_SHOWN]
    changes = StageChange.objects.select_related("tournament")[:CHANGES_SHOWN]
    tournaments = Tournament.objects.annotate(**counts).order_by(
        "exchange", "environment", "market_type", "timeframe"
    )
    context = {
        "tournaments": [(row, max(row.frames.values(), default=None)) for row in tournaments],
        "sets": [(row, words_of_key(row.key)) for row in sets],
        "changes": [(row, words_of_key(row.set_key)) for row in changes],
    }
    return render(request, "tournaments/tournaments.html", context)
