"""What a key may do, read where the exchange tells it."""

from typing import Any

from connections.choices import Environment
from connections.gateway.types import Permissions
from connections.gateway.venue import Venue

UNKNOWN = Permissions(may_trade=None, may_withdraw=None)


def can_be_read(venue: Venue) -> bool:
    """Tell whether `venue` has an answer. Binance's testnet has no account service."""
    return venue.exchange == "binance" and venue.environment != Environment.TESTNET


def read_permissions(client: Any, venue: Venue) -> Permissions:
    """Give what the key of `client` may do. One request."""
    raw = client.sapiGetAccountApiRestrictions()
    trade = "enableSpotAndMarginTrading" if venue.is_spot else "enableFutures"
    notes = []
    if _flag(raw, "ipRestrict") is False:
        notes.append("The key works from any address: restrict it to this machine's.")
    return Permissions(
        may_trade=_flag(raw, trade),
        may_withdraw=_flag(raw, "enableWithdrawals"),
        notes=tuple(notes),
    )


def _flag(raw: Any, name: str) -> bool | None:
    value = raw.get(name)
    return value if isinstance(value, bool) else None
