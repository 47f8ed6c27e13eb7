"""One supervised process and every process that it starts: a session and group of their own."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import IO

from cts.supervisor.spec import ProcessSpec

LAUNCHER = Path(__file__).with_name("launch.py")
REAPER = Path(__file__).with_name("reaper.py")


class Reaper:
    """The process that kills the children's groups when the supervisor can't any more."""

    def __init__(self) -> None:
        self._groups: set[int] = set()
        self._process: subprocess.Popen[bytes] | None = None

    def add(self, group: int) -> None:
        """Put a process group on the list."""
        self._groups.add(group)
        self._tell(f"+{group}\n")

    def remove(self, group: int) -> None:
        """Take a process group off the list, before its number can be somebody else's."""
        self._groups.discard(group)
        self._tell(f"-{group}\n")

    def revive(self) -> None:
        """Start it unless it runs; a new one gets the whole list."""
        if self._process is not None and self._process.poll() is None:
            return
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(REAPER)],
            stdin=subprocess.PIPE,
            start_new_session=True,
        )
        for group in self._groups:
            self._tell(f"+{group}\n")

    def close(self) -> None:
        """End it; whatever is still on the list dies."""
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()
            self._process.wait()

    def _tell(self, line: str) -> None:
        if self._process is None or self._process.stdin is None:
            return
        try:
            self._process.stdin.write(line.encode())
            self._process.stdin.flush()
        except BrokenPipeError:
            # It was killed; revive() comes within a moment and hands over the whole list.
            return


class Child:
    """A running process. Ask `ended()` until it gives how the process ended."""

    def __init__(self, spec: ProcessSpec, reaper: Reaper) -> None:
        self._reaper = reaper
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(LAUNCHER), str(os.getpid()), *spec.command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONUNBUFFERED": "1", **spec.environment},
            start_new_session=True,
        )
        self.pid = self._process.pid
        reaper.add(self.pid)

    @property
    def output(self) -> IO[bytes]:
        """What it writes: standard output and standard error."""
        assert self._process.stdout is not None, "the pipe was asked for above"  # noqa: S101
        return self._process.stdout

    def ended(self) -> int | None:
        """Give the exit status (negative: the signal) once it is gone, None while it runs.

        What it started and left behind is killed before its number is given back to the kernel.
        """
        if self._process.returncode is None:
            flags = os.WEXITED | os.WNOHANG | os.WNOWAIT
            if os.waitid(os.P_PID, self.pid, flags) is None:
                return None
            self.kill()
            self._reaper.remove(self.pid)
        return self._process.wait()

    def terminate(self) -> None:
        """Ask the process itself, not its group, to finish: it knows in which order."""
        if self._process.returncode is None:
            os.kill(self.pid, signal.SIGTERM)  # Popen's own would reap it unnoticed

    def kill(self) -> None:
        """Kill it and everything in its group."""
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            return


def how_it_ended(status: int) -> str:
    """Say an exit status in words."""
    if status >= 0:
        return f"ended with exit code {status}"
    return f"was killed by {signal.Signals(-status).name}"
