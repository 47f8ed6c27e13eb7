"""`manage.py process NAME`: one process of CTS in the foreground, for containers and systemd."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from cts.processes import NAMES, become, process


class Command(BaseCommand):
    """Becomes the process."""

    help = (
        "Runs one process of CTS in the foreground, with no supervisor: for Docker Compose, "
        "systemd and the like. Run `manage.py prepare` once before."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the name."""
        parser.add_argument("name", choices=NAMES)

    def handle(self, *args: Any, **options: Any) -> None:
        """Never return: the process takes this one's place and number."""
        become(process(options["name"]))
