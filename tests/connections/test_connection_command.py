"""`manage.py connection` and `manage.py setup_practice`, as a person runs them."""

import json
import subprocess
import sys
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from django.core.management import CommandError, call_command
from django.utils import timezone

from connections.models import Connection
from connections.practice import advance_practice, practice_connection
from connections.services import lifecycle
from cts.actors import Actor
from cts.choices import Role
from cts.environment import BASE_DIR
from cts.models import ActivityEntry, User
from tests.connections.conftest import acting
from tests.factories import ConnectionFactory, UserFactory
from tests.sandbox_process import Credentials, SandboxProcess

pytestmark = pytest.mark.django_db

KEY = "PLANTEDKEYPLANTEDKEYPLANTEDKEYabcd"
SECRET = "PLANTEDSECRETPLANTEDSECRETPLANTED"


def manage(*arguments: str) -> str:
    output = StringIO()
    call_command("connection", *arguments, stdout=output)
    return output.getvalue()


def manage_json(*arguments: str) -> Any:
    return json.loads(manage(*arguments, "--json"))


@pytest.fixture
def keys_in_environment(monkeypatch: pytest.MonkeyPatch, account: Credentials) -> None:
    monkeypatch.setenv("CTS_KEY", account.key)
    monkeypatch.setenv("CTS_SECRET", account.secret)


def add(name: str = "Mine", *more: str) -> Any:
    return manage_json("add", name, "--exchange", "binance", "--environment", "sandbox", *more)


def test_the_whole_road(owner: User, keys_in_environment: None) -> None:
    assert add()["state"] == "disabled"
    test = manage_json("test", "Mine")
    assert test["ok"], test["lines"]
    assert manage_json("enable", "Mine")["state"] == "enabled"
    assert manage_json("activate", "Mine")["state"] == "active"
    live = manage_json("live", "Mine", "--indications", "move, direction", "--confirm", "Mine")
    assert live["state"] == "active + live"
    assert live["indication_types"] == ["direction", "move"]
    assert manage_json("live", "Mine", "--off")["state"] == "active"
    assert manage_json("remove", "Mine")["state"] == "enabled"
    assert manage("disable", str(live["id"])) == "Mine (binance sandbox): disabled.\n"
    manage("delete", "Mine")
    assert manage_json("list") == []
    assert set(ActivityEntry.objects.values_list("source", flat=True)) == {"command"}


def test_list_shows_state_and_owner_and_no_credentials(owner: User) -> None:
    connection = ConnectionFactory(owner=owner, live=True)
    output = manage("list")
    for word in (connection.name, "SANDBOX", "active + live", owner.username):
        assert word in output
    assert "the-key" not in output


def test_a_deleted_one_is_listed_and_restored(owner: User) -> None:
    assert manage("list", "--deleted") == "There are no deleted connections.\n"
    connection = ConnectionFactory(owner=owner, name="Mine", enabled=True)
    assert manage("delete", "Mine") == "Mine (binance sandbox): deleted.\n"
    (listed,) = manage_json("list", "--deleted")
    assert (listed["id"], listed["state"]) == (connection.pk, "deleted")
    assert manage_json("list") == []
    assert manage_json("restore", str(listed["id"]))["state"] == "disabled"
    assert [row["id"] for row in manage_json("list")] == [connection.pk]
    entry = ActivityEntry.objects.get(action="connection.restored")
    assert (entry.source, entry.object_id) == ("command", str(connection.pk))


def test_credentials_come_from_a_file(owner: User, tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    file.write_text(json.dumps({"key": KEY, "secret": SECRET}), encoding="utf-8")
    add("Mine", "--credentials-file", str(file))
    stored: Any = Connection.objects.get()
    assert (stored.api_key.reveal(), stored.api_secret.reveal()) == (KEY, SECRET)


@pytest.mark.parametrize("content", [f"{KEY}:{SECRET}", f'["{KEY}"]', f'{{"apikey": "{KEY}"}}'])
def test_a_malformed_file_is_not_repeated(owner: User, tmp_path: Path, content: str) -> None:
    file = tmp_path / "keys.json"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(CommandError, match="expected JSON like") as caught:
        add("Mine", "--credentials-file", str(file))
    assert KEY not in str(caught.value)
    assert not Connection.objects.exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("add", "X", "--exchange", "binanse"), "Did you mean binance"),
        (("add", "X", "--exchange", "binance", "--owner", "nobody"), "no active trader"),
        (("add", "X", "--exchange", "binance", "--credentials-file", "/nix"), "Can't read /nix"),
        (("test", "nothing"), 'no connection "nothing"'),
        (("restore", "Off"), 'no deleted connection "Off"'),
        (("restore", "Gone"), "has another connection"),
        (("activate", "Off"), "enable it first"),
        (("live", "Off", "--indications", "move", "--confirm", "Off"), "add it to the dashboard"),
        (("live", "On", "--indications", "move"), "type the connection's name"),
        (("live", "On", "--indications", "astrology", "--confirm", "On"), "astrology"),
    ],
)
def test_a_mistake_has_one_plain_line(
    owner: User, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], words: str
) -> None:
    monkeypatch.setenv("CTS_KEY", KEY)
    monkeypatch.setenv("CTS_SECRET", SECRET)
    ConnectionFactory(owner=owner, name="Off", tested=True)
    ConnectionFactory(owner=owner, name="On", active=True)
    ConnectionFactory(owner=owner, name="Gone", deleted_at=timezone.now())
    ConnectionFactory(owner=owner, name="Gone")
    with pytest.raises(CommandError) as caught:
        manage(*arguments)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert SECRET not in str(caught.value)


def test_a_failed_test_says_why(connection: Connection, settings: LazySettings) -> None:
    settings.SANDBOX_URL = "http://127.0.0.1:9"
    with pytest.raises(CommandError, match="can't be reached"):
        manage("test", "Mine")


def test_exit_codes_and_no_traceback() -> None:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "manage.py", "connection", *arguments],
            cwd=BASE_DIR,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    wrong_use = run("fly")
    assert (wrong_use.returncode, "invalid choice" in wrong_use.stderr) == (2, True)
    assert "Traceback" not in wrong_use.stderr


class TestPractice:
    def test_from_nothing_to_live(self, exchange: SandboxProcess, settings: LazySettings) -> None:
        admin = UserFactory(role=Role.ADMIN)
        account = exchange.open_account()
        settings.SANDBOX_KEY, settings.SANDBOX_SECRET = account.key, account.secret
        for _ in range(2):
            call_command("setup_practice", stdout=StringIO())
        connection = Connection.objects.get()
        assert (connection.name, connection.owner, connection.state) == (
            "Practice",
            admin,
            "disabled",
        )
        assert practice_connection() == connection
        assert advance_practice(connection) is True
        connection.refresh_from_db()
        assert connection.state == "active + live"
        assert connection.indication_types == ["direction"]
        assert practice_connection() is None

    def test_waits_for_the_sandbox_without_leaving_rows(self, settings: LazySettings) -> None:
        UserFactory(role=Role.ADMIN)
        call_command("setup_practice", stdout=StringIO())
        settings.SANDBOX_URL = "http://127.0.0.1:9"
        connection = Connection.objects.get()
        assert advance_practice(connection) is False
        assert connection.tests.count() == 0
        assert practice_connection() == connection

    def test_what_a_person_switched_off_stays_off(
        self, exchange: SandboxProcess, settings: LazySettings
    ) -> None:
        admin = UserFactory(role=Role.ADMIN)
        account = exchange.open_account()
        settings.SANDBOX_KEY, settings.SANDBOX_SECRET = account.key, account.secret
        call_command("setup_practice", stdout=StringIO())
        connection = Connection.objects.get()
        advance_practice(connection)
        lifecycle.disable(actor=acting(admin), connection=connection)
        assert advance_practice(connection) is True
        connection.refresh_from_db()
        assert connection.state == "disabled"

    def test_is_not_made_in_production_nor_beside_others_nor_without_an_admin(
        self, settings: LazySettings
    ) -> None:
        with pytest.raises(CommandError, match="no admin"):
            call_command("setup_practice")
        settings.ENVIRONMENT = "production"
        with pytest.raises(CommandError, match="development only"):
            call_command("setup_practice")
        settings.ENVIRONMENT = "development"
        theirs = ConnectionFactory()
        call_command("setup_practice", stdout=StringIO())
        lifecycle.delete(actor=Actor.command(), connection=theirs)
        call_command("setup_practice", stdout=StringIO())
        assert Connection.objects.count() == 1
