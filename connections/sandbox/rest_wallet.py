"""The sapi and dapi endpoints that clients call around spot trading."""

from __future__ import annotations

from .records import SpotBalance
from .rest_exchange_info import fixed
from .routes import Call, Json, RouteTable

routes = RouteTable()


@routes.public("/sapi/v1/system/status")
def system_status(_call: Call) -> Json:
    return {"status": 0, "msg": "normal"}


@routes.public("/dapi/v1/exchangeInfo")
def coin_margined_exchange_info(call: Call) -> Json:
    """The sandbox has no coin-margined markets; clients that ask for all kinds are told so."""
    return {
        "timezone": "UTC",
        "serverTime": call.exchange.now_ms,
        "rateLimits": [],
        "exchangeFilters": [],
        "symbols": [],
    }


@routes.get("/sapi/v1/capital/config/getall", weight=10)
def all_coins(call: Call) -> Json:
    wallet = call.exchange.spot.wallets[call.account.id]
    instruments = call.exchange.spot.instruments.values()
    assets = sorted({i.base for i in instruments} | {i.quote for i in instruments})
    return [_coin(asset, wallet.balances.get(asset) or SpotBalance()) for asset in assets]


def _coin(asset: str, balance: SpotBalance) -> Json:
    return {
        "coin": asset,
        "depositAllEnable": False,
        "withdrawAllEnable": False,
        "name": asset,
        "free": fixed(balance.free),
        "locked": fixed(balance.locked),
        "freeze": "0",
        "withdrawing": "0",
        "ipoing": "0",
        "ipoable": "0",
        "storage": "0",
        "isLegalMoney": asset in ("USD", "EUR"),
        "trading": True,
        "networkList": [
            {
                "network": "SANDBOX",
                "coin": asset,
                "withdrawIntegerMultiple": "0.00000001",
                "isDefault": True,
                "depositEnable": False,
                "withdrawEnable": False,
                "depositDesc": "no deposits in the sandbox",
                "withdrawDesc": "no withdrawals from the sandbox",
                "name": "sandbox",
                "resetAddressStatus": False,
                "addressRegex": "",
                "memoRegex": "",
                "withdrawFee": "0",
                "withdrawMin": "0",
                "withdrawMax": "0",
                "minConfirm": 1,
                "unLockConfirm": 0,
                "sameAddress": False,
            }
        ],
    }


@routes.get("/sapi/v1/margin/allPairs", "/sapi/v1/margin/isolated/allPairs")
def margin_pairs(_call: Call) -> Json:
    """The sandbox has no margin trading."""
    return []


@routes.get("/sapi/v1/equity/market/exchangeInfo")
def equity_exchange_info(_call: Call) -> Json:
    """The sandbox has no tokenised shares."""
    return {"timezone": "UTC", "symbols": []}


@routes.get("/sapi/v1/asset/tradeFee")
def trade_fee(call: Call) -> Json:
    venue = call.exchange.spot
    wanted = call.params.get("symbol")
    instruments = [venue.instrument(wanted)] if wanted else list(venue.instruments.values())
    return [
        {
            "symbol": instrument.symbol,
            "makerCommission": f"{instrument.maker_fee.normalize():f}",
            "takerCommission": f"{instrument.taker_fee.normalize():f}",
        }
        for instrument in instruments
    ]


@routes.get("/sapi/v1/account/apiRestrictions")
def api_restrictions(call: Call) -> Json:
    return {
        "ipRestrict": True,
        "createTime": call.account.created_ms,
        "enableReading": True,
        "enableSpotAndMarginTrading": True,
        "enableWithdrawals": False,
        "enableInternalTransfer": False,
        "enableMargin": False,
        "enableFutures": True,
        "permitsUniversalTransfer": False,
        "enableVanillaOptions": False,
        "enableFixApiTrade": False,
        "enableFixReadOnly": False,
        "enablePortfolioMarginTrading": False,
    }


@routes.get("/sapi/v1/account/apiTradingStatus")
def api_trading_status(call: Call) -> Json:
    return {
        "data": {
            "isLocked": False,
            "plannedRecoverTime": 0,
            "triggerCondition": {"GCR": 150, "IFER": 150, "UFR": 300},
            "updateTime": call.exchange.now_ms,
        }
    }


@routes.get("/sapi/v1/account/status")
def account_status(_call: Call) -> Json:
    return {"data": "Normal"}
