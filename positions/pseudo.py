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
    *, tournament_id: int, closed: Sequence[PseudoClosed], opened: Sequence[PseudoOpened]
) -> None:
    """Write closings, then openings, in the caller's transaction.

    A closing of a position that has no row (its set was below Main when it opened) is nothing.
    """
    for item in closed:
        PseudoPosition.objects.filter(
            tournament_id=tournament_id,
            set_key=item.set_key,
            open_ms=item.open_ms,
            close_ms__isnull=True,
        ).update(
            close_ms=item.close_ms,
            exit_price=item.exit_price,
            close_reason=item.close_reason,
            result_units=item.result_units,
            net_units=item.net_units,
        )
    PseudoPosition.objects.bulk_create(
        [
            PseudoPosition(
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
        ],
        ignore_conflicts=True,
    )
