"""Recording what the tournament traded on paper. Idempotent: the book may tell it twice."""

from collections.abc import Sequence
from dataclasses import dataclass

from positions.models import PseudoPosition


@dataclass(frozen=True, slots=True)
class PseudoOpened:
    """A pseudo position opened by a set at Main or Real; prices as the kernel computed them."""

    set_key: str
    symbol: str
    side: str
    stage: str
    strength: float
    open_ms: int
    entry_price: float


@dataclass(frozen=True, slots=True)
class PseudoClosed:
    """A pseudo position closed; results in units of the position cost."""

    set_key: str
    open_ms: int
    close_ms: int
    exit_price: float
    close_reason: str
    result_units: float
    net_units: float


def record_pseudo(
    *, tournament_id: int, opened: Sequence[PseudoOpened], closed: Sequence[PseudoClosed]
) -> None:
    """Write what was opened and closed, in the caller's transaction: one insert for all, and one
    update for each closing of a row that was there before.

    A closing of a position that has no row (its set was below Main when it opened) is nothing.
    """
    rows = {
        (item.set_key, item.open_ms): PseudoPosition(
            tournament_id=tournament_id,
            set_key=item.set_key,
            symbol=item.symbol,
            side=item.side,
            stage=item.stage,
            strength=item.strength,
            open_ms=item.open_ms,
            entry_price=item.entry_price,
        )
        for item in opened
    }
    for ending in closed:
        figures = {
            "close_ms": ending.close_ms,
            "exit_price": ending.exit_price,
            "close_reason": ending.close_reason,
            "result_units": ending.result_units,
            "net_units": ending.net_units,
        }
        row = rows.get((ending.set_key, ending.open_ms))
        if row is not None:
            for name, value in figures.items():
                setattr(row, name, value)
            continue
        PseudoPosition.objects.filter(
            tournament_id=tournament_id,
            set_key=ending.set_key,
            open_ms=ending.open_ms,
            close_ms__isnull=True,
        ).update(**figures)
    PseudoPosition.objects.bulk_create(rows.values(), ignore_conflicts=True, batch_size=500)
