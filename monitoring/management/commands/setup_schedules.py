"""`manage.py setup_schedules`: the periodic tasks of a new installation."""

from typing import Any

from django.core.management.base import BaseCommand

from monitoring.schedules import SCHEDULES, set_up_schedules


class Command(BaseCommand):
    """Make the schedules that beat runs; those that exist are left as they are."""

    help = "Makes the schedules that beat runs; may be run again at any time."

    def handle(self, *args: Any, **options: Any) -> None:
        """Run it."""
        made = set_up_schedules()
        self.stdout.write(f"{made} of {len(SCHEDULES)} schedules made, the others were there.")
