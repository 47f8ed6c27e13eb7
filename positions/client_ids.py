"""Client order ids: deterministic from their cause, legal at every exchange."""

import base64
import hashlib

from connections.models import Connection

LENGTH = 28


def client_order_id(connection: Connection, cause: str) -> str:
    """Give the id of the order that `cause` asks for: 28 of a-z2-7, starting with "c".

    The same connection and cause always give the same id, so an order is never sent under two.
    """
    text = f"{connection.pk}|{connection.created_at.timestamp():.6f}|{cause}"
    digest = hashlib.sha256(text.encode()).digest()
    return "c" + base64.b32encode(digest).decode().lower().rstrip("=")[: LENGTH - 1]
