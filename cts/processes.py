"""The processes of CTS: one table, used by `up`, by `process` and through it by Docker Compose."""

import http.client
import ipaddress
import os
import socket
import sys
from urllib.parse import urlsplit

from django.conf import settings

from cts.supervisor import ProcessSpec
from cts.valkey import valkey_answers, valkey_command

ALWAYS = ("web", "jobs", "engines", "beat")
NAMES = ("valkey", "sandbox", *ALWAYS)

_MANAGE = (sys.executable, str(settings.BASE_DIR / "manage.py"))
_CELERY = (sys.executable, "-m", "celery", "-q", "-A", "cts")
_WORKER = (*_CELERY, "worker", "-l", "INFO", "--without-gossip", "--without-mingle")
# Order of a stop: nothing new begins, work in hand is finished, then what it stands on.
_ENTRANCES, _WORKERS, _SANDBOX, _BROKER = range(4)


def process_names() -> list[str]:
    """Give what `up` starts with these settings, in the order of starting."""
    names = ["valkey"] if settings.EMBEDDED_REDIS else []
    if settings.SANDBOX_ENABLED and is_loopback(sandbox_address()[0]):
        names.append("sandbox")
    return [*names, *ALWAYS]


def process(name: str) -> ProcessSpec:
    """Give the process `name`, one of NAMES."""
    return {
        "valkey": _valkey,
        "sandbox": _sandbox,
        "web": _web,
        "jobs": _jobs,
        "engines": _engines,
        "beat": _beat,
    }[name]()


def prepare_process() -> ProcessSpec:
    """Give what runs once, before the others: `manage.py prepare`."""
    return ProcessSpec(name="prepare", command=(*_MANAGE, "prepare"))


def sandbox_address() -> tuple[str, int]:
    """Give (host, port) of the sandbox exchange."""
    parts = urlsplit(settings.SANDBOX_URL)
    return parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)


def is_loopback(host: str) -> bool:
    """Tell whether only this machine can reach `host`."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def local_web_address() -> tuple[str, int]:
    """Give (host, port) at which this machine reaches the web process."""
    host, port = settings.WEB_BIND
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host), port  # noqa: S104


def web_answers() -> bool:
    """Tell whether the web process answers a request without an error of its own."""
    client = http.client.HTTPConnection(*local_web_address(), timeout=1)
    try:
        client.request("GET", "/", headers={"Host": "127.0.0.1"})
        return client.getresponse().status < http.HTTPStatus.INTERNAL_SERVER_ERROR
    except (OSError, http.client.HTTPException):
        return False
    finally:
        client.close()


def _sandbox_answers() -> bool:
    try:
        with socket.create_connection(sandbox_address(), timeout=1):
            return True
    except OSError:
        return False


def _valkey() -> ProcessSpec:
    return ProcessSpec(
        name="valkey",
        command=valkey_command(settings.VALKEY_SOCKET, settings.VAR_DIR / "valkey"),
        is_ready=lambda: valkey_answers(settings.VALKEY_SOCKET),
        needed_by_prepare=True,
        stop_stage=_BROKER,
        grace_secs=10,
    )


def _sandbox() -> ProcessSpec:
    state = settings.VAR_DIR / "sandbox.sqlite3"
    host, port = sandbox_address()
    # An address of a network, a container's name for example, means that others are to reach it.
    listen_on = {"localhost": "127.0.0.1"}.get(host, host) if is_loopback(host) else "0.0.0.0"  # noqa: S104
    return ProcessSpec(
        name="sandbox",
        command=(
            *(*_MANAGE, "sandbox", "--state", str(state)),
            *("--host", listen_on, "--port", str(port)),
        ),
        environment={
            "CTS_SANDBOX_KEY": settings.SANDBOX_KEY,
            "CTS_SANDBOX_SECRET": settings.SANDBOX_SECRET,
            "CTS_SANDBOX_CONTROL_TOKEN": settings.SANDBOX_CONTROL_TOKEN,
        },
        is_ready=_sandbox_answers,
        needed_by_prepare=True,
        stop_stage=_SANDBOX,
        grace_secs=5,
    )


def _web() -> ProcessSpec:
    host, port = settings.WEB_BIND
    bind = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    options = (
        *("--worker-class", "asgi", "--workers", str(settings.WEB_WORKERS), "--bind", bind),
        *("--timeout", "60", "--graceful-timeout", "5", "--keep-alive", "15"),
        *("--log-level", "warning", "--no-control-socket"),
    )
    return ProcessSpec(
        name="web",
        command=(sys.executable, "-m", "gunicorn", *options, "cts.asgi:application"),
        is_ready=web_answers,
        stop_stage=_ENTRANCES,
        grace_secs=8,
    )


def _jobs() -> ProcessSpec:
    queue = ("-Q", "jobs", "-n", "jobs@%h", "--concurrency", "2")
    return ProcessSpec(name="jobs", command=(*_WORKER, *queue), stop_stage=_WORKERS)


def _engines() -> ProcessSpec:
    queue = ("-Q", "engines", "-n", "engines@%h", "-P", "threads", "--concurrency", "4")
    return ProcessSpec(name="engines", command=(*_WORKER, *queue), stop_stage=_WORKERS)


def _beat() -> ProcessSpec:
    # No file of its own: the schedule is in the database.
    return ProcessSpec(
        name="beat",
        command=(*_CELERY, "beat", "-l", "INFO", "--pidfile="),
        stop_stage=_ENTRANCES,
        grace_secs=5,
    )


def become(spec: ProcessSpec) -> None:
    """Turn this process into `spec`; never returns."""
    os.execve(spec.command[0], spec.command, {**os.environ, **spec.environment})  # noqa: S606
