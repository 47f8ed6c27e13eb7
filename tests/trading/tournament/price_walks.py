"""Candles for tests: seeded walks, hand-written ones, and real ones where a folder is named."""

import csv
import gzip
import itertools
import os
from pathlib import Path

import numpy as np

from trading.candle_arrays import Candles

MINUTE_MS = 60_000
START_MS = 1_700_000_040_000
REAL_FILES = ("binance-spot-BTCUSDT-5m.csv.gz", "bitfinex-spot-XRPUSD-1m.csv.gz")


def random_walk(
    seed: int,
    frames: int,
    *,
    timeframe_ms: int = MINUTE_MS,
    step: float = 0.002,
    missing_share: float = 0.02,
) -> Candles:
    """A seeded walk with wicks, gaps at the open and missing frames."""
    rng = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(rng.normal(0, step, frames)))
    open_ = np.concatenate(([100.0], close[:-1])) * (1 + rng.normal(0, step / 4, frames))
    high = np.maximum(open_, close) * (1 + np.abs(rng.normal(0, step / 2, frames)))
    low = np.minimum(open_, close) * (1 - np.abs(rng.normal(0, step / 2, frames)))
    open_ms = START_MS + timeframe_ms * np.arange(frames)
    kept = rng.random(frames) >= missing_share
    volume = rng.random(frames)
    return Candles(open_ms[kept], open_[kept], high[kept], low[kept], close[kept], volume[kept])


def candles_of_closes(closes: list[float], timeframe_ms: int = MINUTE_MS) -> Candles:
    """Candles that open at the close before and have no wicks."""
    opens = [closes[0], *closes[:-1]]
    return Candles.from_rows(
        [
            (START_MS + index * timeframe_ms, open_, max(open_, close), min(open_, close), close, 1)
            for index, (open_, close) in enumerate(zip(opens, closes, strict=True))
        ]
    )


def candles_of_bars(bars: list[tuple[float, float, float, float]]) -> Candles:
    """One-minute candles from (open, high, low, close)."""
    return Candles.from_rows(
        [(START_MS + index * MINUTE_MS, *bar, 1.0) for index, bar in enumerate(bars)]
    )


def histories(frames: int) -> dict[str, Candles]:
    """Two walks, and real candles beside them where CTS_REPLAY_DIR names a folder of them."""
    found = {f"walk {seed}": random_walk(seed, frames) for seed in (11, 12)}
    folder = os.environ.get("CTS_REPLAY_DIR")
    if folder:
        found |= {name: _read(Path(folder) / name, frames) for name in REAL_FILES}
    return found


def _read(path: Path, frames: int) -> Candles:
    with gzip.open(path, "rt") as file:
        rows = csv.reader(file)
        next(rows)
        return Candles.from_rows(
            [tuple(float(value) for value in row) for row in itertools.islice(rows, frames)]
        )
