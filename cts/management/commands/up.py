"""`manage.py up`: the whole of CTS on this machine, under one supervisor."""

import os
import sys
from argparse import ArgumentTypeError
from typing import Any, NoReturn

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from cts.preflight import AlreadyRunningError, hold_data_folder, problems
from cts.processes import NAMES, prepare_process, process, process_names
from cts.supervisor import LogOutput, Supervisor

REFUSED = 2


class Command(BaseCommand):
    """Checks, prepares, starts, watches and stops every process."""

    help = (
        "Starts CTS on this machine: the web pages, the workers, the schedule, and, where they "
        "are wanted, a Valkey server and the sandbox exchange. A process that dies is started "
        "again. Ctrl-C (or SIGTERM) stops everything in order; a second Ctrl-C stops at once. "
        "The first start also makes the database and the first admin."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Take --only and --without."""
        parser.add_argument(
            "--only",
            type=_names,
            metavar="NAME,…",
            help=f"start only these of {', '.join(NAMES)}; Valkey comes along where it is needed",
        )
        parser.add_argument(
            "--without", type=_names, default=[], metavar="NAME,…", help="leave these out"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Run until a signal; exit code 2 when a check before the start failed."""
        names = chosen(process_names(), options["only"], options["without"])
        try:
            lock = hold_data_folder(settings.VAR_DIR)
        except AlreadyRunningError as error:
            _refuse([str(error)])
        except OSError as error:
            _refuse(
                [
                    f"CTS_VAR_DIR: expected a folder that can be written, {settings.VAR_DIR} "
                    f"can't be: {error.strerror}"
                ]
            )
        with lock:
            if found := problems(names):
                _refuse(found)
            code = supervise(names)
        sys.exit(code)


def chosen(names: list[str], only: list[str] | None, without: list[str]) -> list[str]:
    """Give which of `names` to start. `only` leaves Valkey in: nothing runs without a broker."""
    return [
        name
        for name in names
        if name not in without and (only is None or name in only or name == "valkey")
    ]


def supervise(names: list[str]) -> int:
    """Run the processes `names` until a signal; give the exit code."""
    prepare = prepare_process()
    specs = [process(name) for name in names]
    has_colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    output = LogOutput(sys.stdout, ["up", prepare.name, *names], colour=has_colour)

    def say_ready() -> None:
        where = f": {settings.APP_URL}/" if "web" in names else ""
        output.line("up", f"CTS is ready{where}  (Ctrl-C stops it)")

    try:
        return Supervisor(output).run(specs, prepare=prepare, on_ready=say_ready)
    finally:
        output.close()


def _names(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",") if name.strip()]
    if unknown := [name for name in names if name not in NAMES]:
        raise ArgumentTypeError(f"expected some of {', '.join(NAMES)}, was {', '.join(unknown)}")
    return names


def _refuse(lines: list[str]) -> NoReturn:
    for line in lines:
        print(f"cts: {line}", file=sys.stderr)
    sys.exit(REFUSED)
