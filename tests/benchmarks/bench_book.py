"""How fast a tournament's book replays its history, beside the back-test of the same sets.

`python -m tests.benchmarks.bench_book`: 288 sets, 12 symbols, 1,000 frames each.
"""

import platform
import time

from tests.trading.tournament.price_walks import MINUTE_MS, random_walk
from trading.tournament.backtest import backtest_set
from trading.tournament.book import Book
from trading.tournament.gates import DEFAULT_GATES, PRACTICE_GATES, Gates
from trading.tournament.grid import PRACTICE_GRID

FRAMES = 1000
SYMBOLS = [f"S{number}/USDT:USDT" for number in range(12)]
CANDLES = {symbol: random_walk(seed, FRAMES) for seed, symbol in enumerate(SYMBOLS)}


def replay_s(gates: Gates) -> float:
    """Give the CPU seconds of one replay, compiled beforehand."""
    warm = Book(PRACTICE_GRID, gates, SYMBOLS, MINUTE_MS)
    list(warm.replay({symbol: each.part(0, 100) for symbol, each in CANDLES.items()}))
    book = Book(PRACTICE_GRID, gates, SYMBOLS, MINUTE_MS)
    started = time.process_time()
    list(book.replay(CANDLES))
    return time.process_time() - started


def backtests_s() -> float:
    """Give the CPU seconds of the same sets back-tested one by one."""
    specs = list(PRACTICE_GRID.specs())
    started = time.process_time()
    for candles in CANDLES.values():
        for spec in specs:
            backtest_set(candles, spec, PRACTICE_GRID.position_cost)
    return time.process_time() - started


def main() -> None:
    """Print the table."""
    sets, frames = PRACTICE_GRID.count(len(SYMBOLS)), len(SYMBOLS) * FRAMES
    base = backtests_s()
    print(f"{platform.node()}: {sets} sets, {frames} frames")
    for name, seconds in (
        ("back-test of each set", base),
        ("book, practice gates", replay_s(PRACTICE_GATES)),
        ("book, default gates", replay_s(DEFAULT_GATES)),
    ):
        print(f"{name:24} {seconds:7.2f} s CPU   x {seconds / base:5.2f}")


if __name__ == "__main__":
    main()
