"""`manage.py up` checks before it starts: one plain line each, exit code 2."""

import socket

import pytest

from cts.management.commands.up import chosen
from cts.preflight import AlreadyRunningError, hold_data_folder
from tests.processes import free_port, manage, own_installation


@pytest.fixture
def environment():
    with own_installation() as own:
        yield own


def refusal(environment, *arguments):
    result = manage(environment, "up", *arguments)
    assert result.returncode == 2, result.stdout + result.stderr
    assert "Traceback" not in result.stderr
    assert result.stdout == ""
    return [line for line in result.stderr.splitlines() if line]


@pytest.mark.parametrize(
    ("variable", "form"),
    [("CTS_WEB_BIND", "{address}"), ("CTS_SANDBOX_URL", "http://{address}")],
)
def test_a_port_in_use_is_named_with_the_setting_that_changes_it(environment, variable, form):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        lines = refusal({**environment, variable: form.format(address=f"127.0.0.1:{port}")})
    assert len(lines) == 1
    assert f"port {port} on 127.0.0.1 is in use" in lines[0]
    assert f"set {variable}" in lines[0]


def test_an_address_of_another_machine_is_refused(environment):
    lines = refusal({**environment, "CTS_WEB_BIND": "192.0.2.1:8000"})
    assert lines == [
        "cts: CTS_WEB_BIND: expected an address of this machine, 192.0.2.1:8000: "
        "Cannot assign requested address"
    ]


def test_an_unwritable_data_folder_is_refused(environment, tmp_path):
    (tmp_path / "file").write_text("")
    lines = refusal({**environment, "CTS_VAR_DIR": str(tmp_path / "file" / "var")})
    assert len(lines) == 1
    assert lines[0].startswith("cts: CTS_VAR_DIR: expected a folder that can be written")


def test_a_bad_value_is_refused(environment):
    assert refusal({**environment, "CTS_WEB_WORKERS": "many"}) == [
        "cts: CTS_WEB_WORKERS: expected a whole number from 1 to 32, was 'many'"
    ]


def test_a_missing_secret_in_production_is_refused(environment):
    without = {name: value for name, value in environment.items() if name != "JWT_SECRET"}
    lines = refusal({**without, "ENVIRONMENT": "production"})
    assert len(lines) == 1
    assert lines[0].startswith("cts: JWT_SECRET is missing: expected at least 32")


def test_servers_that_do_not_answer_are_refused_together(environment, tmp_path):
    lines = refusal(
        {
            **environment,
            "DATABASE_URL": f"postgres://me:hunter2@127.0.0.1:{free_port()}/cts",
            "REDIS_URL": f"redis://:hunter2@127.0.0.1:{free_port()}/0",
            "CTS_REPLAY_DIR": str(tmp_path / "absent"),
        }
    )
    starts = [line.split(": ")[1] for line in lines]
    assert starts == ["CTS_REPLAY_DIR", "DATABASE_URL", "REDIS_URL"]
    assert "hunter2" not in "".join(lines)


def test_an_unknown_process_is_refused(environment):
    result = manage(environment, "up", "--only", "web,bear")
    assert result.returncode == 2
    assert "expected some of valkey, sandbox, web, jobs, engines, beat, was bear" in result.stderr


def test_a_data_folder_is_held_once_and_free_again_afterwards(tmp_path):
    with (
        hold_data_folder(tmp_path),
        pytest.raises(AlreadyRunningError, match="already runs on the data folder"),
    ):
        hold_data_folder(tmp_path)
    hold_data_folder(tmp_path).close()


@pytest.mark.parametrize(
    ("only", "without", "expected"),
    [
        (None, [], ["valkey", "sandbox", "web", "jobs"]),
        (None, ["sandbox"], ["valkey", "web", "jobs"]),
        (["web"], [], ["valkey", "web"]),
        (["web", "jobs"], ["valkey", "jobs"], ["web"]),
    ],
)
def test_only_and_without_choose_and_leave_the_broker_in(only, without, expected):
    assert chosen(["valkey", "sandbox", "web", "jobs"], only, without) == expected
