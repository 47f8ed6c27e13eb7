"""One set's configuration and its text code, e.g. `direction:N=10:long:tp=10:sl=0.5:trail=none`.

The symbol is no part of the code. `set_key` joins both: `BTC/USDT:USDT|direction:N=10:long:...`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from trading.indications.declaration import InvalidParameterError
from trading.indications.registry import UnknownIndicationError, indication_of

POSITION_COST_RANGE = (0.0001, 0.002)
TP_UNITS_RANGE = (2.0, 100.0)
SL_RATIO_RANGE = (0.1, 5.0)
TRAILING_PCT_RANGE = (0.05, 10.0)


class InvalidSetError(ValueError):
    """A code or value that describes no set; the text names field, expectation and finding."""


class Side(StrEnum):
    """The one direction that a set trades."""

    LONG = "long"
    SHORT = "short"

    @property
    def sign(self) -> int:
        """+1 for long, -1 for short: the direction in which price must move for a profit."""
        return 1 if self is Side.LONG else -1

    @classmethod
    def of_sign(cls, sign: int) -> "Side":
        """The side of a signal's or kernel's sign, +1 or -1."""
        return cls.LONG if sign > 0 else cls.SHORT


@dataclass(frozen=True, slots=True)
class Source:
    """A signal source: an indication with its parameters. Its code is e.g. `direction:N=10`.

    `params` are (name, value) pairs in the indication's declared order; construction puts them in
    that order and raises `InvalidSetError` for an unknown type or a bad parameter.
    """

    type: str
    params: tuple[tuple[str, float], ...]

    def __post_init__(self) -> None:
        try:
            checked = indication_of(self.type).checked(dict(self.params))
        except (UnknownIndicationError, InvalidParameterError) as problem:
            raise InvalidSetError(str(problem)) from problem
        object.__setattr__(self, "params", tuple(checked.items()))

    @classmethod
    def of(cls, type_: str, **params: float) -> Self:
        """`Source.of("direction", N=10)`."""
        return cls(type_, tuple(params.items()))

    @property
    def code(self) -> str:
        """Type and parameters as they stand in a set's code."""
        pairs = ",".join(f"{name}={number_text(value)}" for name, value in self.params)
        return f"{self.type}:{pairs}"

    @property
    def params_by_name(self) -> Mapping[str, float]:
        """The parameters as the indication takes them."""
        return dict(self.params)


@dataclass(frozen=True, slots=True)
class Trailing:
    """Trailing stop, both in % of the entry price: armed at `start_pct`, exits `stop_pct` below
    the best price."""

    start_pct: float
    stop_pct: float

    def __post_init__(self) -> None:
        for name in ("start_pct", "stop_pct"):
            value = number_in_range(
                f"trailing {name}", getattr(self, name), TRAILING_PCT_RANGE, "% of entry"
            )
            object.__setattr__(self, name, value)

    @property
    def code(self) -> str:
        """`0.6,0.2`."""
        return f"{number_text(self.start_pct)},{number_text(self.stop_pct)}"


@dataclass(frozen=True, slots=True)
class SetSpec:
    """One set less its symbol and tournament: source, side, exits.

    `tp_units` is the take-profit distance in units, `sl_ratio` stop distance / take-profit
    distance, `trailing` None for none. Raises `InvalidSetError` for a value out of range.
    """

    source: Source
    side: Side
    tp_units: float
    sl_ratio: float
    trailing: Trailing | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "side", _side(self.side))
        object.__setattr__(self, "tp_units", checked_tp_units(self.tp_units))
        object.__setattr__(self, "sl_ratio", checked_sl_ratio(self.sl_ratio))

    @property
    def code(self) -> str:
        """The canonical code; `parse_code` reads it back to an equal spec."""
        trail = "none" if self.trailing is None else self.trailing.code
        return (
            f"{self.source.code}:{self.side}:tp={number_text(self.tp_units)}"
            f":sl={number_text(self.sl_ratio)}:trail={trail}"
        )


def parse_code(text: str) -> SetSpec:
    """The spec of a code like `direction:N=10:long:tp=10:sl=0.5:trail=0.6,0.2`.

    Raises `InvalidSetError` that names the field, what was expected (with the allowed range) and
    what was found.
    """
    fields = text.split(":")
    if len(fields) != 6:
        raise InvalidSetError(
            f"Set code: expected 6 fields type:parameters:side:tp=:sl=:trail=, was {len(fields)} "
            f"in {text!r}."
        )
    type_, params, side, tp, sl, trail = fields
    return SetSpec(
        source=parse_source(f"{type_}:{params}"),
        side=_side(side),
        tp_units=checked_tp_units(_value_of("tp", tp)),
        sl_ratio=checked_sl_ratio(_value_of("sl", sl)),
        trailing=_trailing(_value_of("trail", trail)),
    )


def parse_source(text: str) -> Source:
    """The source of a code like `direction:N=10`. Raises `InvalidSetError`."""
    type_, colon, params = text.partition(":")
    if not colon:
        raise InvalidSetError(f"source: expected type:name=value, was {text!r}.")
    pairs: dict[str, float] = {}
    for pair in params.split(","):
        name, equals, value = pair.partition("=")
        if not equals or name in pairs:
            raise InvalidSetError(
                f"parameters: expected name=value, each name once, was {params!r}."
            )
        pairs[name] = _number(name, value)
    return Source(type_, tuple(pairs.items()))


def set_key(symbol: str, code: str) -> str:
    """`symbol|code`, unique among the sets of one tournament."""
    return f"{symbol}|{code}"


def split_key(key: str) -> tuple[str, str]:
    """Symbol and code of a key. Raises `InvalidSetError` where there is no `|`."""
    symbol, bar, code = key.partition("|")
    if not (symbol and bar and code):
        raise InvalidSetError(f"Set key: expected symbol|code, was {key!r}.")
    return symbol, code


def number_text(value: float) -> str:
    """The shortest text that reads back as the same number: 10, 0.5."""
    number = float(value)
    return str(int(number)) if number.is_integer() else repr(number)


def number_in_range(field: str, value: object, allowed: tuple[float, float], unit: str) -> float:
    """`value` as a float within `allowed`, ends included. Raises `InvalidSetError`."""
    number = _number(field, value)
    low, high = allowed
    if not low <= number <= high:
        raise InvalidSetError(
            f"{field}: expected {number_text(low)} to {number_text(high)} {unit}, was {value}."
        )
    return number


def checked_tp_units(value: object) -> float:
    """A take-profit distance in units. Raises `InvalidSetError`."""
    return number_in_range("tp", value, TP_UNITS_RANGE, "units")


def checked_sl_ratio(value: object) -> float:
    """A stop distance as a multiple of the take-profit distance. Raises `InvalidSetError`."""
    return number_in_range("sl", value, SL_RATIO_RANGE, "x the take-profit distance")


def _number(field: str, value: object) -> float:
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError) as problem:
        raise InvalidSetError(f"{field}: expected a number, was {value!r}.") from problem


def _side(text: str) -> Side:
    try:
        return Side(text)
    except ValueError:
        raise InvalidSetError(f"side: expected long or short, was {text!r}.") from None


def _value_of(name: str, field: str) -> str:
    found, equals, value = field.partition("=")
    if found != name or not equals:
        raise InvalidSetError(f"{name}: expected {name}=..., was {field!r}.")
    return value


def _trailing(text: str) -> Trailing | None:
    if text == "none":
        return None
    parts = text.split(",")
    if len(parts) != 2:
        raise InvalidSetError(
            f"trail: expected none or start,stop in % of entry (0.6,0.2), was {text!r}."
        )
    return Trailing(_number("trail start", parts[0]), _number("trail stop", parts[1]))
