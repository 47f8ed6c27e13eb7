"""Becomes another program that the kernel kills as soon as the supervisor is gone.

Run by path, so that nothing but the standard library is loaded:
`python -I -S launch.py SUPERVISOR_PID PROGRAM [ARGUMENT…]`. The request to the kernel survives
execve(); it holds for this process alone, the rest of its group is the reaper's work.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main() -> int:
    """Ask for SIGKILL on the parent's death, then become the program."""
    supervisor_pid, program = int(sys.argv[1]), sys.argv[2:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != supervisor_pid:
        return 1  # the parent died before the kernel was asked
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)  # Python ignores them, and exec() would keep that
    try:
        os.execvp(program[0], program)  # noqa: S606 - no shell is wanted
    except OSError as error:
        print(f"can't start {program[0]}: {error.strerror}", file=sys.stderr)
    return 127


if __name__ == "__main__":
    sys.exit(main())
