"""The grid of a tournament: every set it holds, counted before anything runs.

Sets are numbered: within a symbol by source, side, take-profit, stop, trailing (the last varies
fastest), and symbol after symbol. The numbers are arithmetic, so a grid of a million sets costs no
memory until arrays are built from it.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from trading.tournament.kernel import RULE_DTYPE
from trading.tournament.set_spec import (
    POSITION_COST_RANGE,
    InvalidSetError,
    SetSpec,
    Side,
    Source,
    Trailing,
    checked_sl_ratio,
    checked_tp_units,
    number_in_range,
    parse_source,
)

DEFAULT_POSITION_COST = 0.001
DEFAULT_TP_UNITS = tuple(float(units) for units in range(2, 23, 2))
DEFAULT_SL_RATIOS = tuple(tenths / 10 for tenths in range(2, 23))
DEFAULT_TRAILINGS = (None, Trailing(0.3, 0.1), Trailing(0.6, 0.2), Trailing(1.0, 0.3))
"""11 x 21 x 4 = 924 exits for each signal source and side."""


@dataclass(frozen=True)
class Grid:
    """All sets of a tournament, less the symbols: sources x sides x exits.

    `position_cost` is the assumed cost of a round trip as a fraction of price (0.001 = 0.1 %), and
    the unit of every distance. Every list holds at least one entry and none twice; construction
    raises `InvalidSetError` where that or a value's range is broken.
    """

    sources: tuple[Source, ...]
    sides: tuple[Side, ...] = (Side.LONG, Side.SHORT)
    tp_units: tuple[float, ...] = DEFAULT_TP_UNITS
    sl_ratios: tuple[float, ...] = DEFAULT_SL_RATIOS
    trailings: tuple[Trailing | None, ...] = DEFAULT_TRAILINGS
    position_cost: float = DEFAULT_POSITION_COST
    _shape: tuple[int, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        fields: dict[str, tuple[Any, ...]] = {
            "sources": tuple(self.sources),
            "sides": tuple(Side(side) for side in self.sides),
            "tp_units": tuple(checked_tp_units(units) for units in self.tp_units),
            "sl_ratios": tuple(checked_sl_ratio(ratio) for ratio in self.sl_ratios),
            "trailings": tuple(self.trailings),
        }
        for name, values in fields.items():
            if not values or len(set(values)) != len(values):
                raise InvalidSetError(
                    f"{name}: expected at least one entry and none twice, was {values}."
                )
            object.__setattr__(self, name, values)
        cost = number_in_range(
            "position_cost", self.position_cost, POSITION_COST_RANGE, "as a fraction of price"
        )
        object.__setattr__(self, "position_cost", cost)
        object.__setattr__(self, "_shape", tuple(len(values) for values in fields.values()))

    @property
    def sets_per_symbol(self) -> int:
        """How many sets each symbol has."""
        return math.prod(self._shape)

    def count(self, symbols: int) -> int:
        """How many sets the tournament has with that many symbols: also "sets tried"."""
        return symbols * self.sets_per_symbol

    def spec_at(self, index: int) -> SetSpec:
        """The set with that number within its symbol. Raises `IndexError` outside the grid."""
        if not 0 <= index < self.sets_per_symbol:
            raise IndexError(f"Set: expected 0 to {self.sets_per_symbol - 1}, was {index}.")
        source, side, tp, sl, trailing = (int(i) for i in np.unravel_index(index, self._shape))
        return SetSpec(
            self.sources[source],
            self.sides[side],
            self.tp_units[tp],
            self.sl_ratios[sl],
            self.trailings[trailing],
        )

    def index_of(self, spec: SetSpec) -> int:
        """The number of a set within its symbol. Raises `InvalidSetError` if it isn't in here."""
        try:
            place = (
                self.sources.index(spec.source),
                self.sides.index(spec.side),
                self.tp_units.index(spec.tp_units),
                self.sl_ratios.index(spec.sl_ratio),
                self.trailings.index(spec.trailing),
            )
        except ValueError:
            raise InvalidSetError(f"Set {spec.code} isn't in this tournament's grid.") from None
        return int(np.ravel_multi_index(place, self._shape))

    def specs(self) -> Iterator[SetSpec]:
        """All sets of one symbol in the order of their numbers."""
        return (self.spec_at(index) for index in range(self.sets_per_symbol))

    def rules(self) -> NDArray[np.void]:
        """The kernel's rules (`RULE_DTYPE`) of all sets of one symbol, in order of numbers."""
        places = np.unravel_index(np.arange(self.sets_per_symbol), self._shape)
        source, side, tp, sl, trailing = places
        rules = np.zeros(self.sets_per_symbol, dtype=RULE_DTYPE)
        rules["source"] = source
        rules["side"] = np.array([each.sign for each in self.sides])[side]
        rules["tp_units"] = np.array(self.tp_units)[tp]
        rules["sl_ratio"] = np.array(self.sl_ratios)[sl]
        rules["trail_start_pct"] = _trailing_column(self.trailings, "start_pct")[trailing]
        rules["trail_stop_pct"] = _trailing_column(self.trailings, "stop_pct")[trailing]
        return rules

    def as_json(self) -> dict[str, Any]:
        """Plain lists, texts and numbers; `from_json` gives an equal grid."""
        return {
            "position_cost": self.position_cost,
            "sources": [source.code for source in self.sources],
            "sides": [str(side) for side in self.sides],
            "tp_units": list(self.tp_units),
            "sl_ratios": list(self.sl_ratios),
            "trailings": [
                None if each is None else [each.start_pct, each.stop_pct] for each in self.trailings
            ],
        }

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Self:
        """The grid of `as_json`. Raises `InvalidSetError` for a missing, unknown or bad field."""
        expected = {"position_cost", "sources", "sides", "tp_units", "sl_ratios", "trailings"}
        if set(stored) != expected:
            raise InvalidSetError(
                f"Grid: expected the fields {', '.join(sorted(expected))}, "
                f"was {', '.join(sorted(stored))}."
            )
        return cls(
            sources=tuple(parse_source(code) for code in _list(stored, "sources")),
            sides=tuple(_sides(_list(stored, "sides"))),
            tp_units=tuple(_list(stored, "tp_units")),
            sl_ratios=tuple(_list(stored, "sl_ratios")),
            trailings=tuple(_trailings(_list(stored, "trailings"))),
            position_cost=stored["position_cost"],
        )


PRACTICE_GRID = Grid(
    sources=tuple(Source.of("direction", N=length) for length in (3, 5, 10)),
    tp_units=(6.0, 10.0),
    sl_ratios=(0.5,),
    trailings=(None, Trailing(0.3, 0.1)),
)
"""The first tournament's grid: 24 sets for each symbol."""


def rule_of(spec: SetSpec) -> NDArray[np.void]:
    """The kernel's rule of a single set: one row of `RULE_DTYPE`, its source numbered 0."""
    return Grid(
        sources=(spec.source,),
        sides=(spec.side,),
        tp_units=(spec.tp_units,),
        sl_ratios=(spec.sl_ratio,),
        trailings=(spec.trailing,),
    ).rules()


def _trailing_column(trailings: Sequence[Trailing | None], name: str) -> NDArray[np.float64]:
    return np.array([np.nan if each is None else getattr(each, name) for each in trailings])


def _list(stored: dict[str, Any], name: str) -> list[Any]:
    if not isinstance(stored[name], list):
        raise InvalidSetError(f"{name}: expected a list, was {stored[name]!r}.")
    return stored[name]


def _sides(names: list[Any]) -> Iterator[Side]:
    for name in names:
        if name not in list(Side):
            raise InvalidSetError(f"sides: expected long or short, was {name!r}.")
        yield Side(name)


def _trailings(pairs: list[Any]) -> Iterator[Trailing | None]:
    for pair in pairs:
        if pair is None:
            yield None
        elif isinstance(pair, list) and len(pair) == 2:
            yield Trailing(*pair)
        else:
            raise InvalidSetError(
                f"trailings: expected null or [start_pct, stop_pct], was {pair!r}."
            )
