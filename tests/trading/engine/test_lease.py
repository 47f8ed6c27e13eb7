"""One engine per connection: claims, renewals, ends, and the token that tells holders apart."""

import threading
import time
from datetime import timedelta

import pytest
from django.db import connection as database
from django.db import transaction
from django.utils import timezone

from positions.choices import OrderState, PositionState, StopKind
from positions.fencing import LeaseLost
from tests.factories import (
    ConnectionFactory,
    EngineFactory,
    LivePositionFactory,
    OrderFactory,
)
from trading.choices import DesiredState
from trading.engine import lease as lease_module
from trading.engine.lease import EXPIRES_S, MARGIN_S, RENEW_EVERY_S, Lease, claimable
from trading.models import Engine


def claimed(engine: Engine, holder: str = "host-1") -> Lease:
    lease = Lease.claim(engine.pk, holder)
    assert lease is not None
    return lease


def expire(engine: Engine) -> None:
    Engine.objects.filter(pk=engine.pk).update(
        lease_expires_at=timezone.now() - timedelta(seconds=1)
    )


def confirms(lease: Lease) -> bool:
    try:
        with transaction.atomic():
            lease.confirm()
    except LeaseLost:
        return False
    return True


def test_a_claim_is_exclusive_until_it_expires(engine: Engine) -> None:
    first = claimed(engine)
    assert Lease.claim(engine.pk, "host-2") is None
    expire(engine)
    second = claimed(engine, "host-2")
    assert second.token == first.token + 1
    assert confirms(second)
    assert not confirms(first)
    assert not first.renew()


def test_a_lease_lasts_fifteen_seconds_by_the_databases_clock(engine: Engine) -> None:
    claimed(engine)
    engine.refresh_from_db()
    assert engine.lease_expires_at is not None
    left = (engine.lease_expires_at - timezone.now()).total_seconds()
    assert EXPIRES_S - 2 < left <= EXPIRES_S + 0.1
    assert RENEW_EVERY_S * 2 < EXPIRES_S - MARGIN_S


def test_renewing_extends_it_and_writes_the_heartbeat(engine: Engine) -> None:
    lease = claimed(engine)
    soon = timezone.now() + timedelta(seconds=3)
    Engine.objects.update(lease_expires_at=soon, heartbeat_at=None)
    assert lease.renew(last_cycle_ms=7.0)
    engine.refresh_from_db()
    assert engine.lease_expires_at is not None
    assert engine.lease_expires_at > soon
    assert engine.heartbeat_at is not None
    assert engine.last_cycle_ms == 7.0


def test_an_expired_lease_is_not_renewed_though_nobody_took_it(engine: Engine) -> None:
    lease = claimed(engine)
    expire(engine)
    assert not lease.renew()
    assert not lease.holds()


def test_a_released_lease_is_free_at_once(engine: Engine) -> None:
    lease = claimed(engine)
    lease.release()
    assert not lease.holds()
    assert claimed(engine, "host-2").token == lease.token + 1


def test_a_former_holder_can_not_release_what_is_anothers(engine: Engine) -> None:
    former = claimed(engine)
    expire(engine)
    newer = claimed(engine, "host-2")
    former.release()
    assert confirms(newer)


def test_the_holder_stops_sending_before_the_lease_ends(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A host frozen past its margin wakes up and does not trust its lease, database or not."""
    lease = claimed(engine)
    started = time.monotonic()
    monkeypatch.setattr(
        lease_module.time, "monotonic", lambda: started + EXPIRES_S - MARGIN_S - 0.5
    )
    assert lease.holds()
    monkeypatch.setattr(lease_module.time, "monotonic", lambda: started + EXPIRES_S - MARGIN_S)
    assert not lease.holds()


def test_a_renewal_that_took_long_counts_from_its_start(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    lease = claimed(engine)
    began = time.monotonic()
    clock = iter([began, began + 14, began + 14])
    monkeypatch.setattr(lease_module.time, "monotonic", lambda: next(clock))
    assert lease.renew()
    assert not lease.holds()


@pytest.mark.django_db(transaction=True)
def test_confirming_needs_a_transaction() -> None:
    lease = claimed(EngineFactory(lease_token=0, lease_holder=""))
    with pytest.raises(transaction.TransactionManagementError):
        lease.confirm()


@pytest.mark.parametrize(
    ("changes", "permitted"),
    [
        ({}, True),
        ({"desired": DesiredState.PAUSED}, False),
        ({"desired": DesiredState.STOPPED}, False),
        ({"halted_at": timezone.now()}, False),
    ],
)
def test_entries_are_permitted_as_wanted_at_this_moment(
    engine: Engine, changes: dict[str, object], *, permitted: bool
) -> None:
    lease = claimed(engine)
    Engine.objects.update(**changes)
    with transaction.atomic():
        assert lease.permits_entries() is permitted


class TestWhatIsClaimed:
    def test_a_wanted_engine_that_nobody_holds(self, engine: Engine) -> None:
        assert list(claimable()) == [engine]
        claimed(engine)
        assert not claimable().exists()
        expire(engine)
        assert list(claimable()) == [engine]

    def test_not_one_that_is_to_be_stopped_or_whose_connection_is_not_active(
        self, engine: Engine
    ) -> None:
        EngineFactory(connection=ConnectionFactory(enabled=True))
        EngineFactory(desired=DesiredState.STOPPED)
        assert list(claimable()) == [engine]

    @pytest.mark.parametrize(
        ("position", "order", "is_claimed"),
        [
            ({"state": PositionState.CLOSING, "close_reason": "manual"}, None, True),
            ({"state": PositionState.OPENING}, None, True),
            ({"state": PositionState.OPENING}, OrderState.UNKNOWN, True),
            ({"state": PositionState.OPENING}, OrderState.LOST, False),
            ({"state": PositionState.OPEN, "stop_kind": StopKind.NONE}, None, True),
            ({"state": PositionState.OPEN, "stop_kind": StopKind.ENGINE}, None, False),
            ({"state": PositionState.OPEN}, OrderState.SENT, True),
            ({"state": PositionState.OPEN}, OrderState.OPEN, False),
            ({"state": PositionState.OPEN}, None, False),
        ],
    )
    @pytest.mark.parametrize("reason", ["stopped", "deactivated"])
    def test_positions_on_their_way_in_or_out_keep_an_unwanted_engine_going(
        self,
        db: None,
        position: dict[str, object],
        order: OrderState | None,
        reason: str,
        *,
        is_claimed: bool,
    ) -> None:
        deactivated = reason == "deactivated"
        connection = (
            ConnectionFactory(enabled=True) if deactivated else ConnectionFactory(live=True)
        )
        desired = DesiredState.RUNNING if deactivated else DesiredState.STOPPED
        EngineFactory(connection=connection, desired=desired)
        row = LivePositionFactory(connection=connection, **position)
        if order is not None:
            OrderFactory(position=row, state=order)
        assert claimable().exists() is is_claimed


@pytest.mark.django_db(transaction=True)
def test_of_many_claimers_at_once_exactly_one_gets_it() -> None:
    engine = EngineFactory(lease_token=0, lease_holder="")
    barrier = threading.Barrier(6)
    leases: list[Lease | None] = []

    def claim(number: int) -> None:
        try:
            barrier.wait(10)
            leases.append(Lease.claim(engine.pk, f"host-{number}"))
        finally:
            database.close()

    threads = [threading.Thread(target=claim, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(leases) == 6
    assert len([lease for lease in leases if lease is not None]) == 1
    engine.refresh_from_db()
    assert engine.lease_token == 1


@pytest.mark.django_db(transaction=True)
def test_a_pause_waits_for_an_intent_under_way_and_none_follows_it() -> None:
    """Whoever commits a pause can be sure that no entry's intent is committed after it."""
    engine = EngineFactory(lease_token=0, lease_holder="")
    lease = claimed(engine)
    locked, paused = threading.Event(), threading.Event()

    def pause() -> None:
        try:
            locked.wait(10)
            with transaction.atomic():
                row = Engine.objects.select_for_update().get(pk=engine.pk)
                row.desired = DesiredState.PAUSED
                row.save(update_fields=["desired"])
            paused.set()
        finally:
            database.close()

    thread = threading.Thread(target=pause)
    thread.start()
    with transaction.atomic():
        assert lease.permits_entries()
        locked.set()
        assert not paused.wait(0.3)
    thread.join(30)
    assert paused.is_set()
    with transaction.atomic():
        assert not lease.permits_entries()
