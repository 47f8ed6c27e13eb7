"""exchangeInfo of both markets, in Binance's shapes."""

from __future__ import annotations

import json
from decimal import Decimal

from .errors import Refusal, invalid_symbol
from .filters import MAX_OPEN_ORDERS, MAX_STOP_ORDERS
from .instruments import MARGIN_ASSET, Instrument
from .routes import Call, Json, RouteTable

routes = RouteTable()

SPOT_ORDER_TYPES = [
    "LIMIT",
    "LIMIT_MAKER",
    "MARKET",
    "STOP_LOSS",
    "STOP_LOSS_LIMIT",
    "TAKE_PROFIT",
    "TAKE_PROFIT_LIMIT",
]
FUTURES_ORDER_TYPES = [
    "LIMIT",
    "MARKET",
    "STOP",
    "STOP_MARKET",
    "TAKE_PROFIT",
    "TAKE_PROFIT_MARKET",
]
SPOT_WEIGHT_LIMIT = 6_000
FUTURES_WEIGHT_LIMIT = 2_400


def fixed(value: Decimal) -> str:
    """Eight decimals, as the spot API writes numbers."""
    return f"{value:.8f}"


def short(value: Decimal) -> str:
    """As few decimals as the number has, as the futures API writes filters."""
    return f"{value.normalize():f}"


@routes.public("/api/v3/exchangeInfo", weight=20)
def spot_exchange_info(call: Call) -> Json:
    venue = call.exchange.spot
    wanted = _wanted_symbols(call)
    if any(symbol not in venue.instruments for symbol in wanted):
        raise invalid_symbol()
    instruments = [i for s, i in venue.instruments.items() if not wanted or s in wanted]
    return {
        "timezone": "UTC",
        "serverTime": call.exchange.now_ms,
        "rateLimits": [
            _rate_limit("REQUEST_WEIGHT", "MINUTE", 1, SPOT_WEIGHT_LIMIT),
            _rate_limit("ORDERS", "SECOND", 10, 100),
            _rate_limit("ORDERS", "DAY", 1, 200_000),
        ],
        "exchangeFilters": [],
        "symbols": [_spot_symbol(instrument) for instrument in instruments],
    }


def _wanted_symbols(call: Call) -> set[str]:
    if call.params.get("symbol"):
        return {call.symbol}
    return symbols_parameter(call) or set()


def symbols_parameter(call: Call) -> set[str] | None:
    """The `symbols` parameter, a JSON list of symbols; None where it wasn't sent."""
    text = call.params.get("symbols")
    if not text:
        return None
    try:
        listed = json.loads(text)
    except json.JSONDecodeError as error:
        raise Refusal(-1100, "Illegal characters found in parameter 'symbols'.") from error
    if not isinstance(listed, list) or not all(isinstance(item, str) for item in listed):
        raise Refusal(-1100, "Illegal characters found in parameter 'symbols'.")
    return set(listed)


def _rate_limit(kind: str, interval: str, number: int, limit: int) -> Json:
    return {"rateLimitType": kind, "interval": interval, "intervalNum": number, "limit": limit}


def _spot_symbol(instrument: Instrument) -> Json:
    return {
        "symbol": instrument.symbol,
        "status": "TRADING",
        "baseAsset": instrument.base,
        "baseAssetPrecision": 8,
        "quoteAsset": instrument.quote,
        "quotePrecision": 8,
        "quoteAssetPrecision": 8,
        "baseCommissionPrecision": 8,
        "quoteCommissionPrecision": 8,
        "orderTypes": SPOT_ORDER_TYPES,
        "icebergAllowed": False,
        "ocoAllowed": False,
        "otoAllowed": False,
        "quoteOrderQtyMarketAllowed": True,
        "allowTrailingStop": False,
        "cancelReplaceAllowed": False,
        "amendAllowed": False,
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": False,
        "filters": [
            {
                "filterType": "PRICE_FILTER",
                "minPrice": fixed(instrument.tick),
                "maxPrice": fixed(instrument.max_price),
                "tickSize": fixed(instrument.tick),
            },
            {
                "filterType": "LOT_SIZE",
                "minQty": fixed(instrument.min_quantity),
                "maxQty": fixed(instrument.max_quantity),
                "stepSize": fixed(instrument.step),
            },
            {
                "filterType": "MARKET_LOT_SIZE",
                "minQty": "0.00000000",
                "maxQty": fixed(instrument.market_max_quantity),
                "stepSize": "0.00000000",
            },
            {
                "filterType": "PERCENT_PRICE_BY_SIDE",
                "bidMultiplierUp": short(instrument.multiplier_up),
                "bidMultiplierDown": short(instrument.multiplier_down),
                "askMultiplierUp": short(instrument.multiplier_up),
                "askMultiplierDown": short(instrument.multiplier_down),
                "avgPriceMins": 5,
            },
            {
                "filterType": "NOTIONAL",
                "minNotional": fixed(instrument.min_notional),
                "applyMinToMarket": True,
                "maxNotional": "9000000.00000000",
                "applyMaxToMarket": False,
                "avgPriceMins": 5,
            },
            {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": MAX_OPEN_ORDERS},
            {"filterType": "MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders": MAX_STOP_ORDERS},
        ],
        "permissions": [],
        "permissionSets": [["SPOT"]],
        "defaultSelfTradePreventionMode": "EXPIRE_MAKER",
        "allowedSelfTradePreventionModes": ["EXPIRE_MAKER"],
    }


@routes.public("/fapi/v1/exchangeInfo")
def futures_exchange_info(call: Call) -> Json:
    venue = call.exchange.futures
    return {
        "timezone": "UTC",
        "serverTime": call.exchange.now_ms,
        "futuresType": "U_MARGINED",
        "rateLimits": [
            _rate_limit("REQUEST_WEIGHT", "MINUTE", 1, FUTURES_WEIGHT_LIMIT),
            _rate_limit("ORDERS", "MINUTE", 1, 1_200),
            _rate_limit("ORDERS", "SECOND", 10, 300),
        ],
        "exchangeFilters": [],
        "assets": [{"asset": MARGIN_ASSET, "marginAvailable": True, "autoAssetExchange": "-10000"}],
        "symbols": [_futures_symbol(instrument) for instrument in venue.instruments.values()],
    }


def _futures_symbol(instrument: Instrument) -> Json:
    return {
        "symbol": instrument.symbol,
        "pair": instrument.symbol,
        "contractType": "PERPETUAL",
        "deliveryDate": 4133404800000,
        "onboardDate": 1569398400000,
        "status": "TRADING",
        "maintMarginPercent": "2.5000",
        "requiredMarginPercent": "5.0000",
        "baseAsset": instrument.base,
        "quoteAsset": instrument.quote,
        "marginAsset": MARGIN_ASSET,
        "pricePrecision": instrument.price_decimals,
        "quantityPrecision": instrument.quantity_decimals,
        "baseAssetPrecision": 8,
        "quotePrecision": 8,
        "underlyingType": "COIN",
        "underlyingSubType": [],
        "triggerProtect": "0.0500",
        "liquidationFee": "0.000000",
        "marketTakeBound": "0.05",
        "maxMoveOrderLimit": 10000,
        "filters": [
            {
                "filterType": "PRICE_FILTER",
                "minPrice": short(instrument.tick),
                "maxPrice": short(instrument.max_price),
                "tickSize": short(instrument.tick),
            },
            {
                "filterType": "LOT_SIZE",
                "minQty": short(instrument.min_quantity),
                "maxQty": short(instrument.max_quantity),
                "stepSize": short(instrument.step),
            },
            {
                "filterType": "MARKET_LOT_SIZE",
                "minQty": short(instrument.min_quantity),
                "maxQty": short(instrument.market_max_quantity),
                "stepSize": short(instrument.step),
            },
            {"filterType": "MAX_NUM_ORDERS", "limit": MAX_OPEN_ORDERS},
            {"filterType": "MAX_NUM_ALGO_ORDERS", "limit": MAX_OPEN_ORDERS},
            {"filterType": "MIN_NOTIONAL", "notional": short(instrument.min_notional)},
            {
                "filterType": "PERCENT_PRICE",
                "multiplierUp": f"{instrument.multiplier_up:.4f}",
                "multiplierDown": f"{instrument.multiplier_down:.4f}",
                "multiplierDecimal": "4",
            },
        ],
        "orderTypes": FUTURES_ORDER_TYPES,
        "timeInForce": ["GTC", "IOC", "FOK", "GTX"],
    }
