"""Doctor: each check says well, not well, or can't tell; and what to do."""

import json
import threading
import time
from datetime import timedelta
from io import StringIO
from types import SimpleNamespace

import pytest
from cryptography.fernet import Fernet
from django.core.cache import cache
from django.core.management import call_command
from django.utils import timezone
from redis import RedisError

from connections.choices import Environment
from connections.models import Connection
from cts.choices import Role
from cts.fields import Sealed
from cts.models import User
from monitoring import doctor
from monitoring.doctor import Finding, State
from monitoring.tasks import BEAT_HEARTBEAT_KEY, beat_heartbeat
from tests.processes import free_port


def only(findings):
    (finding,) = findings
    return finding


def states(findings):
    return {finding.name: finding.state for finding in findings}


@pytest.fixture
def owner(db):
    return User.objects.create_user("owner", role=Role.TRADER)


def make_connection(owner, **fields):
    values = {
        "name": "practice",
        "exchange": "binance",
        "environment": Environment.SANDBOX,
        "api_key": Sealed.seal("the key"),
        "api_secret": Sealed.seal("the secret"),
        "is_enabled": True,
        "last_test_ok": True,
        "last_test_at": timezone.now(),
    }
    return Connection.objects.create(owner=owner, **{**values, **fields})


@pytest.mark.django_db
def test_a_migrated_database_is_well():
    assert only(doctor.check_database()).state is State.OK


@pytest.mark.django_db
def test_a_migration_that_is_not_applied_is_named(monkeypatch):
    plan = [(SimpleNamespace(__str__=lambda self: "x"), False)]
    monkeypatch.setattr(doctor.MigrationExecutor, "migration_plan", lambda self, nodes: plan)
    finding = only(doctor.check_database())
    assert finding.state is State.FAIL
    assert "1 migrations are not applied" in finding.detail
    assert "manage.py migrate" in finding.advice


def test_a_broker_that_answers_is_well():
    assert only(doctor.check_broker()).state is State.OK


def test_a_broker_that_does_not_answer_fails_with_advice(monkeypatch):
    def refuse(*_args, **_kwargs):
        raise RedisError("Connection refused")

    monkeypatch.setattr(doctor.cache, "set", refuse)
    finding = only(doctor.check_broker())
    assert finding.state is State.FAIL
    assert "Connection refused" in finding.detail
    assert finding.advice


def test_workers_that_do_not_run_fail_each_by_name():
    assert states(doctor.check_workers()) == {
        "worker jobs": State.FAIL,
        "worker engines": State.FAIL,
    }


def test_a_worker_is_known_by_the_queue_it_takes_from(monkeypatch):
    replies = {"any@host": [{"name": "jobs"}]}
    inspect = SimpleNamespace(active_queues=lambda: replies)
    monkeypatch.setattr(doctor.app.control, "inspect", lambda timeout: inspect)
    assert states(doctor.check_workers()) == {
        "worker jobs": State.OK,
        "worker engines": State.FAIL,
    }


def test_beat_is_well_while_its_heartbeat_is_young():
    assert only(doctor.check_beat()).state is State.FAIL
    beat_heartbeat()
    assert only(doctor.check_beat()).state is State.OK


def test_a_late_heartbeat_fails_with_its_age():
    cache.set(BEAT_HEARTBEAT_KEY, time.time() - 45)
    finding = only(doctor.check_beat())
    assert finding.state is State.FAIL
    assert "45 s old" in finding.detail


@pytest.mark.django_db
def test_the_clock_agrees_with_the_database(settings):
    settings.SANDBOX_ENABLED = False
    assert states(doctor.check_clock()) == {"clock database": State.OK}


@pytest.mark.django_db
def test_a_clock_that_is_off_fails(settings, monkeypatch):
    settings.SANDBOX_ENABLED = False
    monkeypatch.setattr(doctor, "_database_time", lambda: timezone.now() - timedelta(seconds=3))
    finding = only(doctor.check_clock())
    assert finding.state is State.FAIL
    assert "3.00 s ahead" in finding.detail


@pytest.mark.django_db
def test_keys_that_open_are_well(owner):
    make_connection(owner)
    assert states(doctor.check_keys())["keys"] is State.OK


@pytest.mark.django_db
def test_a_credential_that_no_key_opens_is_named_by_its_connection(owner, settings):
    make_connection(owner, name="lost")
    settings.ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    findings = {finding.name: finding for finding in doctor.check_keys()}
    assert findings["keys"].state is State.FAIL
    assert "lost" in findings["keys"].detail
    assert "former key" in findings["keys"].advice


@pytest.mark.django_db
@pytest.mark.parametrize(("mode", "state"), [(0o600, State.OK), (0o644, State.FAIL)])
def test_the_secrets_file_is_private(settings, tmp_path, mode, state):
    settings.VAR_DIR = tmp_path
    file = tmp_path / "secrets.env"
    file.write_text("")
    file.chmod(mode)
    assert states(doctor.check_keys())["secrets file"] is state


@pytest.mark.parametrize(
    ("free_bytes", "state"),
    [(500e9, State.OK), (90e9, State.FAIL), (0.9e9, State.FAIL)],
)
def test_disk_needs_a_tenth_and_a_gigabyte(monkeypatch, free_bytes, state):
    usage = SimpleNamespace(total=1000e9, free=free_bytes)
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda path: usage)
    assert only(doctor.check_disk()).state is state


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("fields", "state"),
    [
        ({}, State.OK),
        ({"is_enabled": True, "last_test_at": None}, State.UNKNOWN),
        ({"last_test_at": timezone.now() - timedelta(days=8)}, State.UNKNOWN),
    ],
)
def test_an_enabled_connection_is_as_well_as_its_last_test(owner, settings, fields, state):
    settings.SANDBOX_ENABLED = False
    make_connection(owner, environment=Environment.LIVE, **fields)
    assert states(doctor.check_exchanges()) == {"connection practice": state}


def test_a_failed_test_says_what_it_said():
    row = Connection(
        name="mine",
        last_test_ok=False,
        last_test_at=timezone.now(),
        last_test_message="The key was refused",
    )
    finding = doctor._connection_finding(row, timezone.now())
    assert finding.state is State.FAIL
    assert "The key was refused" in finding.detail


@pytest.mark.django_db
def test_a_sandbox_that_is_used_and_does_not_answer_fails(owner, settings):
    settings.SANDBOX_ENABLED = False
    settings.SANDBOX_URL = f"http://127.0.0.1:{free_port()}"
    make_connection(owner)
    assert states(doctor.check_exchanges())["sandbox"] is State.FAIL


@pytest.mark.django_db(transaction=True)
def test_one_check_that_breaks_leaves_the_others_their_findings(monkeypatch):
    def broken():
        yield Finding("first half", State.OK, "fine")
        raise ZeroDivisionError("by zero")

    monkeypatch.setattr(doctor, "CHECKS", {"broken": broken, "disk": doctor.check_disk})
    found = {finding.name: finding for finding in doctor.examine()}
    assert found["first half"].state is State.OK
    assert found["broken"].state is State.FAIL
    assert "ZeroDivisionError: by zero" in found["broken"].detail
    assert "disk" in found


def test_a_check_that_hangs_is_given_up(monkeypatch):
    release = threading.Event()

    def hanging():
        release.wait(20)
        yield Finding("late", State.OK, "too late")

    monkeypatch.setattr(doctor, "CHECKS", {"hanging": hanging, "disk": doctor.check_disk})
    monkeypatch.setattr(doctor, "WHOLE_SECS", 0.5)
    started = time.monotonic()
    found = states(doctor.examine())
    release.set()
    assert time.monotonic() - started < 3
    assert found["hanging"] is State.FAIL
    assert "disk" in found


def run_command(*arguments):
    output = StringIO()
    with pytest.raises(SystemExit) as end:
        call_command("doctor", *arguments, stdout=output)
    return end.value.code, output.getvalue()


def test_exit_code_0_only_when_all_is_well(monkeypatch):
    for state, code in ((State.OK, 0), (State.FAIL, 1), (State.UNKNOWN, 1)):
        finding = Finding("disk", state, "as it is", "do this")
        monkeypatch.setattr(doctor, "CHECKS", {"disk": lambda finding=finding: [finding]})
        assert run_command()[0] == code


def test_json_is_for_machines_and_lines_for_people(monkeypatch):
    finding = Finding("disk", State.FAIL, "0.1 GB free", "Delete something.")
    monkeypatch.setattr(doctor, "CHECKS", {"disk": lambda: [finding]})
    assert json.loads(run_command("--json")[1]) == {
        "ok": False,
        "findings": [
            {
                "name": "disk",
                "state": "fail",
                "detail": "0.1 GB free",
                "advice": "Delete something.",
            }
        ],
    }
    lines = run_command()[1].splitlines()
    assert lines[0].split() == ["fail", "disk", "0.1", "GB", "free"]
    assert lines[1].strip() == "-> Delete something."
