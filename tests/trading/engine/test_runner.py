"""One engine's turns: success, faults with back-off, restarts, the end."""

import time

import pytest
from django.db import OperationalError

from positions.fencing import LeaseLost
from trading.choices import ActualState, DesiredState
from trading.engine import runner as runner_module
from trading.engine.lease import Lease
from trading.engine.runner import ERRORS_BEFORE_RESTART, RESTARTS_ALLOWED, EngineRunner
from trading.engine.session import Session
from trading.models import Engine, EngineChange
from trading.tournament.live_book import LiveBook


@pytest.fixture
def runner(session: Session, monkeypatch: pytest.MonkeyPatch) -> EngineRunner:
    """A runner whose start and cycles do nothing."""
    monkeypatch.setattr(runner_module, "start_up", lambda session, book_of: None)
    monkeypatch.setattr(runner_module, "run_cycle", lambda session: True)
    # the test's own connection is this thread's
    monkeypatch.setattr(runner_module, "close_old_connections", lambda: None)
    assert isinstance(session.lease, Lease)
    return EngineRunner(session.lease, LiveBook)


def failing(error: Exception) -> object:
    def fail(*args: object, **fields: object) -> bool:
        raise error

    return fail


def test_it_starts_and_then_runs_cycle_after_cycle(runner: EngineRunner) -> None:
    runner.turn()  # the start is no cycle
    runner.turn()
    runner.turn()
    assert runner.renew()
    engine = Engine.objects.get()
    assert engine.actual == ActualState.STARTING
    assert engine.cycles == 1234 + 2
    assert runner.renew()
    engine.refresh_from_db()
    assert engine.cycles == 1234 + 2


def test_an_engine_at_its_end_is_stopped_and_given_back(
    runner: EngineRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner.turn()
    monkeypatch.setattr(runner_module, "run_cycle", lambda session: False)
    runner.turn()
    engine = Engine.objects.get()
    assert (runner.is_done, engine.actual, engine.lease_holder) == (True, "stopped", "")


def test_a_lost_lease_is_the_end_of_the_runner(
    runner: EngineRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner.turn()
    monkeypatch.setattr(runner_module, "run_cycle", failing(LeaseLost("gone")))
    runner.turn()
    assert runner.is_done


def test_faults_are_written_down_and_waited_out_longer_and_longer(
    runner: EngineRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner.turn()
    monkeypatch.setattr(runner_module, "run_cycle", failing(ValueError("odd")))
    waits = []
    for _ in range(4):
        runner.turn()
        waits.append(runner.next_turn - time.monotonic())
    assert [
        0.7 < wait / expected < 1.21 for wait, expected in zip(waits, (1, 2, 4, 8), strict=True)
    ] == [True] * 4
    assert Engine.objects.get().last_error == "ValueError: odd"


def test_ten_faults_in_a_row_restart_it_and_too_many_restarts_are_an_error(
    runner: EngineRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    starts = []
    monkeypatch.setattr(runner_module, "start_up", lambda *args: starts.append(1))
    monkeypatch.setattr(runner_module, "run_cycle", failing(ValueError("odd")))
    for _ in range((RESTARTS_ALLOWED + 1) * (ERRORS_BEFORE_RESTART + 1)):
        runner.turn()
    assert len(starts) == RESTARTS_ALLOWED + 1
    engine = Engine.objects.get()
    assert (engine.actual, engine.reason) == (ActualState.ERROR, "ValueError: odd")
    assert EngineChange.objects.filter(after="error", why="too many restarts").count() == 1


def test_a_fault_that_can_not_be_written_down_does_not_end_the_turns(
    runner: EngineRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner.turn()
    monkeypatch.setattr(runner_module, "run_cycle", failing(OperationalError("gone")))
    monkeypatch.setattr(runner.lease, "renew", failing(OperationalError("gone")))
    runner.turn()
    assert not runner.is_done


def test_a_start_shows_progress_so_that_it_is_not_taken_for_a_hang(
    runner: EngineRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner.is_busy = True
    now = time.monotonic()
    monkeypatch.setattr(runner_module.time, "monotonic", lambda: now + 301)
    assert runner.is_stuck()
    runner.lease.progress_at = now + 10
    assert not runner.is_stuck()
    runner.is_busy = False
    monkeypatch.setattr(runner_module.time, "monotonic", lambda: now + 900)
    assert not runner.is_stuck()


def test_an_engine_that_may_be_stopped_while_starting_is_not_restarted(
    runner: EngineRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    Engine.objects.update(desired=DesiredState.STOPPED, lease_token=99)
    monkeypatch.setattr(runner_module, "start_up", failing(LeaseLost("gone")))
    runner.turn()
    assert runner.is_done
