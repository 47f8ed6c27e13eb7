"""Where the exchange's state lives: an SQLite file that survives `kill -9`, or memory alone.

Records are JSON rows of one table, keyed by kind and number. Every accepted change is one
transaction, committed before the answer is sent.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable
from pathlib import Path
from typing import TypeVar

from .codec import decode, encode
from .errors import SetupError
from .records import (
    Account,
    AlgoOrder,
    Fill,
    FuturesWallet,
    Income,
    Order,
    Record,
    SpotWallet,
)

SCHEMA_VERSION = "1"
KINDS: dict[type, str] = {
    Account: "account",
    SpotWallet: "spot_wallet",
    FuturesWallet: "futures_wallet",
    Order: "order",
    Fill: "fill",
    AlgoOrder: "algo",
    Income: "income",
}
R = TypeVar("R", bound=Record)


def record_number(record: Record) -> int:
    if isinstance(record, SpotWallet | FuturesWallet):
        return record.account_id
    return record.id


class Store:
    """Keeps records and facts. Without a path nothing outlives the process."""

    def __init__(self, path: Path | None) -> None:
        """Opens or creates the file. Raises SetupError if that can't be done."""
        self._changed: dict[tuple[str, int], Record] = {}
        self._facts: dict[str, str] = {}
        self._connection: sqlite3.Connection | None = None
        if path is not None:
            self._connection = _open(path)

    @property
    def is_durable(self) -> bool:
        return self._connection is not None

    def changed(self, record: Record) -> None:
        """Marks a record to be written by the next commit."""
        if self._connection is not None:
            self._changed[KINDS[type(record)], record_number(record)] = record

    def set_fact(self, name: str, value: object) -> None:
        """A single fact, such as how far the feed has been played; written by the next commit."""
        self._facts[name] = str(value)

    @property
    def has_changes(self) -> bool:
        return bool(self._changed)

    def commit(self) -> None:
        """Writes everything that was marked, in one transaction."""
        if self._connection is None:
            self._facts.clear()
            return
        if not self._changed and not self._facts:
            return
        rows = [(kind, number, encode(record)) for (kind, number), record in self._changed.items()]
        with self._connection:
            self._connection.executemany(
                "INSERT INTO records(kind, number, body) VALUES (?, ?, ?) "
                "ON CONFLICT(kind, number) DO UPDATE SET body = excluded.body",
                rows,
            )
            self._connection.executemany(
                "INSERT INTO facts(name, value) VALUES (?, ?) "
                "ON CONFLICT(name) DO UPDATE SET value = excluded.value",
                list(self._facts.items()),
            )
        self._changed.clear()
        self._facts.clear()

    def load(self, cls: type[R]) -> Iterable[R]:
        """All records of a class, in the order of their numbers."""
        if self._connection is None:
            return []
        rows = self._connection.execute(
            "SELECT body FROM records WHERE kind = ? ORDER BY number", (KINDS[cls],)
        )
        return [decode(cls, body) for (body,) in rows]

    def facts(self) -> dict[str, str]:
        if self._connection is None:
            return {}
        return dict(self._connection.execute("SELECT name, value FROM facts"))

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _open(path: Path) -> sqlite3.Connection:
    try:
        # The file holds the secrets of the practice accounts: for its owner's eyes only.
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    except OSError as error:
        raise SetupError(f"can't write the state file {path}: {error.strerror}") from error
    connection = sqlite3.connect(path, timeout=1)
    try:
        connection.execute("PRAGMA locking_mode=EXCLUSIVE")
        connection.execute("PRAGMA journal_mode=WAL")
        # A commit survives the death of the process; only the fsync on power loss is spared.
        connection.execute("PRAGMA synchronous=NORMAL")
        with connection:
            connection.execute(
                "CREATE TABLE IF NOT EXISTS records (kind TEXT NOT NULL, number INTEGER NOT NULL,"
                " body TEXT NOT NULL, PRIMARY KEY (kind, number)) WITHOUT ROWID"
            )
            connection.execute(
                "CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL)"
                " WITHOUT ROWID"
            )
            connection.execute(
                "INSERT INTO facts(name, value) VALUES ('schema', ?) ON CONFLICT DO NOTHING",
                (SCHEMA_VERSION,),
            )
        (schema,) = connection.execute("SELECT value FROM facts WHERE name = 'schema'").fetchone()
    except sqlite3.Error as error:
        connection.close()
        if "locked" in str(error):
            raise SetupError(f"the state file {path} is in use by another sandbox") from error
        raise SetupError(f"can't use the state file {path}: {error}") from error
    if schema != SCHEMA_VERSION:
        connection.close()
        raise SetupError(
            f"the state file {path} is of format {schema}, expected {SCHEMA_VERSION}: "
            "start with another --state file"
        )
    return connection
