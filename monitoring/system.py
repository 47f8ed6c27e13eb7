"""The machine and the processes: CPU, memory, disk, database size, queue, workers, engines."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import psutil
import structlog
from django.conf import settings
from django.db import connection
from kombu.exceptions import OperationalError
from redis import Redis
from redis.exceptions import RedisError

from cts.celery import app
from monitoring.engine_status import EngineStatus, engine_status
from trading.choices import DesiredState
from trading.models import Engine

log = structlog.get_logger(__name__)

RED_ABOVE_PCT = 80.0
QUEUES = ("jobs", "engines")
ANSWER_WITHIN_S = 1.0


@dataclass(frozen=True, slots=True)
class Machine:
    """Figures of the machine that this process runs on. Sizes in bytes; None: unknown."""

    cpu_pct: float
    memory_pct: float
    disk_pct: float
    database_bytes: int | None

    @property
    def gauges(self) -> tuple[tuple[str, float, bool], ...]:
        """(name, percent, red?) of each share; red above 80 %."""
        pairs = (("CPU", self.cpu_pct), ("Memory", self.memory_pct), ("Disk", self.disk_pct))
        return tuple((name, value, value > RED_ABOVE_PCT) for name, value in pairs)


@dataclass(frozen=True, slots=True)
class Broker:
    """Queues and workers. `queued` and `workers` are None where the broker did not answer."""

    queued: dict[str, int] | None
    workers: tuple[str, ...] | None


def machine() -> Machine:
    """Give the machine's figures now; CPU since the last call. One query."""
    return Machine(
        cpu_pct=psutil.cpu_percent(interval=None),
        memory_pct=psutil.virtual_memory().percent,
        disk_pct=psutil.disk_usage(str(settings.VAR_DIR)).percent,
        database_bytes=_database_bytes(),
    )


def broker() -> Broker:
    """Ask the broker for queue lengths, and the workers who is there; at most about 1 s."""
    try:
        client = Redis.from_url(
            settings.REDIS_URL, socket_timeout=ANSWER_WITHIN_S, socket_connect_timeout=1
        )
        with client:
            queued = {name: int(client.llen(name)) for name in QUEUES}
        answers: list[dict[str, Any]] = app.control.ping(timeout=ANSWER_WITHIN_S) or []
    except (RedisError, OperationalError, OSError) as error:
        log.warning("monitoring.broker_unreachable", error=str(error))
        return Broker(None, None)
    return Broker(queued, tuple(sorted(name for answer in answers for name in answer)))


def engines(now: datetime) -> list[EngineStatus]:
    """Give every engine that should run. One query."""
    wanted = Engine.objects.exclude(desired=DesiredState.STOPPED).select_related("connection")
    return [engine_status(engine, now) for engine in wanted.order_by("connection__name")]


def _database_bytes() -> int | None:
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_database_size(current_database())")
            row = cursor.fetchone()
            return None if row is None else int(row[0])
    path = Path(str(connection.settings_dict["NAME"]))
    return path.stat().st_size if path.is_file() else None
