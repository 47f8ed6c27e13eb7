"""From ccxt's unified dictionaries to our types: Decimal from strings, UTC, base units."""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from connections.gateway.errors import ExchangeBug
from connections.gateway.types import (
    Balance,
    CandleRow,
    MarketSpec,
    OrderReport,
    PositionReport,
    ReportedState,
    Ticker,
    TradeReport,
)

Raw = Mapping[str, Any]

_STATES = {
    "canceled": ReportedState.CANCELED,
    "canceling": ReportedState.OPEN,
    "rejected": ReportedState.REJECTED,
    "expired": ReportedState.EXPIRED,
    "closed": ReportedState.FILLED,
    "open": ReportedState.OPEN,
}


def market_spec(raw: Raw, *, digits_are_ticks: bool) -> MarketSpec | None:
    """Give what an exchange demands in one market; None where it doesn't tell lot and tick.

    `digits_are_ticks`: ccxt's precision is a step (0.01) here, not a number of digits (2).
    """
    lot = _step(raw["precision"].get("amount"), digits_are_ticks=digits_are_ticks)
    tick = _step(raw["precision"].get("price"), digits_are_ticks=digits_are_ticks)
    if not lot or not tick:
        return None
    size = number(raw.get("contractSize")) or Decimal(1)
    limits = raw["limits"]
    smallest = number(limits["amount"].get("min")) or lot
    return MarketSpec(
        symbol=raw["symbol"],
        base=raw["base"],
        quote=raw["quote"],
        lot=lot * size,
        tick=tick,
        min_quantity=smallest * size,
        min_notional=number(limits["cost"].get("min")) or Decimal(0),
        contract_size=size,
        is_trading=raw.get("active") is not False,
    )


def ticker(raw: Raw, best: Raw | None, at: datetime) -> Ticker | None:
    """Give the newest prices; None where nothing has been traded. `best` holds bid and ask."""
    last = _positive(raw.get("last"))
    if last is None:
        return None
    best = best or raw
    return Ticker(
        symbol=raw["symbol"],
        last=last,
        bid=_positive(best.get("bid")),
        ask=_positive(best.get("ask")),
        at=at,
        change_24h_pct=number(raw.get("percentage")),
        quote_volume_24h=number(raw.get("quoteVolume")),
    )


def candle(raw: list[Any]) -> CandleRow:
    """Give one candle of ccxt's [time, open, high, low, close, volume]."""
    open_ms, *figures = raw
    opened, high, low, close, volume = (float(figure) for figure in figures[:5])
    return CandleRow(int(open_ms), opened, high, low, close, volume)


def balance(raw: Raw, currency: str, at: datetime) -> Balance:
    """Give what the account holds of `currency`. Exchanges leave out what it never held: zero."""
    if not isinstance(raw.get("free"), Mapping) or not isinstance(raw.get("total"), Mapping):
        raise ExchangeBug("expected balances, was something else")
    return Balance(
        currency=currency,
        free=number(raw["free"].get(currency)) or Decimal(0),
        total=number(raw["total"].get(currency)) or Decimal(0),
        at=at,
    )


def order_report(raw: Raw, contract_size: Decimal) -> OrderReport:
    """Give what the exchange says of an order.

    A stop of Binance's futures ("algo order") tells only whether it was triggered: its state is
    open until the order that it became has been asked, see triggered_order_id().
    Raises ExchangeBug for an order without id or with an unknown state.
    """
    exchange_order_id = str(raw.get("id") or "")
    if not exchange_order_id:
        raise ExchangeBug("expected an order with an id, was one without")
    quantity = number(raw.get("amount")) or Decimal(0)
    filled = number(raw.get("filled")) or Decimal(0)
    return OrderReport(
        client_order_id=_client_order_id(raw),
        exchange_order_id=exchange_order_id,
        symbol=str(raw.get("symbol") or ""),
        state=_state(raw, filled),
        quantity=quantity * contract_size,
        filled=filled * contract_size,
        average_price=_positive(raw.get("average")) if filled else None,
        at=_instant(raw.get("lastUpdateTimestamp") or raw.get("timestamp")),
        triggered_order_id=triggered_order_id(raw),
    )


def triggered_order_id(raw: Raw) -> str:
    """Give the id of the order that a triggered stop became; empty where it has none."""
    info = raw.get("info")
    actual = str(info.get("actualOrderId") or "") if isinstance(info, Mapping) else ""
    return "" if actual == "0" else actual


def trade_report(raw: Raw, contract_size: Decimal) -> TradeReport:
    """Give one execution. Raises ExchangeBug where id, price, quantity or time is missing."""
    price, quantity = _positive(raw.get("price")), _positive(raw.get("amount"))
    at = _instant(raw.get("timestamp"))
    if not raw.get("id") or price is None or quantity is None or at is None:
        raise ExchangeBug("expected a trade with id, price, quantity and time, one is missing")
    fee = raw.get("fee") or {}
    return TradeReport(
        trade_id=str(raw["id"]),
        exchange_order_id=str(raw.get("order") or ""),
        symbol=str(raw["symbol"]),
        side=str(raw["side"]),
        price=price,
        quantity=quantity * contract_size,
        fee=number(fee.get("cost")),
        fee_currency=str(fee.get("currency") or ""),
        at=at,
    )


def position_report(raw: Raw, contract_size: Decimal) -> PositionReport | None:
    """Give a net position; None for an empty one. Raises ExchangeBug where its side is missing."""
    contracts = number(raw.get("contracts"))
    if not contracts:
        return None
    side = raw.get("side")
    if side not in ("long", "short"):
        raise ExchangeBug("expected a position with a side, was one without")
    return PositionReport(
        symbol=str(raw["symbol"]),
        side=side,
        quantity=abs(contracts) * contract_size,
        entry_price=_positive(raw.get("entryPrice")),
        mark_price=_positive(raw.get("markPrice")),
        unrealised_quote=number(raw.get("unrealizedPnl")),
        leverage=_positive(raw.get("leverage")),
        liquidation_price=_positive(raw.get("liquidationPrice")),
    )


def number(value: Any) -> Decimal | None:
    """Give a figure of the exchange as Decimal; None where there is none.

    Raises ExchangeBug for what isn't a finite number.
    """
    if value is None or value == "":
        return None
    try:
        figure = Decimal(str(value))
    except InvalidOperation as error:
        raise ExchangeBug("expected a number, was something else") from error
    if not figure.is_finite():
        raise ExchangeBug("expected a finite number, was something else")
    return figure


def _client_order_id(raw: Raw) -> str:
    # Binance's answer to a cancel carries the cancel's own id, and the order's beside it.
    info = raw.get("info")
    original = info.get("origClientOrderId") if isinstance(info, Mapping) else None
    return str(original or raw.get("clientOrderId") or "")


def _positive(value: Any) -> Decimal | None:
    figure = number(value)
    return figure if figure is not None and figure > 0 else None


def _step(value: Any, *, digits_are_ticks: bool) -> Decimal | None:
    figure = number(value)
    if figure is None or digits_are_ticks:
        return figure
    return Decimal(1).scaleb(-int(figure))


def _state(raw: Raw, filled: Decimal) -> ReportedState:
    info = raw.get("info")
    status = raw.get("status")
    if isinstance(info, Mapping) and info.get("algoStatus") in ("TRIGGERED", "FINISHED"):
        # ccxt calls both closed; the order that came of it knows better.
        status = "open"
    # Some exchanges acknowledge an order with nothing but its id.
    state = ReportedState.OPEN if status is None else _STATES.get(str(status))
    if state is None:
        raise ExchangeBug(f"expected a known order state, was {str(status)[:20]!r}")
    return ReportedState.PARTIALLY_FILLED if state is ReportedState.OPEN and filled else state


def _instant(milliseconds: Any) -> datetime | None:
    if milliseconds is None:
        return None
    return datetime.fromtimestamp(int(milliseconds) / 1000, tz=UTC)
