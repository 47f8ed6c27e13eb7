"""`manage.py up` with every real process: ready, restarts, ends, and its own sudden death."""

import json
import signal
import stat
import urllib.request
from pathlib import Path

import pytest
from django.conf import settings
from redis import Redis

from tests.processes import eventually, manage, own_installation, running_up

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]
EVERYTHING = {
    "web": "gunicorn",
    "jobs": "-Q jobs",
    "engines": "-Q engines",
    "beat": "celery .*beat",
    "sandbox": "manage.py sandbox",
}


@pytest.fixture
def environment():
    with own_installation() as own:
        yield own


def test_it_starts_everything_doctor_agrees_and_it_stops_in_order(environment):
    with running_up(environment) as up:
        up.wait_for("CTS is ready: http://")
        for pattern in EVERYTHING.values():
            assert up.child(pattern).is_running()
        address = environment["CTS_WEB_BIND"]
        with urllib.request.urlopen(f"http://{address}/sign-in", timeout=10) as page:
            assert page.status == 200

        second = manage(environment, "up")
        assert second.returncode == 2
        assert f"process {up.process.pid}" in second.stderr

        eventually(lambda: doctor(environment)[0] == 0, within_secs=60, what="all is well")
        names = doctor(environment)[1].keys()
        assert {"database", "broker", "worker jobs", "worker engines", "beat", "sandbox"} <= names

        up.descendants()
        assert up.stop(signal.SIGTERM) == 0
        assert up.left_over() == []
        assert "is killed" not in up.log

    code, findings = doctor(environment)
    assert code == 1
    assert findings["sandbox"]["state"] == "fail"
    assert findings["sandbox"]["advice"]


@pytest.mark.skipif(not settings.EMBEDDED_REDIS, reason="REDIS_URL: there is no embedded Valkey")
def test_the_socket_is_private_and_the_queue_outlives_kill_9(environment):
    folder = Path(environment["CTS_VAR_DIR"])
    with running_up(environment, "--only", "beat") as up:
        up.wait_for("CTS is ready")
        valkey = Redis(unix_socket_path=str(folder / "run" / "valkey.sock"))
        assert stat.S_IMODE((folder / "run").stat().st_mode) == 0o700
        assert stat.S_IMODE((folder / "run" / "valkey.sock").stat().st_mode) == 0o700
        assert valkey.info("server")["tcp_port"] == 0
        valkey.rpush("a-queue", "a message")

        up.child("valkey-server").kill()
        up.wait_for("valkey was killed by SIGKILL")
        assert eventually(lambda: _first_of(valkey, "a-queue"), within_secs=10) == b"a message"
        assert up.stop() == 0


def test_kill_9_of_any_child_brings_it_back_without_orphans(environment):
    with running_up(environment) as up:
        up.wait_for("CTS is ready")
        eventually(lambda: _pool(up), what="the pool of the worker jobs")
        for name, pattern in EVERYTHING.items():
            killed = up.child(pattern)
            below = killed.children(recursive=True)
            killed.kill()
            up.wait_for(f"{name} was killed by SIGKILL")
            again = eventually(lambda pattern=pattern: _child_or_none(up, pattern))
            assert again.pid != killed.pid
            eventually(lambda below=below: not any(each.is_running() for each in below))
        eventually(lambda: _pool(up), what="the new pool of the worker jobs")
        assert up.stop() == 0


def test_kill_9_of_up_takes_workers_of_workers_too_and_the_password_is_shown_once(environment):
    del environment["CTS_ADMIN_PASSWORD"]
    with running_up(environment) as up:
        up.wait_for("CTS is ready")
        assert up.log.count("This password is shown only once") == 1
        eventually(lambda: _pool(up), what="the pool of the worker jobs")
        assert up.child(EVERYTHING["web"]).children()
        assert len(up.descendants()) >= 9  # with Valkey ten
        up.process.kill()
        eventually(lambda: not up.left_over(), within_secs=10, what="all descendants are gone")

    with running_up(environment) as up:  # and nothing stands in the way of the next start
        up.wait_for("CTS is ready")
        assert "shown only once" not in up.log
        assert up.stop() == 0


def doctor(environment):
    result = manage(environment, "doctor", "--json")
    findings = json.loads(result.stdout)["findings"]
    return result.returncode, {finding["name"]: finding for finding in findings}


def _first_of(valkey, key):
    try:
        return valkey.lindex(key, 0)
    except OSError:
        return None


def _pool(up):
    return len(up.child(EVERYTHING["jobs"]).children()) >= 2


def _child_or_none(up, pattern):
    try:
        return up.child(pattern)
    except AssertionError:
        return None
