"""The host: claims, turns, renewals, and what it does when something goes wrong."""

import threading
import time
from collections.abc import Callable, Iterator

import pytest
from django.db import InterfaceError, OperationalError

from cts import settings as product_settings
from tests.factories import EngineFactory
from trading.choices import DesiredState
from trading.engine import host as host_module
from trading.engine import runner as runner_module
from trading.engine.host import CYCLES_AT_ONCE, FAULTS_ALLOWED, EngineHost
from trading.engine.lease import Lease
from trading.engine.runner import EngineRunner
from trading.models import Engine


def eventually(condition: Callable[[], bool], within_s: float = 10.0) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.01)


@pytest.fixture
def ended(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Collects what would have ended the process."""
    calls: list[bool] = []
    monkeypatch.setattr(host_module, "end_process", lambda: calls.append(True))
    monkeypatch.setattr(host_module, "PAUSE_AFTER_FAULT_S", 0.001)
    monkeypatch.setattr(host_module, "STEP_S", 0.001)
    return calls


@pytest.fixture
def turns(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Turns do nothing but note whose they are."""
    given: list[int] = []
    monkeypatch.setattr(EngineRunner, "turn", lambda self: given.append(self.engine_id))
    return given


@pytest.fixture
def host(ended: list[bool]) -> Iterator[EngineHost]:
    host = EngineHost()
    yield host
    host._pool.shutdown(wait=True)


class Steps:
    """A step that fails as told, and then stops the host."""

    def __init__(self, host: EngineHost, faults: list[BaseException]) -> None:
        self.host, self.faults, self.taken = host, faults, 0

    def __call__(self) -> None:
        self.taken += 1
        if self.faults:
            raise self.faults.pop(0)
        self.host._stopping.set()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
class TestFaults:
    def run(self, host: EngineHost, faults: list[BaseException]) -> Steps:
        steps = Steps(host, faults)
        host.step = steps  # type: ignore[method-assign]
        host.start()
        host._thread.join(30)
        assert not host._thread.is_alive()
        return steps

    @pytest.mark.parametrize(
        "fault", [RuntimeError("x"), KeyError("x"), OperationalError("x"), InterfaceError("x")]
    )
    def test_it_is_told_and_the_host_goes_on(
        self, host: EngineHost, ended: list[bool], fault: Exception
    ) -> None:
        assert self.run(host, [fault, fault]).taken == 3
        assert ended == []

    def test_a_database_that_is_gone_for_long_ends_nothing(
        self, host: EngineHost, ended: list[bool]
    ) -> None:
        gone: list[BaseException] = [OperationalError("gone")] * (3 * FAULTS_ALLOWED)
        assert self.run(host, gone).taken == 3 * FAULTS_ALLOWED + 1
        assert ended == []

    def test_too_many_in_a_row_end_the_process(self, host: EngineHost, ended: list[bool]) -> None:
        self.run(host, [RuntimeError("x")] * FAULTS_ALLOWED)
        assert ended == [True]

    def test_what_is_no_exception_ends_the_process_at_once(
        self, host: EngineHost, ended: list[bool]
    ) -> None:
        self.run(host, [SystemExit("x")])
        assert ended == [True]


class TestTurns:
    def test_a_wanted_engine_is_claimed_and_gets_its_turn(
        self, engine: Engine, host: EngineHost, turns: list[int]
    ) -> None:
        host.step()
        eventually(lambda: turns == [engine.pk])
        engine.refresh_from_db()
        assert engine.lease_holder == host.name

    def test_a_lost_lease_ends_the_runner_and_its_sending(
        self, engine: Engine, host: EngineHost, turns: list[int]
    ) -> None:
        host.step()
        runner = host._runners[engine.pk]
        eventually(lambda: not runner.is_busy)
        Engine.objects.update(lease_token=99)
        host._renew_all()
        assert runner.is_done
        assert not runner.lease.holds()
        host.step()
        assert host._runners == {}

    def test_an_engine_that_was_deleted_while_it_ran_is_dropped(
        self, engine: Engine, host: EngineHost, turns: list[int]
    ) -> None:
        host.step()
        eventually(lambda: not host._runners[engine.pk].is_busy)
        Engine.objects.all().delete()
        host._renew_all()
        host.step()
        assert host._runners == {}

    def test_an_engine_whose_turn_breaks_gets_another(
        self, engine: Engine, host: EngineHost, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def break_down(self: EngineRunner) -> None:
            raise RuntimeError("in dealing with a fault")

        monkeypatch.setattr(EngineRunner, "turn", break_down)
        host.step()
        eventually(lambda: not host._runners[engine.pk].is_busy)

    def test_a_pool_that_takes_no_work_leaves_no_engine_busy_for_ever(
        self, engine: Engine, host: EngineHost, turns: list[int]
    ) -> None:
        host._pool.shutdown()
        with pytest.raises(RuntimeError):
            host.step()
        assert not host._runners[engine.pk].is_busy

    def test_a_turn_that_hangs_is_abandoned_and_its_engine_claimed_anew(
        self,
        engine: Engine,
        host: EngineHost,
        ended: list[bool],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        go_on = threading.Event()
        monkeypatch.setattr(EngineRunner, "turn", lambda self: go_on.wait(30))
        monkeypatch.setattr(runner_module, "LONGEST_TURN_S", 0.0)
        host.step()
        time.sleep(0.01)
        host.step()
        assert host._runners == {}
        engine.refresh_from_db()
        assert engine.lease_holder == host.name
        Engine.objects.update(lease_expires_at=None)
        host._claimed_at = float("-inf")
        host.step()
        assert host._runners[engine.pk].lease.token == 2
        go_on.set()
        eventually(lambda: not host._runners[engine.pk].is_busy)

    def test_a_pool_that_hangs_as_a_whole_ends_the_process(
        self, host: EngineHost, engine: Engine
    ) -> None:
        for number in range(CYCLES_AT_ONCE):
            lease = Lease(engine.pk, host.name, number, time.monotonic())
            host._runners[engine.pk] = EngineRunner(lease, host.book_of)
            if number < CYCLES_AT_ONCE - 1:
                host._abandon(host._runners[engine.pk])
        with pytest.raises(SystemExit):
            host._abandon(host._runners[engine.pk])


@pytest.mark.django_db(transaction=True)
def test_stopping_gives_every_engine_back(ended: list[bool], turns: list[int]) -> None:
    engines = [EngineFactory(lease_token=0, lease_holder="") for _ in range(3)]
    EngineFactory(desired=DesiredState.STOPPED)
    host = EngineHost()
    host.start()
    eventually(lambda: len(set(turns)) == len(engines))
    host.stop()
    for engine in engines:
        engine.refresh_from_db()
        assert (engine.lease_holder, engine.lease_expires_at) == ("", None)
    assert ended == []


def test_the_cycles_leave_connections_to_the_hosts_own_thread_and_a_task() -> None:
    pool = product_settings._DATABASE["OPTIONS"].get("pool", {"max_size": 8})
    assert pool["max_size"] >= CYCLES_AT_ONCE + 2
