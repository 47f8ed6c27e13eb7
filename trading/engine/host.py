"""The engine host: claims engines by lease and runs their cycles on a bounded thread pool.

One host lives in each worker of the queue `engines` (see bootstep.py). Its thread is a short loop
around step(); cycles run on the pool, never two of one engine at once. A fault is told and the host
goes on; a host that can't go on ends its process, so that the supervisor starts another.
"""

import os
import signal
import socket
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import structlog
from django.db import DatabaseError, InterfaceError, close_old_connections

from trading.engine.lease import Lease, claimable
from trading.engine.runner import EngineRunner, renewal_due
from trading.tournament.live_book import LiveBook

log = structlog.get_logger(__name__)

STEP_S = 0.05
CLAIM_EVERY_S = 1.0
PAUSE_AFTER_FAULT_S = 1.0
# With the host's own thread and a task beside it no more than the database pool has connections.
CYCLES_AT_ONCE = 6
FINISH_WITHIN_S = 15.0
# Steps in a row that may fail for another reason than the database, one second apart.
FAULTS_ALLOWED = 30


class EngineHost:
    """Holds leases and runs engines until told to stop."""

    def __init__(self) -> None:
        self.name = f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
        self._runners: dict[int, EngineRunner] = {}
        self._books: dict[int, LiveBook] = {}
        self._books_lock = threading.Lock()
        self._pool = ThreadPoolExecutor(CYCLES_AT_ONCE, thread_name_prefix="engine")
        self._stopping = threading.Event()
        self._nudged = threading.Event()
        self._renewed_at = self._claimed_at = float("-inf")
        self._stuck = 0
        self._thread = threading.Thread(target=self._run, name="engine-host", daemon=True)

    def start(self) -> None:
        """Begin to claim engines."""
        self._thread.start()

    def nudge(self) -> None:
        """Look at the database at once: somebody clicked. Losing a nudge loses nothing."""
        self._nudged.set()

    def stop(self) -> None:
        """Finish the cycles under way, give all engines back, and return: a rolling update."""
        self._stopping.set()
        self._nudged.set()
        self._thread.join(timeout=FINISH_WITHIN_S)
        # A turn that hangs would never end; its lease runs out by itself.
        self._pool.shutdown(wait=not self._stuck, cancel_futures=True)
        for runner in self._runners.values():
            try:
                runner.release()
            except DatabaseError as error:
                log.warning("lease_not_released", engine=runner.engine_id, error=str(error))
        self._runners.clear()
        close_old_connections()

    def step(self) -> None:
        """Renew, claim, and hand out the turns that are due."""
        if renewal_due(self._renewed_at):
            self._renewed_at = time.monotonic()
            self._renew_all()
        nudged = self._nudged.is_set()
        if nudged or time.monotonic() - self._claimed_at >= CLAIM_EVERY_S:
            self._nudged.clear()
            self._claimed_at = time.monotonic()
            self._claim()
        for engine_id, runner in list(self._runners.items()):
            if runner.is_busy:
                if runner.is_stuck():
                    self._abandon(runner)
            elif runner.is_done:
                del self._runners[engine_id]
            elif nudged or time.monotonic() >= runner.next_turn:
                self._give_turn(runner)

    def book_of(self, tournament_id: int) -> LiveBook:
        """Give the tournament's book, one for all engines of this host."""
        with self._books_lock:
            return self._books.setdefault(tournament_id, LiveBook(tournament_id))

    def _run(self) -> None:
        log.info("engine_host_started", host=self.name)
        try:
            self._step_until_told()
        except BaseException:
            log.critical("engine_host_ends_its_process", host=self.name, exc_info=True)
            end_process()
            raise
        finally:
            close_old_connections()

    def _step_until_told(self) -> None:
        faults = 0
        while not self._stopping.is_set():
            try:
                self.step()
                faults = 0
            except (DatabaseError, InterfaceError) as error:
                # Leases run out by themselves; engines stop sending before they do.
                log.warning("engine_host_without_database", error=str(error))
                close_old_connections()
                self._stopping.wait(PAUSE_AFTER_FAULT_S)
            except Exception:
                faults += 1
                log.exception("engine_host_step_failed", host=self.name, in_a_row=faults)
                if faults >= FAULTS_ALLOWED:
                    raise
                close_old_connections()
                self._stopping.wait(PAUSE_AFTER_FAULT_S)
            self._nudged.wait(STEP_S)

    def _give_turn(self, runner: EngineRunner) -> None:
        runner.is_busy = True
        try:
            self._pool.submit(self._turn, runner)
        except RuntimeError:
            runner.is_busy = False
            raise

    def _turn(self, runner: EngineRunner) -> None:
        try:
            runner.turn()
        except Exception:
            # turn() deals with its engine's faults; this one was in dealing with them
            log.exception("engine_turn_broke", engine=runner.engine_id)
        finally:
            runner.is_busy = False

    def _abandon(self, runner: EngineRunner) -> None:
        """Leave an engine whose turn hangs: its lease runs out, and another turn starts anew.

        The hanging thread can't send: its lease no longer holds. It costs a place in the pool.
        """
        log.critical("engine_turn_stuck", engine=runner.engine_id)
        runner.is_done = True
        del self._runners[runner.engine_id]
        self._stuck += 1
        if self._stuck >= CYCLES_AT_ONCE:
            raise SystemExit("expected turns to end, every thread of the pool hangs")

    def _renew_all(self) -> None:
        for runner in self._runners.values():
            if not runner.is_done and not runner.renew():
                log.warning("lease_lost", engine=runner.engine_id)
                runner.is_done = True

    def _claim(self) -> None:
        for engine_id in claimable().values_list("pk", flat=True):
            if engine_id in self._runners:
                continue
            lease = Lease.claim(engine_id, self.name)
            if lease is not None:
                log.info("engine_claimed", engine=engine_id, token=lease.token)
                self._runners[engine_id] = EngineRunner(lease, self.book_of)


def end_process() -> None:
    """Ask this process to end as for a warm shutdown; its supervisor starts it anew."""
    os.kill(os.getpid(), signal.SIGTERM)
