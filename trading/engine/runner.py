"""Running one engine: start, cycle after cycle, recovery, end. One thread at a time."""

import random
import time
from collections import deque
from collections.abc import Callable

import structlog
from django.db import DatabaseError, close_old_connections
from django.db.models import F
from django.utils import timezone

from positions.fencing import LeaseLost
from trading.choices import ActualState, Phase
from trading.engine.cycle import run_cycle
from trading.engine.lease import RENEW_EVERY_S, Lease
from trading.engine.session import Session
from trading.engine.startup import start_up
from trading.engine.state import note_actual
from trading.models import Engine
from trading.tournament.live_book import LiveBook

log = structlog.get_logger(__name__)

CYCLES_REMEMBERED = 200
ERRORS_BEFORE_RESTART = 10
LONGEST_BACK_OFF_S = 60.0
RESTARTS_ALLOWED = 3
RESTART_WINDOW_S = 300.0
# Every request has its timeout; only many of them in a row or a fault take so long.
LONGEST_TURN_S = 300.0


class EngineRunner:
    """The engine of one connection while this host holds its lease.

    `turn()` is called when `next_turn` (monotonic seconds) has come; never by two threads at once.
    """

    def __init__(self, lease: Lease, book_of: Callable[[int], LiveBook]) -> None:
        engine = Engine.objects.select_related("connection").get(pk=lease.engine_id)
        self.lease = lease
        self.session = Session(engine=engine, lease=lease)
        self.next_turn = time.monotonic()
        self.is_busy = False
        self.is_done = False
        self._book_of = book_of
        self._started = False
        self._errors_in_row = 0
        self._restarts: deque[float] = deque(maxlen=RESTARTS_ALLOWED)
        self._cycle_ms: deque[float] = deque(maxlen=CYCLES_REMEMBERED)
        self._begun_at: deque[float] = deque(maxlen=CYCLES_REMEMBERED)
        self._cycles = self._failed = 0
        self._turn_began = self.next_turn

    @property
    def engine_id(self) -> int:
        """Which engine this is."""
        return self.lease.engine_id

    def turn(self) -> None:
        """Start up or run one cycle; then `next_turn` says when again, or `is_done` is set."""
        began = self._turn_began = time.monotonic()
        is_cycle = self._started
        close_old_connections()
        try:
            if not self._started:
                self._start()
            elif not run_cycle(self.session):
                self._finish()
            self._succeeded(began, is_cycle=is_cycle)
        except LeaseLost as lost:
            log.warning("lease_lost", engine=self.engine_id, reason=str(lost))
            self.is_done = True
        except Exception as error:
            log.exception("engine_turn_failed", engine=self.engine_id)
            self._failed_turn(error)
        finally:
            close_old_connections()

    def is_stuck(self) -> bool:
        """Tell whether a turn under way has shown no progress for so long that it hangs."""
        since = max(self._turn_began, self.lease.progress_at)
        return self.is_busy and time.monotonic() - since > LONGEST_TURN_S

    def renew(self) -> bool:
        """Renew the lease with heartbeat and figures; False where it is lost."""
        figures: dict[str, object] = {}
        cycles = failed = 0
        if self._cycle_ms:
            ordered = sorted(self._cycle_ms)
            cycles, failed = self._cycles, self._failed
            figures = {
                "last_cycle_ms": self._cycle_ms[-1],
                "mean_cycle_ms": sum(ordered) / len(ordered),
                "p99_cycle_ms": ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))],
                "achieved_interval_ms": self._achieved_interval_ms(),
                "cycles": F("cycles") + cycles,
                "failed_cycles": F("failed_cycles") + failed,
            }
        renewed = self.lease.renew(**figures)
        if renewed and figures:
            # the cycle's thread may have counted on meanwhile
            self._cycles -= cycles
            self._failed -= failed
        return renewed

    def release(self) -> None:
        """Give the engine back so that another host may take it at once."""
        self.is_done = True
        self.lease.release()

    def _start(self) -> None:
        note_actual(
            engine=self.session.engine, lease=self.lease, actual=ActualState.STARTING, why="claimed"
        )
        start_up(self.session, self._book_of)
        self._started = True

    def _finish(self) -> None:
        note_actual(
            engine=self.session.engine, lease=self.lease, actual=ActualState.STOPPED, why="stopped"
        )
        self.lease.renew(phase=Phase.NONE, progress_pct=0)
        self.release()

    def _succeeded(self, began: float, *, is_cycle: bool) -> None:
        now = time.monotonic()
        if is_cycle:
            self._cycles += 1
            self._cycle_ms.append((now - began) * 1000)
            self._begun_at.append(began)
        self._errors_in_row = 0
        interval = self.session.engine.interval_ms / 1000
        self.next_turn = max(now, began + interval)

    def _failed_turn(self, error: Exception) -> None:
        """Back off 1 s doubling to 60 s with jitter; restart after ten errors in a row."""
        self._failed += 1
        self._errors_in_row += 1
        wait = min(2.0 ** min(self._errors_in_row - 1, 6), LONGEST_BACK_OFF_S)
        self.next_turn = time.monotonic() + wait * random.uniform(0.8, 1.2)  # noqa: S311 - jitter
        message = f"{type(error).__name__}: {error}"[:1000]
        try:
            self.lease.renew(last_error=message, last_error_at=timezone.now())
            if self._errors_in_row % ERRORS_BEFORE_RESTART == 0:
                self._restart(message)
        except LeaseLost:
            self.is_done = True
        except DatabaseError as unwritten:
            log.warning("engine_error_not_written", engine=self.engine_id, error=str(unwritten))

    def _restart(self, message: str) -> None:
        now = time.monotonic()
        often = len(self._restarts) == RESTARTS_ALLOWED and (
            now - self._restarts[0] < RESTART_WINDOW_S
        )
        self._restarts.append(now)
        self._started = False
        if often:
            note_actual(
                engine=self.session.engine,
                lease=self.lease,
                actual=ActualState.ERROR,
                why="too many restarts",
                reason=message,
            )

    def _achieved_interval_ms(self) -> float | None:
        if len(self._begun_at) < 2:
            return None
        return (self._begun_at[-1] - self._begun_at[0]) * 1000 / (len(self._begun_at) - 1)


def renewal_due(renewed_at: float) -> bool:
    """Tell whether RENEW_EVERY_S have passed since `renewed_at` (monotonic seconds)."""
    return time.monotonic() - renewed_at >= RENEW_EVERY_S
