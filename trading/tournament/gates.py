"""Gates: every threshold that a set must pass to climb, or break to fall, as one typed setting.

None switches a gate off. Rates and shares are fractions (0.45 = 45 %).
"""

import dataclasses
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Self

from trading.tournament.results import RESULTS_KEPT_RANGE


class InvalidGatesError(ValueError):
    """A threshold that is missing, unknown or out of range; the text says which and the range."""


class Stricter(StrEnum):
    """In which direction a threshold becomes stricter."""

    HIGHER = "higher"
    LOWER = "lower"


def _gate(
    default: float | None, stricter: Stricter, low: float, high: float, *, may_be_off: bool = True
) -> Any:
    return field(
        default=default,
        metadata={"stricter": stricter, "low": low, "high": high, "may_be_off": may_be_off},
    )


def _count(default: int, stricter: Stricter, low: int = 1) -> Any:
    return _gate(default, stricter, low, RESULTS_KEPT_RANGE[1], may_be_off=False)


def _rate(default: float | None, stricter: Stricter) -> Any:
    return _gate(default, stricter, 0.0, 1.0)


@dataclass(frozen=True, slots=True)
class Gates:
    """The thresholds of one tournament's stages; defaults are the product's.

    Base, evaluating:

    - `base_fail_min_closed`: positions before a set can fail. Raise it to give slow starters time.
    - `base_fail_win_rate_below`: a lower win rate fails. Lower it for wide targets with tight
      stops, which win seldom and much.
    - `base_fail_pause_hours`: how long a failed set isn't considered.

    Base active (judged on the last `active_window` positions once entered):

    - `active_min_closed`, `active_min_win_rate`, `active_min_win_loss_ratio` (mean win / mean
      loss), `active_expectancy_above_units`: to enter. Raise them where too much noise climbs.
    - `active_fall_win_rate_below`, `active_max_drawdown_share` (drawdown / gross profit): beyond
      them the set pauses. `active_return_win_rate`: to come back.

    Main (counts positions opened after entering):

    - `main_min_expectancy_units`: to enter.
    - `main_fall_expectancy_below_units`: falls if the last `main_fall_window` earn less.

    Real (counts positions opened after entering, the last `real_window`):

    - `real_min_counted`, `real_min_expectancy_units`, `real_min_profit_factor`,
      `real_max_longest_drawdown_hours`, `real_max_chance_of_luck`: to enter, over what Main
      counted. The chance of luck is the last defence against having tried many sets: loosen it
      last.
    - `real_fall_expectancy_below_units` over the last `real_fall_window`, and
      `real_fall_drawdown_hours`: beyond them the set falls. Tighten them to stop losing earlier.

    Raises `InvalidGatesError` for a value out of range.
    """

    base_fail_min_closed: int = _count(10, Stricter.LOWER)
    base_fail_win_rate_below: float | None = _rate(0.40, Stricter.HIGHER)
    base_fail_pause_hours: float = _gate(24.0, Stricter.HIGHER, 0.0, 720.0, may_be_off=False)

    active_min_closed: int = _count(50, Stricter.HIGHER)
    active_min_win_rate: float | None = _rate(0.45, Stricter.HIGHER)
    active_min_win_loss_ratio: float | None = _gate(1.2, Stricter.HIGHER, 0.0, 100.0)
    active_expectancy_above_units: float | None = _gate(0.0, Stricter.HIGHER, -100.0, 100.0)
    active_window: int = _count(50, Stricter.HIGHER)
    active_fall_win_rate_below: float | None = _rate(0.38, Stricter.HIGHER)
    active_max_drawdown_share: float | None = _gate(0.30, Stricter.LOWER, 0.0, 100.0)
    active_return_win_rate: float | None = _rate(0.43, Stricter.HIGHER)

    main_min_expectancy_units: float | None = _gate(0.3, Stricter.HIGHER, -100.0, 100.0)
    main_fall_window: int = _count(10, Stricter.LOWER)
    main_fall_expectancy_below_units: float | None = _gate(0.0, Stricter.HIGHER, -100.0, 100.0)

    real_min_counted: int = _count(20, Stricter.HIGHER)
    real_min_expectancy_units: float | None = _gate(0.6, Stricter.HIGHER, -100.0, 100.0)
    real_min_profit_factor: float | None = _gate(1.2, Stricter.HIGHER, 0.0, 100.0)
    real_max_longest_drawdown_hours: float | None = _gate(12.0, Stricter.LOWER, 0.0, 8760.0)
    real_max_chance_of_luck: float | None = _gate(0.20, Stricter.LOWER, 0.01, 1.0)
    real_window: int = _count(30, Stricter.HIGHER)
    real_fall_window: int = _count(10, Stricter.LOWER)
    real_fall_expectancy_below_units: float | None = _gate(0.0, Stricter.HIGHER, -100.0, 100.0)
    real_fall_drawdown_hours: float | None = _gate(12.0, Stricter.LOWER, 0.0, 8760.0)

    def __post_init__(self) -> None:
        for each in dataclasses.fields(self):
            object.__setattr__(self, each.name, _checked(each, getattr(self, each.name)))

    def looser_than(self, other: "Gates") -> tuple[str, ...]:
        """Names of the thresholds that let more sets climb, or keep them longer, than `other`'s.

        With `DEFAULT_GATES` as `other` this is what a testnet or live connection asks about.
        """
        return tuple(
            each.name
            for each in dataclasses.fields(self)
            if _is_looser(
                getattr(self, each.name), getattr(other, each.name), each.metadata["stricter"]
            )
        )

    def as_json(self) -> dict[str, float | None]:
        """Every threshold by name; `from_json` gives equal gates."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Self:
        """Gates of `as_json`; a missing name takes its default. Raises `InvalidGatesError`."""
        unknown = sorted(set(stored) - {each.name for each in dataclasses.fields(cls)})
        if unknown:
            raise InvalidGatesError(f"Gates: unknown thresholds {', '.join(unknown)}.")
        return cls(**stored)


def _checked(each: "dataclasses.Field[Any]", value: Any) -> float | None:
    rule = each.metadata
    whole = isinstance(each.default, int)
    if value is None and rule["may_be_off"]:
        return None
    kind_fits = isinstance(value, int if whole else int | float) and not isinstance(value, bool)
    if not kind_fits or not rule["low"] <= value <= rule["high"]:
        off = ", or off" if rule["may_be_off"] else ""
        kind = "a whole number" if whole else "a number"
        raise InvalidGatesError(
            f"{each.name}: expected {kind} from {rule['low']:g} to {rule['high']:g}{off}, "
            f"was {value!r}."
        )
    # One spelling of a number, or equal gates would give unequal JSON.
    return int(value) if whole else float(value)


def _is_looser(value: float | None, other: float | None, stricter: Stricter) -> bool:
    if other is None:
        return False
    if value is None:
        return True
    return value < other if stricter is Stricter.HIGHER else value > other


DEFAULT_GATES = Gates()

PRACTICE_GATES = Gates(
    base_fail_win_rate_below=None,
    active_min_closed=3,
    active_min_win_rate=None,
    active_min_win_loss_ratio=None,
    active_expectancy_above_units=None,
    active_fall_win_rate_below=None,
    active_max_drawdown_share=None,
    active_return_win_rate=None,
    main_min_expectancy_units=None,
    main_fall_expectancy_below_units=None,
    real_min_counted=3,
    real_min_expectancy_units=None,
    real_min_profit_factor=None,
    real_max_longest_drawdown_hours=None,
    real_max_chance_of_luck=None,
    real_fall_expectancy_below_units=None,
    real_fall_drawdown_hours=None,
)
"""The sandbox's profile: three closed positions at each rung, nothing else asked, no falls."""
