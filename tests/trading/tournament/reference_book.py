"""A book without arrays, buffers or shortcuts: all signals at once, every set walked alone by the
slow fills, and every set judged on every frame. What the book's events must equal."""

from dataclasses import dataclass, field

import numpy as np

from tests.trading.indications.reference import REFERENCE, without_early_refires
from tests.trading.tournament.reference import Closed, pseudo_fills
from trading.candle_arrays import Candles
from trading.tournament.gates import Gates
from trading.tournament.grid import Grid
from trading.tournament.results import Results
from trading.tournament.stage import Stage
from trading.tournament.stages import StageChange, Standing, judge


@dataclass
class History:
    """What one set lived through: closed positions, openings with their stage, stage changes."""

    closed: list[Closed]
    opened: list[tuple[int, Stage]] = field(default_factory=list)
    moved: list[StageChange] = field(default_factory=list)
    standing: Standing = field(default_factory=Standing)


def histories(grid: Grid, gates: Gates, symbols: list[str], candles: dict[str, Candles]):
    return {
        f"{symbol}|{spec.code}": _history(spec, candles[symbol], grid, gates, len(symbols))
        for symbol in symbols
        for spec in grid.specs()
    }


def _history(spec, candles: Candles, grid: Grid, gates: Gates, symbols: int) -> History:
    closes, open_ms = candles.close.tolist(), candles.open_ms.tolist()
    length = int(spec.source.params_by_name["N"])
    sides = [
        REFERENCE[spec.source.type](closes, t, length, grid.position_cost)[0]
        for t in range(len(closes))
    ]
    fired = without_early_refires(sides, open_ms)
    closed, still_open = pseudo_fills(spec, candles, fired, grid.position_cost)
    openings = {position.opened_ms for position in closed}
    if still_open is not None:
        openings.add(still_open.opened_ms)

    history = History(closed)
    kept: list[Closed] = []
    waiting = list(closed)
    for moment in open_ms:
        if waiting and waiting[0].closed_ms == moment:
            kept.append(waiting.pop(0))
            if len(kept) == 300:
                kept = kept[-250:]
        before = history.standing.stage
        change = judge(
            history.standing,
            _results(kept),
            now_ms=moment,
            sets_tried=grid.count(symbols),
            gates=gates,
        )
        if change is not None:
            history.moved.append(change)
            history.standing = history.standing.moved(change.after, moment)
        if moment in openings:
            lower = min(before, history.standing.stage, key=lambda stage: stage.code)
            history.opened.append((moment, lower))
    return history


def _results(kept: list[Closed]) -> Results:
    return Results(
        np.array([position.opened_ms for position in kept], dtype=np.int64),
        np.array([position.closed_ms for position in kept], dtype=np.int64),
        np.array([position.net_units for position in kept], dtype=np.float64),
    )
