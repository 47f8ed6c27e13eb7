"""`manage.py rotate_field_keys`: puts stored secrets under the newest key of ENCRYPTION_KEY."""

import json
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from connections.services.key_rotation import Rotation, rotate_field_keys
from cts.actors import Actor


class Command(BaseCommand):
    """Encrypts every stored secret anew, in batches; may be stopped and run again."""

    help = (
        "Encrypt every stored secret with the newest (first) key of ENCRYPTION_KEY, so that the "
        "former keys may be dropped. May be stopped and run again. Exit code 1 where a secret is "
        "left that no key opens; its row is named."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("--json", action="store_true", help="print the counts as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        """Rotate and tell. Raises CommandError where a secret is left that no key opens."""
        as_json: bool = options["json"]

        def progress(model: str, counts: Rotation) -> None:
            # Progress beside JSON goes to the error stream, the answer stays one document.
            stream = self.stderr if as_json else self.stdout
            stream.write(
                f"{model}: {counts.rows} rows read, {counts.rotated} secrets rotated",
                style_func=str,
            )

        counts = rotate_field_keys(actor=Actor.command(), progress=progress)
        if as_json:
            facts = {**asdict(counts), "former_keys_may_go": counts.former_keys_may_go}
            self.stdout.write(json.dumps(facts))
        else:
            self.stdout.write(_summary(counts))
        if counts.unopened:
            rows = "; ".join(str(secret) for secret in counts.unopened)
            raise CommandError(
                f"No key of ENCRYPTION_KEY opens {len(counts.unopened)} stored secret(s): {rows}. "
                f"Add the former key at the end of the list and run this again, or replace these "
                f"credentials."
            )


def _summary(counts: Rotation) -> str:
    text = (
        f"{counts.rotated} secrets rotated, {counts.already_newest} were under the newest key "
        f"already."
    )
    if counts.replaced_meanwhile:
        return f"{text} Replaced meanwhile: {counts.replaced_meanwhile}; run this again."
    if counts.former_keys_may_go:
        return f"{text} The former keys may be dropped."
    return text
