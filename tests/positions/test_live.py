"""A position is the sum of its fills: figures, fees, dust, the end."""

from decimal import Decimal

import pytest
from django.utils import timezone

from connections.choices import MarketType
from connections.models import Connection
from positions.choices import CloseReason, OrderPurpose, OrderState, PositionState, Side
from positions.live import refresh_position
from positions.models import Fill, LivePosition, Order
from positions.models.orders import UNKNOWN_FEE
from tests.factories import ConnectionFactory, FillFactory, LivePositionFactory, OrderFactory

pytestmark = pytest.mark.django_db
SPOT, PERPETUAL = "BTC/USDT", "BTC/USDT:USDT"
BASE_FEE = {"fee": Decimal("0.0001"), "fee_currency": "BTC"}
TINY_FEE = {"fee": Decimal("0.000001"), "fee_currency": "BTC"}


def position_of(symbol: str = PERPETUAL, side: Side = Side.LONG) -> LivePosition:
    market = MarketType.SPOT if symbol == SPOT else MarketType.USDT_PERPETUAL
    connection: Connection = ConnectionFactory(live=True, market_type=market)
    return LivePositionFactory(
        connection=connection,
        symbol=symbol,
        side=side,
        state=PositionState.OPENING,
        entry_price=None,
        entry_quantity=0,
        best_price=None,
        worst_price=None,
    )


def filled(
    position: LivePosition, purpose: OrderPurpose, *fills: tuple[str, str], **fee: object
) -> Order:
    """An order of the position, filled by (quantity, price) each."""
    order = OrderFactory(
        position=position,
        purpose=purpose,
        reduce_only=purpose != OrderPurpose.ENTRY,
        close_reason="" if purpose == OrderPurpose.ENTRY else "take_profit",
    )
    for quantity, price in fills:
        FillFactory(
            order=order,
            symbol=position.symbol,
            quantity=Decimal(quantity),
            price=Decimal(price),
            **{"fee": Decimal(0), **fee},
        )
    return order


def refreshed(position: LivePosition) -> LivePosition:
    refresh_position(position.pk, now=timezone.now())
    return LivePosition.objects.get(pk=position.pk)


@pytest.mark.parametrize(("side", "profit"), [(Side.LONG, "10"), (Side.SHORT, "-10")])
def test_profit_counts_from_the_mean_entry_price(side: Side, profit: str) -> None:
    position = position_of(side=side)
    filled(position, OrderPurpose.ENTRY, ("0.1", "50000"), ("0.1", "50100"))
    filled(position, OrderPurpose.EXIT, ("0.2", "50100"))
    position = refreshed(position)
    assert position.entry_price == Decimal(50_050)
    assert position.realised_quote == Decimal(profit)
    assert (position.state, position.close_reason) == (PositionState.CLOSED, "take_profit")


def test_levels_follow_the_mean_entry_price() -> None:
    position = position_of(side=Side.SHORT)
    filled(position, OrderPurpose.ENTRY, ("0.1", "50000"))
    position = refreshed(position)
    assert position.take_profit_price == Decimal(49_500)
    assert position.stop_price == Decimal(50_250)
    assert position.best_price == position.worst_price == Decimal(50_000)


def test_a_fee_in_quote_currency_counts_as_it_is() -> None:
    position = position_of()
    filled(position, OrderPurpose.ENTRY, ("0.1", "50000"), fee=Decimal("2.5"), fee_currency="USDT")
    position = refreshed(position)
    assert (position.fees_quote, position.fees_known) == (Decimal("2.5"), True)


def test_on_spot_a_fee_in_base_currency_comes_off_what_was_bought() -> None:
    position = position_of(SPOT)
    filled(
        position, OrderPurpose.ENTRY, ("0.1", "50000"), fee=Decimal("0.0001"), fee_currency="BTC"
    )
    position = refreshed(position)
    assert position.entry_quantity == Decimal("0.0999")
    assert (position.fees_quote, position.fees_known) == (Decimal(5), True)


def test_on_a_perpetual_a_fee_in_base_currency_leaves_the_quantity_whole() -> None:
    """Fees paid in BNB on BNB's perpetual: the exchange's net position is what was bought."""
    position = position_of()
    filled(
        position, OrderPurpose.ENTRY, ("0.1", "50000"), fee=Decimal("0.0001"), fee_currency="BTC"
    )
    position = refreshed(position)
    assert position.entry_quantity == Decimal("0.1")
    assert position.fees_quote == Decimal(5)


def test_an_exit_fee_in_base_currency_does_not_shrink_what_was_bought() -> None:
    position = position_of(SPOT)
    filled(position, OrderPurpose.ENTRY, ("0.1", "50000"))
    filled(position, OrderPurpose.EXIT, ("0.04", "50000"), fee=Decimal("0.002"), fee_currency="BTC")
    assert refreshed(position).open_quantity == Decimal("0.06")


@pytest.mark.parametrize(("fee", "currency"), [(Decimal("0.01"), "BNB"), (Decimal(0), UNKNOWN_FEE)])
def test_a_fee_that_can_not_be_counted_is_said_to_be_unknown(fee: Decimal, currency: str) -> None:
    position = position_of()
    filled(position, OrderPurpose.ENTRY, ("0.1", "50000"), fee=fee, fee_currency=currency)
    assert not refreshed(position).fees_known


def test_a_trade_without_a_fee_in_any_currency_is_free() -> None:
    position = position_of()
    filled(position, OrderPurpose.ENTRY, ("0.1", "50000"), fee_currency="")
    assert refreshed(position).fees_known


def test_dust_below_the_lot_does_not_keep_a_position_open() -> None:
    position = position_of(SPOT)
    filled(
        position, OrderPurpose.ENTRY, ("0.1", "50000"), fee=Decimal("0.0001"), fee_currency="BTC"
    )
    filled(position, OrderPurpose.EXIT, ("0.099", "50000"))
    position = refreshed(position)
    assert (position.state, position.open_quantity) == (PositionState.CLOSED, Decimal("0.0009"))
    assert position.realised_quote == 0


def test_what_is_less_than_a_lot_after_its_fee_can_be_closed() -> None:
    position = position_of(SPOT)
    filled(
        position,
        OrderPurpose.ENTRY,
        ("0.001", "50000"),
        fee=Decimal("0.000001"),
        fee_currency="BTC",
    )
    assert refreshed(position).state == PositionState.OPEN
    LivePosition.objects.update(state=PositionState.CLOSING, close_reason=CloseReason.MANUAL)
    assert refreshed(position).state == PositionState.CLOSED


def test_a_part_that_left_keeps_the_rest_open() -> None:
    position = position_of()
    filled(position, OrderPurpose.ENTRY, ("0.1", "50000"))
    filled(position, OrderPurpose.STOP_LOSS, ("0.04", "49750"))
    position = refreshed(position)
    assert (position.state, position.open_quantity) == (PositionState.OPEN, Decimal("0.06"))
    assert position.realised_quote == Decimal(-10)


def test_a_position_that_was_written_off_stays_closed() -> None:
    position = position_of()
    filled(position, OrderPurpose.ENTRY, ("0.1", "50000"))
    LivePosition.objects.update(
        state=PositionState.CLOSED, close_reason=CloseReason.RECONCILED, closed_at=timezone.now()
    )
    assert refreshed(position).state == PositionState.CLOSED


def test_a_position_does_not_close_while_its_entry_is_in_doubt() -> None:
    position = position_of()
    entry = filled(position, OrderPurpose.ENTRY, ("0.1", "50000"))
    Order.objects.filter(pk=entry.pk).update(state=OrderState.UNKNOWN)
    filled(position, OrderPurpose.EXIT, ("0.1", "50000"))
    assert refreshed(position).state == PositionState.OPENING


def test_fills_of_fifteen_digits_come_back_as_they_were() -> None:
    """SQLite keeps fifteen significant digits of a number; quantities and prices need no more."""
    position = position_of()
    filled(position, OrderPurpose.ENTRY, ("123456789.123456", "0.00001234"))
    assert Fill.objects.get().quantity == Decimal("123456789.123456")
    assert refreshed(position).entry_quantity == Decimal("123456789.123456")
