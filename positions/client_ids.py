"""Client order ids: deterministic from their cause, legal at every exchange."""

import base64
import hashlib

from positions.models import LivePosition

LENGTH = 28


def client_order_id(position: LivePosition, cause: str) -> str:
    """Give the id of the order that `cause` asks for: 28 of a-z2-7, starting with "c".

    The same position and cause always give the same id, so an order is never sent under two. The
    moments of creation keep apart what carries the same numbers after an old backup was restored.
    """
    connection = position.connection
    text = (
        f"{connection.pk}|{connection.created_at.timestamp():.6f}"
        f"|{position.created_at.timestamp():.6f}|{cause}"
    )
    digest = hashlib.sha256(text.encode()).digest()
    return "c" + base64.b32encode(digest).decode().lower().rstrip("=")[: LENGTH - 1]
