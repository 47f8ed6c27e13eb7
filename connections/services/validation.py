"""What a connection's fields may be: asked by every service that writes them."""

import re
from collections.abc import Mapping
from typing import Any

from django.core.exceptions import NON_FIELD_ERRORS, ValidationError

from connections.choices import MarketType, PositionMode
from connections.models import Connection
from cts.errors import Refused
from cts.fields import Sealed

# What edit_connection() may change. Exchange, environment and market type never change: another
# place is another connection.
EDITABLE = (
    "name",
    "margin_mode",
    "position_mode",
    "leverage",
    "volume_factor_main",
    "volume_factor_preset",
    "share_per_position_pct",
    "enforce_minimum",
    "max_open_positions",
    "max_exposure_pct",
    "daily_loss_limit_pct",
    "forced_symbols",
    "symbol_order",
    "symbol_count",
)
MAX_SECRET_LENGTH = 4096
MAX_FORCED_SYMBOLS = 30
HINT_LENGTH = 4
# A shorter key would be half shown by its hint.
MIN_KEY_LENGTH_FOR_HINT = 12

_SPOT_SYMBOL = re.compile(r"[A-Z0-9]{1,20}/[A-Z0-9]{1,12}")
_PERPETUAL_SYMBOL = re.compile(r"[A-Z0-9]{1,20}/[A-Z0-9]{1,12}:[A-Z0-9]{1,12}")


def require_known_settings(settings: Mapping[str, Any]) -> None:
    """Raise Refused for a setting that a person may not set."""
    for name in settings:
        if name not in EDITABLE:
            raise Refused(
                "connection.unknown_setting",
                f"Expected a setting out of {', '.join(EDITABLE)}, was {name[:40]!r}.",
                field=name,
            )


def require_valid(connection: Connection) -> None:
    """Raise Refused for the first field that is wrong, or for a name already taken."""
    try:
        connection.full_clean()
    except ValidationError as error:
        raise _refusal(connection, error) from error
    _require_symbols(connection)
    if connection.market_type == MarketType.SPOT:
        if connection.leverage != 1:
            raise Refused(
                "connection.no_leverage_on_spot",
                f"Spot has no leverage: expected 1, was {connection.leverage}.",
                field="leverage",
            )
        if connection.position_mode != PositionMode.ONE_WAY:
            raise Refused(
                "connection.no_hedge_on_spot",
                "Spot has no hedge mode: expected one-way.",
                field="position_mode",
            )


def sealed_credentials(api_key: str, api_secret: str, passphrase: str) -> dict[str, Any]:
    """Check and seal credentials: the fields of a Connection that hold them.

    The refusals name the field and never repeat what was given.
    """
    key = api_key.strip()
    secret = api_secret.strip()
    for field, value in (("api_key", key), ("api_secret", secret)):
        if not value:
            raise Refused(
                "connection.credentials_missing",
                f"The {field.removeprefix('api_')} is missing: copy it from the exchange.",
                field=field,
            )
    for field, value in (("api_key", key), ("api_secret", secret), ("passphrase", passphrase)):
        # A secret may be a PEM private key of several lines; a key goes into an HTTP header.
        lines = value.splitlines() if field == "api_secret" else [value]
        printable = all(line.isascii() and line.isprintable() for line in lines)
        if not printable or len(value) > MAX_SECRET_LENGTH:
            raise Refused(
                "connection.credentials_malformed",
                f"Expected at most {MAX_SECRET_LENGTH} plain characters, as the exchange gave "
                f"them; this {field.removeprefix('api_')} holds something else.",
                field=field,
            )
    return {
        "api_key": Sealed.seal(key),
        "api_secret": Sealed.seal(secret),
        "passphrase": Sealed.seal(passphrase),
        "key_hint": key[-HINT_LENGTH:] if len(key) >= MIN_KEY_LENGTH_FOR_HINT else "",
    }


def name_taken(connection: Connection) -> Refused:
    """Give the answer to a second connection of the same owner and name."""
    return Refused(
        "connection.name_taken",
        f'{connection.owner.get_username()} already has a connection "{connection.name}".',
        field="name",
    )


def _require_symbols(connection: Connection) -> None:
    symbols = connection.forced_symbols
    is_spot = connection.market_type == MarketType.SPOT
    pattern = _SPOT_SYMBOL if is_spot else _PERPETUAL_SYMBOL
    example = "BTC/USDT" if is_spot else "BTC/USDT:USDT"
    well_formed = isinstance(symbols, list) and all(
        isinstance(symbol, str) and pattern.fullmatch(symbol) for symbol in symbols
    )
    if not well_formed or len(symbols) > MAX_FORCED_SYMBOLS:
        raise Refused(
            "connection.invalid_symbols",
            f"Expected a list of at most {MAX_FORCED_SYMBOLS} symbols like {example}.",
            field="forced_symbols",
        )


def _refusal(connection: Connection, error: ValidationError) -> Refused:
    field, messages = next(iter(error.message_dict.items()))
    if field == NON_FIELD_ERRORS:
        codes = {getattr(item, "code", None) for item in error.error_dict[field]}
        taken = Connection.objects.filter(
            owner=connection.owner, name=connection.name, deleted_at__isnull=True
        ).exclude(pk=connection.pk)
        if codes and taken.exists():
            return name_taken(connection)
        return Refused("connection.invalid", messages[0])
    return Refused("connection.invalid", f"{field.replace('_', ' ')}: {messages[0]}", field=field)
