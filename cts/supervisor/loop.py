"""The supervisor: a short loop around step(), and an orderly start and stop."""

import random
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import FrameType

from cts.supervisor.child import Child, Reaper, how_it_ended
from cts.supervisor.output import LogOutput
from cts.supervisor.spec import ProcessSpec, restart_delay_secs

OWN_NAME = "up"
STEP_SECS = 0.1
STEADY_SECS = 60.0
READY_WITHIN_SECS = 60.0
# The exit code of a process that will not start with the settings it was given.
REFUSED = 2
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(slots=True)
class _Service:
    spec: ProcessSpec
    child: Child | None = None
    started_at: float = 0.0
    failures: int = 0
    restart_at: float = 0.0


class Supervisor:
    """Keeps processes running until a signal asks it to stop.

    Children must be started from the main thread: the kernel ties their death to the thread that
    started them.
    """

    def __init__(self, output: LogOutput, *, chance: Callable[[], float] = random.random) -> None:
        self._output = output
        self._chance = chance
        self._services: list[_Service] = []
        self._reaper = Reaper()
        self._stop_asked_at: float | None = None
        self._stop_now = False
        self._is_first_phase = True
        self._refused: str | None = None

    def run(
        self,
        specs: Sequence[ProcessSpec],
        *,
        prepare: ProcessSpec | None = None,
        on_ready: Callable[[], None] = lambda: None,
    ) -> int:
        """Start everything, keep it running, stop it on a signal. Gives the exit code.

        Order: what `prepare` needs, until it is ready; `prepare` to its end; the rest. When all
        of it is ready, `on_ready` is called. 0: stopped by a signal; 1: the start failed; 2: a
        process that the preparations need refuses its settings (it ended with 2).
        """
        previous = {number: signal.signal(number, self._ask_to_stop) for number in STOP_SIGNALS}
        try:
            return self._run(specs, prepare, on_ready)
        finally:
            self._stop_all()
            self._reaper.close()
            for number, handler in previous.items():
                signal.signal(number, handler)

    def _run(
        self,
        specs: Sequence[ProcessSpec],
        prepare: ProcessSpec | None,
        on_ready: Callable[[], None],
    ) -> int:
        self._reaper.revive()
        self._start([spec for spec in specs if spec.needed_by_prepare])
        late = self._wait_until_ready(time.monotonic() + READY_WITHIN_SECS)
        if self._refused is not None:
            self._say(f"{self._refused} refuses to start; its last line says why")
            return REFUSED
        if late:
            self._say(f"{late[0]} was not ready within {READY_WITHIN_SECS:.0f} s; stopping")
            return 1
        self._is_first_phase = False
        if prepare is not None and not self._stopping:
            status = self._run_once(prepare)
            if status != 0 and not self._stopping:
                self._say(f"{prepare.name} {how_it_ended(status)}; its last lines say why")
                return 1
        self._start([spec for spec in specs if not spec.needed_by_prepare])
        self._wait_until_ready(None)
        if not self._stopping:
            on_ready()
        while not self._stopping:
            self._step_and_sleep()
        return 0

    def step(self, now: float) -> None:
        """Start again what died and waited long enough."""
        self._reaper.revive()
        for service in self._services:
            if service.child is not None:
                self._notice_end(service, service.child, now)
            elif now >= service.restart_at:
                self._launch(service, now)

    @property
    def _stopping(self) -> bool:
        return self._stop_asked_at is not None

    def _start(self, specs: Sequence[ProcessSpec]) -> None:
        for spec in specs:
            if self._stopping:
                return
            service = _Service(spec)
            self._services.append(service)
            self._launch(service, time.monotonic())

    def _launch(self, service: _Service, now: float) -> None:
        service.started_at = now
        try:
            service.child = self._spawn(service.spec)
        except OSError as error:  # the machine is out of processes or memory
            self._start_later(service, now, f"can't be started: {error.strerror}")

    def _spawn(self, spec: ProcessSpec) -> Child:
        child = Child(spec, self._reaper)
        self._output.follow(spec.name, child.output)
        return child

    def _notice_end(self, service: _Service, child: Child, now: float) -> None:
        status = child.ended()
        if status is None:
            return
        service.child = None
        if status == REFUSED and self._is_first_phase:
            self._refused = service.spec.name
            service.restart_at = float("inf")
            return
        alive_secs = now - service.started_at
        self._start_later(service, now, f"{how_it_ended(status)} after {alive_secs:.0f} s")

    def _start_later(self, service: _Service, now: float, why: str) -> None:
        was_steady = now - service.started_at >= STEADY_SECS
        service.failures = 1 if was_steady else service.failures + 1
        delay_secs = restart_delay_secs(service.failures, self._chance())
        service.restart_at = now + delay_secs
        self._say(f"{service.spec.name} {why}; it starts again in {delay_secs:.1f} s")

    def _wait_until_ready(self, deadline: float | None) -> list[str]:
        """Give the names of what is not ready by `deadline` (None: waits for ever)."""
        waiting = [service for service in self._services if service.spec.is_ready is not None]
        while not self._stopping:
            waiting = [service for service in waiting if not _is_ready(service)]
            if (
                not waiting
                or self._refused is not None
                or (deadline is not None and time.monotonic() > deadline)
            ):
                return [service.spec.name for service in waiting]
            self._step_and_sleep()
        return []

    def _run_once(self, spec: ProcessSpec) -> int:
        child = self._spawn(spec)
        while (status := child.ended()) is None:
            if self._stopping:
                child.terminate()
            self._step_and_sleep()
        return status

    def _step_and_sleep(self) -> None:
        self.step(time.monotonic())
        time.sleep(STEP_SECS)

    def _stop_all(self) -> None:
        running = [service for service in self._services if service.child is not None]
        if running:
            self._say("stopping")
        for stage in sorted({service.spec.stop_stage for service in running}):
            self._stop([service for service in running if service.spec.stop_stage == stage])

    def _stop(self, services: list[_Service]) -> None:
        """Ask all of them to finish; kill each that takes longer than its grace."""
        left = {service.spec: service.child for service in services if service.child is not None}
        for child in left.values():
            child.terminate()
        asked_at = time.monotonic()
        killed: set[str] = set()
        while left:
            left = {spec: child for spec, child in left.items() if child.ended() is None}
            waited_secs = time.monotonic() - asked_at
            for spec, child in left.items():
                is_late = self._stop_now or waited_secs > spec.grace_secs
                if is_late and spec.name not in killed:
                    self._say(f"{spec.name} did not stop within {waited_secs:.0f} s and is killed")
                    child.kill()
                    killed.add(spec.name)
            time.sleep(STEP_SECS / 2)

    def _ask_to_stop(self, number: int, _frame: FrameType | None) -> None:
        now = time.monotonic()
        if self._stop_asked_at is None:
            self._stop_asked_at = now
        elif number == signal.SIGINT and now - self._stop_asked_at > 1:
            # A second Ctrl-C. Not a second SIGTERM: make and a terminal that closes both repeat
            # what the process already got.
            self._stop_now = True

    def _say(self, text: str) -> None:
        self._output.line(OWN_NAME, text)


def _is_ready(service: _Service) -> bool:
    return (
        service.child is not None and service.spec.is_ready is not None and service.spec.is_ready()
    )
