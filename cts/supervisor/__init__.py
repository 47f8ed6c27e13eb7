"""Runs long-lived processes under one roof: starts, restarts, prefixes their logs, stops.

Pure Python, knows nothing of Django or of CTS: what to run comes in as ProcessSpec.
"""

from cts.supervisor.loop import Supervisor
from cts.supervisor.output import LogOutput
from cts.supervisor.spec import ProcessSpec

__all__ = ["LogOutput", "ProcessSpec", "Supervisor"]
