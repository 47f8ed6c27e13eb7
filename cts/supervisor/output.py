"""One stream of log lines from many processes, each line with its process's name in front."""

import queue
import threading
from typing import IO, TextIO

QUEUED_LINES = 10_000
LONGEST_LINE_BYTES = 64 * 1024
COLOURS = ("36", "33", "32", "35", "34", "96", "93", "92")
RESET = "\x1b[0m"


class LogOutput:
    """Takes lines from any thread and writes them from one of its own.

    A terminal that was paused must not stop an engine: when nobody reads, up to `queued_lines`
    are kept, further ones are dropped and counted.
    """

    def __init__(
        self,
        stream: TextIO,
        names: list[str],
        *,
        colour: bool,
        queued_lines: int = QUEUED_LINES,
    ) -> None:
        self._stream = stream
        self._width = max(len(name) for name in names)
        self._colours = dict(zip(names, COLOURS * len(names), strict=False)) if colour else {}
        self._lines: queue.Queue[str | None] = queue.Queue(queued_lines)
        self._dropped = 0
        self._readers: list[threading.Thread] = []
        self._writer = threading.Thread(target=self._write, name="log-writer", daemon=True)
        self._writer.start()

    def line(self, name: str, text: str) -> None:
        """Queue one line of the process `name`; never waits."""
        prefix = f"{name:<{self._width}} | "
        if name in self._colours:
            prefix = f"\x1b[{self._colours[name]}m{prefix}{RESET}"
        try:
            self._lines.put_nowait(f"{prefix}{text}\n")
        except queue.Full:
            self._dropped += 1

    def follow(self, name: str, pipe: IO[bytes]) -> None:
        """Copy `pipe` line by line, in a thread that ends when the pipe closes."""
        reader = threading.Thread(
            target=self._read, args=(name, pipe), name=f"log-{name}", daemon=True
        )
        reader.start()
        self._readers = [*(thread for thread in self._readers if thread.is_alive()), reader]

    def close(self, timeout_secs: float = 2.0) -> None:
        """Write what is left, for at most about `timeout_secs`."""
        for reader in self._readers:
            reader.join(timeout_secs / len(self._readers))
        try:
            self._lines.put(None, timeout=timeout_secs)
        except queue.Full:
            return  # nobody reads: there is no one to tell
        self._writer.join(timeout_secs)

    def _read(self, name: str, pipe: IO[bytes]) -> None:
        with pipe:
            while raw := pipe.readline(LONGEST_LINE_BYTES):
                text = raw.decode(errors="replace").rstrip()
                if text:
                    self.line(name, text)

    def _write(self) -> None:
        while (text := self._lines.get()) is not None:
            if self._dropped:
                dropped, self._dropped = self._dropped, 0
                text = f"({dropped} lines were dropped: nobody read them)\n{text}"
            try:
                self._stream.write(text)
                self._stream.flush()
            except (OSError, ValueError):
                # The reader of the log is gone. Trading goes on without it, and the queue is
                # emptied so that nothing waits.
                continue
