"""What every indication declares: its name, its parameters with ranges, and its calculation."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from trading.candle_arrays import Candles, Floats

Sides = NDArray[np.int8]

LONG = 1
SHORT = -1
NO_SIGNAL = 0


class InvalidParameterError(ValueError):
    """A parameter that is missing, unknown or out of range; the text says which and the range."""


class Category(StrEnum):
    """Where an indication may be used."""

    MAIN = "main"
    COMMON = "common"
    EXTERNAL = "external"


class Signals(NamedTuple):
    """One entry for each candle: `side` +1 long, -1 short, 0 none; `strength` 0..1, 0 if none."""

    side: Sides
    strength: Floats


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of an indication.

    `name` as it stands in a set's code, `label` for people, `unit` in words, `low` .. `high` the
    allowed range (both ends allowed), `whole` for parameters that count something.
    """

    name: str
    label: str
    unit: str
    low: float
    high: float
    default: float
    whole: bool = False

    def checked(self, value: float) -> float:
        """`value` as int (if `whole`) or float. Raises `InvalidParameterError`."""
        kind = "a whole number" if self.whole else "a number"
        try:
            number = float(value)
        except (TypeError, ValueError) as problem:
            raise InvalidParameterError(
                f"{self.name}: expected {self._range(kind)}, was {value!r}."
            ) from problem
        if not self.low <= number <= self.high or (self.whole and number != int(number)):
            raise InvalidParameterError(f"{self.name}: expected {self._range(kind)}, was {value}.")
        return int(number) if self.whole else number

    def _range(self, kind: str) -> str:
        return f"{kind} from {self.low:g} to {self.high:g} ({self.unit})"


@dataclass(frozen=True, slots=True)
class Indication:
    """A signal for (symbol, type, parameters): the same shape for every indication.

    `type` is its word in codes and in the database. `frames_needed(params)` says how many candles,
    the newest included, the signal of one candle looks at: the running engine keeps that many, and
    `calculate` must give the same last signal on just these as on the whole history.

    `calculate(candles, params, position_cost)` gives one signal for each candle, from that candle
    and earlier ones only; `position_cost` is the unit as a fraction of price (0.001 = 0.1 %). It
    expects checked parameters; call `signals`, which checks them.
    """

    type: str
    label: str
    category: Category
    parameters: tuple[Parameter, ...]
    frames_needed: Callable[[Mapping[str, float]], int]
    calculate: Callable[[Candles, Mapping[str, float], float], Signals]

    def checked(self, params: Mapping[str, float]) -> dict[str, float]:
        """`params` in declared order, each in its range.

        Raises `InvalidParameterError` for a missing, unknown or impossible one.
        """
        names = [parameter.name for parameter in self.parameters]
        unknown = sorted(set(params) - set(names))
        missing = [name for name in names if name not in params]
        if unknown or missing:
            raise InvalidParameterError(
                f"{self.type}: expected the parameters {', '.join(names)}, "
                f"was {', '.join(params) or 'none'}."
            )
        return {
            parameter.name: parameter.checked(params[parameter.name])
            for parameter in self.parameters
        }

    def defaults(self) -> dict[str, float]:
        """Every parameter with its default."""
        return {parameter.name: parameter.default for parameter in self.parameters}

    def signals(
        self, candles: Candles, params: Mapping[str, float], position_cost: float
    ) -> Signals:
        """Signals of all candles, before the re-fire rule (`trading.indications.refire`).

        `position_cost` is a fraction of price. Raises `InvalidParameterError`.
        """
        return self.calculate(candles, self.checked(params), position_cost)


def no_signals(frames: int) -> Signals:
    """`frames` candles without a signal."""
    return Signals(np.zeros(frames, dtype=np.int8), np.zeros(frames, dtype=np.float64))


def strength_beyond(quantity: Floats, threshold: float) -> Floats:
    """How far `quantity` lies beyond `threshold`, as 0..1.

    x / (1 + x) with x = (quantity - threshold) / threshold: 0 at the threshold, 0.5 at its double,
    nearing 1. Expects quantity >= threshold > 0, both in the same unit.
    """
    excess = (quantity - threshold) / threshold
    return excess / (1.0 + excess)
