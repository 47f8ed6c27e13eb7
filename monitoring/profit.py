"""Profit of live positions and their statistics, by the definitions of domain sections 2 and 12.

Money is added up only where it is quoted in USDT; positions in other currencies are counted, and
left out of every sum.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import Count, DecimalField, F, Q, QuerySet, Sum
from django.db.models.functions import Coalesce

from positions import exits
from positions.choices import CloseReason, PositionState, Side
from positions.models import LivePosition

QUOTE = "USDT"
PERIODS: tuple[tuple[str, str, timedelta | None], ...] = (
    ("day", "24 h", timedelta(hours=24)),
    ("week", "7 d", timedelta(days=7)),
    ("month", "30 d", timedelta(days=30)),
    ("all", "All", None),
)
NET = F("realised_quote") - F("fees_quote") + F("funding_quote")


@dataclass(frozen=True, slots=True)
class PeriodFigures:
    """Closed live positions of one period. Money in USDT, net of fees and funding."""

    label: str
    closed: int = 0
    wins: int = 0
    losses: int = 0
    gross_profit: Decimal = Decimal(0)
    gross_loss: Decimal = Decimal(0)

    @property
    def net(self) -> Decimal:
        """What was earned in all."""
        return self.gross_profit - self.gross_loss

    @property
    def win_rate_pct(self) -> Decimal | None:
        """Positions with a net profit / closed positions; None where none closed."""
        return None if not self.closed else Decimal(100) * self.wins / self.closed

    @property
    def profit_factor(self) -> Decimal | None:
        """Gross profit / gross loss; None where there is no loss to divide by."""
        return None if not self.gross_loss else self.gross_profit / self.gross_loss

    @property
    def has_no_losses(self) -> bool:
        """Tell whether positions closed and none of them lost."""
        return self.closed > 0 and not self.gross_loss

    @property
    def mean_win(self) -> Decimal | None:
        """Mean profit of winners."""
        return None if not self.wins else self.gross_profit / self.wins

    @property
    def mean_loss(self) -> Decimal | None:
        """Mean loss of losers, as a positive amount."""
        return None if not self.losses else self.gross_loss / self.losses


@dataclass(frozen=True, slots=True)
class ClosedFigures:
    """Everything that closed positions of one environment say."""

    realised_today: Decimal
    closed_today: int
    fees_unknown_today: int
    other_quotes: int
    periods: tuple[PeriodFigures, ...]

    @property
    def has_any(self) -> bool:
        """Tell whether anything closed at all: the last period is everything."""
        return self.periods[-1].closed > 0


NOTHING_CLOSED = ClosedFigures(
    realised_today=Decimal(0),
    closed_today=0,
    fees_unknown_today=0,
    other_quotes=0,
    periods=tuple(PeriodFigures(label=label) for _, label, _ in PERIODS),
)


def midnight_utc(now: datetime) -> datetime:
    """Give 00:00 UTC of the day of `now` (an aware datetime in UTC)."""
    return now.replace(hour=0, minute=0, second=0, microsecond=0)


def closed_figures(positions: QuerySet[LivePosition], now: datetime) -> dict[str, ClosedFigures]:
    """Give the figures of closed positions by environment. One query for all periods."""
    counted = Q(symbol__contains=f"/{QUOTE}")
    today = counted & Q(closed_at__gte=midnight_utc(now))
    columns: dict[str, Any] = {
        "realised_today": _sum(today),
        "closed_today": Count("id", filter=today),
        "fees_unknown_today": Count("id", filter=today & Q(fees_known=False)),
        "other_quotes": Count("id", filter=~counted),
    }
    for name, _, length in PERIODS:
        window = counted if length is None else counted & Q(closed_at__gte=now - length)
        columns |= {
            f"{name}_closed": Count("id", filter=window),
            f"{name}_wins": Count("id", filter=window & Q(net__gt=0)),
            f"{name}_losses": Count("id", filter=window & Q(net__lt=0)),
            f"{name}_profit": _sum(window & Q(net__gt=0)),
            f"{name}_loss": _sum(window & Q(net__lt=0)),
        }
    rows = (
        positions.filter(state__in=(PositionState.CLOSED, PositionState.LIQUIDATED))
        .exclude(close_reason=CloseReason.NEVER_FILLED)
        .annotate(net=NET)
        .order_by()
        .values("connection__environment")
        .annotate(**columns)
    )
    return {row["connection__environment"]: _closed_figures(row) for row in rows}


def net_quote(position: LivePosition) -> Decimal:
    """What a position has realised so far, net of fees and funding, in quote currency."""
    return position.realised_quote - position.fees_quote + position.funding_quote


def unrealised_quote(position: LivePosition, last: Decimal) -> Decimal | None:
    """What closing at `last` would add in quote currency, before fees.

    None where there is no entry yet, or the position isn't quoted in USDT.
    """
    if position.entry_price is None or f"/{QUOTE}" not in position.symbol:
        return None
    return exits.result_quote(
        is_long=position.side == Side.LONG,
        entry=position.entry_price,
        exit_price=last,
        quantity=position.open_quantity,
    )


def unrealised_pct(position: LivePosition, last: Decimal) -> Decimal | None:
    """The signed move since entry in percent of the entry price; positive is profit."""
    if not position.entry_price:
        return None
    move = (last - position.entry_price) / position.entry_price * 100
    return move if position.side == Side.LONG else -move


def result_units(position: LivePosition) -> Decimal | None:
    """Signed move from entry to exit in position costs (domain section 2); None while unknown."""
    if not position.entry_price or position.exit_price is None or not position.position_cost_pct:
        return None
    return exits.result_units(
        is_long=position.side == Side.LONG,
        entry=position.entry_price,
        exit_price=position.exit_price,
        position_cost_pct=position.position_cost_pct,
    )


def _sum(condition: Q) -> Coalesce:
    return Coalesce(
        Sum("net", filter=condition),
        Decimal(0),
        output_field=DecimalField(max_digits=30, decimal_places=10),
    )


def _closed_figures(row: Mapping[str, Any]) -> ClosedFigures:
    return ClosedFigures(
        realised_today=row["realised_today"],
        closed_today=row["closed_today"],
        fees_unknown_today=row["fees_unknown_today"],
        other_quotes=row["other_quotes"],
        periods=tuple(
            PeriodFigures(
                label=label,
                closed=row[f"{name}_closed"],
                wins=row[f"{name}_wins"],
                losses=row[f"{name}_losses"],
                gross_profit=row[f"{name}_profit"],
                gross_loss=-row[f"{name}_loss"],
            )
            for name, label, _ in PERIODS
        ),
    )
