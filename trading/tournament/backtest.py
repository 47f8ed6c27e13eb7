"""The back-test of one set over a history: the same compiled step as the running engine's."""

from dataclasses import dataclass

import numpy as np

from trading.candle_arrays import Candles
from trading.indications.refire import without_early_refires
from trading.indications.registry import indication_of
from trading.tournament.closed_positions import ClosedPosition, closed_position
from trading.tournament.grid import rule_of
from trading.tournament.kernel import CLOSED_DTYPE, flat_states, walk_set
from trading.tournament.set_spec import (
    POSITION_COST_RANGE,
    SetSpec,
    number_in_range,
)
from trading.tournament.statistics import Statistics, statistics_of


@dataclass(frozen=True, slots=True)
class BacktestResult:
    """Closed positions of one set, oldest first, and what they amount to.

    A position still open at the end has no result and isn't in `closed`; `open_since_ms` is the
    opening time of its signal's frame, None if there is none. `signals` counts the frames on which
    the set's source fired, on either side.
    """

    spec: SetSpec
    closed: tuple[ClosedPosition, ...]
    summary: Statistics
    signals: int
    open_since_ms: int | None


def backtest_set(candles: Candles, spec: SetSpec, position_cost: float) -> BacktestResult:
    """Trades one set on paper over all candles.

    `position_cost` is the round trip's cost as a fraction of price (0.001 = 0.1 %). Drawdown times
    end at the last candle. Raises `InvalidSetError` for a cost out of range.
    """
    number_in_range("position_cost", position_cost, POSITION_COST_RANGE, "as a fraction of price")
    fired = without_early_refires(
        indication_of(spec.source.type).signals(candles, spec.source.params_by_name, position_cost),
        candles.open_ms,
    ).side
    state = flat_states(1)
    rows = np.zeros(len(candles) // 2 + 1, dtype=CLOSED_DTYPE)
    count = walk_set(
        rule_of(spec),
        state,
        fired,
        position_cost,
        candles.open_ms,
        candles.open,
        candles.high,
        candles.low,
        candles.close,
        rows,
    )
    rows = rows[:count]
    return BacktestResult(
        spec=spec,
        closed=tuple(closed_position(row, spec.side) for row in rows),
        summary=statistics_of(
            np.ascontiguousarray(rows["net_units"]),
            np.ascontiguousarray(rows["closed_ms"]),
            int(candles.open_ms[-1]) if len(candles) else 0,
        ),
        signals=int(np.count_nonzero(fired)),
        open_since_ms=int(state["opened_ms"][0]) if state["is_open"][0] else None,
    )
