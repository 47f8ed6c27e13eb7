"""Reads of connections."""

from typing import Any

from django.db.models import QuerySet

from connections.models import Connection, ConnectionTest
from cts.errors import Refused
from cts.roles import Act, visible


def connections_for(user: Any) -> QuerySet[Connection]:
    """Give the connections that `user` may see, with their owners; deleted ones are left out."""
    return visible(existing_connections(), user)


def deleted_connections_for(user: Any) -> QuerySet[Connection]:
    """Give the deleted connections that `user` may restore, with their owners."""
    return visible(deleted_connections(), user, act=Act.MANAGE_CONNECTION)


def restorable_for(user: Any) -> QuerySet[Connection]:
    """Give what `user` may ask to restore: deleted or, as asking twice is once, existing."""
    return visible(_all(), user)


def active_connections() -> QuerySet[Connection]:
    """Give the connections whose engines should be running."""
    return existing_connections().filter(is_active=True)


def existing_connections() -> QuerySet[Connection]:
    """Give everybody's connections, with their owners; deleted ones are left out."""
    return _all().filter(deleted_at__isnull=True)


def deleted_connections() -> QuerySet[Connection]:
    """Give everybody's deleted connections, with their owners."""
    return _all().filter(deleted_at__isnull=False)


def connection_named(name_or_id: str, *, owner: Any = None) -> Connection:
    """Give the one connection with this name or number, of `owner` where given.

    Raises Refused when there is none, or when several owners use the name.
    """
    candidates = existing_connections()
    if owner is not None:
        candidates = candidates.filter(owner=owner)
    return _one(
        candidates,
        name_or_id,
        missing="There is no connection",
        several="Several owners have a connection",
    )


def deleted_connection_named(name_or_id: str) -> Connection:
    """Give the one deleted connection with this name or number.

    Raises Refused when there is none, or when several of that name were deleted.
    """
    return _one(
        deleted_connections(),
        name_or_id,
        missing="There is no deleted connection",
        several="Several deleted connections are named",
    )


def newest_tests(connection: Connection, limit: int = 10) -> list[ConnectionTest]:
    """Give the last `limit` tests of `connection`, newest first."""
    return list(connection.tests.order_by("-id")[:limit])


def _one(
    candidates: QuerySet[Connection], name_or_id: str, *, missing: str, several: str
) -> Connection:
    found = list(candidates.filter(name=name_or_id)[:2])
    if not found and name_or_id.isdecimal() and len(name_or_id) <= 18:
        found = list(candidates.filter(pk=int(name_or_id)))
    if not found:
        raise Refused("connection.not_found", f'{missing} "{name_or_id[:60]}".', field="name")
    if len(found) > 1:
        raise Refused(
            "connection.ambiguous_name",
            f'{several} "{name_or_id[:60]}": give its number instead.',
            field="name",
        )
    return found[0]


def _all() -> QuerySet[Connection]:
    return Connection.objects.select_related("owner")
