"""What is checked before anything starts: each problem is one line that says what to do."""

import errno
import fcntl
import os
import socket
import tempfile
import time
from pathlib import Path
from typing import IO

from django.conf import settings
from django.db import Error, connection
from redis import Redis, RedisError

from cts.database import database_name, reach_database
from cts.processes import sandbox_address

PORT_FREE_WITHIN_SECS = 2.0


class AlreadyRunningError(Exception):
    """Another supervisor holds the data folder."""


def hold_data_folder(folder: Path) -> IO[str]:
    """Give the lock that keeps other supervisors out; it lives as long as the file is open.

    Raises OSError when the folder can't be written, AlreadyRunningError when it is held.
    """
    (folder / "run").mkdir(parents=True, exist_ok=True, mode=0o700)
    with tempfile.TemporaryFile(dir=folder):
        pass  # the folder takes new files
    lock = (folder / "run" / "up.lock").open("a+")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.seek(0)
        holder = lock.read().strip() or "unknown"
        lock.close()
        raise AlreadyRunningError(
            f"`manage.py up` already runs on the data folder {folder} (process {holder}). "
            f"Stop it, or set CTS_VAR_DIR to another folder."
        ) from None
    lock.truncate(0)
    lock.write(str(os.getpid()))
    lock.flush()
    return lock


def problems(names: list[str]) -> list[str]:
    """Give a line for each thing that would keep the processes `names` from running."""
    found: list[str | None] = []
    if "web" in names:
        found.append(_port_problem(settings.WEB_BIND, "CTS_WEB_BIND", "host:port"))
    if "sandbox" in names:
        found.append(_port_problem(sandbox_address(), "CTS_SANDBOX_URL", "http://127.0.0.1:port"))
        found.append(_replay_problem(settings.REPLAY_DIR))
    found.append(database_problem())
    if not settings.EMBEDDED_REDIS:
        found.append(redis_problem())
    return [problem for problem in found if problem is not None]


def database_problem() -> str | None:
    """Say what is wrong with the database connection, if anything; names no password."""
    try:
        reach_database()
    except Error as error:
        reason = str(error).strip().splitlines()[0]
        return f"DATABASE_URL: expected a database that answers, was {database_name()}: {reason}"
    finally:
        connection.close()
    return None


def redis_problem() -> str | None:
    """Say what is wrong with REDIS_URL's server, if anything; names no password."""
    client = Redis.from_url(settings.REDIS_URL, socket_connect_timeout=5, socket_timeout=5)
    try:
        client.ping()
    except RedisError as error:
        return f"REDIS_URL: expected a server that answers: {error}"
    finally:
        client.close()
    return None


def _replay_problem(folder: str) -> str | None:
    if not folder or Path(folder).is_dir():
        return None
    return f"CTS_REPLAY_DIR: expected a folder of candle files, {folder} is none"


def _port_problem(address: tuple[str, int], setting: str, form: str) -> str | None:
    deadline = time.monotonic() + PORT_FREE_WITHIN_SECS
    while True:
        error = _bind_error(address)
        if error is None:
            return None
        # Children of a supervisor that was killed a moment ago may still hold it.
        if error.errno != errno.EADDRINUSE or time.monotonic() > deadline:
            break
        time.sleep(0.1)
    host, port = address
    if error.errno == errno.EADDRINUSE:
        return (
            f"port {port} on {host} is in use by another program. Stop that program, or set "
            f"{setting} ({form}) to a free port."
        )
    return f"{setting}: expected an address of this machine, {host}:{port}: {error.strerror}"


def _bind_error(address: tuple[str, int]) -> OSError | None:
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except OSError as error:
            return error
    return None
