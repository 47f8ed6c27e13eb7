"""Signed spot endpoints: account, orders, trades."""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from decimal import Decimal

from .errors import Refusal, illegal, missing, no_such_order, not_required, unknown_cancel
from .records import Fill, Order, Side, SpotBalance, TimeInForce
from .rest_exchange_info import fixed
from .routes import Call, Json, RouteTable
from .spot import LIMIT_TYPES, STOP_TYPES, SpotRequest

routes = RouteTable()
ORDER_TYPES = LIMIT_TYPES | STOP_TYPES | {"MARKET"}
CLIENT_ID = re.compile(r"^[\.A-Z\:/a-z0-9_-]{1,36}$")
HISTORY_LIMIT = 1_000


def client_order_id(call: Call, name: str) -> str:
    """The client order id, or a new one. Raises -1100 for characters that aren't allowed."""
    value = call.params.get(name)
    if not value:
        return secrets.token_hex(11)
    if not CLIENT_ID.match(value):
        raise illegal(name, CLIENT_ID.pattern)
    return value


def side_parameter(call: Call) -> Side:
    return call.params.choice("side", Side, Refusal(-1117, "Invalid side."))


def time_in_force_parameter(call: Call, *, allowed: Sequence[str]) -> TimeInForce:
    refusal = Refusal(-1115, "Invalid timeInForce.")
    value = call.params.choice("timeInForce", TimeInForce, refusal)
    if value not in allowed:
        raise refusal
    return value


def read_spot_request(call: Call) -> SpotRequest:
    params = call.params
    symbol = call.symbol
    call.exchange.spot.instrument(symbol)
    side = side_parameter(call)
    order_type = params.require("type").upper()
    if order_type not in ORDER_TYPES:
        raise Refusal(-1116, "Invalid orderType.")
    is_limit, is_stop = order_type in LIMIT_TYPES, order_type in STOP_TYPES
    quantity, quote_quantity = params.decimal("quantity"), params.decimal("quoteOrderQty")
    if order_type == "MARKET":
        if (quantity is None) == (quote_quantity is None):
            raise missing("quantity") if quantity is None else not_required("quoteOrderQty")
    elif quantity is None:
        raise missing("quantity")
    elif quote_quantity is not None:
        raise not_required("quoteOrderQty")
    time_in_force = TimeInForce.GTC
    if is_limit and order_type != "LIMIT_MAKER":
        time_in_force = time_in_force_parameter(call, allowed=("GTC", "IOC", "FOK"))
    elif params.get("timeInForce"):
        raise Refusal(-1106, "Parameter 'timeInForce' sent when not required.")
    if not is_limit and params.get("price"):
        raise not_required("price")
    if not is_stop and params.get("stopPrice"):
        raise not_required("stopPrice")
    return SpotRequest(
        symbol=symbol,
        side=side,
        type=order_type,
        time_in_force=time_in_force,
        quantity=quantity,
        quote_quantity=quote_quantity,
        price=params.require_decimal("price") if is_limit else None,
        stop_price=params.require_decimal("stopPrice") if is_stop else None,
        client_id=client_order_id(call, "newClientOrderId"),
    )


@routes.post("/api/v3/order")
def place_order(call: Call) -> Json:
    request = read_spot_request(call)
    default = "FULL" if request.type in ("MARKET", "LIMIT") else "ACK"
    response_type = call.params.text("newOrderRespType", default).upper()
    call.exchange.quote_for_order(request.symbol)
    now_ms = call.exchange.now_ms
    order = call.exchange.spot.place(call.account.id, request, now_ms)
    row: Json = {
        "symbol": order.symbol,
        "orderId": order.id,
        "orderListId": -1,
        "clientOrderId": order.client_id,
        "transactTime": now_ms,
    }
    if response_type == "ACK":
        return row
    row |= _order_body(order) | {"workingTime": _working_time(order)}
    if response_type == "FULL":
        fills = call.exchange.spot.fills_of_order(order.id)
        row["fills"] = [
            {
                "price": fixed(fill.price),
                "qty": fixed(fill.quantity),
                "commission": fixed(fill.commission),
                "commissionAsset": fill.commission_asset,
                "tradeId": fill.id,
            }
            for fill in fills
        ]
    return row


@routes.post("/api/v3/order/test")
def test_order(call: Call) -> Json:
    read_spot_request(call)
    return {}


def _order_body(order: Order) -> Json:
    body: Json = {
        "price": fixed(order.price),
        "origQty": fixed(order.quantity),
        "executedQty": fixed(order.executed),
        "origQuoteOrderQty": fixed(order.quote_quantity),
        "cummulativeQuoteQty": fixed(order.executed_quote),
        "status": order.status.value,
        "timeInForce": order.time_in_force.value,
        "type": order.type,
        "side": order.side.value,
        "selfTradePreventionMode": "EXPIRE_MAKER",
    }
    if order.stop_price:
        body["stopPrice"] = fixed(order.stop_price)
    return body


def _working_time(order: Order) -> int:
    return order.working_ms if order.is_working else -1


def order_row(order: Order) -> Json:
    """An order as the query endpoints show it."""
    row: Json = {
        "symbol": order.symbol,
        "orderId": order.id,
        "orderListId": -1,
        "clientOrderId": order.client_id,
    }
    return (
        row
        | _order_body(order)
        | {
            "stopPrice": fixed(order.stop_price),
            "icebergQty": "0.00000000",
            "time": order.created_ms,
            "updateTime": order.updated_ms,
            "isWorking": order.is_working,
            "workingTime": _working_time(order),
        }
    )


def find_order(call: Call, refusal: Refusal) -> Order:
    """The order that the request names by number or client order id; else raises."""
    params = call.params
    symbol = call.symbol
    call.exchange.spot.instrument(symbol)
    order_id, client_id = params.integer("orderId"), params.get("origClientOrderId")
    if order_id is None and not client_id:
        raise Refusal(
            -1102, "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!"
        )
    order = call.exchange.spot.find(call.account.id, symbol, order_id, client_id)
    if order is None:
        raise refusal
    return order


@routes.get("/api/v3/order", weight=4)
def query_order(call: Call) -> Json:
    return order_row(find_order(call, no_such_order()))


@routes.delete("/api/v3/order")
def cancel_order(call: Call) -> Json:
    order = find_order(call, unknown_cancel())
    call.exchange.spot.cancel(order, call.exchange.now_ms)
    return _cancelled_row(call, order)


def _cancelled_row(call: Call, order: Order) -> Json:
    row: Json = {
        "symbol": order.symbol,
        "origClientOrderId": order.client_id,
        "orderId": order.id,
        "orderListId": -1,
        "clientOrderId": client_order_id(call, "newClientOrderId"),
        "transactTime": order.updated_ms,
    }
    return row | _order_body(order)


@routes.delete("/api/v3/openOrders")
def cancel_open_orders(call: Call) -> Json:
    call.exchange.spot.instrument(call.symbol)
    orders = call.exchange.spot.open_orders(call.account.id, call.symbol)
    if not orders:
        raise unknown_cancel()
    for order in orders:
        call.exchange.spot.cancel(order, call.exchange.now_ms)
    return [_cancelled_row(call, order) for order in orders]


@routes.get("/api/v3/openOrders", weight=6)
def open_orders(call: Call) -> Json:
    symbol = call.params.get("symbol")
    if symbol:
        call.exchange.spot.instrument(symbol)
    return [order_row(o) for o in call.exchange.spot.open_orders(call.account.id, symbol)]


@routes.get("/api/v3/allOrders", weight=20)
def all_orders(call: Call) -> Json:
    call.exchange.spot.instrument(call.symbol)
    orders = call.exchange.spot.orders_of(call.account.id, call.symbol)
    return [order_row(order) for order in select_orders(call, orders, 500)]


def select_orders(call: Call, orders: Sequence[Order], default: int) -> list[Order]:
    """Orders by orderId, startTime, endTime and limit, oldest first."""
    params = call.params
    order_id = params.integer("orderId")
    start_ms, end_ms = params.integer("startTime"), params.integer("endTime")
    found = [
        order
        for order in orders
        if (order_id is None or order.id >= order_id)
        and (start_ms is None or order.created_ms >= start_ms)
        and (end_ms is None or order.created_ms <= end_ms)
    ]
    limit = params.limit(default, HISTORY_LIMIT)
    from_oldest = order_id is not None or start_ms is not None
    return found[:limit] if from_oldest else found[-limit:]


def select_fills(call: Call, fills: Sequence[Fill], default: int) -> list[Fill]:
    """Fills by orderId, fromId, startTime, endTime and limit, oldest first."""
    params = call.params
    order_id, from_id = params.integer("orderId"), params.integer("fromId")
    start_ms, end_ms = params.integer("startTime"), params.integer("endTime")
    found = [
        fill
        for fill in fills
        if (order_id is None or fill.order_id == order_id)
        and (from_id is None or fill.id >= from_id)
        and (start_ms is None or fill.time_ms >= start_ms)
        and (end_ms is None or fill.time_ms <= end_ms)
    ]
    limit = params.limit(default, HISTORY_LIMIT)
    from_oldest = from_id is not None or start_ms is not None
    return found[:limit] if from_oldest else found[-limit:]


@routes.get("/api/v3/myTrades", weight=20)
def my_trades(call: Call) -> Json:
    call.exchange.spot.instrument(call.symbol)
    fills = call.exchange.spot.fills[call.account.id, call.symbol]
    return [
        {
            "symbol": fill.symbol,
            "id": fill.id,
            "orderId": fill.order_id,
            "orderListId": -1,
            "price": fixed(fill.price),
            "qty": fixed(fill.quantity),
            "quoteQty": fixed(fill.quote),
            "commission": fixed(fill.commission),
            "commissionAsset": fill.commission_asset,
            "time": fill.time_ms,
            "isBuyer": fill.side is Side.BUY,
            "isMaker": fill.is_maker,
            "isBestMatch": True,
        }
        for fill in select_fills(call, fills, 500)
    ]


@routes.get("/api/v3/account", weight=20)
def account(call: Call) -> Json:
    wallet = call.exchange.spot.wallets[call.account.id]
    omit_zero = call.params.boolean("omitZeroBalances")
    instruments = call.exchange.spot.instruments.values()
    assets = {i.base for i in instruments} | {i.quote for i in instruments} | set(wallet.balances)
    balances = {asset: wallet.balances.get(asset) or SpotBalance() for asset in sorted(assets)}
    return {
        "makerCommission": 10,
        "takerCommission": 10,
        "buyerCommission": 0,
        "sellerCommission": 0,
        "commissionRates": {
            "maker": "0.00100000",
            "taker": "0.00100000",
            "buyer": "0.00000000",
            "seller": "0.00000000",
        },
        "canTrade": True,
        "canWithdraw": False,
        "canDeposit": False,
        "brokered": False,
        "requireSelfTradePrevention": False,
        "preventSor": False,
        "updateTime": wallet.updated_ms,
        "accountType": "SPOT",
        "balances": [
            {"asset": asset, "free": fixed(balance.free), "locked": fixed(balance.locked)}
            for asset, balance in balances.items()
            if not omit_zero or balance.free or balance.locked
        ],
        "permissions": ["SPOT"],
        "uid": call.account.id,
    }


@routes.get("/api/v3/account/commission", weight=20)
def commission(call: Call) -> Json:
    instrument = call.exchange.spot.instrument(call.symbol)
    zero = fixed(Decimal(0))
    return {
        "symbol": instrument.symbol,
        "standardCommission": {
            "maker": fixed(instrument.maker_fee),
            "taker": fixed(instrument.taker_fee),
            "buyer": zero,
            "seller": zero,
        },
        "taxCommission": {"maker": zero, "taker": zero, "buyer": zero, "seller": zero},
        "discount": {
            "enabledForAccount": False,
            "enabledForSymbol": False,
            "discountAsset": "BNB",
            "discount": zero,
        },
    }


@routes.get("/api/v3/rateLimit/order", weight=40)
def order_rate_limits(call: Call) -> Json:
    day_start = call.exchange.now_ms // 86_400_000 * 86_400_000
    orders = call.exchange.spot.all_orders(call.account.id)
    today = sum(1 for order in orders if order.created_ms >= day_start)
    recent = sum(1 for order in orders if order.created_ms >= call.exchange.now_ms - 10_000)
    return [
        {
            "rateLimitType": "ORDERS",
            "interval": interval,
            "intervalNum": number,
            "limit": limit,
            "count": count,
        }
        for interval, number, limit, count in (
            ("SECOND", 10, 100, recent),
            ("DAY", 1, 200_000, today),
        )
    ]
