"""The engine host inside a Celery worker: only in workers that consume the queue `engines`."""

from typing import TYPE_CHECKING, Any

from celery import bootsteps

if TYPE_CHECKING:
    from trading.engine.host import EngineHost

QUEUE = "engines"
_host: "EngineHost | None" = None


def current_host() -> "EngineHost | None":
    """Give the host of this process, None where it runs none."""
    return _host


class EngineHostStep(bootsteps.StartStopStep):
    """Starts the host with the worker; a warm shutdown releases its engines."""

    requires = ("celery.worker.components:Pool",)

    def include_if(self, parent: Any) -> bool:
        """Join workers that consume the queue `engines`."""
        return QUEUE in parent.app.amqp.queues.consume_from

    def start(self, parent: Any) -> None:
        """Start the host."""
        from trading.engine.host import EngineHost  # numba and scipy, which only engines need

        global _host
        _host = EngineHost()
        _host.start()

    def stop(self, parent: Any) -> None:
        """Stop the host: cycles finished, leases released."""
        if _host is not None:
            _host.stop()

    terminate = stop
