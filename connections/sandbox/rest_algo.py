"""Signed USD-M endpoints about conditional ("algo") orders."""

from __future__ import annotations

from .conditional import ALGO_TYPES, LIMIT_ALGO_TYPES, AlgoRequest
from .errors import Refusal, missing, not_required, unknown_cancel
from .records import AlgoOrder, TimeInForce, WorkingType
from .rest_exchange_info import short
from .rest_futures import (
    FUTURES_TIMES_IN_FORCE,
    position_side_parameter,
    reduce_only_parameter,
)
from .rest_market import quantity_text
from .rest_spot import client_order_id, side_parameter, time_in_force_parameter
from .routes import Call, Json, RouteTable

routes = RouteTable()


def read_algo_request(call: Call) -> AlgoRequest:
    params = call.params
    symbol = call.symbol
    call.exchange.futures.instrument(symbol)
    if params.require("algoType").upper() != "CONDITIONAL":
        raise Refusal(-4500, "Invalid algoType.")
    order_type = params.require("type").upper()
    if order_type not in ALGO_TYPES:
        raise Refusal(-1116, "Invalid orderType.")
    is_limit = order_type in LIMIT_ALGO_TYPES
    close_position = params.boolean("closePosition")
    quantity = params.decimal("quantity")
    if close_position and (quantity is not None or is_limit):
        raise Refusal(
            -4136, "Target strategy invalid for orderType and closePosition, or quantity sent."
        )
    if not close_position and quantity is None:
        raise missing("quantity")
    if close_position and params.boolean("reduceOnly"):
        raise not_required("reduceonly")
    time_in_force = TimeInForce.GTC
    if is_limit and params.get("timeInForce"):
        time_in_force = time_in_force_parameter(call, allowed=FUTURES_TIMES_IN_FORCE)
    working_type = WorkingType.CONTRACT_PRICE
    if params.get("workingType"):
        working_type = params.choice(
            "workingType", WorkingType, Refusal(-1128, "Invalid workingType.")
        )
    return AlgoRequest(
        symbol=symbol,
        side=side_parameter(call),
        position_side=position_side_parameter(call),
        type=order_type,
        time_in_force=time_in_force,
        quantity=quantity,
        price=params.require_decimal("price") if is_limit else None,
        trigger_price=params.require_decimal("triggerPrice"),
        working_type=working_type,
        close_position=close_position,
        reduce_only=reduce_only_parameter(call),
        price_protect=params.boolean("priceProtect"),
        client_id=client_order_id(call, "clientAlgoId"),
    )


@routes.post("/fapi/v1/algoOrder")
def place_algo_order(call: Call) -> Json:
    request = read_algo_request(call)
    call.exchange.quote_for_order(request.symbol)
    algo = call.exchange.futures.conditional.place(call.account.id, request, call.exchange.now_ms)
    return algo_row(call, algo)


def algo_row(call: Call, algo: AlgoOrder) -> Json:
    venue = call.exchange.futures
    instrument = venue.instruments[algo.symbol]
    order = venue.orders.get(algo.order_id)
    decimals = instrument.price_decimals
    return {
        "algoId": algo.id,
        "clientAlgoId": algo.client_id,
        "algoType": "CONDITIONAL",
        "orderType": algo.type,
        "symbol": algo.symbol,
        "side": algo.side.value,
        "positionSide": algo.position_side.value,
        "timeInForce": algo.time_in_force.value,
        "quantity": quantity_text(instrument, algo.quantity),
        "algoStatus": algo.status.value,
        "actualOrderId": str(order.id) if order is not None else "",
        "actualPrice": short(order.average_price) if order is not None else "0",
        "triggerPrice": f"{algo.trigger_price:.{decimals}f}",
        "price": f"{algo.price:.{decimals}f}",
        "icebergQuantity": None,
        "tpTriggerPrice": "0",
        "tpPrice": "0",
        "slTriggerPrice": "0",
        "slPrice": "0",
        "tpOrderType": "",
        "selfTradePreventionMode": "EXPIRE_MAKER",
        "workingType": algo.working_type.value,
        "priceMatch": "NONE",
        "closePosition": algo.close_position,
        "priceProtect": algo.price_protect,
        "reduceOnly": algo.reduce_only,
        "createTime": algo.created_ms,
        "updateTime": algo.updated_ms,
        "triggerTime": algo.triggered_ms,
        "goodTillDate": 0,
        "failedReason": algo.fail_reason,
    }


def _find(call: Call) -> AlgoOrder:
    """Raises -1102 when the request names none, -2013 when there is none."""
    algo_id = call.params.integer("algoId")
    client_id = call.params.get("clientAlgoId")
    if algo_id is None and not client_id:
        raise Refusal(-1102, "Either 'algoId' or 'clientAlgoId' must be sent.")
    return call.exchange.futures.conditional.find(call.account.id, algo_id, client_id)


@routes.get("/fapi/v1/algoOrder")
def query_algo_order(call: Call) -> Json:
    return algo_row(call, _find(call))


@routes.delete("/fapi/v1/algoOrder")
def cancel_algo_order(call: Call) -> Json:
    try:
        algo = _find(call)
    except Refusal as refusal:
        raise (unknown_cancel() if refusal.code == -2013 else refusal) from refusal
    call.exchange.futures.conditional.cancel(algo, call.exchange.now_ms)
    return {
        "algoId": algo.id,
        "clientAlgoId": algo.client_id,
        "code": "200",
        "msg": "success",
    }


@routes.delete("/fapi/v1/algoOpenOrders")
def cancel_open_algo_orders(call: Call) -> Json:
    venue = call.exchange.futures
    venue.instrument(call.symbol)
    for algo in venue.conditional.waiting(call.account.id, call.symbol):
        venue.conditional.cancel(algo, call.exchange.now_ms)
    return {"code": 200, "msg": "The operation of cancel all open order is done."}


@routes.get("/fapi/v1/openAlgoOrders")
def open_algo_orders(call: Call) -> Json:
    symbol = call.params.get("symbol")
    if symbol:
        call.exchange.futures.instrument(symbol)
    algos = call.exchange.futures.conditional.waiting(call.account.id, symbol)
    return [algo_row(call, algo) for algo in algos]


@routes.get("/fapi/v1/allAlgoOrders", weight=5)
def all_algo_orders(call: Call) -> Json:
    call.exchange.futures.instrument(call.symbol)
    params = call.params
    start_ms, end_ms = params.integer("startTime"), params.integer("endTime")
    algo_id = params.integer("algoId")
    algos = [
        algo
        for algo in call.exchange.futures.conditional.of_account(call.account.id, call.symbol)
        if (start_ms is None or algo.created_ms >= start_ms)
        and (end_ms is None or algo.created_ms <= end_ms)
        and (algo_id is None or algo.id >= algo_id)
    ]
    limit = params.limit(500, 1_000)
    return [algo_row(call, algo) for algo in algos[-limit:]]
