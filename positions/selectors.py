"""Reads of the positions floor."""

from connections.models import Connection
from positions.models import LivePosition
from positions.models.positions import OPEN_STATES


def open_labels(connection: Connection) -> list[str]:
    """Give a label for every live position of `connection` that is still open. One query."""
    rows = LivePosition.objects.filter(connection=connection, state__in=OPEN_STATES)
    return [f"{symbol} {side}" for symbol, side in rows.values_list("symbol", "side")]
