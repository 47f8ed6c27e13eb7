"""Put stored secrets under the newest key of ENCRYPTION_KEY, so that former keys may be dropped."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from cryptography.fernet import Fernet, InvalidToken
from django.apps import apps
from django.conf import settings
from django.contrib.contenttypes.models import ContentType
from django.db import transaction
from django.db.models import Model

from cts.activity import log_action
from cts.actors import Actor
from cts.fields import EncryptedField, Sealed, cipher
from cts.roles import Act, require

BATCH_ROWS = 200


@dataclass(frozen=True, slots=True)
class Unopened:
    """A stored secret that no key opens: where it is, never what it is."""

    model: str
    pk: str
    field: str

    def __str__(self) -> str:
        return f"{self.model} {self.pk}: {self.field}"


@dataclass(slots=True)
class Rotation:
    """What a run found, counted in secrets; a row may hold several. Empty ones don't count."""

    rows: int = 0
    rotated: int = 0
    already_newest: int = 0
    replaced_meanwhile: int = 0
    unopened: list[Unopened] = field(default_factory=list)

    @property
    def former_keys_may_go(self) -> bool:
        """Tell whether the newest key alone opens every secret that the run met."""
        return not self.unopened and not self.replaced_meanwhile

    def add(self, other: "Rotation") -> None:
        """Count what `other` found, too."""
        self.rows += other.rows
        self.rotated += other.rotated
        self.already_newest += other.already_newest
        self.replaced_meanwhile += other.replaced_meanwhile
        self.unopened += other.unopened


def encrypted_fields() -> dict[type[Model], list[str]]:
    """Give the EncryptedField names of every model that has any, in the models' own tables."""
    found = {
        model: [
            each.attname
            for each in model._meta.local_concrete_fields
            if isinstance(each, EncryptedField)
        ]
        for model in apps.get_models(include_auto_created=True)
        if not model._meta.proxy
    }
    return {model: names for model, names in found.items() if names}


def rotate_field_keys(
    *, actor: Actor, progress: Callable[[str, Rotation], None], batch_rows: int = BATCH_ROWS
) -> Rotation:
    """Encrypt every stored secret with the newest key of ENCRYPTION_KEY, deleted rows' too.

    Each batch of `batch_rows` rows is one transaction with one activity entry; after it
    `progress` gets the model's label and the counts so far. May be stopped and run again: what
    the newest key opens is left as it is. A secret replaced while its batch runs is left alone
    and counted. Costs one read per batch and one update per secret. Raises PermissionDenied.
    """
    require(actor, Act.MANAGE_SETTINGS)
    total = Rotation()
    for model, names in encrypted_fields().items():
        for batch in _batches(actor, model, names, batch_rows):
            total.add(batch)
            progress(model._meta.label_lower, total)
    return total


def _batches(
    actor: Actor, model: type[Model], names: list[str], batch_rows: int
) -> Iterator[Rotation]:
    # The base manager hides no row.
    ordered = model._base_manager.order_by("pk")
    rest = ordered.all()
    while True:
        with transaction.atomic():
            rows = list(rest.values_list("pk", *names)[:batch_rows])
            if not rows:
                return
            batch = Rotation(rows=len(rows))
            for pk, *secrets in rows:
                for name, secret in zip(names, secrets, strict=True):
                    _rotate(model, pk, name, secret, batch)
            if batch.rotated:
                log_action(
                    actor=actor,
                    action="field_keys.rotated",
                    obj=ContentType.objects.get_for_model(model, for_concrete_model=False),
                    after={
                        "rotated": batch.rotated,
                        "fields": names,
                        "first_row": str(rows[0][0]),
                        "last_row": str(rows[-1][0]),
                    },
                )
        yield batch
        rest = ordered.filter(pk__gt=rows[-1][0])


def _rotate(model: type[Model], pk: object, name: str, secret: Sealed, batch: Rotation) -> None:
    if not secret:
        return
    token = secret.token.encode()
    if _newest_key_opens(token):
        batch.already_newest += 1
        return
    try:
        renewed = Sealed(cipher().rotate(token).decode())
    except InvalidToken:
        batch.unopened.append(Unopened(model._meta.label_lower, str(pk), name))
        return
    # Only where the row still holds what was read: a credential replaced meanwhile stays.
    if model._base_manager.filter(pk=pk, **{name: secret}).update(**{name: renewed}):
        batch.rotated += 1
    else:
        batch.replaced_meanwhile += 1


def _newest_key_opens(token: bytes) -> bool:
    try:
        Fernet(settings.ENCRYPTION_KEYS[0]).decrypt(token)
    except InvalidToken:
        return False
    return True
