"""Signed USD-M endpoints about orders and trades."""

from __future__ import annotations

from .errors import Refusal, no_such_order, not_required, unknown_cancel
from .futures import FuturesRequest
from .instruments import Instrument
from .records import Fill, Order, PositionSide, Side, TimeInForce
from .rest_exchange_info import fixed
from .rest_market import quantity_text
from .rest_spot import (
    client_order_id,
    select_fills,
    select_orders,
    side_parameter,
    time_in_force_parameter,
)
from .routes import Call, Json, RouteTable

routes = RouteTable()
CONDITIONAL_TYPES = frozenset(
    {"STOP", "STOP_MARKET", "TAKE_PROFIT", "TAKE_PROFIT_MARKET", "TRAILING_STOP_MARKET"}
)
FUTURES_TIMES_IN_FORCE = ("GTC", "IOC", "FOK", "GTX")


def position_side_parameter(call: Call) -> PositionSide:
    if not call.params.get("positionSide"):
        return PositionSide.BOTH
    return call.params.choice(
        "positionSide", PositionSide, Refusal(-4060, "Invalid position side.")
    )


def reduce_only_parameter(call: Call) -> bool:
    """Raises -1106 in hedge mode, where the position side says it."""
    reduce_only = call.params.boolean("reduceOnly")
    wallet = call.exchange.futures.wallets[call.account.id]
    if reduce_only and wallet.dual_side:
        raise not_required("reduceonly")
    return reduce_only


def read_futures_request(call: Call) -> FuturesRequest:
    params = call.params
    symbol = call.symbol
    call.exchange.futures.instrument(symbol)
    side = side_parameter(call)
    order_type = params.require("type").upper()
    if order_type in CONDITIONAL_TYPES:
        raise Refusal(
            -4120,
            "Order type not supported for this endpoint. Please use the Algo Order API endpoints "
            "instead.",
        )
    if order_type not in ("MARKET", "LIMIT"):
        raise Refusal(-1116, "Invalid orderType.")
    is_limit = order_type == "LIMIT"
    if not is_limit and params.get("price"):
        raise not_required("price")
    if not is_limit and params.get("timeInForce"):
        raise not_required("timeinforce")
    time_in_force = TimeInForce.GTC
    if is_limit:
        time_in_force = time_in_force_parameter(call, allowed=FUTURES_TIMES_IN_FORCE)
    return FuturesRequest(
        symbol=symbol,
        side=side,
        position_side=position_side_parameter(call),
        time_in_force=time_in_force,
        quantity=params.require_decimal("quantity"),
        price=params.require_decimal("price") if is_limit else None,
        reduce_only=reduce_only_parameter(call),
        client_id=client_order_id(call, "newClientOrderId"),
    )


@routes.post("/fapi/v1/order")
def place_order(call: Call) -> Json:
    request = read_futures_request(call)
    call.exchange.quote_for_order(request.symbol)
    call.exchange.refresh_marks(call.account.id)
    order = call.exchange.futures.place(call.account.id, request, call.exchange.now_ms)
    row = order_row(call, order)
    del row["time"]
    if call.params.text("newOrderRespType", "ACK").upper() != "RESULT":
        row |= {"status": "NEW", "executedQty": "0", "cumQty": "0", "cumQuote": "0"}
        row["avgPrice"] = "0.00"
    return row


@routes.post("/fapi/v1/order/test")
def test_order(call: Call) -> Json:
    read_futures_request(call)
    return {}


def order_row(call: Call, order: Order) -> Json:
    instrument: Instrument = call.exchange.futures.instruments[order.symbol]
    executed = quantity_text(instrument, order.executed)
    return {
        "orderId": order.id,
        "symbol": order.symbol,
        "status": order.status.value,
        "clientOrderId": order.client_id,
        "price": f"{order.price:.{instrument.price_decimals}f}",
        "avgPrice": fixed(order.average_price),
        "origQty": quantity_text(instrument, order.quantity),
        "executedQty": executed,
        "cumQty": executed,
        "cumQuote": fixed(order.executed_quote),
        "timeInForce": order.time_in_force.value,
        "type": order.type,
        "reduceOnly": order.reduce_only,
        "closePosition": order.close_position,
        "side": order.side.value,
        "positionSide": order.position_side.value,
        "stopPrice": "0",
        "workingType": "CONTRACT_PRICE",
        "priceProtect": False,
        "origType": order.orig_type,
        "priceMatch": "NONE",
        "selfTradePreventionMode": "EXPIRE_MAKER",
        "goodTillDate": 0,
        "time": order.created_ms,
        "updateTime": order.updated_ms,
    }


def find_order(call: Call, refusal: Refusal) -> Order:
    symbol = call.symbol
    call.exchange.futures.instrument(symbol)
    order_id = call.params.integer("orderId")
    client_id = call.params.get("origClientOrderId")
    if order_id is None and not client_id:
        raise Refusal(-1102, "Either 'orderId' or 'origClientOrderId' must be sent.")
    order = call.exchange.futures.find(call.account.id, symbol, order_id, client_id)
    if order is None:
        raise refusal
    return order


@routes.get("/fapi/v1/order")
def query_order(call: Call) -> Json:
    return order_row(call, find_order(call, no_such_order()))


@routes.get("/fapi/v1/openOrder")
def query_open_order(call: Call) -> Json:
    order = find_order(call, no_such_order())
    if not order.is_open:
        raise no_such_order()
    return order_row(call, order)


@routes.delete("/fapi/v1/order")
def cancel_order(call: Call) -> Json:
    order = find_order(call, unknown_cancel())
    call.exchange.futures.cancel(order, call.exchange.now_ms)
    return order_row(call, order)


@routes.delete("/fapi/v1/allOpenOrders")
def cancel_all_orders(call: Call) -> Json:
    call.exchange.futures.instrument(call.symbol)
    for order in call.exchange.futures.open_orders(call.account.id, call.symbol):
        call.exchange.futures.cancel(order, call.exchange.now_ms)
    return {"code": 200, "msg": "The operation of cancel all open order is done."}


@routes.get("/fapi/v1/openOrders")
def open_orders(call: Call) -> Json:
    symbol = call.params.get("symbol")
    if symbol:
        call.exchange.futures.instrument(symbol)
    orders = call.exchange.futures.open_orders(call.account.id, symbol)
    return [order_row(call, order) for order in orders]


@routes.get("/fapi/v1/allOrders", weight=5)
def all_orders(call: Call) -> Json:
    venue = call.exchange.futures
    symbol = call.params.get("symbol")
    if symbol:
        venue.instrument(symbol)
        orders = venue.orders_of(call.account.id, symbol)
    else:
        orders = venue.all_orders(call.account.id)
    return [order_row(call, order) for order in select_orders(call, orders, 500)]


@routes.get("/fapi/v1/userTrades", weight=5)
def user_trades(call: Call) -> Json:
    venue = call.exchange.futures
    symbol = call.params.get("symbol")
    if symbol:
        venue.instrument(symbol)
        fills = venue.fills[call.account.id, symbol]
    else:
        fills = venue.all_fills(call.account.id)
    return [_trade_row(venue.instruments[f.symbol], f) for f in select_fills(call, fills, 500)]


def _trade_row(instrument: Instrument, fill: Fill) -> Json:
    return {
        "symbol": fill.symbol,
        "id": fill.id,
        "orderId": fill.order_id,
        "side": fill.side.value,
        "price": f"{fill.price:.{instrument.price_decimals}f}",
        "qty": quantity_text(instrument, fill.quantity),
        "realizedPnl": fixed(fill.realized_pnl),
        "quoteQty": fixed(fill.quote),
        "commission": fixed(fill.commission),
        "commissionAsset": fill.commission_asset,
        "time": fill.time_ms,
        "positionSide": fill.position_side.value,
        "buyer": fill.side is Side.BUY,
        "maker": fill.is_maker,
    }
