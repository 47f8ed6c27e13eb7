"""What the floor above tells this one: which live positions of a connection are still open.

The positions floor registers its answer in its AppConfig.ready(); this floor can't import it.
"""

from collections.abc import Callable

from connections.models import Connection

Reader = Callable[[Connection], list[str]]
_readers: dict[str, Reader] = {}


def register(name: str, reader: Reader) -> None:
    """Let `reader` name the open live positions of a connection, one label each.

    The same `name` replaces its former reader. It may query the database, nothing else.
    """
    _readers[name] = reader


def unregister(name: str) -> None:
    """Forget the reader of `name`, if there is one."""
    _readers.pop(name, None)


def open_positions(connection: Connection) -> list[str]:
    """Give a label of every live position that is still open on `connection`."""
    return [label for reader in _readers.values() for label in reader(connection)]
