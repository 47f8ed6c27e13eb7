#!/usr/bin/env python
"""CTS from the command line: `python manage.py help` lists what there is."""

import os
import sys


def main() -> int:
    """Run a management command; a wrong setting is one line, never a traceback."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cts.settings")
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line

    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        print(f"cts: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
