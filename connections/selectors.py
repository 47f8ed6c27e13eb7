"""Reads of connections."""

from typing import Any

from django.db.models import QuerySet

from connections.models import Connection, ConnectionTest
from cts.errors import Refused
from cts.roles import visible


def connections_for(user: Any) -> QuerySet[Connection]:
    """Give the connections that `user` may see, with their owners; deleted ones are left out."""
    return visible(_existing(), user)


def active_connections() -> QuerySet[Connection]:
    """Give the connections whose engines should be running."""
    return _existing().filter(is_active=True)


def connection_named(name_or_id: str, *, owner: Any = None) -> Connection:
    """Give the one connection with this name or number, of `owner` where given.

    Raises Refused when there is none, or when several owners use the name.
    """
    candidates = _existing() if owner is None else _existing().filter(owner=owner)
    found = list(candidates.filter(name=name_or_id)[:2])
    if not found and name_or_id.isdecimal() and len(name_or_id) <= 18:
        found = list(candidates.filter(pk=int(name_or_id)))
    if not found:
        raise Refused(
            "connection.not_found", f'There is no connection "{name_or_id[:60]}".', field="name"
        )
    if len(found) > 1:
        raise Refused(
            "connection.ambiguous_name",
            f'Several owners have a connection "{name_or_id[:60]}": give its number instead.',
            field="name",
        )
    return found[0]


def newest_tests(connection: Connection, limit: int = 10) -> list[ConnectionTest]:
    """Give the last `limit` tests of `connection`, newest first."""
    return list(connection.tests.order_by("-id")[:limit])


def _existing() -> QuerySet[Connection]:
    return Connection.objects.filter(deleted_at__isnull=True).select_related("owner")
