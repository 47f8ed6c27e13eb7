"""The exchange as a whole: accounts, both markets, prices and the memory of it all.

Time moves by `advance`: it plays the feed up to a moment, so that every answer is given in the
state that the prices have brought about. It is called before every request and a few times a second
in between; which of them it is makes no difference to the outcome.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from decimal import Decimal

from .errors import SetupError, invalid_symbol, prices_stale
from .faults import Faults
from .feed import PriceBounds, PriceFeed, Tick, join_bounds
from .futures import FuturesVenue
from .instruments import MARGIN_ASSET, futures_instrument, split_symbol, spot_instrument
from .records import (
    Account,
    AlgoOrder,
    Fill,
    FuturesWallet,
    Income,
    IncomeType,
    Order,
    SpotWallet,
)
from .risk import apply_funding, liquidate_where_due, next_funding_ms
from .spot import SpotVenue
from .store import Store
from .venue import Numbering, Venue

DEFAULT_DEPOSIT = Decimal(10_000)
PROGRESS_EVERY_MS = 5_000


def wall_clock_ms() -> int:
    return time.time_ns() // 1_000_000


class Exchange:
    def __init__(
        self,
        feed: PriceFeed,
        store: Store,
        clock: Callable[[], int] = wall_clock_ms,
    ) -> None:
        """Restores what the store holds. `clock` gives real milliseconds since the epoch.

        Raises SetupError when the store belongs to another feed.
        """
        self.feed = feed
        self.faults = Faults()
        self.started_ms = clock()
        self._clock = clock
        self._store = store
        self._numbering = Numbering(1_000_001)
        spot = [spot_instrument(f.symbol, f.first_price, f.price_decimals) for f in feed.facts]
        futures = [
            futures_instrument(f.symbol, f.first_price, f.price_decimals)
            for f in feed.facts
            if split_symbol(f.symbol)[1] == MARGIN_ASSET
        ]
        partial_fill = self.faults.partial_fill
        self.spot = SpotVenue(spot, store, self._numbering, partial_fill)
        self.futures = FuturesVenue(futures, store, self._numbering, partial_fill)
        self.symbols = [instrument.symbol for instrument in spot]
        self.accounts: dict[str, Account] = {}
        self.played_ms = self._restore()
        self._quote_books()
        self._saved_ms = self.played_ms

    def _restore(self) -> int:
        facts = self._store.facts()
        owner = facts.get("feed")
        if owner not in (None, self.feed.identity):
            raise SetupError(
                f"the state file belongs to the feed {owner}, this is {self.feed.identity}: start "
                "with that feed, or with another --state file (make run: another CTS_VAR_DIR)"
            )
        self._store.set_fact("feed", self.feed.identity)
        for name, value in self.feed.state().items():
            self._store.set_fact(name, value)
        for account in self._store.load(Account):
            self._numbering.seen(account.id)
            self.accounts[account.key] = account
        for spot_wallet in self._store.load(SpotWallet):
            self.spot.wallets[spot_wallet.account_id] = spot_wallet
        for futures_wallet in self._store.load(FuturesWallet):
            self.futures.restore_wallet(futures_wallet)
        for order in self._store.load(Order):
            self.venue(order.kind).restore_order(order)
        for fill in self._store.load(Fill):
            self.venue(fill.kind).restore_fill(fill)
        for algo in self._store.load(AlgoOrder):
            self.futures.conditional.restore(algo)
        for income in self._store.load(Income):
            self.futures.restore_income(income)
        return int(facts.get("played_ms", self._clock()))

    def _quote_books(self) -> None:
        """Gives every book the price of the moment that the market had come to.

        Nothing is matched: what that price meant for the orders is already among them.
        """
        for symbol in self.symbols:
            tick = self.feed.tick(symbol, self.played_ms)
            if tick is None:
                tick = self.feed.tick(symbol, self._clock())
            for venue in (self.spot, self.futures):
                if tick is not None and symbol in venue.books:
                    venue.books[symbol].requote(tick)

    def venue(self, kind: str) -> Venue:
        return self.spot if kind == self.spot.kind else self.futures

    # Time.

    @property
    def now_ms(self) -> int:
        """The exchange's clock, off by a commanded skew."""
        return self._clock() + self.faults.clock_skew_ms

    @property
    def market_ms(self) -> int:
        """How far the market has been played. Every price of one answer is of this moment."""
        return self.played_ms

    def advance(self) -> None:
        """Plays prices, funding and liquidation up to now, and keeps what came of it.

        While a fault lets prices stand still it does nothing; what was missed is played after.
        """
        if self.faults.prices_stand_still:
            return
        until_ms = self._clock()
        while self.played_ms < until_ms:
            funding_ms = next_funding_ms(self.played_ms)
            stop_ms = min(until_ms, funding_ms)
            self._play(stop_ms)
            if stop_ms == funding_ms:
                self._fund(stop_ms)
            self.played_ms = stop_ms
        if self.played_ms - self._saved_ms > PROGRESS_EVERY_MS:
            self.commit()
        self.commit_changes()

    def _play(self, until_ms: int) -> None:
        for event in self.feed.events(self.played_ms, until_ms, self._interest):
            self._on_tick(event.symbol, event.tick)

    def _on_tick(self, symbol: str, tick: Tick) -> None:
        self.spot.on_tick(symbol, tick)
        self.futures.on_tick(symbol, tick)
        if self.futures.holders[symbol]:
            liquidate_where_due(self.futures, symbol, tick.time_ms)

    def _interest(self, symbol: str) -> PriceBounds | None:
        return join_bounds(self.spot.bounds(symbol), self.futures.bounds(symbol))

    def _fund(self, at_ms: int) -> None:
        for symbol in self.futures.instruments:
            if self.futures.holders[symbol]:
                self.quote(symbol, at_ms)
        apply_funding(self.futures, at_ms)

    def quote(self, symbol: str, at_ms: int | None = None) -> Tick:
        """The price of a symbol at a time (now), with the books quoting around it.

        Raises -1121 for a symbol that has no price at all.
        """
        tick = self.feed.tick(symbol, self.played_ms if at_ms is None else at_ms)
        if tick is None:
            raise invalid_symbol()
        self._on_tick(symbol, tick)
        return tick

    def quote_for_order(self, symbol: str) -> Tick:
        """A price to trade on. Raises the sandbox's refusal when it is too old."""
        tick = self.quote(symbol)
        limit_ms = self.feed.max_age_ms
        age_ms = self._clock() - tick.time_ms
        if limit_ms is not None and age_ms > limit_ms:
            raise prices_stale(symbol, age_ms / 1000)
        return tick

    def refresh_marks(self, account_id: int) -> None:
        """Brings the marks of an account's positions up to now."""
        for position in self.futures.wallets[account_id].open_positions():
            self.quote(position.symbol)

    def commit_changes(self) -> None:
        """Writes what has changed, if anything has; an answer is sent only after this."""
        if self._store.has_changes:
            self.commit()

    def commit(self) -> None:
        """Writes every change and how far the market has been played."""
        self._store.set_fact("played_ms", self.played_ms)
        self._store.commit()
        self._saved_ms = self.played_ms

    # Accounts.

    def open_account(
        self,
        *,
        key: str | None = None,
        secret: str | None = None,
        label: str = "",
        spot: dict[str, Decimal] | None = None,
        futures: Decimal = DEFAULT_DEPOSIT,
    ) -> Account:
        """Opens an account with deposits (spot by asset; futures in USDT) and commits it.

        A known key gives the existing account back, untouched.
        """
        key = key or secrets.token_hex(32)
        if key in self.accounts:
            return self.accounts[key]
        now_ms = self._clock()
        account = Account(
            id=self._numbering.next(),
            key=key,
            secret=secret or secrets.token_hex(32),
            label=label,
            created_ms=now_ms,
        )
        self.accounts[key] = account
        self.spot.wallets[account.id] = SpotWallet(account.id, now_ms)
        self.futures.wallets[account.id] = FuturesWallet(account.id, now_ms)
        self._store.changed(account)
        self._store.changed(self.futures.wallets[account.id])
        deposits = {MARGIN_ASSET: DEFAULT_DEPOSIT} if spot is None else spot
        for asset, amount in deposits.items():
            self.spot.deposit(account.id, asset, amount, now_ms)
        if futures:
            self.futures.record_income(account.id, IncomeType.TRANSFER, futures, now_ms)
        self.commit()
        return account
