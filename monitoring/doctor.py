"""Is everything well? Each check answers with one finding or several; none of them changes a thing.

A check that needs the database or the broker and doesn't get it is unknown, not failed: the check
of the database or the broker itself says what is wrong.
"""

import json
import queue
import secrets
import shutil
import stat
import threading
import time
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from django.conf import settings
from django.core.cache import cache
from django.core.exceptions import ImproperlyConfigured
from django.db import Error as DatabaseFault
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone
from redis import Redis, RedisError

from connections.choices import Environment
from connections.models import Connection
from cts.celery import app
from cts.database import database_name, reach_database
from cts.processes import process_names
from monitoring.tasks import beat_heartbeat_age_secs

WHOLE_SECS = 10.0
WORKER_REPLY_SECS = 2.0
BEAT_LATE_SECS = 30.0
CLOCK_TOLERANCE_SECS = 1.0
DISK_FREE_SHARE = 0.10
DISK_FREE_BYTES = 1_000_000_000
TEST_OLD = timedelta(days=7)
START = "Start it with `manage.py up`."
SEE_LOG = "Look into the log of `manage.py up`."


class State(StrEnum):
    """How a check ended."""

    OK = "ok"
    FAIL = "fail"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found, and what to do about it."""

    name: str
    state: State
    detail: str
    advice: str = ""

    def as_dict(self) -> dict[str, str]:
        """Give it for JSON."""
        return asdict(self)


Check = Callable[[], Iterable[Finding]]


def examine(names: list[str] | None = None) -> list[Finding]:
    """Run the checks (all of CHECKS, or `names`) side by side, for at most 10 s in all."""
    wanted = {name: CHECKS[name] for name in names or CHECKS}
    answers: queue.Queue[tuple[str, list[Finding]]] = queue.Queue()
    for name, check in wanted.items():
        threading.Thread(
            target=lambda name=name, check=check: answers.put((name, _findings(name, check))),
            name=f"doctor-{name}",
            daemon=True,
        ).start()
    found: dict[str, list[Finding]] = {}
    deadline = time.monotonic() + WHOLE_SECS
    while len(found) < len(wanted):
        try:
            name, findings = answers.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            break
        found[name] = findings
    silent = f"no answer within {WHOLE_SECS:.0f} s"
    return [
        finding
        for name in wanted
        for finding in found.get(name, [Finding(name, State.FAIL, silent, SEE_LOG)])
    ]


def _findings(name: str, check: Check) -> list[Finding]:
    found: list[Finding] = []
    try:
        for finding in check():
            found.append(finding)  # noqa: PERF402 - what came before an error is kept
    except DatabaseFault as error:
        detail = f"the database could not tell: {_first_line(error)}"
        found.append(Finding(name, State.UNKNOWN, detail, "See `database`."))
    except RedisError as error:
        detail = f"the broker could not tell: {_first_line(error)}"
        found.append(Finding(name, State.UNKNOWN, detail, "See `broker`."))
    except Exception as error:  # noqa: BLE001 - a check that breaks is a finding too
        detail = f"the check itself broke: {type(error).__name__}: {error}"
        found.append(Finding(name, State.FAIL, detail, "Report this line."))
    finally:
        connection.close()
    return found


def check_database() -> Iterator[Finding]:
    """Database: reachable, and every migration applied."""
    try:
        reach_database()
        executor = MigrationExecutor(connection)
        missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except DatabaseFault as error:
        yield Finding(
            "database",
            State.FAIL,
            f"{database_name()} does not answer: {_first_line(error)}",
            "Start the database, or correct DATABASE_URL.",
        )
        return
    if missing:
        yield Finding(
            "database",
            State.FAIL,
            f"{len(missing)} migrations are not applied, first {missing[0][0]}",
            "Run `manage.py migrate`.",
        )
        return
    yield Finding("database", State.OK, f"{connection.vendor} answers, all migrations applied")


def check_broker() -> Iterator[Finding]:
    """Broker and cache: what is written is read back."""
    key, value = f"doctor:{secrets.token_hex(8)}", secrets.token_hex(8)
    started = time.monotonic()
    try:
        cache.set(key, value, 30)
        came_back = cache.get(key)
        cache.delete(key)
    except RedisError as error:
        advice = START if settings.EMBEDDED_REDIS else "Start the server, or correct REDIS_URL."
        yield Finding("broker", State.FAIL, f"no answer: {error}", advice)
        return
    if came_back != value:
        detail = "what was written did not come back"
        yield Finding("broker", State.FAIL, detail, "Look at the server's memory limits.")
        return
    elapsed_ms = (time.monotonic() - started) * 1000
    yield Finding("broker", State.OK, f"round trip in {elapsed_ms:.1f} ms")


def check_workers() -> Iterator[Finding]:
    """Workers: for each queue somebody answers who takes from it."""
    _ping_broker()
    replies = app.control.inspect(timeout=WORKER_REPLY_SECS).active_queues() or {}
    for name in ("jobs", "engines"):
        workers = sorted(
            worker
            for worker, queues in replies.items()
            if any(each["name"] == name for each in queues)
        )
        if workers:
            yield Finding(f"worker {name}", State.OK, f"{', '.join(workers)} answers")
        else:
            detail = f"no worker of the queue {name} answers within {WORKER_REPLY_SECS:.0f} s"
            yield Finding(f"worker {name}", State.FAIL, detail, START)


def check_beat() -> Iterator[Finding]:
    """Schedule: its 5 s heartbeat gets through a worker of `jobs` into the cache."""
    age_secs = beat_heartbeat_age_secs()
    if age_secs is None:
        yield Finding("beat", State.FAIL, "no heartbeat within a day", START)
    elif age_secs > BEAT_LATE_SECS:
        yield Finding(
            "beat",
            State.FAIL,
            f"the last heartbeat is {age_secs:.0f} s old, expected every 5 s",
            "Beat or the worker `jobs` stands still or is overloaded. " + SEE_LOG,
        )
    else:
        yield Finding("beat", State.OK, f"heartbeat {age_secs:.0f} s ago")


def check_clock() -> Iterator[Finding]:
    """Clock: the same as the database's and the sandbox's, to a second."""
    reach_database()
    yield _clock_finding("clock database", _database_time())
    if "sandbox" in process_names():
        try:
            server_ms = _get_json(f"{settings.SANDBOX_URL}/api/v3/time")["serverTime"]
        except OSError as error:
            detail = f"the sandbox did not tell its time: {error}"
            yield Finding("clock sandbox", State.UNKNOWN, detail, "See `sandbox`.")
            return
        yield _clock_finding("clock sandbox", datetime.fromtimestamp(server_ms / 1000, UTC))


def check_keys() -> Iterator[Finding]:
    """Keys: every stored credential opens, and nobody else can read the secrets file."""
    path = settings.VAR_DIR / "secrets.env"
    if path.exists() and (mode := stat.S_IMODE(path.stat().st_mode)) & 0o077:
        yield Finding(
            "secrets file",
            State.FAIL,
            f"{path} has mode {mode:04o}, expected 0600",
            f"Run `chmod 600 {path}`, and change the secrets if others use this machine.",
        )
    elif path.exists():
        yield Finding("secrets file", State.OK, f"{path} has mode 0600")
    reach_database()
    closed: list[str] = []
    count = 0
    for row in Connection.objects.only("name", "api_key", "api_secret", "passphrase").iterator():
        count += 1
        credentials: tuple[Any, ...] = (row.api_key, row.api_secret, row.passphrase)
        try:
            for credential in credentials:
                credential.reveal()
        except ImproperlyConfigured:
            closed.append(row.name)
    if closed:
        yield Finding(
            "keys",
            State.FAIL,
            f"no key of ENCRYPTION_KEY opens the credentials of {', '.join(closed)}",
            "Add the former key at the end of ENCRYPTION_KEY, or enter the credentials again.",
        )
    else:
        yield Finding("keys", State.OK, f"the credentials of {count} connections open")


def check_disk() -> Iterator[Finding]:
    """Disk: more than 10 % and more than 1 GB free where the data folder is."""
    usage = shutil.disk_usage(settings.VAR_DIR)
    share = usage.free / usage.total
    detail = f"{usage.free / 1e9:.1f} GB ({share:.0%}) free at {settings.VAR_DIR}"
    if share > DISK_FREE_SHARE and usage.free > DISK_FREE_BYTES:
        yield Finding("disk", State.OK, detail)
    else:
        advice = "Expected more than 10 % and 1 GB. Delete what isn't needed or enlarge the disk."
        yield Finding("disk", State.FAIL, detail, advice)


def check_exchanges() -> Iterator[Finding]:
    """Exchanges: the sandbox answers where it is used; every enabled connection passed its test."""
    reach_database()
    now = timezone.now()
    enabled = Connection.objects.filter(is_enabled=True, deleted_at__isnull=True)
    rows = list(enabled.defer("api_key", "api_secret", "passphrase"))
    if "sandbox" in process_names() or any(row.environment == Environment.SANDBOX for row in rows):
        yield _sandbox_finding()
    for row in rows:
        yield _connection_finding(row, now)


CHECKS: dict[str, Check] = {
    "database": check_database,
    "broker": check_broker,
    "workers": check_workers,
    "beat": check_beat,
    "clock": check_clock,
    "keys": check_keys,
    "disk": check_disk,
    "exchanges": check_exchanges,
}


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def _ping_broker() -> None:
    # Celery itself would go on trying for ever.
    client = Redis.from_url(settings.REDIS_URL, socket_connect_timeout=2, socket_timeout=2)
    try:
        client.ping()
    finally:
        client.close()


def _database_time() -> datetime:
    is_sqlite = connection.vendor == "sqlite"
    with connection.cursor() as cursor:
        # CURRENT_TIMESTAMP of SQLite has whole seconds only.
        cursor.execute(
            "SELECT strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now')"
            if is_sqlite
            else "SELECT clock_timestamp()"
        )
        value = cursor.fetchone()[0]
    return datetime.fromisoformat(value) if is_sqlite else value


def _clock_finding(name: str, theirs: datetime) -> Finding:
    ahead_secs = (timezone.now() - theirs).total_seconds()
    detail = f"this machine is {abs(ahead_secs):.2f} s {'ahead' if ahead_secs > 0 else 'behind'}"
    if abs(ahead_secs) <= CLOCK_TOLERANCE_SECS:
        return Finding(name, State.OK, detail)
    return Finding(name, State.FAIL, detail, "Run a time service (chrony, systemd-timesyncd).")


def _sandbox_finding() -> Finding:
    try:
        _get_json(f"{settings.SANDBOX_URL}/sandbox/status")
    except OSError as error:
        detail = f"{settings.SANDBOX_URL} does not answer: {error}"
        return Finding("sandbox", State.FAIL, detail, START + " Or set CTS_SANDBOX=off.")
    return Finding("sandbox", State.OK, f"{settings.SANDBOX_URL} answers")


def _connection_finding(row: Connection, now: datetime) -> Finding:
    name = f"connection {row.name}"
    label = Environment(row.environment).label
    if row.last_test_at is None or row.last_test_ok is None:
        return Finding(name, State.UNKNOWN, f"{label}: never tested", "Test the connection.")
    age = now - row.last_test_at
    when = f"{age.total_seconds() / 3600:.1f} h ago"
    if not row.last_test_ok:
        detail = f"{label}: the test {when} failed: {row.last_test_message}"
        return Finding(name, State.FAIL, detail, "Correct what the test says, then test again.")
    if age > TEST_OLD:
        detail = f"{label}: the last test passed {when}, too long ago to tell"
        return Finding(name, State.UNKNOWN, detail, "Test the connection again.")
    return Finding(name, State.OK, f"{label}: the test {when} passed")


def _get_json(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=3) as answer:  # noqa: S310 - http(s) by settings
        return json.load(answer)
