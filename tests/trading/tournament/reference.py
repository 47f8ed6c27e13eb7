"""Pseudo fills written as the domain words them: one set, one frame after the other, long and
short apart, no arrays. What the compiled kernel must equal to the last digit."""

from dataclasses import dataclass

from trading.candle_arrays import Candles
from trading.tournament.set_spec import SetSpec, Side


@dataclass
class Open:
    entry: float
    opened_ms: int
    best: float
    frames: int = 0


@dataclass(frozen=True)
class Closed:
    opened_ms: int
    closed_ms: int
    frames_held: int
    entry: float
    exit: float
    best: float
    reason: str
    result_units: float
    net_units: float


def long_exit(spec: SetSpec, held: Open, cost: float, open_: float, high: float, low: float):
    u = held.entry * cost
    target = held.entry + spec.tp_units * u
    stop = held.entry - spec.sl_ratio * spec.tp_units * u
    armed, level = False, 0.0
    if spec.trailing is not None:
        armed = held.best >= held.entry * (1 + spec.trailing.start_pct / 100)
        level = held.best - held.entry * spec.trailing.stop_pct / 100
    if open_ <= stop:
        return "stop_loss", open_
    if armed and open_ <= level:
        return "trailing_stop", open_
    if open_ >= target:
        return "take_profit", open_
    if low <= stop:
        return "stop_loss", stop
    if armed and low <= level:
        return "trailing_stop", level
    if high >= target:
        return "take_profit", target
    return None


def short_exit(spec: SetSpec, held: Open, cost: float, open_: float, high: float, low: float):
    u = held.entry * cost
    target = held.entry - spec.tp_units * u
    stop = held.entry + spec.sl_ratio * spec.tp_units * u
    armed, level = False, 0.0
    if spec.trailing is not None:
        armed = held.best <= held.entry * (1 - spec.trailing.start_pct / 100)
        level = held.best + held.entry * spec.trailing.stop_pct / 100
    if open_ >= stop:
        return "stop_loss", open_
    if armed and open_ >= level:
        return "trailing_stop", open_
    if open_ <= target:
        return "take_profit", open_
    if high >= stop:
        return "stop_loss", stop
    if armed and high >= level:
        return "trailing_stop", level
    if low <= target:
        return "take_profit", target
    return None


def pseudo_fills(
    spec: SetSpec, candles: Candles, fired: list[int], cost: float
) -> tuple[list[Closed], Open | None]:
    is_long = spec.side is Side.LONG
    closed: list[Closed] = []
    held: Open | None = None
    for t in range(len(candles)):
        moment = int(candles.open_ms[t])
        open_, high, low, close = (
            float(column[t]) for column in (candles.open, candles.high, candles.low, candles.close)
        )
        if held is None:
            if fired[t] == (1 if is_long else -1):
                held = Open(entry=close, opened_ms=moment, best=close)
            continue
        held.frames += 1
        exit_ = (long_exit if is_long else short_exit)(spec, held, cost, open_, high, low)
        if exit_ is None:
            held.best = max(held.best, high) if is_long else min(held.best, low)
            continue
        reason, price = exit_
        move = price - held.entry if is_long else held.entry - price
        result = move / (held.entry * cost)
        closed.append(
            Closed(
                held.opened_ms,
                moment,
                held.frames,
                held.entry,
                price,
                held.best,
                reason,
                result,
                result - 1,
            )
        )
        held = None
    return closed, held
