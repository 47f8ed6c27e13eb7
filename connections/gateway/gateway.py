"""One account at one exchange: typed requests in, typed answers out, over ccxt's REST client."""

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Any

from django.utils import timezone

from connections.choices import PositionMode
from connections.gateway import reports
from connections.gateway.breaker import Breaker
from connections.gateway.calls import Calls
from connections.gateway.catalogue import streams
from connections.gateway.clients import build_client, client_id
from connections.gateway.errors import InvalidOrder, NotFound, NotOffered
from connections.gateway.markets import QUOTE, SharedMarkets, shared_markets
from connections.gateway.permissions import UNKNOWN, can_be_read, read_permissions
from connections.gateway.retrying import ATTEMPTS
from connections.gateway.tickets import check_ticket, create_order_arguments
from connections.gateway.types import (
    Balance,
    CandleRow,
    Capabilities,
    MarketSpec,
    OrderReport,
    OrderTicket,
    Permissions,
    PositionReport,
    Ticker,
    TradeReport,
)
from connections.gateway.venue import AccountModes, Keys, Venue

TIMEOUT_S = 10.0
TRADES_PER_PAGE = 1000
# How long the modes of a symbol are believed to be what they were set to.
MODES_STAND_S = 600.0


class Gateway:
    """Everything that CTS asks of an exchange for one account, or for nobody's (public data).

    Every method calls the exchange unless it says otherwise: it raises RuntimeError inside a
    database transaction, and a GatewayError when the exchange doesn't do what is asked. Reads are
    tried up to three times; submit() and cancel() once, and raise Ambiguous where they may have
    been done. An exchange that failed too often in a row is left alone for a while (BreakerOpen);
    cancels, orders that only reduce, stops and questions about orders are sent all the same.
    Safe to share between threads.
    """

    def __init__(
        self,
        venue: Venue,
        *,
        keys: Keys | None = None,
        modes: AccountModes | None = None,
        connection_id: int | None = None,
        always_asks: bool = False,
        attempts: int = ATTEMPTS,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        """Build the client; nothing is sent. Without `keys` only public data can be asked for.

        `connection_id` names the connection whose circuit breaker counts beside the venue's; with
        `always_asks` no open breaker holds anything up (a person wants the exchange's own answer).
        """
        self.venue = venue
        self._modes = modes
        self._attempts = attempts
        self._timeout_s = timeout_s
        self._client = build_client(venue, keys, timeout_s=timeout_s)
        self._always_asks = always_asks
        breaker = Breaker.of(venue, connection_id)
        self._calls = Calls(venue, self._client, breaker, attempts, always_asks)
        self._lock = threading.Lock()
        self._market_source: Any = None
        self._modes_until: dict[str, float] = {}

    def __repr__(self) -> str:
        return f"Gateway({self.venue.label}, {self.venue.market_type})"

    @property
    def label(self) -> str:
        """The venue in words. Asks nothing."""
        return self.venue.label

    def set_timeout(self, timeout_s: float) -> None:
        """Give every request from now on at most `timeout_s`. Asks nothing."""
        self._timeout_s = timeout_s
        self._client.timeout = round(timeout_s * 1000)

    def close(self) -> None:
        """Close the connections kept open. Asks nothing."""
        self._client.session.close()

    # Public data

    def markets(self) -> dict[str, MarketSpec]:
        """Give the USDT markets by symbol; loaded once an hour per venue and process."""
        return self._markets(priority=True).specs

    def tickers(self, symbols: Sequence[str]) -> dict[str, Ticker]:
        """Give the newest prices of those `symbols` that have been traded."""
        self._markets()
        at = timezone.now()
        wanted = list(symbols)
        raw = self._calls.read(lambda: self._client.fetch_tickers(wanted))
        best: dict[str, Any] = {}
        lacks_quotes = any(one.get("bid") is None for one in raw.values())
        if lacks_quotes and self._client.has.get("fetchBidsAsks"):
            best = self._calls.read(lambda: self._client.fetch_bids_asks(wanted))
        found = (reports.ticker(one, best.get(symbol), at) for symbol, one in raw.items())
        return {one.symbol: one for one in found if one is not None}

    def quotes(self, symbols: Sequence[str]) -> dict[str, Ticker]:
        """Give last, bid and ask only: cheap enough to ask for every second.

        Exits are decided by them, so they pass an open breaker.
        Where the exchange has no such short answer, its full tickers.
        """
        has = self._client.has
        if not (has.get("fetchLastPrices") and has.get("fetchBidsAsks")):
            return self.tickers(symbols)
        self._markets(priority=True)
        at = timezone.now()
        wanted = list(symbols)
        last = self._calls.read(lambda: self._client.fetch_last_prices(wanted), priority=True)
        best = self._calls.read(lambda: self._client.fetch_bids_asks(wanted), priority=True)
        found = (
            reports.ticker({"symbol": symbol, "last": raw.get("price")}, best.get(symbol), at)
            for symbol, raw in last.items()
        )
        return {one.symbol: one for one in found if one is not None}

    def candles(
        self, symbol: str, timeframe: str, since_ms: int | None = None, limit: int = 500
    ) -> list[CandleRow]:
        """Give candles, oldest first, from `since_ms` on or the newest; the last may be open."""
        self._markets()
        return self._calls.read(
            lambda: [
                reports.candle(raw)
                for raw in self._client.fetch_ohlcv(symbol, timeframe, since_ms, limit)
            ]
        )

    def clock_skew_ms(self) -> int:
        """Give how far the exchange's clock is ahead of this machine's (half the way counted)."""
        if not self._client.has.get("fetchTime"):
            raise NotOffered(f"{self.label} does not tell its time.")
        return self._calls.clock_skew_ms()

    # The account

    def balance(self) -> Balance:
        """Give what the account holds in USDT; on futures `total` counts unrealised profit."""
        self._markets()
        return self._calls.read(
            lambda: reports.balance(self._client.fetch_balance(), QUOTE, timezone.now())
        )

    def positions(self, symbols: Sequence[str] | None = None) -> list[PositionReport]:
        """Give the open net positions, of `symbols` where given; none on spot (asks nothing)."""
        if self.venue.is_spot:
            return []
        self._markets()
        wanted = None if symbols is None else list(symbols)

        def ask() -> list[PositionReport]:
            found = (
                reports.position_report(raw, self._contract_size(raw["symbol"]))
                for raw in self._client.fetch_positions(wanted)
            )
            return [one for one in found if one is not None]

        return self._calls.read(ask)

    def permissions(self) -> Permissions:
        """Give what the key may do, as far as the exchange tells."""
        if not can_be_read(self.venue):
            return UNKNOWN
        return self._calls.read(lambda: read_permissions(self._client, self.venue))

    def capabilities(self) -> Capabilities:
        """Give what the exchange offers here. Asks nothing: ccxt's own tables say it."""
        has = self._client.has
        perpetual = not self.venue.is_spot
        features = (self._client.features or {}).get("spot" if self.venue.is_spot else "swap") or {}
        ordering = (features if self.venue.is_spot else features.get("linear") or {}).get(
            "createOrder"
        ) or {}
        return Capabilities(
            stop_orders=bool(ordering.get("stopLossPrice") or ordering.get("triggerPrice")),
            hedge_mode=perpetual and bool(has.get("setPositionMode")),
            leverage=perpetual and bool(has.get("setLeverage")),
            reduce_only=perpetual,
            streaming=streams(client_id(self.venue)),
            # Binance refuses a repeated id only while the first order is open; nobody else is
            # known to refuse it for good.
            refuses_duplicate_ids=False,
        )

    def ensure_account_modes(self, symbols: Iterable[str]) -> None:
        """Set position mode, margin mode and leverage as the connection says, where they differ.

        Idempotent; a symbol is asked about at most every ten minutes. Nothing to do on spot.
        Raises a GatewayError where the exchange refuses, for example with a position open.
        """
        if self.venue.is_spot or self._modes is None:
            return
        now = time.monotonic()
        due = [symbol for symbol in symbols if self._modes_until.get(symbol, now) <= now]
        if not due:
            return
        self._markets()
        modes = self._modes
        self._set_position_mode(hedged=modes.position_mode == PositionMode.HEDGE, symbol=due[0])
        client = self._client
        for symbol in due:
            if client.has.get("setMarginMode"):
                self._set(partial(client.set_margin_mode, modes.margin_mode, symbol))
            if client.has.get("setLeverage"):
                self._set(partial(client.set_leverage, modes.leverage, symbol))
            self._modes_until[symbol] = now + MODES_STAND_S

    # Orders

    def submit(self, ticket: OrderTicket) -> OrderReport:
        """Send an order once, under its client order id.

        Raises Ambiguous where it may stand at the exchange; every other GatewayError means that
        it certainly doesn't.
        """
        priority = ticket.reduce_only or ticket.kind == "stop"
        spec = self._spec(ticket.symbol, priority=priority)
        check_ticket(ticket, spec)
        arguments = create_order_arguments(
            ticket, spec, is_spot=self.venue.is_spot, hedged=self._is_hedged
        )
        return self._calls.change(
            lambda: reports.order_report(
                self._client.create_order(**arguments), spec.contract_size
            ),
            priority=priority,
        )

    def cancel(
        self, symbol: str, client_order_id: str, kind: str, exchange_order_id: str = ""
    ) -> OrderReport | None:
        """Cancel an order once. None: the exchange agreed and told nothing else.

        Raises NotFound where no such order is open (it may have been filled: ask order()),
        Ambiguous where it may have been cancelled.
        """
        size = self._spec(symbol, priority=True).contract_size
        params = self._naming(client_order_id, kind)

        def send() -> OrderReport | None:
            raw = self._client.cancel_order(exchange_order_id, symbol, params)
            report = reports.order_report(raw, size)
            return None if raw.get("status") is None else report

        return self._calls.change(send, priority=True)

    def order(
        self, symbol: str, client_order_id: str, kind: str, exchange_order_id: str = ""
    ) -> OrderReport:
        """Give how an order stands. A triggered stop is as filled as the order it became.

        Asked by `client_order_id`; by `exchange_order_id` where that is empty. Raises NotFound
        where the exchange answers that it knows no such order.
        """
        size = self._spec(symbol, priority=True).contract_size
        params = self._naming(client_order_id, kind)
        report = self._calls.read(
            lambda: reports.order_report(
                self._client.fetch_order(exchange_order_id, symbol, params), size
            ),
            priority=True,
        )
        return self._followed(report) if report.triggered_order_id else report

    def open_orders(self, symbol: str | None = None) -> list[OrderReport]:
        """Give every open order of the account, stops included, ours or not."""
        self._markets(priority=True)
        kinds: list[dict[str, Any]] = [{}]
        if self._stops_stand_apart:
            kinds.append({"trigger": True})
        return [report for params in kinds for report in self._open_orders(symbol, params)]

    def trades(
        self, symbol: str, exchange_order_id: str | None = None, since: datetime | None = None
    ) -> list[TradeReport]:
        """Give the account's trades in `symbol`, oldest first: of one order, or from `since` on.

        Without either the exchange's newest. Of a triggered stop ask by its triggered_order_id.
        """
        size = self._spec(symbol, priority=True).contract_size
        params = {"orderId": exchange_order_id} if exchange_order_id else {}
        since_ms = None if since is None else round(since.timestamp() * 1000)
        found: dict[str, TradeReport] = {}
        while True:
            page = self._trades_page(symbol, since_ms, params, size)
            known = len(found)
            found |= {trade.trade_id: trade for trade in page}
            if since_ms is None or len(page) < TRADES_PER_PAGE or len(found) == known:
                break
            since_ms = max(round(trade.at.timestamp() * 1000) for trade in page)
        wanted = (
            trade
            for trade in found.values()
            if not exchange_order_id or trade.exchange_order_id == exchange_order_id
        )
        return sorted(wanted, key=lambda trade: (trade.at, trade.trade_id))

    # How it is done

    @property
    def _is_hedged(self) -> bool:
        return self._modes is not None and self._modes.position_mode == PositionMode.HEDGE

    @property
    def _stops_stand_apart(self) -> bool:
        # Binance's spot stops are orders like any other.
        return not (self.venue.exchange == "binance" and self.venue.is_spot)

    def _markets(self, *, priority: bool = False) -> SharedMarkets:
        shared = shared_markets(
            self.venue,
            attempts=self._attempts,
            timeout_s=self._timeout_s,
            priority=priority or self._always_asks,
        )
        if shared.source is not self._market_source:
            with self._lock:
                self._client.set_markets_from_exchange(shared.source)
                self._market_source = shared.source
        return shared

    def _spec(self, symbol: str, *, priority: bool) -> MarketSpec:
        spec = self._markets(priority=priority).specs.get(symbol)
        if spec is None:
            raise InvalidOrder(f"{self.label} has no market {symbol}.")
        return spec

    def _contract_size(self, symbol: str) -> Decimal:
        spec = self._markets().specs.get(symbol)
        return Decimal(1) if spec is None else spec.contract_size

    def _naming(self, client_order_id: str, kind: str) -> dict[str, Any]:
        params: dict[str, Any] = {"clientOrderId": client_order_id} if client_order_id else {}
        if kind == "stop" and self._stops_stand_apart:
            params["trigger"] = True
        return params

    def _followed(self, stop: OrderReport) -> OrderReport:
        try:
            actual = self.order(stop.symbol, "", "market", stop.triggered_order_id)
        except NotFound:
            return stop  # just triggered: the order isn't visible yet
        return replace(
            stop,
            state=actual.state,
            filled=actual.filled,
            average_price=actual.average_price,
            at=actual.at or stop.at,
        )

    def _open_orders(self, symbol: str | None, params: dict[str, Any]) -> list[OrderReport]:
        return self._calls.read(
            lambda: [
                reports.order_report(raw, self._contract_size(raw["symbol"]))
                for raw in self._client.fetch_open_orders(symbol, None, None, dict(params))
            ],
            priority=True,
        )

    def _trades_page(
        self, symbol: str, since_ms: int | None, params: dict[str, Any], size: Decimal
    ) -> list[TradeReport]:
        def ask() -> list[TradeReport]:
            raw = self._client.fetch_my_trades(symbol, since_ms, TRADES_PER_PAGE, dict(params))
            return [reports.trade_report(one, size) for one in raw]

        return self._calls.read(ask, priority=True)

    def _set_position_mode(self, *, hedged: bool, symbol: str) -> None:
        has = self._client.has
        if has.get("fetchPositionMode"):
            now = self._calls.read(lambda: self._client.fetch_position_mode(symbol))
            if now.get("hedged") is hedged:
                return
        if has.get("setPositionMode"):
            self._set(partial(self._client.set_position_mode, hedged, symbol))
        elif hedged:
            raise NotOffered(f"{self.label} has no hedge mode.")

    def _set(self, change: Callable[[], Any]) -> None:
        import ccxt

        def unless_already() -> None:
            try:
                change()
            except ccxt.NoChange:
                return
            except ccxt.ExchangeError as error:
                if "no need to change" not in str(error).lower():
                    raise

        self._calls.read(unless_already)
