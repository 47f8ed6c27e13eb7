"""Kills every process group of a supervisor that died without stopping them.

Run by path, in a session of its own, with a pipe from the supervisor as standard input: "+ID"
adds a process group, "-ID" removes it. The pipe closes when the supervisor dies, however it
dies; then whatever is still on the list gets SIGKILL, with all its descendants in that group.
"""

import os
import signal
import sys

IGNORED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def main() -> None:
    """Follow the list until the pipe closes, then kill what is on it."""
    for number in IGNORED:
        signal.signal(number, signal.SIG_IGN)
    groups: set[int] = set()
    for line in sys.stdin:
        sign, group = line[0], int(line[1:])
        if sign == "+":
            groups.add(group)
        else:
            groups.discard(group)
    for group in groups:
        try:
            os.killpg(group, signal.SIGKILL)
        except ProcessLookupError:
            continue  # the kernel was faster: see launch.py


if __name__ == "__main__":
    main()
