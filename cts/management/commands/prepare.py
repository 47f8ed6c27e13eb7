"""`manage.py prepare`: what comes before the processes; harmless when repeated."""

from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand


class Command(BaseCommand):
    """Brings database, static files, first admin and defaults up to date."""

    help = (
        "Gets everything ready for the processes: migrates the database, collects static files, "
        "makes the first admin, and sets up the defaults. Run it after every upgrade; `up` does."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        """Run each preparation in order; the first that fails ends it."""
        call_command("migrate", interactive=False, verbosity=0)
        self.stdout.write("The database is up to date.")
        call_command("collectstatic", interactive=False, verbosity=0)
        for name in ("ensure_admin", *settings.CTS_PREPARE_COMMANDS):
            call_command(name)
