"""The book of a tournament as a host keeps it: rebuilt from the candle table, fed as frames close.

Shared by all engines of the host that trade on the tournament's venue. What it opens is handed to
each engine once, by a number that each engine remembers.
"""

import threading
from collections import deque
from dataclasses import dataclass
from decimal import Decimal

import structlog

from trading.candle_arrays import Candles, InvalidCandlesError
from trading.choices import TIMEFRAME_MS
from trading.market.candles import read_arrays
from trading.models import Candle, Market, Tournament
from trading.tournament.book import Book, OutOfOrderFrameError
from trading.tournament.events import Advance, PositionOpened
from trading.tournament.grid import Grid
from trading.tournament.stage import Stage
from trading.tournament.storage import gates_of, standing_of, store_advances

log = structlog.get_logger(__name__)
OPENINGS_KEPT = 10_000


@dataclass(frozen=True, slots=True)
class Opening:
    """A pseudo position that a Real set has just opened: what may become a live entry."""

    number: int
    symbol: str
    opened: PositionOpened


class LiveBook:
    """One tournament's book in this process. Thread-safe."""

    def __init__(self, tournament_id: int) -> None:
        self.tournament_id = tournament_id
        self._lock = threading.Lock()
        self._book: Book | None = None
        self._unstored: list[Advance] = []
        self._openings: deque[Opening] = deque(maxlen=OPENINGS_KEPT)
        self._count = 0
        self.timeframe_ms = 0
        self.position_cost_pct = Decimal(0)

    @property
    def number(self) -> int:
        """The number of the newest opening; an engine that starts begins after it."""
        return self._count

    def catch_up(self) -> int:
        """Feed the book every stored frame it has not seen, store the events, give how many frames.

        The first time, and whenever a symbol was added, it is rebuilt by replaying the whole
        history; openings of replayed frames are no entries. One query where nothing is new.
        """
        with self._lock:
            tournament = Tournament.objects.get(pk=self.tournament_id)
            if self._book is None or list(self._book.symbols) != tournament.symbols:
                return self._rebuild(tournament)
            return self._feed_new(tournament, self._book)

    def openings_after(self, number: int) -> list[Opening]:
        """Give the openings of Real sets that came after `number`."""
        with self._lock:
            return [opening for opening in self._openings if opening.number > number]

    def _rebuild(self, tournament: Tournament) -> int:
        if not tournament.symbols:
            return 0
        self.timeframe_ms = TIMEFRAME_MS[tournament.timeframe]
        grid = Grid.from_json(tournament.grid)
        self.position_cost_pct = Decimal(str(grid.position_cost)) * 100
        book = Book(
            grid,
            gates_of(tournament),
            tournament.symbols,
            self.timeframe_ms,
        )
        history: dict[str, Candles] = {}
        for market in _markets(tournament):
            candles = read_arrays(
                market=market, timeframe=tournament.timeframe, since_ms=tournament.origin_ms or 0
            )
            if candles is not None:
                history[market.symbol] = candles
        advances = list(book.replay(history))
        store_advances(tournament.pk, advances, standing_of(book))
        self._book, self._unstored = book, []
        log.info("book_replayed", tournament=tournament.pk, frames=len(advances))
        return len(advances)

    def _feed_new(self, tournament: Tournament, book: Book) -> int:
        last = {symbol: book.last_frame_ms(symbol) for symbol in book.symbols}
        since = min((-1 if ms is None else ms) for ms in last.values())
        markets = {market.pk: market.symbol for market in _markets(tournament)}
        rows = Candle.objects.filter(
            market__in=markets, timeframe=tournament.timeframe, open_ms__gt=since
        ).order_by("open_ms", "market_id")
        for row in rows.values_list(
            "market_id", "open_ms", "open", "high", "low", "close", "volume"
        ):
            symbol = markets[row[0]]
            newest = last[symbol]
            if newest is not None and row[1] <= newest:
                continue
            last[symbol] = row[1]
            try:
                self._unstored.append(book.advance(symbol, *row[1:]))
            except (InvalidCandlesError, OutOfOrderFrameError) as error:
                log.error("candle_unusable", symbol=symbol, open_ms=row[1], error=str(error))
        if not self._unstored:
            return 0
        store_advances(tournament.pk, self._unstored, standing_of(book))
        advances, self._unstored = self._unstored, []
        for advance in advances:
            for opened in advance.opened:
                if opened.stage == Stage.REAL:
                    self._count += 1
                    self._openings.append(Opening(self._count, advance.symbol, opened))
        return len(advances)


def _markets(tournament: Tournament) -> list[Market]:
    return list(
        Market.objects.filter(
            exchange=tournament.exchange,
            environment=tournament.environment,
            market_type=tournament.market_type,
            symbol__in=tournament.symbols,
        ).order_by("id")
    )
