"""`manage.py rotate_field_keys`: afterwards the newest key alone opens every secret."""

import json
from io import StringIO
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.apps import apps
from django.conf import LazySettings
from django.core.exceptions import ImproperlyConfigured, PermissionDenied
from django.core.management import CommandError, call_command

from connections.models import Connection
from connections.services import key_rotation
from connections.services.key_rotation import Rotation, encrypted_fields, rotate_field_keys
from cts.activity import first_broken_entry
from cts.actors import Actor
from cts.choices import Role
from cts.fields import EncryptedField, Sealed
from cts.models import ActivityEntry, User
from tests.connections.conftest import acting
from tests.factories import ConnectionFactory, UserFactory

pytestmark = pytest.mark.django_db

OLD = Fernet.generate_key().decode()
NEW = Fernet.generate_key().decode()
FIELDS = ("api_key", "api_secret", "passphrase")


@pytest.fixture
def under_the_old_key(settings: LazySettings, owner: User) -> list[Connection]:
    """Five connections, one of them deleted; NEW is in front of the key that they are under."""
    settings.ENCRYPTION_KEYS = [OLD]
    made = [
        ConnectionFactory(
            owner=owner,
            api_key=Sealed.seal(f"key-{number}"),
            api_secret=Sealed.seal(f"secret-{number}"),
            deleted_at="2026-01-01T00:00Z" if number == 4 else None,
        )
        for number in range(5)
    ]
    settings.ENCRYPTION_KEYS = [NEW, OLD]
    return made


def tokens() -> list[tuple[str, ...]]:
    rows = Connection.objects.order_by("pk").values_list(*FIELDS)
    return [tuple(secret.token for secret in row) for row in rows]


def rotate(batch_rows: int = 2) -> Rotation:
    return rotate_field_keys(
        actor=Actor.command(), progress=lambda model, counts: None, batch_rows=batch_rows
    )


def run(*arguments: str) -> str:
    output = StringIO()
    call_command("rotate_field_keys", *arguments, stdout=output, stderr=StringIO())
    return output.getvalue()


def test_the_old_key_may_be_dropped_afterwards(
    under_the_old_key: list[Connection], settings: LazySettings
) -> None:
    updated = list(Connection.objects.order_by("pk").values_list("updated_at", flat=True))

    output = run()

    assert "10 secrets rotated" in output
    assert "former keys may be dropped" in output
    settings.ENCRYPTION_KEYS = [NEW]
    for number, made in enumerate(under_the_old_key):
        stored: Any = Connection.objects.get(pk=made.pk)
        assert stored.api_key.reveal() == f"key-{number}"
        assert stored.api_secret.reveal() == f"secret-{number}"
        assert stored.passphrase.token == ""
    assert list(Connection.objects.order_by("pk").values_list("updated_at", flat=True)) == updated


def test_without_rotation_the_old_key_may_not_be_dropped(
    under_the_old_key: list[Connection], settings: LazySettings
) -> None:
    settings.ENCRYPTION_KEYS = [NEW]
    stored: Any = Connection.objects.get(pk=under_the_old_key[0].pk)
    with pytest.raises(ImproperlyConfigured):
        stored.api_key.reveal()


def test_a_second_run_changes_nothing(under_the_old_key: list[Connection]) -> None:
    run()
    before, entries = tokens(), ActivityEntry.objects.count()

    counts = json.loads(run("--json"))

    assert counts == {
        "rows": 5,
        "rotated": 0,
        "already_newest": 10,
        "replaced_meanwhile": 0,
        "unopened": [],
        "former_keys_may_go": True,
    }
    assert tokens() == before
    assert ActivityEntry.objects.count() == entries


def test_a_stopped_run_keeps_its_batches_and_the_next_one_does_the_rest(
    under_the_old_key: list[Connection],
) -> None:
    seen: list[int] = []

    def stop_after_the_second(model: str, counts: Rotation) -> None:
        seen.append(counts.rows)
        if len(seen) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        rotate_field_keys(actor=Actor.command(), progress=stop_after_the_second, batch_rows=2)

    counts = rotate()
    assert seen == [2, 4]
    assert (counts.rows, counts.already_newest, counts.rotated) == (5, 8, 2)


def test_every_batch_is_on_record_without_a_token(under_the_old_key: list[Connection]) -> None:
    rotate()

    entries = ActivityEntry.objects.order_by("id")
    assert [(entry.action, entry.after["rotated"]) for entry in entries] == [
        ("field_keys.rotated", 4),
        ("field_keys.rotated", 4),
        ("field_keys.rotated", 2),
    ]
    first = entries[0]
    assert (first.object_type, first.source) == ("contenttypes.contenttype", "command")
    assert first.after["fields"] == list(FIELDS)
    assert (first.after["first_row"], first.after["last_row"]) == (
        str(under_the_old_key[0].pk),
        str(under_the_old_key[1].pk),
    )
    written = json.dumps([entry.after for entry in entries])
    assert not any(token and token in written for row in tokens() for token in row)
    assert first_broken_entry() is None


@pytest.mark.parametrize("arguments", [(), ("--json",)])
def test_what_no_key_opens_is_named_and_the_rest_is_rotated(
    under_the_old_key: list[Connection], arguments: tuple[str, ...]
) -> None:
    foreign = Fernet(Fernet.generate_key()).encrypt(b"lost").decode()
    lost, garbled = under_the_old_key[1], under_the_old_key[3]
    Connection.objects.filter(pk=lost.pk).update(api_secret=Sealed(foreign))
    Connection.objects.filter(pk=garbled.pk).update(api_key=Sealed("nötig"))

    output = StringIO()
    with pytest.raises(CommandError) as caught:
        call_command("rotate_field_keys", *arguments, stdout=output, stderr=StringIO())

    assert caught.value.returncode == 1
    assert f"connections.connection {lost.pk}: api_secret" in str(caught.value)
    assert f"connections.connection {garbled.pk}: api_key" in str(caught.value)
    for told in (str(caught.value), output.getvalue()):
        assert foreign not in told
        assert "nötig" not in told
    assert "may be dropped" not in output.getvalue()
    assert rotate().already_newest == 8
    if arguments:
        assert json.loads(output.getvalue())["unopened"] == [
            {"model": "connections.connection", "pk": str(lost.pk), "field": "api_secret"},
            {"model": "connections.connection", "pk": str(garbled.pk), "field": "api_key"},
        ]


def test_a_credential_replaced_meanwhile_is_left_alone(
    under_the_old_key: list[Connection], monkeypatch: pytest.MonkeyPatch
) -> None:
    replaced = under_the_old_key[2]
    fresh = Sealed.seal("a-fresh-secret")
    real = key_rotation.cipher()
    old_token = Connection.objects.values_list("api_secret", flat=True).get(pk=replaced.pk)

    class ReplacedInBetween:
        """The cipher, with somebody who replaces a secret just after it was read."""

        def rotate(self, token: bytes) -> bytes:
            if token.decode() == old_token.token:
                Connection.objects.filter(pk=replaced.pk).update(api_secret=fresh)
            return real.rotate(token)

    monkeypatch.setattr(key_rotation, "cipher", ReplacedInBetween)

    output = run()

    assert "Replaced meanwhile: 1; run this again." in output
    assert "may be dropped" not in output
    assert Connection.objects.values_list("api_secret", flat=True).get(pk=replaced.pk) == fresh


def test_progress_is_told_after_every_batch(under_the_old_key: list[Connection]) -> None:
    told: list[tuple[str, int, int]] = []
    rotate_field_keys(
        actor=Actor.command(),
        progress=lambda model, counts: told.append((model, counts.rows, counts.rotated)),
        batch_rows=2,
    )
    label = "connections.connection"
    assert told == [(label, 2, 4), (label, 4, 8), (label, 5, 10)]


def test_every_encrypted_field_of_the_product_is_found() -> None:
    declared = {
        (model, each.name)
        for model in apps.get_models()
        for each in model._meta.get_fields()
        if isinstance(each, EncryptedField)
    }
    found = {(model, name) for model, names in encrypted_fields().items() for name in names}
    assert found == declared
    assert {(Connection, name) for name in FIELDS} <= found


@pytest.mark.parametrize("role", [Role.VIEWER, Role.TRADER, Role.OPERATOR])
def test_only_admins_may(under_the_old_key: list[Connection], role: Role) -> None:
    before = tokens()
    with pytest.raises(PermissionDenied):
        rotate_field_keys(actor=acting(UserFactory(role=role)), progress=lambda model, counts: None)
    assert tokens() == before
