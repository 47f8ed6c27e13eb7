"""Tournaments in the database: found or made, and what their books brought about, stored once.

A book is a pure function of the candles, so every host that runs it stores the same rows: writes
are idempotent, and `frames` says for each symbol up to where all is stored.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from django.db import transaction

from connections.choices import Environment
from positions.pseudo import PseudoClosed, PseudoOpened, record_pseudo
from trading.choices import TIMEFRAME_MS, GateProfile, Timeframe
from trading.market.venues import Venue
from trading.models import StageChange, Tournament, TournamentSet
from trading.tournament.book import Book
from trading.tournament.events import Advance
from trading.tournament.gates import DEFAULT_GATES, PRACTICE_GATES, Gates
from trading.tournament.grid import PRACTICE_GRID
from trading.tournament.stage import Stage

HISTORY_FRAMES = 500
BEST_SHOWN = 5


def tournament_of(venue: Venue, *, timeframe: str = Timeframe.M1, now: datetime) -> Tournament:
    """Give the venue's tournament, made on first use with its history starting 500 frames ago.

    In the sandbox it has the practice gates, elsewhere the default ones.
    """
    step = TIMEFRAME_MS[timeframe]
    origin_ms = int(now.timestamp() * 1000) // step * step - HISTORY_FRAMES * step
    practice = venue.environment == Environment.SANDBOX
    tournament, _ = Tournament.objects.get_or_create(
        exchange=venue.exchange,
        environment=venue.environment,
        market_type=venue.market_type,
        timeframe=timeframe,
        defaults={
            "grid": PRACTICE_GRID.as_json(),
            "gate_profile": GateProfile.PRACTICE if practice else GateProfile.DEFAULT,
            "origin_ms": origin_ms,
        },
    )
    return tournament


def gates_of(tournament: Tournament) -> Gates:
    """Give the gates of the tournament's profile."""
    practice = tournament.gate_profile == GateProfile.PRACTICE
    return PRACTICE_GATES if practice else DEFAULT_GATES


def add_symbols(tournament: Tournament, symbols: Iterable[str]) -> Tournament:
    """Have the tournament trade these symbols too; it never drops one. Conditional, one lock."""
    with transaction.atomic():
        row = Tournament.objects.select_for_update().get(pk=tournament.pk)
        missing = sorted(set(symbols) - set(row.symbols))
        if missing:
            row.symbols = [*row.symbols, *missing]
            row.save(update_fields=["symbols"])
    return row


def standing_of(book: Book) -> dict[str, Any]:
    """Give how many sets stand on each rung, and the best below Real with what each lacks."""
    best: list[dict[str, Any]] = []
    for stage in (Stage.MAIN, Stage.BASE_ACTIVE, Stage.BASE_EVALUATING):
        for key in book.best_at(stage, BEST_SHOWN - len(best)):
            lacking = [asdict(each) for each in book.distance_to_next(key) if not each.met]
            best.append({"key": key, "stage": stage.value, "lacking": lacking})
    counts = {stage.value: count for stage, count in book.counts_by_stage().items()}
    return {"counts": counts, "best": best}


def store_advances(
    tournament_id: int, advances: Sequence[Advance], standing: Mapping[str, Any]
) -> None:
    """Store stage changes, sets and pseudo positions of these frames in one transaction.

    `standing` is standing_of() the book after them. Frames that are stored already are passed
    over. Rows are kept for sets from Base active upward and for pseudo positions opened at Main or
    Real; the rest is computed when asked for.
    """
    if not advances:
        return
    with transaction.atomic():
        tournament = Tournament.objects.select_for_update().get(pk=tournament_id)
        fresh = [
            each for each in advances if each.frame_ms > tournament.frames.get(each.symbol, -1)
        ]
        if not fresh:
            return
        _store_stages(tournament, fresh)
        record_pseudo(
            tournament_id=tournament_id,
            opened=[item for each in fresh for item in _opened(each)],
            closed=[item for each in fresh for item in _closed(each)],
        )
        for each in fresh:
            tournament.frames[each.symbol] = each.frame_ms
        tournament.standing = standing
        tournament.save(update_fields=["frames", "standing"])


def _store_stages(tournament: Tournament, advances: Sequence[Advance]) -> None:
    changes: list[StageChange] = []
    sets: dict[str, TournamentSet] = {}
    for each in advances:
        for move in each.moved:
            change = move.change
            if max(change.before.code, change.after.code) < Stage.BASE_ACTIVE.code:
                continue
            evidence = change.evidence.as_json()
            changes.append(
                StageChange(
                    tournament=tournament,
                    set_key=move.key,
                    frame_ms=move.frame_ms,
                    before=change.before,
                    after=change.after,
                    evidence=evidence,
                )
            )
            sets[move.key] = TournamentSet(
                tournament=tournament,
                key=move.key,
                symbol=each.symbol,
                stage=change.after,
                since_ms=move.frame_ms,
                evidence=evidence,
            )
    StageChange.objects.bulk_create(changes, ignore_conflicts=True, batch_size=500)
    TournamentSet.objects.bulk_create(
        list(sets.values()),
        update_conflicts=True,
        unique_fields=["tournament", "key"],
        update_fields=["stage", "since_ms", "evidence"],
        batch_size=500,
    )


def _has_row(stage: Stage) -> bool:
    return stage.counts_after_entering


def _closed(advance: Advance) -> list[PseudoClosed]:
    return [
        PseudoClosed(
            set_key=each.key,
            open_ms=each.position.opened_ms,
            close_ms=each.position.closed_ms,
            exit_price=each.position.exit,
            close_reason=str(each.position.reason),
            result_units=each.position.result_units,
            net_units=each.position.net_units,
        )
        for each in advance.closed
        if _has_row(each.opened_stage)
    ]


def _opened(advance: Advance) -> list[PseudoOpened]:
    return [
        PseudoOpened(
            set_key=each.key,
            symbol=advance.symbol,
            side=str(each.side),
            stage=str(each.stage),
            strength=each.strength,
            open_ms=each.opened_ms,
            entry_price=each.entry,
        )
        for each in advance.opened
        if _has_row(each.stage)
    ]
