"""Signals written as the domain words them: one frame at a time, slow and obvious."""


def direction(close: list[float], t: int, n: int, position_cost: float) -> tuple[int, float]:
    if t < 2 * n:
        return 0, 0.0
    a = close[t - n] / close[t - 2 * n] - 1
    b = close[t] / close[t - n] - 1
    threshold = n / 10 * position_cost
    if a * b >= 0 or abs(a) < threshold or abs(b) < threshold:
        return 0, 0.0
    return (1 if b > 0 else -1), strength(min(abs(a), abs(b)), threshold)


def move(close: list[float], t: int, n: int, position_cost: float) -> tuple[int, float]:
    if t < n:
        return 0, 0.0
    m = close[t] / close[t - n] - 1
    if abs(m) < 3 * position_cost:
        return 0, 0.0
    sign = 1 if m > 0 else -1
    steps = [sign * (close[k] / close[k - 1] - 1) for k in range(t - n + 1, t + 1)]
    if sum(step > 0 for step in steps) * 5 < 3 * n:
        return 0, 0.0
    if any(-step > position_cost for step in steps):
        return 0, 0.0
    return sign, strength(abs(m), 3 * position_cost)


def strength(quantity: float, threshold: float) -> float:
    x = (quantity - threshold) / threshold
    return x / (1 + x)


def without_early_refires(sides: list[int], open_ms: list[int]) -> list[int]:
    kept: list[int] = []
    last: int | None = None
    for side, moment in zip(sides, open_ms, strict=True):
        fires = side != 0 and (last is None or moment >= last + 15_000)
        kept.append(side if fires else 0)
        if fires:
            last = moment
    return kept


REFERENCE = {"direction": direction, "move": move}
