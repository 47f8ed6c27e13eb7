"""Our open positions against the exchange's own figures."""

from decimal import Decimal

import pytest
from django.utils import timezone

from connections.choices import MarketType
from connections.gateway.errors import TimedOut
from connections.gateway.types import ReportedState
from connections.models import Connection
from positions.choices import CloseReason, OrderState, PositionState, SyncState
from positions.models import LivePosition
from positions.reconciliation import Difference, compare_positions, write_off
from positions.settlement import settle
from positions.submission import submit
from tests.factories import SYMBOL, LivePositionFactory, OrderFactory
from tests.positions.conftest import MakeOrder
from tests.positions.exchange_stub import ExchangeStub, FenceStub


@pytest.fixture
def position(connection: Connection) -> LivePosition:
    return LivePositionFactory(connection=connection)


def test_equal_sums_are_in_sync(
    connection: Connection, position: LivePosition, exchange: ExchangeStub
) -> None:
    LivePositionFactory(connection=connection, sync_state=SyncState.OUT_OF_SYNC)
    exchange.hold(SYMBOL, "long", "0.2")
    assert compare_positions(connection=connection, gateway=exchange) == []
    assert set(LivePosition.objects.values_list("sync_state", flat=True)) == {SyncState.SYNCED}


@pytest.mark.parametrize("theirs", ["0.05", "0.15"])
def test_other_sums_put_the_symbol_out_of_sync(
    connection: Connection, position: LivePosition, exchange: ExchangeStub, theirs: str
) -> None:
    exchange.hold(SYMBOL, "long", theirs)
    (difference,) = compare_positions(connection=connection, gateway=exchange)
    assert (difference.ours, difference.theirs) == (Decimal("0.1"), Decimal(theirs))
    assert not difference.has_vanished
    position.refresh_from_db()
    assert position.sync_state == SyncState.OUT_OF_SYNC


def test_what_the_exchange_holds_besides_is_reported_and_left_alone(
    connection: Connection, exchange: ExchangeStub
) -> None:
    exchange.hold(SYMBOL, "short", 1)
    (difference,) = compare_positions(connection=connection, gateway=exchange)
    assert (difference.side, difference.ours) == ("short", 0)
    assert set(exchange.calls) == {"positions"}


def test_a_failed_query_says_nothing(
    connection: Connection, position: LivePosition, exchange: ExchangeStub
) -> None:
    exchange.next("positions", TimedOut("no answer"))
    with pytest.raises(TimedOut):
        compare_positions(connection=connection, gateway=exchange)
    position.refresh_from_db()
    assert position.sync_state == SyncState.SYNCED


def test_on_spot_there_is_nothing_to_compare(
    connection: Connection, position: LivePosition, exchange: ExchangeStub
) -> None:
    connection.market_type = MarketType.SPOT
    position.sync_state = SyncState.PENDING
    position.save()
    assert compare_positions(connection=connection, gateway=exchange) == []
    position.refresh_from_db()
    assert (position.sync_state, exchange.calls) == (SyncState.SYNCED, [])


def test_a_difference_has_cancelled_orders_asked_about_for_a_late_fill(
    connection: Connection, exchange: ExchangeStub, make_order: MakeOrder, fence: FenceStub
) -> None:
    exchange.fills_markets = False
    entry = submit(order=make_order(), gateway=exchange, fence=fence)
    exchange.standing[entry.client_order_id].state = ReportedState.CANCELED
    settle(order=entry, gateway=exchange)
    assert LivePosition.objects.get().state == PositionState.CLOSED
    exchange.fill(entry.client_order_id, "0.1")
    exchange.hold(SYMBOL, "long", "0.1")
    compare_positions(connection=connection, gateway=exchange)
    assert LivePosition.objects.get().state == PositionState.OPEN
    assert compare_positions(connection=connection, gateway=exchange) == []


class TestWritingOff:
    GONE = Difference(SYMBOL, "long", Decimal("0.1"), Decimal(0))

    def test_what_the_exchange_no_longer_holds_begins_to_close(
        self, connection: Connection, position: LivePosition, exchange: ExchangeStub
    ) -> None:
        assert self.GONE.has_vanished
        assert write_off(connection=connection, vanished=self.GONE, gateway=exchange) == 1
        position.refresh_from_db()
        assert (position.state, position.close_reason) == (
            PositionState.CLOSING,
            CloseReason.RECONCILED,
        )

    def test_a_targeted_query_that_shows_it_outweighs_the_full_ones(
        self, connection: Connection, position: LivePosition, exchange: ExchangeStub
    ) -> None:
        exchange.hold(SYMBOL, "long", "0.1")
        assert write_off(connection=connection, vanished=self.GONE, gateway=exchange) == 0

    def test_a_position_with_an_order_in_doubt_is_not_written_off(
        self, connection: Connection, position: LivePosition, exchange: ExchangeStub
    ) -> None:
        OrderFactory(position=position, state=OrderState.UNKNOWN)
        assert write_off(connection=connection, vanished=self.GONE, gateway=exchange) == 0

    def test_other_symbols_sides_and_connections_are_untouched(
        self, connection: Connection, exchange: ExchangeStub
    ) -> None:
        LivePositionFactory(connection=connection, side="short")
        LivePositionFactory(connection=connection, symbol="ETH/USDT:USDT")
        LivePositionFactory()
        LivePositionFactory(
            connection=connection,
            state=PositionState.CLOSED,
            close_reason="manual",
            closed_at=timezone.now(),
        )
        assert write_off(connection=connection, vanished=self.GONE, gateway=exchange) == 0
