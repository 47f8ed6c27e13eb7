"""The supervisor with real processes: starts, restarts, stops, and its own death."""

import os
import signal
import sys
import tempfile
from contextlib import contextmanager

import psutil
import pytest

from cts.environment import BASE_DIR
from tests.processes import eventually, running

PROGRAM = [sys.executable, "-m", "tests.cts.supervisor.programs"]


@contextmanager
def supervising(*names):
    with tempfile.TemporaryDirectory() as own_folder:
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(BASE_DIR),
            "TMPDIR": own_folder,
        }
        with running([*PROGRAM, *names], environment) as up:
            yield up


def grandchild_of(up, name):
    return eventually(lambda: up.child(name).children(), what="a grandchild")[0]


def test_sigterm_stops_everything_in_order_with_exit_code_0():
    with supervising("broker", "steady") as up:
        up.wait_for("steady runs")
        up.descendants()
        assert up.stop(signal.SIGTERM) == 0
        assert up.left_over() == []
        assert up.log.index("steady stopped in order") < up.log.index("broker stopped")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_ctrl_c_and_a_closed_terminal_stop_it_too(number):
    with supervising("steady") as up:
        up.wait_for("steady runs")
        assert up.stop(number) == 0
        assert "steady stopped in order" in up.log


def test_what_dies_is_started_again_and_leaves_no_orphan():
    with supervising("steady") as up:
        up.wait_for("steady runs")
        orphan = grandchild_of(up, "steady runs")
        killed = up.child("steady runs")
        killed.kill()

        up.wait_for("steady was killed by SIGKILL after 0 s; it starts again in 1.0 s")
        again = eventually(lambda: up.log.count("steady runs") == 2)
        assert again
        assert up.child("steady runs").pid != killed.pid
        eventually(lambda: not _is_alive(orphan), what="the orphan is gone")


def test_a_program_that_can_not_start_is_tried_later_and_says_why():
    with supervising("absent") as up:
        up.wait_for("absent | can't start /no/such/program: No such file or directory")
        up.wait_for("it starts again in 2.0 s")
        assert up.stop() == 0


def test_what_ignores_sigterm_is_killed_after_its_grace():
    with supervising("stubborn") as up:
        up.wait_for("stubborn runs")
        up.descendants()
        assert up.stop() == 0
        assert "stubborn did not stop within 1 s and is killed" in up.log
        assert up.left_over() == []


def test_kill_9_of_the_supervisor_takes_every_descendant():
    with supervising("broker", "steady", "stubborn") as up:
        for name in ("broker", "steady", "stubborn"):
            up.wait_for(f"{name} runs")
        grandchild_of(up, "steady runs")
        assert len(up.descendants()) >= 5  # three children, a grandchild, the reaper
        up.process.kill()
        eventually(lambda: not up.left_over(), within_secs=5, what="all descendants are gone")


def test_kill_9_of_supervisor_and_reaper_together_takes_the_children():
    with supervising("broker", "stubborn") as up:
        up.wait_for("stubborn runs")
        up.descendants()
        reaper = up.child("reaper")
        up.process.send_signal(signal.SIGSTOP)  # so that it can't start another reaper
        reaper.kill()
        up.process.kill()
        eventually(lambda: not up.left_over(), within_secs=5, what="the children are gone")


def test_a_reaper_that_was_killed_is_replaced_and_knows_the_groups():
    with supervising("steady") as up:
        up.wait_for("steady runs")
        grandchild_of(up, "steady runs")
        reaper = up.child("reaper")
        reaper.kill()
        eventually(lambda: _other_reaper(up, reaper.pid), what="a new reaper")
        up.descendants()
        up.process.kill()
        eventually(lambda: not up.left_over(), within_secs=5, what="all descendants are gone")


def test_preparations_come_after_what_they_need_and_before_the_rest():
    with supervising("broker", "good", "steady") as up:
        up.wait_for("all ready")
        up.wait_for("steady runs")
        assert up.log.index("broker runs") < up.log.index("steady runs")
        assert up.log.index("prepared") < up.log.index("steady runs")
        assert up.stop() == 0


def test_what_refuses_its_settings_ends_the_start_at_once():
    with supervising("broker", "choosy", "steady") as up:
        assert up.process.wait(20) == 2
        up._reader.join(5)
        assert "not with these settings" in up.log
        assert "choosy refuses to start; its last line says why" in up.log
        assert "starts again" not in up.log
        assert "broker stopped" in up.log
        assert "steady runs" not in up.log


def test_preparations_that_fail_end_the_start():
    with supervising("broker", "bad", "steady") as up:
        assert up.process.wait(20) == 1
        up._reader.join(5)
        assert "bad ended with exit code 3" in up.log
        assert "broker stopped" in up.log
        assert "steady runs" not in up.log


def _is_alive(process):
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


def _other_reaper(up, pid):
    return [
        child
        for child in psutil.Process(up.process.pid).children()
        if child.pid != pid and "reaper" in " ".join(child.cmdline())
    ]
