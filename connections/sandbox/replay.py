"""Reads a folder of candle files and plays them as one timeline.

File name: `<exchange>-<kind>-<SYMBOL>-<timeframe>.csv` or `.csv.gz`; first line
`timestamp,open,high,low,close,volume`; opening time in ms since the epoch, UTC, ascending.

The files of one group (same exchange, kind and timeframe) run in step over the time that they all
cover. A missing candle is a time without trades: the price stands still and the volume is zero,
which is also how Binance's own klines show it. At the end the data start over.
"""

from __future__ import annotations

import gzip
import re
import zlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from .candles import Candle, CandleColumns, CandleSpan, SymbolFacts
from .errors import SetupError
from .instruments import sensible_price_decimals, split_symbol

HEADER = "timestamp,open,high,low,close,volume"
FILE_NAME = re.compile(r"^(?P<group>[a-z0-9]+-[a-z]+)-(?P<symbol>[A-Z0-9]+)-(?P<tf>\d+[smhd])$")
TIMEFRAME_UNITS_MS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}


class CandleFile(NamedTuple):
    group: str
    symbol: str
    timeframe_ms: int
    path: Path


@dataclass(frozen=True)
class FileReport:
    """What was found in one file; `gaps` counts absent candles, `rounded` prices off the tick."""

    symbol: str
    rows: int
    gaps: int
    zero_volume: int
    rounded: int


def find_candle_files(folder: Path) -> dict[str, list[CandleFile]]:
    """Candle files of a folder by group, such as `binance-spot-5m`. Raises SetupError."""
    try:
        paths = sorted(folder.iterdir())
    except OSError as error:
        raise SetupError(f"can't read the folder {folder}: {error.strerror}") from error
    groups: dict[str, list[CandleFile]] = defaultdict(list)
    for path in paths:
        if not path.name.endswith((".csv", ".csv.gz")):
            continue
        match = FILE_NAME.match(path.name.removesuffix(".gz").removesuffix(".csv"))
        if match is None:
            continue
        symbol, timeframe = match["symbol"], match["tf"]
        try:
            split_symbol(symbol)
        except ValueError as error:
            raise SetupError(f"{path}: {error}, found {symbol} in the file's name") from error
        timeframe_ms = int(timeframe[:-1]) * TIMEFRAME_UNITS_MS[timeframe[-1]]
        if timeframe_ms == 0:
            raise SetupError(f"{path}: expected a timeframe above zero, found {timeframe}")
        group = f"{match['group']}-{timeframe}"
        groups[group].append(CandleFile(group, symbol, timeframe_ms, path))
    if not groups:
        raise SetupError(
            f"no candle file in {folder}: expected names such as binance-spot-BTCUSDT-5m.csv.gz"
        )
    return dict(groups)


def choose_group(groups: dict[str, list[CandleFile]], wanted: str | None) -> list[CandleFile]:
    """The named group, or the one with most files. Raises SetupError for an unknown name."""
    if wanted is not None:
        if wanted not in groups:
            raise SetupError(f"no group {wanted}; the folder has {', '.join(sorted(groups))}")
        return groups[wanted]
    return max(groups.values(), key=lambda files: (len(files), files[0].group))


def read_candle_file(file: CandleFile) -> tuple[int, CandleColumns, SymbolFacts, FileReport]:
    """First timestamp (ms), candles without holes from there on, facts and findings of a file.

    Raises SetupError with file, line, expectation and finding.
    """
    text = _read_text(file.path)
    lines = text.splitlines()
    if not lines or lines[0].strip() != HEADER:
        found = lines[0][:80] if lines else "an empty file"
        raise SetupError(f"{file.path}, line 1: expected {HEADER}, found {found}")
    if len(lines) < 2:
        raise SetupError(f"{file.path}, line 2: expected a candle, found the end of the file")
    decimals = _decimals_of_prices(lines[1:])
    columns = CandleColumns()
    append = columns.append
    timeframe_ms = file.timeframe_ms
    first_ms = expected_ms = -1
    gaps = zero_volume = rounded = 0
    tick_decimals = -1
    previous_close = 0.0
    for number, line in enumerate(lines[1:], start=2):
        try:
            stamp, o, h, low_text, c, v = line.split(",")
            at_ms = int(stamp)
            row = Candle(float(o), float(h), float(low_text), float(c), float(v))
        except ValueError as error:
            raise _bad_row(file, number, "a whole number and five numbers", line) from error
        # Written so that a nan fails it as well.
        sane = 0 < row.low <= row.open <= row.high < 1e15 and row.low <= row.close <= row.high
        if not (sane and 0 <= row.volume < 1e18):
            raise _bad_row(file, number, "0 < low <= open, close <= high and volume >= 0", line)
        if first_ms < 0:
            first_ms = expected_ms = at_ms
            tick_decimals = sensible_price_decimals(row.close, decimals)
        if at_ms < expected_ms:
            raise _bad_row(file, number, f"a timestamp of {expected_ms} or later", line)
        missing, odd = divmod(at_ms - expected_ms, timeframe_ms)
        if odd:
            raise _bad_row(file, number, f"a timestamp on the {timeframe_ms} ms grid", line)
        if missing > 5_000_000:
            raise _bad_row(file, number, "a hole of at most 5,000,000 candles", line)
        if missing:
            gaps += missing
            flat = Candle(previous_close, previous_close, previous_close, previous_close, 0.0)
            for _ in range(missing):
                append(flat)
        if tick_decimals < decimals:
            on_tick = _on_tick(row, tick_decimals)
            rounded += on_tick != row
            row = on_tick
        append(row)
        previous_close = row.close
        zero_volume += row.volume == 0
        expected_ms = at_ms + timeframe_ms
    report = FileReport(file.symbol, len(lines) - 1, gaps, zero_volume, rounded)
    facts = SymbolFacts(file.symbol, columns.open[0], tick_decimals)
    return first_ms, columns, facts, report


def _read_text(path: Path) -> str:
    try:
        if path.suffix == ".gz":
            with gzip.open(path, "rt", encoding="ascii") as file:
                return file.read()
        return path.read_text(encoding="ascii")
    except (OSError, EOFError, zlib.error) as error:
        raise SetupError(f"{path}: expected readable candles, found {error}") from error
    except UnicodeDecodeError as error:
        raise SetupError(f"{path}: expected plain ASCII text, found {error.reason}") from error


def _decimals_of_prices(rows: list[str]) -> int:
    """Decimals that the prices are written with, trailing zeros aside, seen in 2,000 rows."""
    most = 0
    for line in rows[:: max(1, len(rows) // 2_000)]:
        for text in line.split(",")[1:5]:
            fraction = text.partition(".")[2].rstrip("0")
            most = max(most, len(fraction))
    return most


def _on_tick(candle: Candle, decimals: int) -> Candle:
    smallest = 10.0**-decimals
    o, h, low, c = (
        max(smallest, round(x, decimals))
        for x in (candle.open, candle.high, candle.low, candle.close)
    )
    return Candle(o, h, low, c, candle.volume)


def _bad_row(file: CandleFile, number: int, expected: str, found: str) -> SetupError:
    return SetupError(f"{file.path}, line {number}: expected {expected}, found {found[:120]!r}")


class ReplaySource:
    """A `CandleSource` over recorded candles, which start over at their end."""

    def __init__(
        self,
        group: str,
        timeframe_ms: int,
        first_ms: int,
        columns: dict[str, CandleColumns],
        facts: Sequence[SymbolFacts],
        reports: Sequence[FileReport],
    ) -> None:
        self.timeframe_ms = timeframe_ms
        self.reports = reports
        self._group = group
        self._first_ms = first_ms
        self._columns = columns
        self._facts = facts
        self.lap_length: int = len(next(iter(columns.values())))
        self.oldest = 0

    @property
    def identity(self) -> str:
        symbols = ",".join(self._columns)
        return f"replay:{self._group}:{self._first_ms}:{self.lap_length}:{symbols}"

    @property
    def description(self) -> str:
        return (
            f"replay of {self._group}, {len(self._columns)} symbols, {self.lap_length} candles each"
        )

    @property
    def facts(self) -> Sequence[SymbolFacts]:
        return self._facts

    @property
    def first_ms(self) -> int:
        """Recorded opening time of candle 0, ms since the epoch."""
        return self._first_ms

    def candle(self, symbol: str, number: int) -> Candle:
        return self._columns[symbol].candle(number % self.lap_length)

    def span(self, symbol: str, start: int, stop: int) -> CandleSpan:
        columns = self._columns[symbol]
        begin = start % self.lap_length
        if begin + (stop - start) <= self.lap_length:
            return columns.span(begin, begin + stop - start)
        joined = CandleColumns()
        while start < stop:
            begin = start % self.lap_length
            end = min(self.lap_length, begin + stop - start)
            joined.extend(columns.span(begin, end))
            start += end - begin
        return joined.span(0, len(joined))


def load_replay(folder: Path, group: str | None = None) -> ReplaySource:
    """Reads the chosen group of a folder. Raises SetupError that says where and what is wrong."""
    files = choose_group(find_candle_files(folder), group)
    starts: dict[str, int] = {}
    columns: dict[str, CandleColumns] = {}
    facts: list[SymbolFacts] = []
    reports: list[FileReport] = []
    for file in files:
        if file.symbol in columns:
            raise SetupError(f"{file.path}: expected one file for {file.symbol}, found a second")
        starts[file.symbol], columns[file.symbol], fact, report = read_candle_file(file)
        facts.append(fact)
        reports.append(report)
    timeframe_ms = files[0].timeframe_ms
    first_ms = max(starts.values())
    last_ms = min(start + len(columns[symbol]) * timeframe_ms for symbol, start in starts.items())
    if last_ms <= first_ms:
        raise SetupError(f"the files of {files[0].group} in {folder} have no time in common")
    for symbol, column in columns.items():
        skipped, odd = divmod(first_ms - starts[symbol], timeframe_ms)
        if odd:
            raise SetupError(f"{symbol} in {folder} is not on the same time grid as the others")
        column.drop_first(skipped)
    shortest = (last_ms - first_ms) // timeframe_ms
    trimmed = {symbol: _first_candles(column, shortest) for symbol, column in columns.items()}
    return ReplaySource(files[0].group, timeframe_ms, first_ms, trimmed, facts, reports)


def _first_candles(columns: CandleColumns, count: int) -> CandleColumns:
    if len(columns) == count:
        return columns
    kept = CandleColumns()
    kept.extend(columns.span(0, count))
    return kept
