"""Real processes of CTS in tests: their environment, their data folder, their end."""

import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from shutil import rmtree
from typing import TypeVar

import psutil
import psycopg
from django.conf import settings
from psycopg import sql

from cts.environment import BASE_DIR

MANAGE = str(BASE_DIR / "manage.py")
T = TypeVar("T")


def free_port() -> int:
    """Give a TCP port of this machine that nobody uses at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def eventually(condition: Callable[[], T], *, within_secs: float = 20, what: str = "") -> T:
    """Give the first true answer of `condition`, asked again and again; fail when it never is."""
    deadline = time.monotonic() + within_secs
    while True:
        if answer := condition():
            return answer
        assert time.monotonic() < deadline, f"not within {within_secs} s: {what or condition}"
        time.sleep(0.05)


@contextmanager
def own_installation() -> Iterator[dict[str, str]]:
    """Give the environment of a CTS of its own: data folder, database, broker, free ports.

    On PostgreSQL it has a database of its own, on Redis it shares the tests' (emptied after).
    """
    folder = Path(tempfile.mkdtemp(prefix="cts-own-", dir="/tmp"))  # short: unix sockets
    inherited = {
        name: value
        for name, value in os.environ.items()
        if name not in {"DJANGO_SETTINGS_MODULE", "DATABASE_URL"}
        and not name.startswith(("PYTEST_", "COV_"))
    }
    environment = {
        **inherited,
        "CTS_VAR_DIR": str(folder),
        "CTS_WEB_BIND": f"127.0.0.1:{free_port()}",
        "CTS_WEB_WORKERS": "1",
        "CTS_SANDBOX_URL": f"http://127.0.0.1:{free_port()}",
        "CTS_ADMIN_PASSWORD": "quiet-Harbour-42-lamps",
    }
    try:
        with _own_postgres_database() as database_url:
            if database_url:
                environment["DATABASE_URL"] = database_url
            yield environment
    finally:
        rmtree(folder, ignore_errors=True)


@contextmanager
def _own_postgres_database() -> Iterator[str]:
    values = settings.DATABASES["default"]
    if values["ENGINE"] != "django.db.backends.postgresql":
        yield ""
        return
    name = f"cts_test_{uuid.uuid4().hex[:12]}"
    login = f"{values['USER']}:{values['PASSWORD']}".rstrip(":")
    server = f"postgres://{login}@{values['HOST']}:{values['PORT'] or 5432}"
    with psycopg.connect(f"{server}/postgres", autocommit=True) as admin:
        admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        try:
            yield f"{server}/{name}"
        finally:
            admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def manage(
    environment: dict[str, str], *arguments: str, timeout_secs: float = 60
) -> subprocess.CompletedProcess[str]:
    """Run `manage.py` to its end."""
    return subprocess.run(
        [sys.executable, MANAGE, *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=timeout_secs,
        check=False,
    )


class RunningUp:
    """A `manage.py up` that runs; its log so far is `log`."""

    def __init__(self, command: list[str], environment: dict[str, str]) -> None:
        self.lines: list[str] = []
        self.process = subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self._seen: dict[int, psutil.Process] = {}

    @property
    def log(self) -> str:
        """What was written so far."""
        return "".join(self.lines)

    def wait_for(self, text: str, *, within_secs: float = 60) -> None:
        """Wait until the log holds `text`; fails with the log when the process ends before."""

        def is_there() -> bool:
            if text in self.log:
                return True
            assert self.process.poll() is None, f"ended before {text!r}:\n{self.log}"
            return False

        eventually(is_there, within_secs=within_secs, what=f"{text!r} in the log:\n{self.log}")

    def descendants(self) -> list[psutil.Process]:
        """Give every process below it at this moment; all that were ever seen stay on record."""
        found = psutil.Process(self.process.pid).children(recursive=True)
        self._seen.update({process.pid: process for process in found})
        return found

    def child(self, pattern: str) -> psutil.Process:
        """Give the direct child whose command line matches `pattern`."""
        for process in psutil.Process(self.process.pid).children():
            with suppress(psutil.NoSuchProcess):
                if re.search(pattern, " ".join(process.cmdline())):
                    return process
        raise AssertionError(f"no child matches {pattern!r}")

    def stop(self, number: signal.Signals = signal.SIGTERM, *, within_secs: float = 45) -> int:
        """Send a signal and give the exit code."""
        self.process.send_signal(number)
        code = self.process.wait(within_secs)
        self._reader.join(5)
        return code

    def left_over(self) -> list[psutil.Process]:
        """Give what is still alive of all that descendants() ever saw."""
        return [
            process
            for process in self._seen.values()
            if process.is_running() and process.status() != psutil.STATUS_ZOMBIE
        ]

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line)


@contextmanager
def running_up(environment: dict[str, str], *arguments: str) -> Iterator[RunningUp]:
    """Run `manage.py up` for the length of the block; it is gone afterwards, however it ends."""
    with running([sys.executable, MANAGE, "up", *arguments], environment) as up:
        yield up


@contextmanager
def running(command: list[str], environment: dict[str, str]) -> Iterator[RunningUp]:
    """Run a program like running_up()."""
    up = RunningUp(command, environment)
    try:
        yield up
    finally:
        if up.process.poll() is None:
            up.process.kill()
            up.process.wait(10)
