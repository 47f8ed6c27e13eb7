"""What the dashboard shows: figures of domain section 12, each by its definition, in few queries.

Figures of different environments are never added together. What nobody knows is None.
"""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db.models import Count, Q, QuerySet, Sum

from connections.choices import Environment
from connections.models import Connection
from connections.selectors import connections_for
from cts.roles import visible
from monitoring.engine_status import EngineStatus, engine_status
from monitoring.prices import Prices, Venue, read_prices
from monitoring.profit import (
    NOTHING_CLOSED,
    ClosedFigures,
    closed_figures,
    midnight_utc,
    net_quote,
    result_units,
    unrealised_pct,
    unrealised_quote,
)
from monitoring.set_words import words_of_key
from positions.choices import PositionState, StopKind
from positions.live import exits_of
from positions.models import LivePosition, PseudoPosition
from positions.models.positions import OPEN_STATES
from trading.market.board import BoardPrice
from trading.models import Engine, Tournament, TournamentSet
from trading.tournament.stage import Stage

TICKER_BASES = ("BTC", "ETH", "BNB", "SOL")
OPEN_SHOWN = 200
CLOSED_SHOWN = 10
_ENVIRONMENT_ORDER = {value: place for place, value in enumerate(Environment.values)}


@dataclass(frozen=True, slots=True)
class Tick:
    """One price of the ticker; `price` None: unknown."""

    base: str
    price: BoardPrice | None
    age_s: float | None
    is_stale: bool


@dataclass(frozen=True, slots=True)
class Ticker:
    """The prices of one venue; `venue` None: no connection gathers prices."""

    venue: Venue | None
    ticks: tuple[Tick, ...]
    reachable: bool


@dataclass(frozen=True, slots=True)
class OpenRow:
    """One open live position as a table shows it."""

    position: LivePosition
    last: BoardPrice | None
    last_age_s: float | None
    last_is_stale: bool
    unrealised_quote: Decimal | None
    unrealised_pct: Decimal | None
    net_so_far_quote: Decimal
    age_s: float
    words: str
    trailing_price: Decimal | None

    @property
    def is_naked(self) -> bool:
        """Tell whether something is open without any stop (an alarm)."""
        return self.position.stop_kind == StopKind.NONE and self.position.open_quantity > 0


@dataclass(frozen=True, slots=True)
class ClosedRow:
    """One closed live position as a table shows it."""

    position: LivePosition
    net_quote: Decimal
    result_units: Decimal | None
    net_units: Decimal | None
    duration_s: float | None
    words: str


@dataclass(frozen=True, slots=True)
class PseudoFigures:
    """Paper trading of one environment. Units are net: the round trip is paid."""

    open: int = 0
    closed_today: int = 0
    net_units_today: float = 0.0
    at_main: int = 0
    at_real: int = 0


@dataclass(frozen=True, slots=True)
class BalanceFigures:
    """The last known balances of active connections, in USDT; unknown ones are counted."""

    total: Decimal | None
    oldest_age_s: float | None
    unknown: int


@dataclass(frozen=True, slots=True)
class EnvironmentFigures:
    """All figures of one environment, labelled so that none is taken for another's."""

    environment: str
    label: str
    balance: BalanceFigures
    closed: ClosedFigures
    open_live: int
    open_without_price: int
    open_net: Decimal | None
    prices_are_stale: bool
    sets_live: int
    pseudo: PseudoFigures

    @property
    def daily_pnl(self) -> Decimal | None:
        """Realised since 00:00 UTC + unrealised of open positions, net; None while unknown."""
        return None if self.open_net is None else self.closed.realised_today + self.open_net


@dataclass(frozen=True, slots=True)
class ConnectionCard:
    """One active connection on the dashboard."""

    connection: Connection
    status: EngineStatus
    open_positions: int


@dataclass(frozen=True, slots=True)
class Dashboard:
    """Everything on the dashboard at one moment."""

    now: datetime
    ticker: Ticker
    figures: tuple[EnvironmentFigures, ...]
    cards: tuple[ConnectionCard, ...]
    open_rows: tuple[OpenRow, ...]
    closed_rows: tuple[ClosedRow, ...]
    prices_reachable: bool


def visible_positions(user: Any) -> QuerySet[LivePosition]:
    """Give the live positions that `user` may see."""
    return visible(LivePosition.objects.all(), user, owner="connection__owner").select_related(
        "connection"
    )


def engine_or_none(connection: Connection) -> Engine | None:
    """Give the engine of a connection fetched with select_related("engine"); None: never made."""
    return getattr(connection, "engine", None)


def dashboard(user: Any, now: datetime) -> Dashboard:
    """Give the dashboard of `user`. Seven queries, and two round trips for each venue."""
    connections = list(connections_for(user).filter(is_active=True).select_related("engine"))
    positions = visible_positions(user)
    opened = list(positions.filter(state__in=OPEN_STATES).order_by("-id"))
    venue = _ticker_venue(connections)
    wanted = [(position.connection.venue, position.symbol) for position in opened]
    wanted += [(venue, ticker_symbol(base, venue)) for base in TICKER_BASES if venue]
    prices = read_prices(wanted)
    rows = [open_row(position, prices, now) for position in opened]
    counts: dict[int, int] = defaultdict(int)
    for position in opened:
        counts[position.connection_id] += 1
    return Dashboard(
        now=now,
        ticker=_ticker(venue, prices, now),
        figures=_figures(connections, positions, rows, now),
        cards=tuple(
            ConnectionCard(
                connection, engine_status(engine_or_none(connection), now), counts[connection.pk]
            )
            for connection in connections
        ),
        open_rows=tuple(rows[:OPEN_SHOWN]),
        closed_rows=recently_closed(positions),
        prices_reachable=prices.reachable,
    )


def open_row(position: LivePosition, prices: Prices, now: datetime) -> OpenRow:
    """Give one open position with what the newest price makes of it. No query."""
    last = prices.of(position.connection.venue, position.symbol)
    return OpenRow(
        position=position,
        last=last,
        last_age_s=None if last is None else last.age_s(now),
        last_is_stale=last is not None and last.is_stale(now),
        unrealised_quote=None if last is None else unrealised_quote(position, last.last),
        unrealised_pct=None if last is None else unrealised_pct(position, last.last),
        net_so_far_quote=net_quote(position),
        age_s=(now - (position.opened_at or position.created_at)).total_seconds(),
        words=words_of_key(position.set_key, position.position_cost_pct),
        trailing_price=_trailing_price(position),
    )


def closed_row(position: LivePosition) -> ClosedRow:
    """Give one closed position with its result. No query."""
    units = result_units(position)
    known = position.opened_at is not None and position.closed_at is not None
    return ClosedRow(
        position=position,
        net_quote=net_quote(position),
        result_units=units,
        net_units=None if units is None else units - 1,
        duration_s=(
            (position.closed_at - position.opened_at).total_seconds()  # type: ignore[operator]
            if known
            else None
        ),
        words=words_of_key(position.set_key, position.position_cost_pct),
    )


def recently_closed(
    positions: QuerySet[LivePosition], count: int = CLOSED_SHOWN
) -> tuple[ClosedRow, ...]:
    """Give the newest closed positions, newest first. One query."""
    closed = positions.filter(state__in=(PositionState.CLOSED, PositionState.LIQUIDATED))
    return tuple(closed_row(position) for position in closed.order_by("-closed_at", "-id")[:count])


def ticker_symbol(base: str, venue: Venue) -> str:
    """Give the unified symbol of `base` against USDT at a venue."""
    return f"{base}/USDT" if venue[2] == "spot" else f"{base}/USDT:USDT"


def _trailing_price(position: LivePosition) -> Decimal | None:
    rules = exits_of(position)
    if rules is None or position.best_price is None:
        return None
    return rules.trailing_price(position.best_price)


def _ticker_venue(connections: list[Connection]) -> Venue | None:
    usable = [each for each in connections if each.market_type != "coin-perpetual"]
    usable.sort(key=lambda each: (_ENVIRONMENT_ORDER[each.environment], each.pk))
    return usable[0].venue if usable else None


def _ticker(venue: Venue | None, prices: Prices, now: datetime) -> Ticker:
    ticks = []
    for base in TICKER_BASES:
        price = prices.of(venue, ticker_symbol(base, venue)) if venue else None
        age_s = None if price is None else price.age_s(now)
        ticks.append(Tick(base, price, age_s, price is not None and price.is_stale(now)))
    return Ticker(venue, tuple(ticks), prices.reachable)


def _figures(
    connections: list[Connection],
    positions: QuerySet[LivePosition],
    rows: list[OpenRow],
    now: datetime,
) -> tuple[EnvironmentFigures, ...]:
    closed = closed_figures(positions, now)
    pseudo = _pseudo_figures({connection.venue for connection in connections}, now)
    present = {connection.environment for connection in connections} | set(closed)
    present |= {row.position.connection.environment for row in rows}
    return tuple(
        _environment_figures(
            environment,
            [each for each in connections if each.environment == environment],
            closed.get(environment, NOTHING_CLOSED),
            [row for row in rows if row.position.connection.environment == environment],
            pseudo.get(environment, PseudoFigures()),
            now,
        )
        for environment in sorted(present, key=_ENVIRONMENT_ORDER.__getitem__)
    )


def _environment_figures(
    environment: str,
    connections: list[Connection],
    closed: ClosedFigures,
    rows: list[OpenRow],
    pseudo: PseudoFigures,
    now: datetime,
) -> EnvironmentFigures:
    filled = [row for row in rows if row.position.open_quantity > 0]
    priced = [row for row in filled if row.unrealised_quote is not None]
    complete = len(priced) == len(filled)
    unrealised = sum((row.unrealised_quote or Decimal(0) for row in priced), Decimal(0))
    so_far = sum((row.net_so_far_quote for row in rows), Decimal(0))
    return EnvironmentFigures(
        environment=environment,
        label=Environment(environment).label,
        balance=_balance(connections, now),
        closed=closed,
        open_live=len(rows),
        open_without_price=len(filled) - len(priced),
        open_net=unrealised + so_far if complete else None,
        prices_are_stale=any(row.last_is_stale for row in priced),
        sets_live=len({row.position.set_key for row in rows if row.position.set_key}),
        pseudo=pseudo,
    )


def _balance(connections: list[Connection], now: datetime) -> BalanceFigures:
    known = [
        (each.balance_quote, each.balance_at)
        for each in connections
        if each.balance_quote is not None and each.balance_at is not None
    ]
    return BalanceFigures(
        total=sum((balance for balance, _ in known), Decimal(0)) if known else None,
        oldest_age_s=max(((now - at).total_seconds() for _, at in known), default=None),
        unknown=len(connections) - len(known),
    )


def _pseudo_figures(venues: set[Venue], now: datetime) -> dict[str, PseudoFigures]:
    """Give paper figures by environment, of the tournaments at `venues`. Three queries."""
    environments = {
        tournament.pk: tournament.environment
        for tournament in Tournament.objects.only("id", "exchange", "environment", "market_type")
        if (tournament.exchange, tournament.environment, tournament.market_type) in venues
    }
    midnight_ms = int(midnight_utc(now).timestamp() * 1000)
    today = Q(close_ms__gte=midnight_ms)
    totals: dict[str, dict[str, Any]] = defaultdict(lambda: defaultdict(int))
    pseudo_rows = (
        PseudoPosition.objects.filter(Q(close_ms=None) | today, tournament_id__in=environments)
        .order_by()
        .values("tournament_id")
        .annotate(
            open=Count("id", filter=Q(close_ms=None)),
            closed_today=Count("id", filter=today),
            net_units_today=Sum("net_units", filter=today, default=0.0),
        )
    )
    set_rows = (
        TournamentSet.objects.filter(
            tournament_id__in=environments, stage__in=(Stage.MAIN, Stage.REAL)
        )
        .order_by()
        .values("tournament_id")
        .annotate(
            at_main=Count("id", filter=Q(stage=Stage.MAIN)),
            at_real=Count("id", filter=Q(stage=Stage.REAL)),
        )
    )
    for row in (*pseudo_rows, *set_rows):
        counts: dict[str, Any] = dict(row)
        environment = environments[counts.pop("tournament_id")]
        for name, value in counts.items():
            totals[environment][name] += value
    return {environment: PseudoFigures(**values) for environment, values in totals.items()}
