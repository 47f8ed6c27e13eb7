"""`manage.py doctor`: is everything well, and if not, what to do."""

import json
import sys
from argparse import ArgumentTypeError
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from monitoring.doctor import CHECKS, Finding, State, examine


class Command(BaseCommand):
    """Prints every finding; exit code 0 only when all is well."""

    help = (
        "Checks database, broker, workers, schedule, clock, keys, disk and exchanges, within 10 "
        "seconds and without changing anything. Exit code 0: all is well; 1: something is not, "
        "or can't be told; every such line says what to do."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Take --json and --only."""
        parser.add_argument("--json", action="store_true", help="print one JSON object")
        parser.add_argument(
            "--only", type=_names, metavar="CHECK,…", help=f"some of {', '.join(CHECKS)}"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Examine and report."""
        findings = examine(options["only"])
        is_well = all(finding.state is State.OK for finding in findings)
        if options["json"]:
            report = {"ok": is_well, "findings": [finding.as_dict() for finding in findings]}
            self.stdout.write(json.dumps(report, indent=2))
        else:
            self.stdout.write("\n".join(_lines(findings)))
        sys.exit(0 if is_well else 1)


def _lines(findings: list[Finding]) -> list[str]:
    width = max(len(finding.name) for finding in findings)
    lines = []
    for finding in findings:
        lines.append(f"{finding.state:<8} {finding.name:<{width}}  {finding.detail}")
        if finding.advice:
            lines.append(f"{'':<8} {'':<{width}}  -> {finding.advice}")
    return lines


def _names(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names or any(name not in CHECKS for name in names):
        raise ArgumentTypeError(f"expected some of {', '.join(CHECKS)}, was {text!r}")
    return names
