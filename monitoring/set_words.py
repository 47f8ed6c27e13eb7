"""A set's key in words: what it looks for, and where it gets out, in units and in percent."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from trading.tournament.set_spec import InvalidSetError, number_text, parse_code, split_key


def words_of_key(key: str, position_cost_pct: Decimal | None = None) -> str:
    """Describe `symbol|code`; a key in an unknown form is given as it is.

    `position_cost_pct` adds the percent beside each number of units.
    """
    try:
        _, code = split_key(key)
        spec = parse_code(code)
    except InvalidSetError:
        return key
    params = ", ".join(f"{name} {number_text(value)}" for name, value in spec.source.params)
    target = f"take-profit {number_text(spec.tp_units)} units"
    stop = f"stop {number_text(spec.sl_ratio)} of that"
    if position_cost_pct is not None:
        target_pct = Decimal(number_text(spec.tp_units)) * position_cost_pct
        stop_pct = target_pct * Decimal(number_text(spec.sl_ratio))
        target += f" ({_pct(target_pct)})"
        stop += f" ({_pct(stop_pct)})"
    trailing = (
        "no trailing"
        if spec.trailing is None
        else f"trailing {number_text(spec.trailing.stop_pct)} % "
        f"from {number_text(spec.trailing.start_pct)} %"
    )
    return f"{spec.source.type} ({params}), {spec.side}: {target}, {stop}, {trailing}"


def _pct(value: Decimal) -> str:
    return f"{value.quantize(Decimal('0.01')).normalize():f} %"


_GATES = {
    "base_fail_pause_hours": "hours since it failed",
    "base_fail_win_rate_below": "win rate",
    "active_min_closed": "closed positions",
    "active_min_win_rate": "win rate",
    "active_min_win_loss_ratio": "mean win / mean loss",
    "active_expectancy_above_units": "expectancy in units",
    "active_fall_win_rate_below": "win rate",
    "active_max_drawdown_share": "drawdown in units",
    "active_return_win_rate": "win rate",
    "main_min_expectancy_units": "expectancy in units",
    "main_fall_expectancy_below_units": "expectancy of the last positions in units",
    "real_min_counted": "positions since Main",
    "real_min_expectancy_units": "expectancy in units",
    "real_min_profit_factor": "profit factor",
    "real_max_longest_drawdown_hours": "longest drawdown in hours",
    "real_max_chance_of_luck": "chance of luck",
    "real_fall_expectancy_below_units": "expectancy of the last positions in units",
    "real_fall_drawdown_hours": "drawdown in hours",
}


def words_of_lacking(lacking: Mapping[str, Any]) -> str:
    """Describe one requirement that is not met: what is asked, and what was found."""
    found = lacking["found"]
    shown = "not known yet" if found is None else f"{found:.4g}"
    name = _GATES.get(lacking["gate"], lacking["gate"])
    return f"{name} {lacking['comparison']} {lacking['needed']:.4g}, is {shown}"
