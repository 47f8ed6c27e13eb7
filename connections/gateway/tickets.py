"""From an order ticket to ccxt's create_order()."""

from decimal import Decimal
from typing import Any

from connections.gateway.errors import InvalidOrder
from connections.gateway.types import MarketSpec, OrderTicket


def check_ticket(ticket: OrderTicket, spec: MarketSpec) -> None:
    """Raise InvalidOrder for what ccxt would silently round: off the lot or off the tick."""
    _require_multiple("quantity", ticket.quantity, spec.lot)
    for name, price in (
        ("limit price", ticket.limit_price),
        ("trigger price", ticket.trigger_price),
    ):
        if price is not None:
            _require_multiple(name, price, spec.tick)
    if ticket.kind == "limit" and ticket.limit_price is None:
        raise InvalidOrder("Expected a limit price with a limit order, was none.")
    if ticket.kind == "stop" and ticket.trigger_price is None:
        raise InvalidOrder("Expected a trigger price with a stop order, was none.")


def create_order_arguments(
    ticket: OrderTicket, spec: MarketSpec, *, is_spot: bool, hedged: bool
) -> dict[str, Any]:
    """Give the arguments of ccxt's create_order(), figures as strings.

    A stop is a stop-market order, or a stop-limit order where it has a limit price. In one-way
    mode reduceOnly is sent, in hedge mode ccxt derives positionSide from it.
    """
    params: dict[str, Any] = {"clientOrderId": ticket.client_order_id}
    if ticket.kind == "stop":
        params["stopLossPrice"] = _plain(ticket.trigger_price)
    if not is_spot:
        if hedged:
            params["hedged"] = True
        if ticket.reduce_only:
            params["reduceOnly"] = True
    return {
        "symbol": ticket.symbol,
        "type": "market" if ticket.limit_price is None else "limit",
        "side": ticket.side,
        "amount": _plain(ticket.quantity / spec.contract_size),
        "price": _plain(ticket.limit_price),
        "params": params,
    }


def _require_multiple(name: str, value: Decimal, step: Decimal) -> None:
    if value <= 0 or value % step:
        raise InvalidOrder(f"Expected a {name} above 0 in steps of {step:f}, was {value:f}.")


def _plain(value: Decimal | None) -> str | None:
    return None if value is None else f"{value:f}"
