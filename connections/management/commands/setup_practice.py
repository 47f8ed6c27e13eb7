"""`manage.py setup_practice`: a first connection on the sandbox exchange."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from connections.practice import set_up_practice
from cts.errors import Refused


class Command(BaseCommand):
    """Creates the first admin's practice connection where no connection was ever made."""

    help = (
        "Create the first admin's practice connection on the sandbox exchange (development only). "
        "Does nothing where a connection exists; the sandbox need not run yet."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        """Create it, or say that there is nothing to do."""
        try:
            connection = set_up_practice()
        except Refused as refused:
            raise CommandError(refused.message) from refused
        if connection is None:
            self.stdout.write("There are connections already: nothing to do.")
        else:
            self.stdout.write(f"Created {connection} for {connection.owner.get_username()}.")
