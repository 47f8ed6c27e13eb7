"""`python -m connections.sandbox`: the sandbox without Django."""

import sys

from .program import main

sys.exit(main())
