"""The table of processes."""

import os
import signal
import subprocess
import sys

import pytest

from cts import processes
from cts.processes import NAMES, process, process_names
from tests.processes import MANAGE, eventually, own_installation


def test_a_server_on_another_machine_needs_none_here(settings):
    settings.EMBEDDED_REDIS = False
    settings.SANDBOX_ENABLED = True
    settings.SANDBOX_URL = "http://sandbox.example:8090"
    assert process_names() == ["web", "jobs", "engines", "beat"]


def test_everything_runs_here_by_default(settings):
    settings.EMBEDDED_REDIS = True
    settings.SANDBOX_ENABLED = True
    settings.SANDBOX_URL = "http://127.0.0.1:8090"
    assert process_names() == list(NAMES)


def test_the_sandbox_can_be_switched_off(settings):
    settings.SANDBOX_ENABLED = False
    assert "sandbox" not in process_names()


@pytest.mark.parametrize("name", NAMES)
def test_no_secret_is_in_a_command_line(name, settings):
    secrets = [
        settings.SECRET_KEY,
        settings.JWT_SECRET,
        settings.API_SIGNING_SECRET,
        *settings.ENCRYPTION_KEYS,
        settings.SANDBOX_KEY,
        settings.SANDBOX_SECRET,
        settings.SANDBOX_CONTROL_TOKEN,
    ]
    line = " ".join(process(name).command)
    assert [secret for secret in secrets if secret in line] == []


def test_stops_begin_with_the_entrances_and_end_with_the_broker():
    stages = {name: process(name).stop_stage for name in NAMES}
    assert stages["beat"] == stages["web"] < stages["jobs"] == stages["engines"]
    assert stages["engines"] < stages["sandbox"] < stages["valkey"]


@pytest.mark.parametrize(
    ("url", "listens_on"),
    [
        ("http://127.0.0.1:8090", "127.0.0.1"),
        ("http://localhost:8090", "127.0.0.1"),
        ("http://sandbox:8090", "0.0.0.0"),  # noqa: S104 - in a container of that name
    ],
)
def test_the_sandbox_listens_where_its_url_says(settings, url, listens_on):
    settings.SANDBOX_URL = url
    command = process("sandbox").command
    assert command[command.index("--host") + 1] == listens_on


@pytest.mark.parametrize(
    ("bind", "written", "local"),
    [
        (("127.0.0.1", 80), "127.0.0.1:80", ("127.0.0.1", 80)),
        (("0.0.0.0", 80), "0.0.0.0:80", ("127.0.0.1", 80)),  # noqa: S104
        (("::", 80), "[::]:80", ("::1", 80)),
    ],
)
def test_the_web_is_asked_where_this_machine_reaches_it(settings, bind, written, local):
    settings.WEB_BIND = bind
    command = process("web").command
    assert command[command.index("--bind") + 1] == written
    assert processes.local_web_address() == local


def test_process_becomes_the_process_itself():
    with own_installation() as environment:
        port = environment["CTS_SANDBOX_URL"].rsplit(":", 1)[1]
        running = subprocess.Popen(
            [sys.executable, MANAGE, "process", "sandbox"],
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            # a replay tells first what it read
            assert any(f":{port}" in line for line in running.stdout)
            assert b"\0sandbox\0--state\0" in _command_line(running.pid)
            running.send_signal(signal.SIGTERM)
            eventually(lambda: running.poll() is not None, what="the signal reaches it")
        finally:
            running.kill()
            running.wait()
            running.stdout.close()


def _command_line(pid):
    with open(os.path.join("/proc", str(pid), "cmdline"), "rb") as file:
        return file.read()
