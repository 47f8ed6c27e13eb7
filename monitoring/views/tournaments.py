"""Tournaments: the sets at Main and Real, and how the stages moved."""

from typing import Any

from django.db.models import Count, Q
from django.http import HttpResponse
from django.shortcuts import render

from cts.roles import Act
from monitoring.access import PageRequest, page
from monitoring.set_words import words_of_key, words_of_lacking
from trading.models import StageChange, Tournament, TournamentSet
from trading.tournament.set_spec import split_key
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
        "nearest": [
            (row, best, split_key(best["key"])[0], words_of_key(best["key"]), _lacking(best))
            for row in tournaments
            for best in row.standing.get("best", [])
        ],
        "sets": [(row, words_of_key(row.key)) for row in sets],
        "changes": [(row, split_key(row.set_key)[0], words_of_key(row.set_key)) for row in changes],
    }
    return render(request, "tournaments/tournaments.html", context)


def _lacking(best: dict[str, Any]) -> list[str]:
    return [words_of_lacking(each) for each in best["lacking"]]
