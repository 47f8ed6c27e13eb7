"""Public market data of both markets: time, prices, books, klines, trades."""

from __future__ import annotations

from .errors import Refusal, invalid_symbol
from .feed import DAY_MS, INTERVALS_MS, Kline
from .instruments import Instrument
from .records import Side
from .rest_exchange_info import fixed, symbols_parameter
from .risk import FUNDING_INTERVAL_MS, FUNDING_RATE, next_funding_ms
from .routes import Call, Json, RouteTable, Security
from .venue import Venue

routes = RouteTable()
SPOT_DEPTH_LIMIT = 5_000
FUTURES_DEPTH_LIMITS = (5, 10, 20, 50, 100, 500, 1_000)


@routes.public("/api/v3/ping", "/fapi/v1/ping")
def ping(_call: Call) -> Json:
    return {}


@routes.public("/api/v3/time", "/fapi/v1/time")
def server_time(call: Call) -> Json:
    return {"serverTime": call.exchange.now_ms}


def _symbols(call: Call, venue: Venue) -> list[str]:
    """The symbols asked for: one, a list, or all. Raises -1121."""
    if call.params.get("symbol"):
        wanted = [call.symbol]
    else:
        listed = symbols_parameter(call)
        wanted = [s for s in venue.instruments if listed is None or s in listed]
        if listed is not None and len(wanted) != len(listed):
            raise invalid_symbol()
    for symbol in wanted:
        venue.instrument(symbol)
    return wanted


def _one_or_all(call: Call, rows: list[Json]) -> Json:
    return rows[0] if call.params.get("symbol") else rows


# Tickers.


@routes.public("/api/v3/ticker/24hr", "/api/v3/ticker", weight=2)
def spot_day_ticker(call: Call) -> Json:
    venue = call.exchange.spot
    rows = [_spot_day_ticker(call, symbol) for symbol in _symbols(call, venue)]
    return _one_or_all(call, rows)


def _spot_day_ticker(call: Call, symbol: str) -> Json:
    venue = call.exchange.spot
    row = _day_ticker(call, venue, symbol)
    bids, asks = venue.depth(symbol, 1)
    row |= {
        "prevClosePrice": row["openPrice"],
        "bidPrice": fixed(bids[0].price),
        "bidQty": fixed(bids[0].quantity),
        "askPrice": fixed(asks[0].price),
        "askQty": fixed(asks[0].quantity),
    }
    return row


@routes.public("/fapi/v1/ticker/24hr", weight=2)
def futures_day_ticker(call: Call) -> Json:
    venue = call.exchange.futures
    rows = [_day_ticker(call, venue, symbol) for symbol in _symbols(call, venue)]
    return _one_or_all(call, rows)


def _day_ticker(call: Call, venue: Venue, symbol: str) -> Json:
    exchange = call.exchange
    tick = exchange.quote(symbol)
    day = exchange.feed.day(symbol, exchange.market_ms)
    if day is None:
        raise invalid_symbol()
    decimals = 8 if venue is exchange.spot else venue.instruments[symbol].price_decimals
    change = day.close - day.open
    average = day.quote_volume / day.volume if day.volume else day.close
    last_quantity = day.volume / day.trades if day.trades else 0.0
    return {
        "symbol": symbol,
        "priceChange": f"{change:.{decimals}f}",
        "priceChangePercent": f"{change / day.open * 100:.3f}",
        "weightedAvgPrice": f"{average:.{decimals}f}",
        "lastPrice": f"{tick.price:.{decimals}f}",
        "lastQty": f"{last_quantity:.8f}",
        "openPrice": f"{day.open:.{decimals}f}",
        "highPrice": f"{day.high:.{decimals}f}",
        "lowPrice": f"{day.low:.{decimals}f}",
        "volume": f"{day.volume:.8f}",
        "quoteVolume": f"{day.quote_volume:.8f}",
        "openTime": day.open_ms,
        "closeTime": tick.time_ms,
        "firstId": 1,
        "lastId": tick.serial + 1,
        "count": day.trades,
    }


@routes.public("/api/v3/ticker/price", weight=2)
def spot_price_ticker(call: Call) -> Json:
    rows = [
        {"symbol": symbol, "price": fixed(call.exchange.quote(symbol).price)}
        for symbol in _symbols(call, call.exchange.spot)
    ]
    return _one_or_all(call, rows)


@routes.public("/fapi/v1/ticker/price", "/fapi/v2/ticker/price")
def futures_price_ticker(call: Call) -> Json:
    rows = []
    for symbol in _symbols(call, call.exchange.futures):
        tick = call.exchange.quote(symbol)
        rows.append({"symbol": symbol, "price": fixed(tick.price), "time": tick.time_ms})
    return _one_or_all(call, rows)


@routes.public("/api/v3/ticker/bookTicker", weight=2)
def spot_book_ticker(call: Call) -> Json:
    return _book_tickers(call, call.exchange.spot)


@routes.public("/fapi/v1/ticker/bookTicker", weight=2)
def futures_book_ticker(call: Call) -> Json:
    return _book_tickers(call, call.exchange.futures)


def _book_tickers(call: Call, venue: Venue) -> Json:
    rows = []
    for symbol in _symbols(call, venue):
        tick = call.exchange.quote(symbol)
        bids, asks = venue.depth(symbol, 1)
        row: Json = {
            "symbol": symbol,
            "bidPrice": fixed(bids[0].price),
            "bidQty": fixed(bids[0].quantity),
            "askPrice": fixed(asks[0].price),
            "askQty": fixed(asks[0].quantity),
        }
        if venue is call.exchange.futures:
            row |= {"time": tick.time_ms, "lastUpdateId": tick.serial + 1}
        rows.append(row)
    return _one_or_all(call, rows)


@routes.public("/api/v3/avgPrice", weight=2)
def average_price(call: Call) -> Json:
    call.exchange.spot.instrument(call.symbol)
    tick = call.exchange.quote(call.symbol)
    return {"mins": 5, "price": fixed(tick.price), "closeTime": tick.time_ms}


# Books.


@routes.public("/api/v3/depth", weight=5)
def spot_depth(call: Call) -> Json:
    call.exchange.spot.instrument(call.symbol)
    tick = call.exchange.quote(call.symbol)
    limit = call.params.limit(100, SPOT_DEPTH_LIMIT)
    bids, asks = call.exchange.spot.depth(call.symbol, limit)
    return {
        "lastUpdateId": tick.serial + 1,
        "bids": [[fixed(level.price), fixed(level.quantity)] for level in bids],
        "asks": [[fixed(level.price), fixed(level.quantity)] for level in asks],
    }


@routes.public("/fapi/v1/depth", weight=5)
def futures_depth(call: Call) -> Json:
    instrument = call.exchange.futures.instrument(call.symbol)
    tick = call.exchange.quote(call.symbol)
    limit = call.params.limit(500, 1_000)
    if limit not in FUTURES_DEPTH_LIMITS:
        raise Refusal(-4021, f"{limit} is not valid depth limit.")
    bids, asks = call.exchange.futures.depth(call.symbol, limit)
    return {
        "lastUpdateId": tick.serial + 1,
        "E": call.exchange.now_ms,
        "T": tick.time_ms,
        "bids": [[fixed(lv.price), quantity_text(instrument, lv.quantity)] for lv in bids],
        "asks": [[fixed(lv.price), quantity_text(instrument, lv.quantity)] for lv in asks],
    }


def quantity_text(instrument: Instrument, quantity: object) -> str:
    return f"{quantity:.{instrument.quantity_decimals}f}"


# Klines and trades.


@routes.public("/api/v3/klines", "/api/v3/uiKlines", weight=2)
def spot_klines(call: Call) -> Json:
    return _klines(call, call.exchange.spot, 1_000)


@routes.public("/fapi/v1/klines", "/fapi/v1/markPriceKlines", weight=5)
def futures_klines(call: Call) -> Json:
    return _klines(call, call.exchange.futures, 1_500)


@routes.public("/fapi/v1/indexPriceKlines", "/fapi/v1/continuousKlines", weight=5)
def futures_pair_klines(call: Call) -> Json:
    call.params["symbol"] = call.params.require("pair")
    return _klines(call, call.exchange.futures, 1_500)


def _klines(call: Call, venue: Venue, largest: int) -> Json:
    symbol = call.symbol
    venue.instrument(symbol)
    interval = call.params.require("interval")
    interval_ms = INTERVALS_MS.get(interval)
    if interval_ms is None or (interval == "1s" and venue is not call.exchange.spot):
        raise Refusal(-1120, "Invalid interval.")
    exchange = call.exchange
    market_ms = exchange.market_ms
    end_ms = call.params.integer("endTime")
    end_ms = market_ms if end_ms is None else min(end_ms, market_ms)
    limit = call.params.limit(500, largest)
    start_ms = call.params.integer("startTime")
    klines = exchange.feed.klines(symbol, interval_ms, start_ms, end_ms, limit, market_ms)
    return [kline_row(kline) for kline in klines]


def kline_row(kline: Kline) -> list[Json]:
    return [
        kline.open_ms,
        f"{kline.open:.8f}",
        f"{kline.high:.8f}",
        f"{kline.low:.8f}",
        f"{kline.close:.8f}",
        f"{kline.volume:.8f}",
        kline.close_ms,
        f"{kline.quote_volume:.8f}",
        kline.trades,
        f"{kline.volume / 2:.8f}",
        f"{kline.quote_volume / 2:.8f}",
        "0",
    ]


@routes.public("/api/v3/trades", "/fapi/v1/trades", weight=10)
def recent_trades(call: Call) -> Json:
    return _trades(call)


@routes.add(
    "GET", "/api/v3/historicalTrades", "/fapi/v1/historicalTrades", weight=10,
    security=Security.API_KEY,
)  # fmt: skip
def historical_trades(call: Call) -> Json:
    return _trades(call)


def _trades(call: Call) -> Json:
    call.exchange.spot.instrument(call.symbol)
    limit = call.params.limit(500, 1_000)
    trades = call.exchange.feed.trades(call.symbol, call.exchange.market_ms, limit)
    return [
        {
            "id": trade.trade_id,
            "price": fixed(trade.price),
            "qty": f"{trade.quantity:.8f}",
            "quoteQty": f"{float(trade.price) * trade.quantity:.8f}",
            "time": trade.time_ms,
            "isBuyerMaker": trade.buyer_is_maker,
            "isBestMatch": True,
        }
        for trade in trades
    ]


@routes.public("/api/v3/aggTrades", "/fapi/v1/aggTrades", weight=4)
def aggregate_trades(call: Call) -> Json:
    call.exchange.spot.instrument(call.symbol)
    limit = call.params.limit(500, 1_000)
    start_ms, end_ms = call.params.integer("startTime"), call.params.integer("endTime")
    market_ms = call.exchange.market_ms
    until_ms = market_ms if end_ms is None else min(market_ms, end_ms)
    trades = call.exchange.feed.trades(call.symbol, until_ms, limit)
    return [
        {
            "a": trade.trade_id,
            "p": fixed(trade.price),
            "q": f"{trade.quantity:.8f}",
            "f": trade.trade_id,
            "l": trade.trade_id,
            "T": trade.time_ms,
            "m": trade.buyer_is_maker,
            "M": True,
        }
        for trade in trades
        if start_ms is None or trade.time_ms >= start_ms
    ]


# Marks and funding.


@routes.public("/fapi/v1/premiumIndex")
def premium_index(call: Call) -> Json:
    rows = []
    for symbol in _symbols(call, call.exchange.futures):
        tick = call.exchange.quote(symbol)
        rows.append(
            {
                "symbol": symbol,
                "markPrice": fixed(tick.price),
                "indexPrice": fixed(tick.price),
                "estimatedSettlePrice": fixed(tick.price),
                "lastFundingRate": f"{FUNDING_RATE:.8f}",
                "interestRate": f"{FUNDING_RATE:.8f}",
                "nextFundingTime": next_funding_ms(call.exchange.now_ms),
                "time": tick.time_ms,
            }
        )
    return _one_or_all(call, rows)


@routes.public("/fapi/v1/fundingInfo")
def funding_info(_call: Call) -> Json:
    return []


@routes.public("/fapi/v1/fundingRate")
def funding_rate_history(call: Call) -> Json:
    exchange = call.exchange
    limit = call.params.limit(100, 1_000)
    end_ms = min(call.params.integer("endTime") or exchange.market_ms, exchange.market_ms)
    start_ms = call.params.integer("startTime") or end_ms - 30 * DAY_MS
    last = next_funding_ms(end_ms) - FUNDING_INTERVAL_MS
    times = list(range(last, start_ms - 1, -FUNDING_INTERVAL_MS))[:limit]
    rows = []
    for symbol in _symbols(call, exchange.futures):
        for time_ms in reversed(times):
            tick = exchange.feed.tick(symbol, time_ms)
            if tick is not None:
                rows.append(
                    {
                        "symbol": symbol,
                        "fundingTime": time_ms,
                        "fundingRate": f"{FUNDING_RATE:.8f}",
                        "markPrice": fixed(tick.price),
                    }
                )
    return rows


@routes.public("/fapi/v1/openInterest")
def open_interest(call: Call) -> Json:
    exchange = call.exchange
    instrument = exchange.futures.instrument(call.symbol)
    held = sum(
        position.amount
        for account_id in exchange.futures.holders[call.symbol]
        for position in exchange.futures.wallets[account_id].open_positions()
        if position.symbol == call.symbol and Side.BUY.sign * position.amount > 0
    )
    return {
        "symbol": call.symbol,
        "openInterest": quantity_text(instrument, held),
        "time": exchange.now_ms,
    }
