"""The figures of the dashboard, worked out by hand on rows made by hand."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from connections.choices import Environment
from connections.gateway.types import Ticker
from cts.choices import Role
from monitoring import selectors
from monitoring.engine_status import engine_status
from monitoring.set_words import words_of_key
from positions.choices import CloseReason, PositionState, Side, StopKind
from tests import factories
from trading.choices import ActualState, DesiredState, Phase
from trading.market import board

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 3, 10, 9, 30, tzinfo=UTC)
VENUE = ("binance", "sandbox", "usdt-perpetual")


@pytest.fixture
def admin():
    return factories.UserFactory(role=Role.ADMIN)


@pytest.fixture
def connection():
    return factories.ConnectionFactory(
        live=True, balance_quote=Decimal(1000), balance_at=NOW - timedelta(minutes=4)
    )


def ticker(symbol: str, last: str, *, age_s: float = 0) -> Ticker:
    return Ticker(
        symbol=symbol,
        last=Decimal(last),
        bid=None,
        ask=None,
        at=NOW - timedelta(seconds=age_s),
        change_24h_pct=Decimal("1.5"),
    )


def put_on_board(*tickers: Ticker) -> None:
    board.write(*VENUE, tickers)
    board.write_day(*VENUE, tickers)


def closed(connection, *, ago: timedelta, gross: str, fees: str = "0", **more):
    return factories.LivePositionFactory(
        connection=connection,
        closed=True,
        closed_at=NOW - ago,
        realised_quote=Decimal(gross),
        fees_quote=Decimal(fees),
        **more,
    )


def figures_of(user, environment="sandbox"):
    board_shown = selectors.dashboard(user, NOW)
    return {each.environment: each for each in board_shown.figures}[environment]


class TestDailyPnl:
    def test_realised_since_midnight_and_open_profit_net_of_fees_and_funding(
        self, admin, connection
    ):
        closed(connection, ago=timedelta(hours=9), gross="50", fees="4")  # 00:30 UTC
        closed(connection, ago=timedelta(hours=10), gross="1000")  # 23:30 the day before
        factories.LivePositionFactory(
            connection=connection,
            entry_price=Decimal(100),
            entry_quantity=Decimal(3),
            exit_quantity=Decimal(1),
            realised_quote=Decimal(5),
            fees_quote=Decimal("0.5"),
            funding_quote=Decimal("-0.25"),
        )
        put_on_board(ticker(factories.SYMBOL, "110"))

        figures = figures_of(admin)

        assert figures.closed.realised_today == 46
        assert figures.open_net == Decimal("24.25")  # 2 x 10 open + 5 - 0.5 - 0.25
        assert figures.daily_pnl == Decimal("70.25")
        assert figures.prices_are_stale is False

    def test_a_short_gains_when_the_price_falls(self, admin, connection):
        factories.LivePositionFactory(
            connection=connection,
            side=Side.SHORT,
            entry_price=Decimal(100),
            entry_quantity=Decimal(2),
            fees_quote=Decimal(0),
        )
        put_on_board(ticker(factories.SYMBOL, "90"))

        assert figures_of(admin).open_net == 20

    def test_is_unknown_while_one_open_position_has_no_price(self, admin, connection):
        closed(connection, ago=timedelta(hours=1), gross="50")
        factories.LivePositionFactory(connection=connection)

        figures = figures_of(admin)

        assert figures.daily_pnl is None
        assert figures.open_without_price == 1
        assert figures.closed.realised_today == 50

    def test_says_when_it_comes_from_stale_prices(self, admin, connection):
        factories.LivePositionFactory(connection=connection)
        put_on_board(ticker(factories.SYMBOL, "50000", age_s=6))

        assert figures_of(admin).prices_are_stale is True

    def test_an_entry_that_waits_for_its_fill_needs_no_price(self, admin, connection):
        factories.LivePositionFactory(
            connection=connection,
            state=PositionState.OPENING,
            entry_price=None,
            entry_quantity=Decimal(0),
            fees_quote=Decimal(0),
        )

        assert figures_of(admin).daily_pnl == 0

    def test_environments_are_never_added_together(self, admin, connection):
        live = factories.ConnectionFactory(live=True, environment=Environment.LIVE)
        closed(connection, ago=timedelta(hours=1), gross="50")
        closed(live, ago=timedelta(hours=1), gross="-7")

        assert figures_of(admin, "sandbox").daily_pnl == 50
        assert figures_of(admin, "live").daily_pnl == -7

    def test_positions_in_other_currencies_are_counted_apart(self, admin, connection):
        closed(connection, ago=timedelta(hours=1), gross="0.5", symbol="ETH/BTC")

        figures = figures_of(admin)

        assert figures.daily_pnl == 0
        assert figures.closed.other_quotes == 1


class TestPeriods:
    def test_win_rate_profit_factor_and_means_by_period(self, admin, connection):
        closed(connection, ago=timedelta(hours=1), gross="30", fees="6")
        closed(connection, ago=timedelta(hours=2), gross="16")
        closed(connection, ago=timedelta(hours=3), gross="-8", fees="2")
        closed(connection, ago=timedelta(days=3), gross="-30")
        closed(connection, ago=timedelta(days=40), gross="1", fees="1")  # neither win nor loss

        day, week, month, everything = figures_of(admin).closed.periods

        assert (day.closed, day.wins, day.losses) == (3, 2, 1)
        assert round(day.win_rate_pct, 2) == Decimal("66.67")
        assert day.profit_factor == 4  # (24 + 16) / 10
        assert (day.mean_win, day.mean_loss, day.net) == (20, 10, 30)
        assert (week.closed, week.profit_factor) == (4, 1)
        assert month.closed == 4
        assert (everything.closed, everything.wins, everything.losses) == (5, 2, 2)
        assert everything.win_rate_pct == 40

    def test_no_losses_is_no_infinity_and_nothing_closed_is_unknown(self, admin, connection):
        closed(connection, ago=timedelta(days=2), gross="30")

        day, week, _, _ = figures_of(admin).closed.periods

        assert (day.win_rate_pct, day.profit_factor, day.has_no_losses) == (None, None, False)
        assert (week.profit_factor, week.has_no_losses) == (None, True)

    def test_entries_that_never_filled_do_not_count(self, admin, connection):
        closed(
            connection,
            ago=timedelta(hours=1),
            gross="0",
            close_reason=CloseReason.NEVER_FILLED,
        )

        assert figures_of(admin).closed.periods[-1].closed == 0


class TestBalance:
    def test_sums_active_connections_and_gives_the_oldest_age(self, admin, connection):
        factories.ConnectionFactory(
            active=True, balance_quote=Decimal("0.5"), balance_at=NOW - timedelta(hours=2)
        )
        factories.ConnectionFactory(enabled=True, balance_quote=Decimal(5000), balance_at=NOW)

        balance = figures_of(admin).balance

        assert (balance.total, balance.oldest_age_s, balance.unknown) == (
            Decimal("1000.5"),
            7200.0,
            0,
        )

    def test_an_unknown_balance_is_unknown_not_nothing(self, admin):
        factories.ConnectionFactory(active=True, balance_quote=None, balance_at=None)

        balance = figures_of(admin).balance

        assert (balance.total, balance.unknown) == (None, 1)


class TestPaper:
    def test_counts_open_and_todays_closed_in_units_and_sets_by_stage(self, admin, connection):
        tournament = factories.TournamentFactory()
        elsewhere = factories.TournamentFactory(exchange="bybit")
        at = factories.milliseconds
        factories.PseudoPositionFactory(tournament_id=tournament.pk)
        factories.PseudoPositionFactory(tournament_id=elsewhere.pk)
        for net, close_ms in (
            (9.0, at(NOW - timedelta(hours=9))),
            (-6.0, at(NOW - timedelta(minutes=5))),
            (100.0, at(NOW - timedelta(hours=10))),
        ):
            factories.PseudoPositionFactory(
                tournament_id=tournament.pk, closed=True, close_ms=close_ms, net_units=net
            )
        for stage in ("main", "main", "real", "base_active"):
            factories.TournamentSetFactory(tournament=tournament, stage=stage)

        pseudo = figures_of(admin).pseudo

        assert (pseudo.open, pseudo.closed_today, pseudo.net_units_today) == (1, 2, 3.0)
        assert (pseudo.at_main, pseudo.at_real) == (2, 1)


class TestWhoSeesWhat:
    def test_a_trader_sees_own_figures_only(self, connection):
        stranger = factories.UserFactory(role=Role.TRADER)
        closed(connection, ago=timedelta(hours=1), gross="50")
        factories.LivePositionFactory(connection=connection)

        shown = selectors.dashboard(stranger, NOW)

        assert shown.figures == ()
        assert shown.cards == ()
        assert shown.open_rows == ()
        assert shown.closed_rows == ()
        assert len(selectors.dashboard(connection.owner, NOW).open_rows) == 1


class TestTicker:
    def test_gives_the_price_with_its_age_and_leaves_the_rest_unknown(self, admin, connection):
        put_on_board(
            ticker("BTC/USDT:USDT", "50000", age_s=2), ticker("ETH/USDT:USDT", "3", age_s=9)
        )

        ticks = {tick.base: tick for tick in selectors.dashboard(admin, NOW).ticker.ticks}

        assert (ticks["BTC"].price.last, ticks["BTC"].age_s, ticks["BTC"].is_stale) == (
            50000,
            2.0,
            False,
        )
        assert ticks["BTC"].price.change_24h_pct == Decimal("1.5")
        assert ticks["ETH"].is_stale is True
        assert (ticks["BNB"].price, ticks["BNB"].age_s) == (None, None)

    def test_real_money_comes_first_where_several_venues_are_in_use(self, admin, connection):
        factories.ConnectionFactory(active=True, environment=Environment.LIVE)

        assert selectors.dashboard(admin, NOW).ticker.venue == (
            "binance",
            "live",
            "usdt-perpetual",
        )


class TestRows:
    def test_a_position_without_a_stop_is_naked_once_it_is_filled(self, admin, connection):
        factories.LivePositionFactory(connection=connection, stop_kind=StopKind.NONE)
        factories.LivePositionFactory(
            connection=connection,
            stop_kind=StopKind.NONE,
            state=PositionState.OPENING,
            entry_quantity=Decimal(0),
        )

        assert [row.is_naked for row in selectors.dashboard(admin, NOW).open_rows] == [False, True]

    def test_a_closed_row_gives_result_units_and_duration(self, admin, connection):
        closed(
            connection,
            ago=timedelta(hours=1),
            gross="50",
            fees="4",
            entry_price=Decimal(50_000),
            exit_price=Decimal(50_500),
            opened_at=NOW - timedelta(hours=3),
        )

        (row,) = selectors.dashboard(admin, NOW).closed_rows

        assert (row.net_quote, row.result_units, row.net_units) == (46, 10, 9)
        assert row.duration_s == 7200

    def test_words_of_a_set_give_percent_beside_units(self):
        words = words_of_key(
            "BTC/USDT|direction:N=5:long:tp=10:sl=0.5:trail=0.3,0.1", Decimal("0.1")
        )

        assert words == (
            "direction (N 5), long: take-profit 10 units (1 %), stop 0.5 of that (0.5 %), "
            "trailing 0.1 % from 0.3 %"
        )
        assert words_of_key("something else") == "something else"


class TestEngineStatus:
    def test_is_lost_after_fifteen_silent_seconds(self):
        engine = factories.EngineFactory(heartbeat_at=NOW)

        assert engine_status(engine, NOW + timedelta(seconds=15)).is_lost is False
        assert engine_status(engine, NOW + timedelta(seconds=16)).word == "Lost"

    def test_a_stopped_engine_is_not_lost(self):
        engine = factories.EngineFactory(
            desired=DesiredState.STOPPED, actual=ActualState.STOPPED, heartbeat_at=NOW
        )

        status = engine_status(engine, NOW + timedelta(hours=1))

        assert (status.is_lost, status.word, status.can_start, status.can_stop) == (
            False,
            "Stopped",
            True,
            False,
        )

    def test_says_which_phase_it_is_in_on_the_way_up(self):
        engine = factories.EngineFactory(
            actual=ActualState.STARTING, phase=Phase.HISTORY, heartbeat_at=NOW
        )

        status = engine_status(engine, NOW)

        assert (status.phase_label, status.is_following) == ("Loading history", True)

    def test_a_halt_can_be_resumed_and_paused(self):
        engine = factories.EngineFactory(actual=ActualState.HALTED, halted_at=NOW, heartbeat_at=NOW)

        status = engine_status(engine, NOW)

        assert (status.tone, status.can_resume, status.can_pause) == ("bad", True, True)


def test_the_dashboard_costs_the_same_queries_however_much_there_is(
    admin, django_assert_num_queries
):
    tournament = factories.TournamentFactory()
    for _ in range(3):
        connection = factories.ConnectionFactory(live=True)
        factories.EngineFactory(connection=connection)
        factories.LivePositionFactory.create_batch(3, connection=connection)
        closed(connection, ago=timedelta(hours=1), gross="5")
        factories.TournamentSetFactory(tournament=tournament)

    with django_assert_num_queries(7):
        selectors.dashboard(admin, NOW)
