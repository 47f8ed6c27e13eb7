"""A set's key in words: what it looks for, and where it gets out, in units and in percent."""

from decimal import Decimal

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
