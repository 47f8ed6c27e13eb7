"""The book: live state of all sets of a tournament, fed one closed frame at a time.

A pure function of grid, gates and the candles fed in order: whoever feeds the same frames to a new
book has the same book. So it is rebuilt by replay after a crash, and a checkpoint only saves time.
"""

import heapq
from collections.abc import Iterator, Mapping, Sequence
from typing import Self

import numpy as np
from numpy.typing import NDArray

from trading.candle_arrays import Candles, Floats, check_frame
from trading.indications.declaration import NO_SIGNAL
from trading.indications.refire import NEVER_FIRED_MS, may_fire
from trading.indications.registry import indication_of
from trading.tournament.checkpoint import fingerprint_of, pack, unpack_into
from trading.tournament.closed_positions import closed_position
from trading.tournament.events import Advance, PositionClosed, PositionOpened, SetMoved
from trading.tournament.gates import Gates
from trading.tournament.grid import Grid
from trading.tournament.kernel import CLOSED_DTYPE, STATE_DTYPE, advance_sets
from trading.tournament.recent_frames import RecentFrames
from trading.tournament.requirements import Requirement
from trading.tournament.results import DEFAULT_RESULTS_KEPT, Results, ResultStore
from trading.tournament.set_spec import (
    InvalidSetError,
    SetSpec,
    Side,
    parse_code,
    set_key,
    split_key,
)
from trading.tournament.set_state import OpenPosition, SetState
from trading.tournament.stage import Stage
from trading.tournament.stages import (
    BEGINNING_MS,
    judge,
    next_check_ms,
    requirements_for_next,
)
from trading.tournament.standings import Standings
from trading.tournament.statistics import statistics_of


class UnknownSymbolError(ValueError):
    """A symbol that the book doesn't hold."""


class OutOfOrderFrameError(ValueError):
    """A frame that doesn't come after the symbol's last one: a duplicate, or too late."""


class Book:
    """All sets of one tournament. Not thread-safe: one thread feeds and reads it.

    `symbols` keep their order; sets are numbered symbol after symbol (`Grid`). `results_kept` is
    how many results each set remembers. Raises `ValueError` for symbols that are none, doubled, or
    hold a `|`, for a timeframe below 1 ms and for `results_kept` out of range.
    """

    def __init__(
        self,
        grid: Grid,
        gates: Gates,
        symbols: Sequence[str],
        timeframe_ms: int,
        *,
        results_kept: int = DEFAULT_RESULTS_KEPT,
    ) -> None:
        if not symbols or len(set(symbols)) != len(symbols) or any("|" in each for each in symbols):
            raise ValueError(f"Book: expected symbols, none twice or with |, was {list(symbols)}.")
        if timeframe_ms < 1:
            raise ValueError(f"Book: expected a timeframe of 1 ms or more, was {timeframe_ms}.")
        self.grid = grid
        self.gates = gates
        self.symbols = tuple(symbols)
        self.timeframe_ms = timeframe_ms
        self.sets_tried = grid.count(len(self.symbols))

        self._number_of_symbol = {symbol: number for number, symbol in enumerate(self.symbols)}
        self._indications = [
            (indication_of(source.type), source.params_by_name) for source in grid.sources
        ]
        self._rules = grid.rules()
        self._source_of_set = self._rules["source"].tolist()
        self._side_of_set = [Side.of_sign(sign) for sign in self._rules["side"].tolist()]
        self._code_of_set: list[str | None] = [None] * grid.sets_per_symbol

        self._sets_per_symbol = grid.sets_per_symbol
        self._states = np.zeros((len(self.symbols), self._sets_per_symbol), dtype=STATE_DTYPE)
        self._standings = Standings(len(self.symbols), self._sets_per_symbol)
        self._last_fired_ms = np.full((len(self.symbols), len(grid.sources)), NEVER_FIRED_MS)
        self._results = ResultStore(self.sets_tried, results_kept)
        self._frames = RecentFrames(
            len(self.symbols),
            max(indication.frames_needed(params) for indication, params in self._indications),
        )
        self._closed = np.zeros(grid.sets_per_symbol, dtype=CLOSED_DTYPE)
        self._opened = np.zeros(grid.sets_per_symbol, dtype=np.int64)

    def advance(
        self,
        symbol: str,
        open_ms: int,
        open_: float,
        high: float,
        low: float,
        close: float,
        volume: float,
    ) -> Advance:
        """Takes the next closed frame of a symbol; gives what it brought about.

        `open_ms` is the frame's opening time, prices in quote, volume in base units. Frames may be
        missing, but each must open at least one timeframe after the symbol's last.

        Raises `UnknownSymbolError`, `OutOfOrderFrameError`, or `InvalidCandlesError` for
        impossible prices; the book then is as it was before.
        """
        number = self._symbol_number(symbol)
        self._refuse_out_of_order(symbol, number, open_ms)
        frame = check_frame(open_, high, low, close, volume)

        self._frames.append(number, open_ms, frame)
        sides, strengths = self._fire(number, open_ms)
        closed_count, opened_count = advance_sets(
            self._rules,
            self._states[number],
            sides,
            self.grid.position_cost,
            open_ms,
            *frame[:4],
            self._closed,
            self._opened,
        )
        closed = self._take_closed(number, self._closed[:closed_count])
        moved = self._judge_due(number, open_ms, self._closed["set"][:closed_count])
        opened = self._label_opened(
            number, open_ms, frame[3], strengths, self._opened[:opened_count], moved
        )
        return Advance(symbol, open_ms, closed, moved, opened)

    def replay(self, candles: Mapping[str, Candles]) -> Iterator[Advance]:
        """Feeds histories by `advance`: by time, and at equal times in the book's order of symbols.

        Raises as `advance` does, at the frame in question.
        """
        feeds = []
        for symbol in sorted(candles, key=self._symbol_number):
            columns = candles[symbol]
            rows = zip(
                columns.open_ms.tolist(),
                columns.open.tolist(),
                columns.high.tolist(),
                columns.low.tolist(),
                columns.close.tolist(),
                columns.volume.tolist(),
                strict=True,
            )
            feeds.append([(row[0], self._number_of_symbol[symbol], symbol, row) for row in rows])
        for _, _, symbol, row in heapq.merge(*feeds):
            yield self.advance(symbol, *row)

    def set_state(self, key: str) -> SetState:
        """The set with that key (`symbol|code`). Raises `InvalidSetError` for one not in here."""
        symbol, number, spec = self._find(key)
        standing = self._standings.of(symbol, number)
        results = self._results_of(symbol, number)
        counted = results.opened_after(standing.counted_from_ms)
        now_ms = self._now_ms(symbol)
        return SetState(
            key=self._key(symbol, number),
            symbol=self.symbols[symbol],
            spec=spec,
            stage=standing.stage,
            since_ms=_known(standing.since_ms),
            counted_from_ms=_known(standing.counted_from_ms),
            closed_total=int(self._results.total[self._set_index(symbol, number)]),
            statistics=statistics_of(results.net_units, results.closed_ms, now_ms),
            counted=statistics_of(counted.net_units, counted.closed_ms, now_ms),
            open_position=self._open_position(symbol, number),
        )

    def distance_to_next(self, key: str) -> tuple[Requirement, ...]:
        """All that the set's next rung asks, with what was found. Empty at Real.

        Raises `InvalidSetError` for a set that isn't in here.
        """
        symbol, number, _ = self._find(key)
        return requirements_for_next(
            self._standings.of(symbol, number),
            self._results_of(symbol, number),
            now_ms=self._now_ms(symbol),
            sets_tried=self.sets_tried,
            gates=self.gates,
        )

    def counts_by_stage(self) -> dict[Stage, int]:
        """How many sets stand on each rung, every rung named."""
        return self._standings.counts()

    def sets_at(self, stage: Stage) -> tuple[str, ...]:
        """Keys of the sets on that rung, in order of set numbers."""
        symbols, numbers = np.nonzero(self._standings.rows["stage"] == stage.code)
        return tuple(
            self._key(int(symbol), int(number))
            for symbol, number in zip(symbols, numbers, strict=True)
        )

    def best_at(self, stage: Stage, limit: int) -> tuple[str, ...]:
        """Keys of up to `limit` sets on that rung with the highest expectancy of kept results.

        Sets without a closed position have none and are left out; equal ones by set number.
        """
        expectancy = self._results.expectancies()
        at_stage = self._standings.rows["stage"].ravel() == stage.code
        candidates = np.flatnonzero(at_stage & ~np.isnan(expectancy))
        order = candidates[np.argsort(-expectancy[candidates], kind="stable")][:limit]
        return tuple(self._key(*divmod(int(index), self._sets_per_symbol)) for index in order)

    def last_frame_ms(self, symbol: str) -> int | None:
        """Opening time of the newest frame fed for that symbol; None before the first.

        Raises `UnknownSymbolError`.
        """
        return self._frames.last_open_ms(self._symbol_number(symbol))

    def save(self) -> bytes:
        """A checkpoint: a book loaded from it goes on exactly as this one would."""
        return pack(self._arrays(), self.fingerprint)

    @classmethod
    def load(
        cls,
        data: bytes,
        grid: Grid,
        gates: Gates,
        symbols: Sequence[str],
        timeframe_ms: int,
        *,
        results_kept: int = DEFAULT_RESULTS_KEPT,
    ) -> Self:
        """The book of `save`. Raises `CheckpointError` where it was built from anything else."""
        book = cls(grid, gates, symbols, timeframe_ms, results_kept=results_kept)
        unpack_into(book._arrays(), data, book.fingerprint)
        return book

    @property
    def fingerprint(self) -> str:
        """Identifies what the book is built from; checkpoints of another one are refused."""
        return fingerprint_of(
            {
                "grid": self.grid.as_json(),
                "gates": self.gates.as_json(),
                "symbols": self.symbols,
                "timeframe_ms": self.timeframe_ms,
                "results_kept": self._results.kept,
            }
        )

    def _arrays(self) -> dict[str, NDArray[np.generic]]:
        return {
            "states": self._states,
            "standings": self._standings.rows,
            "last_fired_ms": self._last_fired_ms,
            "frames_open_ms": self._frames.open_ms,
            "frames_columns": self._frames.columns,
            "frames_ends": self._frames.ends,
            "results_opened_ms": self._results.opened_ms,
            "results_closed_ms": self._results.closed_ms,
            "results_net_units": self._results.net_units,
            "results_stored": self._results.stored,
            "results_total": self._results.total,
        }

    def _refuse_out_of_order(self, symbol: str, number: int, open_ms: int) -> None:
        last_ms = self._frames.last_open_ms(number)
        if last_ms is not None and open_ms < last_ms + self.timeframe_ms:
            kind = "the same frame again" if open_ms == last_ms else "too early"
            raise OutOfOrderFrameError(
                f"{symbol}: expected a frame opening at {last_ms + self.timeframe_ms} ms or "
                f"later, was {open_ms} ms ({kind})."
            )

    def _fire(self, symbol: int, frame_ms: int) -> tuple[NDArray[np.int8], Floats]:
        # The newest frame's signal of every source, by the same calculation as over a history.
        candles = self._frames.newest(symbol)
        sides = np.zeros(len(self._indications), dtype=np.int8)
        strengths = np.zeros(len(self._indications), dtype=np.float64)
        last_fired_ms = self._last_fired_ms[symbol]
        for source, (indication, params) in enumerate(self._indications):
            signals = indication.calculate(candles, params, self.grid.position_cost)
            side = signals.side[-1]
            if side != NO_SIGNAL and may_fire(frame_ms, last_fired_ms[source]):
                sides[source] = side
                strengths[source] = signals.strength[-1]
                last_fired_ms[source] = frame_ms
        return sides, strengths

    def _take_closed(self, symbol: int, rows: NDArray[np.void]) -> tuple[PositionClosed, ...]:
        self._results.append(rows, self._set_index(symbol, 0))
        events = []
        for row in rows:
            number = int(row["set"])
            events.append(
                PositionClosed(
                    set_index=self._set_index(symbol, number),
                    key=self._key(symbol, number),
                    opened_stage=self._standings.opened_stage(symbol, number),
                    position=closed_position(row, self._side_of_set[number]),
                )
            )
        return tuple(events)

    def _judge_due(
        self, symbol: int, frame_ms: int, closed: NDArray[np.int64]
    ) -> tuple[SetMoved, ...]:
        moved = []
        for number in self._standings.due(symbol, frame_ms, closed):
            standing = self._standings.of(symbol, number)
            results = self._results_of(symbol, number)
            change = judge(
                standing, results, now_ms=frame_ms, sets_tried=self.sets_tried, gates=self.gates
            )
            if change is None:
                check_ms = next_check_ms(standing, results, self.gates)
                self._standings.stay(symbol, number, check_ms)
                continue
            self._standings.move(symbol, number, change.after, frame_ms)
            index, key = self._set_index(symbol, number), self._key(symbol, number)
            moved.append(SetMoved(index, key, frame_ms, change))
        return tuple(moved)

    def _label_opened(
        self,
        symbol: int,
        frame_ms: int,
        entry: float,
        strengths: Floats,
        numbers: NDArray[np.int64],
        moved: tuple[SetMoved, ...],
    ) -> tuple[PositionOpened, ...]:
        before = {each.set_index: each.change.before for each in moved}
        events = []
        for number in numbers.tolist():
            set_index = self._set_index(symbol, number)
            events.append(
                PositionOpened(
                    set_index=set_index,
                    key=self._key(symbol, number),
                    side=self._side_of_set[number],
                    strength=float(strengths[self._source_of_set[number]]),
                    entry=entry,
                    opened_ms=frame_ms,
                    stage=self._standings.label_opened(symbol, number, before.get(set_index)),
                )
            )
        return tuple(events)

    def _open_position(self, symbol: int, number: int) -> OpenPosition | None:
        state = self._states[symbol, number]
        if not state["is_open"]:
            return None
        return OpenPosition(
            side=self._side_of_set[number],
            opened_ms=int(state["opened_ms"]),
            entry=float(state["entry"]),
            best=float(state["best"]),
            frames_held=int(state["frames_held"]),
            stage=self._standings.opened_stage(symbol, number),
        )

    def _symbol_number(self, symbol: str) -> int:
        try:
            return self._number_of_symbol[symbol]
        except KeyError:
            raise UnknownSymbolError(
                f"Symbol: expected one of {', '.join(self.symbols)}, was {symbol!r}."
            ) from None

    def _find(self, key: str) -> tuple[int, int, SetSpec]:
        symbol, code = split_key(key)
        if symbol not in self._number_of_symbol:
            raise InvalidSetError(
                f"Set key: expected a symbol of {', '.join(self.symbols)}, was {symbol!r}."
            )
        spec = parse_code(code)
        return self._number_of_symbol[symbol], self.grid.index_of(spec), spec

    def _results_of(self, symbol: int, number: int) -> Results:
        return self._results.of(self._set_index(symbol, number))

    def _now_ms(self, symbol: int) -> int:
        # Without a frame there is no result either, and no figure that depends on the time.
        return self._frames.last_open_ms(symbol) or 0

    def _set_index(self, symbol: int, number: int) -> int:
        return symbol * self._sets_per_symbol + number

    def _key(self, symbol: int, number: int) -> str:
        code = self._code_of_set[number]
        if code is None:
            code = self._code_of_set[number] = self.grid.spec_at(number).code
        return set_key(self.symbols[symbol], code)


def _known(moment_ms: int) -> int | None:
    return None if moment_ms == BEGINNING_MS else moment_ms
