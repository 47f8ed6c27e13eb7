"""Signed USD-M endpoints about balances, positions and settings."""

from __future__ import annotations

from decimal import Decimal

from . import margin
from .errors import Refusal
from .instruments import MARGIN_ASSET
from .margin import BRACKETS, MAX_LEVERAGE, MarginSummary
from .records import (
    ZERO,
    FuturesWallet,
    IncomeType,
    MarginType,
    Position,
    PositionSide,
)
from .rest_exchange_info import fixed
from .rest_futures import position_side_parameter
from .rest_market import quantity_text
from .routes import Call, Json, RouteTable
from .spot import ledger_amount

routes = RouteTable()


def _wallet(call: Call) -> FuturesWallet:
    """The signer's wallet, with the marks of its positions brought up to now."""
    call.exchange.refresh_marks(call.account.id)
    return call.exchange.futures.wallets[call.account.id]


def _is_isolated(wallet: FuturesWallet, symbol: str) -> bool:
    return wallet.settings_of(symbol).margin_type is MarginType.ISOLATED


def _shown_positions(call: Call, wallet: FuturesWallet, symbol: str | None) -> list[Position]:
    """Every symbol in every side of the position mode, as the older endpoints list them."""
    sides = [PositionSide.BOTH]
    if wallet.dual_side:
        sides = [PositionSide.LONG, PositionSide.SHORT]
    symbols = [symbol] if symbol else list(call.exchange.futures.instruments)
    empty = Position("", PositionSide.BOTH)
    shown = []
    for name in symbols:
        for side in sides:
            position = wallet.positions.get(f"{name}:{side}", empty)
            shown.append(position if position is not empty else Position(name, side))
    return shown


# Balances.


@routes.get("/fapi/v2/balance", "/fapi/v3/balance", weight=5)
def balance(call: Call) -> Json:
    wallet = _wallet(call)
    summary = call.exchange.futures.summary(call.account.id)
    return [
        {
            "accountAlias": f"sandbox{call.account.id}",
            "asset": MARGIN_ASSET,
            "balance": fixed(summary.balance),
            "crossWalletBalance": fixed(summary.cross_balance),
            "crossUnPnl": fixed(summary.cross_unrealized),
            "availableBalance": fixed(summary.available),
            "maxWithdrawAmount": fixed(max(ZERO, min(summary.available, summary.balance))),
            "marginAvailable": True,
            "updateTime": wallet.updated_ms,
        }
    ]


@routes.get("/fapi/v3/account", weight=5)
def account_v3(call: Call) -> Json:
    wallet = _wallet(call)
    summary = call.exchange.futures.summary(call.account.id)
    return _totals(summary) | {
        "assets": [_asset(wallet, summary)],
        "positions": [_position_v3(call, wallet, p) for p in wallet.open_positions()],
    }


@routes.get("/fapi/v2/account", weight=5)
def account_v2(call: Call) -> Json:
    wallet = _wallet(call)
    summary = call.exchange.futures.summary(call.account.id)
    shown = _shown_positions(call, wallet, None)
    return {
        "feeTier": 0,
        "feeBurn": False,
        "canTrade": True,
        "canDeposit": False,
        "canWithdraw": False,
        "updateTime": 0,
        "multiAssetsMargin": False,
        "tradeGroupId": -1,
        **_totals(summary),
        "assets": [_asset(wallet, summary)],
        "positions": [_account_position_v2(call, wallet, position) for position in shown],
    }


def _totals(summary: MarginSummary) -> dict[str, Json]:
    initial = summary.position_margin + summary.order_margin
    return {
        "totalInitialMargin": fixed(initial),
        "totalMaintMargin": fixed(summary.maintenance),
        "totalWalletBalance": fixed(summary.balance),
        "totalUnrealizedProfit": fixed(summary.unrealized),
        "totalMarginBalance": fixed(summary.balance + summary.unrealized),
        "totalPositionInitialMargin": fixed(summary.position_margin),
        "totalOpenOrderInitialMargin": fixed(summary.order_margin),
        "totalCrossWalletBalance": fixed(summary.cross_balance),
        "totalCrossUnPnl": fixed(summary.cross_unrealized),
        "availableBalance": fixed(summary.available),
        "maxWithdrawAmount": fixed(max(ZERO, min(summary.available, summary.balance))),
    }


def _asset(wallet: FuturesWallet, summary: MarginSummary) -> Json:
    return {
        "asset": MARGIN_ASSET,
        "walletBalance": fixed(summary.balance),
        "unrealizedProfit": fixed(summary.unrealized),
        "marginBalance": fixed(summary.balance + summary.unrealized),
        "maintMargin": fixed(summary.maintenance),
        "initialMargin": fixed(summary.position_margin + summary.order_margin),
        "positionInitialMargin": fixed(summary.position_margin),
        "openOrderInitialMargin": fixed(summary.order_margin),
        "crossWalletBalance": fixed(summary.cross_balance),
        "crossUnPnl": fixed(summary.cross_unrealized),
        "availableBalance": fixed(summary.available),
        "maxWithdrawAmount": fixed(max(ZERO, min(summary.available, summary.balance))),
        "marginAvailable": True,
        "updateTime": wallet.updated_ms,
    }


# Positions.


def _position_v3(call: Call, wallet: FuturesWallet, position: Position) -> Json:
    mark = call.exchange.futures.mark(position.symbol)
    instrument = call.exchange.futures.instruments[position.symbol]
    pnl = position.unrealized_pnl(mark)
    isolated = _is_isolated(wallet, position.symbol)
    needed = margin.position_margin(wallet, position, mark)
    return {
        "symbol": position.symbol,
        "positionSide": position.side.value,
        "positionAmt": quantity_text(instrument, position.amount),
        "unrealizedProfit": fixed(pnl),
        "isolatedMargin": fixed(position.isolated_wallet + pnl if isolated else ZERO),
        "notional": fixed(position.amount * mark),
        "isolatedWallet": fixed(position.isolated_wallet),
        "initialMargin": fixed(needed),
        "maintMargin": fixed(margin.maintenance_margin(abs(position.amount) * mark)),
        "updateTime": position.updated_ms,
    }


def _account_position_v2(call: Call, wallet: FuturesWallet, position: Position) -> Json:
    settings = wallet.settings_of(position.symbol)
    call.exchange.quote(position.symbol)
    row: Json = _position_v3(call, wallet, position)
    needed = row["initialMargin"]
    return row | {
        "positionInitialMargin": needed,
        "openOrderInitialMargin": "0",
        "leverage": str(settings.leverage),
        "isolated": settings.margin_type is MarginType.ISOLATED,
        "entryPrice": fixed(position.entry_price),
        "breakEvenPrice": fixed(position.entry_price),
        "maxNotional": f"{margin.max_notional(settings.leverage):f}",
        "bidNotional": "0",
        "askNotional": "0",
    }


@routes.get("/fapi/v3/positionRisk", weight=5)
def position_risk_v3(call: Call) -> Json:
    wallet = _wallet(call)
    symbol = call.params.get("symbol")
    if symbol:
        call.exchange.futures.instrument(symbol)
    summary = call.exchange.futures.summary(call.account.id)
    rows = []
    for position in wallet.open_positions():
        if symbol and position.symbol != symbol:
            continue
        mark = call.exchange.futures.mark(position.symbol)
        row = _position_v3(call, wallet, position)
        row["unRealizedProfit"] = row.pop("unrealizedProfit")
        row |= {
            "entryPrice": fixed(position.entry_price),
            "breakEvenPrice": fixed(position.entry_price),
            "markPrice": fixed(mark),
            "liquidationPrice": fixed(margin.liquidation_price(wallet, position, summary, mark)),
            "marginAsset": MARGIN_ASSET,
            "positionInitialMargin": row["initialMargin"],
            "openOrderInitialMargin": "0",
            "adl": 1,
            "bidNotional": "0",
            "askNotional": "0",
        }
        rows.append(row)
    return rows


@routes.get("/fapi/v2/positionRisk", weight=5)
def position_risk_v2(call: Call) -> Json:
    wallet = _wallet(call)
    symbol = call.params.get("symbol")
    if symbol:
        call.exchange.futures.instrument(symbol)
    summary = call.exchange.futures.summary(call.account.id)
    return [
        _position_risk_v2(call, wallet, position, summary)
        for position in _shown_positions(call, wallet, symbol)
    ]


def _position_risk_v2(
    call: Call, wallet: FuturesWallet, position: Position, summary: MarginSummary
) -> Json:
    settings = wallet.settings_of(position.symbol)
    mark = call.exchange.quote(position.symbol).price
    row: Json = _position_v3(call, wallet, position)
    liquidation = ZERO
    if position.amount:
        liquidation = margin.liquidation_price(wallet, position, summary, mark)
    return {
        "symbol": position.symbol,
        "positionAmt": row["positionAmt"],
        "entryPrice": fixed(position.entry_price),
        "breakEvenPrice": fixed(position.entry_price),
        "markPrice": fixed(mark),
        "unRealizedProfit": row["unrealizedProfit"],
        "liquidationPrice": fixed(liquidation),
        "leverage": str(settings.leverage),
        "maxNotionalValue": f"{margin.max_notional(settings.leverage):f}",
        "marginType": settings.margin_type.value,
        "isolatedMargin": row["isolatedMargin"],
        "isAutoAddMargin": "false",
        "positionSide": position.side.value,
        "notional": row["notional"],
        "isolatedWallet": row["isolatedWallet"],
        "updateTime": position.updated_ms,
    }


# Settings.


@routes.post("/fapi/v1/leverage")
def change_leverage(call: Call) -> Json:
    futures = call.exchange.futures
    symbol = call.symbol
    futures.instrument(symbol)
    leverage = call.params.integer("leverage")
    if leverage is None or not 1 <= leverage <= MAX_LEVERAGE:
        raise Refusal(-4028, f"Leverage {leverage} is not valid")
    wallet = _wallet(call)
    settings = wallet.settings_of(symbol)
    held = [p for p in wallet.open_positions() if p.symbol == symbol]
    if any(abs(p.amount) * futures.mark(symbol) > margin.max_notional(leverage) for p in held):
        raise Refusal(-2027, "Exceeded the maximum allowable position at current leverage.")
    if held and leverage < settings.leverage:
        if settings.margin_type is MarginType.ISOLATED:
            raise Refusal(
                -4161,
                "Leverage reduction is not supported in Isolated Margin Mode with open positions.",
            )
        before = settings.leverage
        settings.leverage = leverage
        short_of_margin = _free_margin(call) < 0
        settings.leverage = before
        if short_of_margin:
            raise Refusal(-2028, "Leverage is smaller than permitted: insufficient margin balance.")
    settings.leverage = leverage
    futures.touch_wallet(wallet, call.exchange.now_ms)
    return {
        "leverage": leverage,
        "maxNotionalValue": f"{margin.max_notional(leverage):f}",
        "symbol": symbol,
    }


def _free_margin(call: Call) -> Decimal:
    """Cross margin that is left; below zero where there isn't enough."""
    summary = call.exchange.futures.summary(call.account.id)
    needed = summary.position_margin + summary.order_margin
    return summary.cross_balance + summary.cross_unrealized - needed


@routes.post("/fapi/v1/marginType")
def change_margin_type(call: Call) -> Json:
    futures = call.exchange.futures
    symbol = call.symbol
    futures.instrument(symbol)
    names = {"ISOLATED": MarginType.ISOLATED, "CROSSED": MarginType.CROSS}
    wanted = names.get(call.params.require("marginType").upper())
    if wanted is None:
        raise Refusal(-4024, "Invalid marginType.")
    wallet = _wallet(call)
    settings = wallet.settings_of(symbol)
    if settings.margin_type is wanted:
        raise Refusal(-4046, "No need to change margin type.")
    if futures.open_orders(call.account.id, symbol):
        raise Refusal(-4047, "Margin type cannot be changed if there exists open orders.")
    if any(position.symbol == symbol for position in wallet.open_positions()):
        raise Refusal(-4048, "Margin type cannot be changed if there exists position.")
    settings.margin_type = wanted
    futures.touch_wallet(wallet, call.exchange.now_ms)
    return {"code": 200, "msg": "success"}


@routes.post("/fapi/v1/positionSide/dual")
def change_position_mode(call: Call) -> Json:
    futures = call.exchange.futures
    call.params.require("dualSidePosition")
    wanted = call.params.boolean("dualSidePosition")
    wallet = _wallet(call)
    if wallet.dual_side == wanted:
        raise Refusal(-4059, "No need to change position side.")
    has_orders = futures.open_orders(call.account.id) or futures.conditional.waiting(
        call.account.id
    )
    if has_orders:
        raise Refusal(-4067, "Position side cannot be changed if there exists open orders.")
    if wallet.open_positions():
        raise Refusal(-4068, "Position side cannot be changed if there exists position.")
    wallet.dual_side = wanted
    futures.touch_wallet(wallet, call.exchange.now_ms)
    return {"code": 200, "msg": "success"}


@routes.get("/fapi/v1/positionSide/dual", weight=30)
def position_mode(call: Call) -> Json:
    return {"dualSidePosition": _wallet(call).dual_side}


@routes.get("/fapi/v1/multiAssetsMargin", weight=30)
def multi_assets_mode(_call: Call) -> Json:
    return {"multiAssetsMargin": False}


@routes.post("/fapi/v1/positionMargin")
def change_position_margin(call: Call) -> Json:
    """Moves margin between the cross balance and an isolated position."""
    futures = call.exchange.futures
    symbol = call.symbol
    futures.instrument(symbol)
    wallet = _wallet(call)
    if not _is_isolated(wallet, symbol):
        raise Refusal(-4054, "Cannot add position margin: position is 0.")
    amount = ledger_amount(call.params.require_decimal("amount"))
    side = position_side_parameter(call)
    position = wallet.position(symbol, side)
    if not position.amount:
        raise Refusal(-4054, "Cannot add position margin: position is 0.")
    adds = call.params.integer("type") == 1
    spare = position.isolated_wallet - margin.position_margin(
        wallet, position, futures.mark(symbol)
    )
    if adds and amount > futures.summary(call.account.id).available:
        raise Refusal(-4051, "Isolated balance insufficient.")
    if not adds and amount > spare + min(ZERO, position.unrealized_pnl(futures.mark(symbol))):
        raise Refusal(-2019, "Margin is insufficient.")
    position.isolated_wallet += amount if adds else -amount
    futures.touch_wallet(wallet, call.exchange.now_ms)
    return {
        "amount": float(amount),
        "code": 200,
        "msg": "Successfully modify position margin.",
        "type": 1 if adds else 2,
    }


@routes.get("/fapi/v1/leverageBracket")
def leverage_bracket(call: Call) -> Json:
    futures = call.exchange.futures
    symbol = call.params.get("symbol")
    symbols = [futures.instrument(symbol).symbol] if symbol else list(futures.instruments)
    brackets = [
        {
            "bracket": bracket.number,
            "initialLeverage": bracket.max_leverage,
            "notionalCap": int(bracket.cap),
            "notionalFloor": int(bracket.floor),
            "maintMarginRatio": float(bracket.rate),
            "cum": float(bracket.cumulative),
        }
        for bracket in BRACKETS
    ]
    return [{"symbol": name, "notionalCoef": 1.0, "brackets": brackets} for name in symbols]


@routes.get("/fapi/v1/symbolConfig", weight=5)
def symbol_config(call: Call) -> Json:
    wallet = _wallet(call)
    wanted = call.params.get("symbol")
    futures = call.exchange.futures
    symbols = [futures.instrument(wanted).symbol] if wanted else list(futures.instruments)
    rows = []
    for symbol in symbols:
        settings = wallet.settings_of(symbol)
        crossed = settings.margin_type is MarginType.CROSS
        rows.append(
            {
                "symbol": symbol,
                "marginType": "CROSSED" if crossed else "ISOLATED",
                "isAutoAddMargin": False,
                "leverage": settings.leverage,
                "maxNotionalValue": f"{margin.max_notional(settings.leverage):f}",
            }
        )
    return rows


@routes.get("/fapi/v1/accountConfig", weight=5)
def account_config(call: Call) -> Json:
    return {
        "feeTier": 0,
        "canTrade": True,
        "canDeposit": False,
        "canWithdraw": False,
        "dualSidePosition": _wallet(call).dual_side,
        "updateTime": 0,
        "multiAssetsMargin": False,
        "tradeGroupId": -1,
    }


@routes.get("/fapi/v1/commissionRate", weight=20)
def commission_rate(call: Call) -> Json:
    instrument = call.exchange.futures.instrument(call.symbol)
    return {
        "symbol": instrument.symbol,
        "makerCommissionRate": f"{instrument.maker_fee:f}",
        "takerCommissionRate": f"{instrument.taker_fee:f}",
        "rpiCommissionRate": "0",
    }


@routes.get("/fapi/v1/apiTradingStatus")
def api_trading_status(call: Call) -> Json:
    return {"indicators": {}, "updateTime": call.exchange.now_ms}


@routes.get("/fapi/v1/income", weight=30)
def income(call: Call) -> Json:
    params = call.params
    symbol = params.get("symbol")
    kind = None
    if params.get("incomeType"):
        kind = params.choice("incomeType", IncomeType, Refusal(-1130, "Invalid incomeType."))
    start_ms, end_ms = params.integer("startTime"), params.integer("endTime")
    found = [
        entry
        for entry in call.exchange.futures.income[call.account.id]
        if (not symbol or entry.symbol == symbol)
        and (kind is None or entry.type is kind)
        and (start_ms is None or entry.time_ms >= start_ms)
        and (end_ms is None or entry.time_ms <= end_ms)
    ]
    limit = params.limit(100, 1_000)
    chosen = found[:limit] if start_ms is not None else found[-limit:]
    return [
        {
            "symbol": entry.symbol,
            "incomeType": entry.type.value,
            "income": fixed(entry.amount),
            "asset": entry.asset,
            "info": entry.info,
            "time": entry.time_ms,
            "tranId": entry.id,
            "tradeId": entry.trade_id,
        }
        for entry in chosen
    ]
