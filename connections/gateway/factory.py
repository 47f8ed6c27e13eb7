"""Gateways, kept per process: one for each connection, one keyless for each venue."""

import threading

from connections.gateway.gateway import TIMEOUT_S, Gateway
from connections.gateway.venue import AccountModes, Keys, Venue
from connections.models import Connection

_lock = threading.Lock()
_of_connections: dict[int, tuple[tuple[Venue, Keys, AccountModes], Gateway]] = {}
_public: dict[Venue, Gateway] = {}


def gateway_for(connection: Connection) -> Gateway:
    """Give the gateway of `connection`, a new one where its credentials or modes changed.

    Asks nothing of the exchange. Raises Refused or NotOffered for a venue that can't be served.
    """
    wanted = (Venue(*connection.venue), Keys.of(connection), AccountModes.of(connection))
    with _lock:
        former = _of_connections.get(connection.pk)
        if former is not None and former[0] == wanted:
            return former[1]
        gateway = Gateway(wanted[0], keys=wanted[1], modes=wanted[2], connection_id=connection.pk)
        _of_connections[connection.pk] = (wanted, gateway)
    if former is not None:
        former[1].close()
    return gateway


def gateway_for_test(connection: Connection, *, timeout_s: float = TIMEOUT_S) -> Gateway:
    """Give a gateway that is nobody else's: it tries everything once, whatever the breakers say.

    The caller closes it.
    """
    return Gateway(
        Venue(*connection.venue),
        keys=Keys.of(connection),
        modes=AccountModes.of(connection),
        connection_id=connection.pk,
        always_asks=True,
        attempts=1,
        timeout_s=timeout_s,
    )


def public_gateway(exchange: str, environment: str, market_type: str) -> Gateway:
    """Give the gateway for public data of a venue; it has no keys."""
    venue = Venue(exchange, environment, market_type)
    with _lock:
        if venue not in _public:
            _public[venue] = Gateway(venue)
        return _public[venue]


def forget_all() -> None:
    """Close and drop every gateway."""
    with _lock:
        gateways = [gateway for _, gateway in _of_connections.values()] + list(_public.values())
        _of_connections.clear()
        _public.clear()
    for gateway in gateways:
        gateway.close()
