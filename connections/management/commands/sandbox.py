"""`manage.py sandbox`: the practice exchange."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from connections.sandbox import program


class Command(BaseCommand):
    """Runs the sandbox exchange in the foreground until it is told to stop."""

    help = program.DESCRIPTION
    requires_system_checks: list[str] = []  # it uses neither models nor URLs

    def create_parser(self, prog_name: str, subcommand: str, **options: Any) -> CommandParser:
        return super().create_parser(
            prog_name,
            subcommand,
            epilog=program.EXAMPLES,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            **options,
        )

    def add_arguments(self, parser: CommandParser) -> None:
        program.add_arguments(parser)

    def handle(self, *_args: Any, **options: Any) -> None:
        code = program.run(argparse.Namespace(**options))
        if code:
            sys.exit(code)
