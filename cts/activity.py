"""The activity log: append-only, each entry hashed with its predecessor (design promise 9)."""

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models, transaction
from django.utils import timezone

from cts.actors import Actor
from cts.fields import Sealed
from cts.models import ActivityEntry, ActivityHead

GENESIS = "0" * 64


def log_action(
    *,
    actor: Actor,
    action: str,
    obj: models.Model,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> ActivityEntry:
    """Record one change, in the transaction of the change.

    `action` is dotted and stable ("connection.enabled"). Secrets in `before` and `after` are
    recorded as "changed" only. Costs one locked read, one insert, one update.
    Raises TransactionManagementError outside a transaction.
    """
    connection = transaction.get_connection()
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError(
            "expected log_action() inside the transaction of the change it records"
        )
    head, _ = ActivityHead.objects.select_for_update().get_or_create(
        id=1, defaults={"hash": GENESIS}
    )
    entry = ActivityEntry(
        at=timezone.now(),
        actor=actor.user,
        actor_name=actor.name,
        source=actor.source,
        ip=actor.ip,
        action=action,
        object_type=obj._meta.label_lower,
        object_id=str(obj.pk),
        object_label=str(obj)[:200],
        before=_plain(before or {}),
        after=_plain(after or {}),
        previous_hash=head.hash,
    )
    entry.hash = entry_hash(entry)
    entry.save(force_insert=True)
    head.hash = entry.hash
    head.save(update_fields=["hash"])
    return entry


def entry_hash(entry: ActivityEntry) -> str:
    """Give SHA-256 over the entry's facts and its predecessor's hash."""
    facts = {
        "at": _instant(entry.at),
        "actor": entry.actor_id,
        "actor_name": entry.actor_name,
        "source": str(entry.source),
        "ip": entry.ip,
        "action": entry.action,
        "object": [entry.object_type, entry.object_id, entry.object_label],
        "before": entry.before,
        "after": entry.after,
        "previous": entry.previous_hash,
    }
    text = json.dumps(facts, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def first_broken_entry() -> ActivityEntry | None:
    """Give the oldest entry that was altered or whose predecessor is missing; None: all is well."""
    previous = GENESIS
    for entry in ActivityEntry.objects.order_by("id").iterator(chunk_size=2000):
        if entry.previous_hash != previous or entry_hash(entry) != entry.hash:
            return entry
        previous = entry.hash
    return None


def changes(
    before: Mapping[str, Any], after: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Give only what differs, as the (before, after) that log_action() takes."""
    keys = [key for key in after if before.get(key) != after[key]]
    return {key: before.get(key) for key in keys}, {key: after[key] for key in keys}


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    shown = {
        key: "(secret)" if isinstance(value, Sealed) else value for key, value in values.items()
    }
    plain: dict[str, Any] = json.loads(json.dumps(shown, cls=DjangoJSONEncoder))
    return plain


def _instant(at: datetime) -> str:
    return at.astimezone(timezone.get_default_timezone()).isoformat(timespec="microseconds")
