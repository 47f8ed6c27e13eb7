"""What every test stands on: own secrets and data folder, a real broker, no network but loopback.

The environment itself is set in tests/environment.py, before settings are read.
"""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import hypothesis
import pytest
from django.conf import settings
from django.db import connection
from pytest_django import DjangoDbBlocker
from redis import Redis

from cts.environment import BASE_DIR
from cts.valkey import valkey_answers, valkey_command

# In CI the same examples each time: a failure says something of the change. Elsewhere random ones.
hypothesis.settings.register_profile("ci", derandomize=True, print_blob=True)
if os.environ.get("CI"):
    hypothesis.settings.load_profile("ci")

LAUNCHER = BASE_DIR / "cts" / "supervisor" / "launch.py"
MARK = "cts-test:database-of-the-tests"


@pytest.fixture(scope="session", autouse=True)
def broker() -> Iterator[Redis]:
    """A real Valkey (or the database of REDIS_URL), empty at the start; one per xdist worker."""
    if settings.EMBEDDED_REDIS:
        with _embedded_valkey():
            yield Redis.from_url(settings.REDIS_URL)
        return
    client = Redis.from_url(settings.REDIS_URL, socket_connect_timeout=5)
    if client.dbsize() and not client.exists(MARK):
        pytest.exit(
            f"REDIS_URL: expected an empty Redis database for tests (they empty it), "
            f"{settings.REDIS_URL} holds {client.dbsize()} keys of somebody else",
            returncode=3,
        )
    yield client
    client.flushdb()


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """pytest-django's own; at the end nothing that a thread left open keeps the database alive."""
    yield
    if connection.vendor == "postgresql":
        with django_db_blocker.unblock(), connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )


@pytest.fixture(autouse=True)
def empty_broker(broker: Redis) -> None:
    """No test sees what another left in the cache or in a queue."""
    broker.flushdb()
    broker.set(MARK, 1)


@contextmanager
def _embedded_valkey() -> Iterator[None]:
    command = valkey_command(settings.VALKEY_SOCKET, settings.VAR_DIR / "valkey")
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", str(LAUNCHER), str(os.getpid()), *command],
        stdin=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 10
        while not valkey_answers(settings.VALKEY_SOCKET):
            assert process.poll() is None, "Valkey ended at its start"
            assert time.monotonic() < deadline, "Valkey did not answer within 10 s"
            time.sleep(0.02)
        yield
    finally:
        process.terminate()
        process.wait(10)
