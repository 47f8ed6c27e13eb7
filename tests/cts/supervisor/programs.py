"""A supervisor of two small programs, run as a program of its own by the tests.

`steady` starts a grandchild and answers SIGTERM with "steady stopped in order"; `stubborn`, where
it is named, ignores SIGTERM.
"""

import sys
import tempfile
from pathlib import Path

from cts.supervisor import LogOutput, ProcessSpec, Supervisor

STEADY = """
import signal, subprocess, sys, time
def stop(*_):
    print("steady stopped in order", flush=True)
    sys.exit(0)
signal.signal(signal.SIGTERM, stop)
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print("steady runs", flush=True)
while True:
    time.sleep(0.1)
"""
STUBBORN = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("stubborn runs", flush=True)
while True:
    time.sleep(0.1)
"""
BROKER = """
import os, signal, sys, time
from pathlib import Path
def stop(*_):
    print("broker stopped", flush=True)
    sys.exit(0)
signal.signal(signal.SIGTERM, stop)
print("broker runs", flush=True)
Path(os.environ["READY_FILE"]).touch()
while True:
    time.sleep(0.1)
"""
PREPARE = {
    "good": "print('prepared')",
    "bad": "import sys; print('can not prepare'); sys.exit(3)",
}


def _python(name: str, program: str, **options: object) -> ProcessSpec:
    return ProcessSpec(name=name, command=(sys.executable, "-c", program), **options)


def main(names: list[str]) -> int:
    """Supervise the programs named until a signal."""
    ready_file = Path(tempfile.gettempdir()) / "ready"
    specs = {
        "broker": _python(
            "broker",
            BROKER,
            environment={"READY_FILE": str(ready_file)},
            is_ready=ready_file.exists,
            needed_by_prepare=True,
            stop_stage=1,
        ),
        "choosy": _python(
            "choosy",
            "import sys; print('not with these settings'); sys.exit(2)",
            is_ready=lambda: False,
            needed_by_prepare=True,
        ),
        "steady": _python("steady", STEADY),
        "stubborn": _python("stubborn", STUBBORN, grace_secs=1),
        "absent": ProcessSpec(name="absent", command=("/no/such/program",)),
    }
    prepare = next((name for name in names if name in PREPARE), None)
    wanted = [name for name in names if name in specs]
    output = LogOutput(sys.stdout, ["up", *names], colour=False)
    try:
        return Supervisor(output, chance=lambda: 0.0).run(
            [specs[name] for name in wanted],
            prepare=None if prepare is None else _python(prepare, PREPARE[prepare]),
            on_ready=lambda: output.line("up", "all ready"),
        )
    finally:
        output.close()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
