"""How numbers look: prices, amounts, percent, units, ages. What is unknown says so."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

register = template.Library()

UNKNOWN = mark_safe('<span class="unknown">unknown</span>')
_PRICE_DIGITS = 6


@register.filter
def price(value: Decimal | float | None) -> str:
    """Show a price with six significant digits, never fewer than its whole part."""
    if value is None:
        return UNKNOWN
    number = Decimal(str(value))
    places = max(0, min(10, _PRICE_DIGITS - 1 - number.adjusted())) if number else 2
    text = f"{number:,.{min(places, 10)}f}"
    if places > 2:
        head, _, tail = text.partition(".")
        text = f"{head}.{tail.rstrip('0').ljust(2, '0')}"
    return text


@register.filter
def quantity(value: Decimal | None) -> str:
    """Show a quantity in base units, without trailing zeros."""
    return UNKNOWN if value is None else f"{_plain(value):,f}"


@register.filter
def money(value: Decimal | None) -> str:
    """Show an amount in quote currency with two decimals."""
    return UNKNOWN if value is None else f"{value:,.2f}"


@register.filter
def signed_money(value: Decimal | None) -> str:
    """Show a profit or loss: signed, coloured, two decimals."""
    return _signed(value, 2, "")


@register.filter
def signed_pct(value: Decimal | None) -> str:
    """Show a signed, coloured percentage."""
    return _signed(value, 2, " %")


@register.filter
def signed_units(value: Decimal | float | None) -> str:
    """Show a signed, coloured result in units."""
    return _signed(value, 1, " units")


@register.filter
def pct(value: Decimal | None) -> str:
    """Show a plain percentage with at most two decimals."""
    return UNKNOWN if value is None else f"{_plain(Decimal(value).quantize(Decimal('0.01'))):f} %"


@register.filter
def ratio(value: Decimal | None) -> str:
    """Show a ratio with two decimals."""
    return UNKNOWN if value is None else f"{value:,.2f}"


@register.filter
def age(seconds: float | None) -> str:
    """Show a length of time in its largest unit that reads well: 4 s, 3 min, 2.5 h, 3 d."""
    if seconds is None:
        return UNKNOWN
    if seconds < 60:
        return f"{max(0, int(seconds))} s"
    if seconds < 3600:
        return f"{int(seconds // 60)} min"
    if seconds < 48 * 3600:
        return f"{seconds / 3600:.1f} h"
    return f"{int(seconds // 86400)} d"


@register.filter
def instant(at: datetime | None) -> str:
    """Show a moment in UTC, for people and machines."""
    if at is None:
        return UNKNOWN
    at = at.astimezone(UTC)
    return format_html(
        '<time datetime="{}">{} UTC</time>',
        at.isoformat(timespec="seconds"),
        f"{at:%Y-%m-%d %H:%M:%S}",
    )


@register.filter
def moment(ms: int | None) -> str:
    """Show milliseconds since the epoch as a moment in UTC."""
    return UNKNOWN if ms is None else instant(datetime.fromtimestamp(ms / 1000, UTC))


@register.filter
def milliseconds(value: float | None) -> str:
    """Show a duration in milliseconds."""
    if value is None:
        return UNKNOWN
    return f"{value:,.0f} ms" if value >= 10 else f"{value:.1f} ms"


@register.filter
def stage(value: str) -> str:
    """Show a stage of a set in words."""
    return value.replace("_", " ").capitalize()


@register.simple_tag
def environment_label(environment: str) -> SafeString:
    """Show where orders go, as a coloured label: LIVE, TESTNET, SANDBOX or PAPER."""
    return format_html('<span class="env env-{}">{}</span>', environment, environment.upper())


def _signed(value: Any, places: int, suffix: str) -> str:
    if value is None:
        return UNKNOWN
    text = f"{abs(value):,.{places}f}"
    is_zero = not text.strip("0.,")
    if is_zero:
        return format_html('<span class="flat">{}{}</span>', text, suffix)
    sign, tone = ("+", "gain") if value > 0 else ("−", "loss")
    return format_html('<span class="{}">{}{}{}</span>', tone, sign, text, suffix)


def _plain(value: Decimal) -> Decimal:
    normal = value.normalize()
    return normal.quantize(Decimal(1)) if normal.as_tuple().exponent > 0 else normal  # type: ignore[operator]
