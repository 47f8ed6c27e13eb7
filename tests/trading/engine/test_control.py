"""What people want of an engine: by role and state, on record, and only what they may."""

import pytest
from django.core.exceptions import PermissionDenied
from django.utils import timezone

from cts.choices import Role
from cts.errors import Refused
from cts.models import ActivityEntry, User
from positions.choices import StopKind
from tests.factories import ConnectionFactory, EngineFactory, LivePositionFactory, UserFactory
from tests.trading.engine.conftest import actor_of
from trading.choices import DesiredState
from trading.engine import control
from trading.models import Engine, EngineChange

VERBS = {
    "start": control.start,
    "pause": control.pause,
    "resume": control.resume,
    "stop": control.stop,
}


@pytest.fixture
def owner(engine: Engine) -> User:
    return engine.connection.owner


def want(engine: Engine, desired: DesiredState, **fields: object) -> Engine:
    Engine.objects.filter(pk=engine.pk).update(desired=desired, **fields)
    engine.refresh_from_db()
    return engine


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize(
    ("who", "may"),
    [("owner", True), ("operator", True), ("admin", True), ("colleague", False), ("viewer", False)],
)
def test_who_may_do_what(engine: Engine, owner: User, verb: str, who: str, *, may: bool) -> None:
    """A colleague is another trader: engines of others are not theirs."""
    role = {"colleague": Role.TRADER}.get(who) or Role(who) if who != "owner" else None
    user = owner if role is None else UserFactory(role=role)
    before = DesiredState.RUNNING if verb in ("pause", "stop") else DesiredState.PAUSED
    want(engine, before)
    if may:
        VERBS[verb](actor=actor_of(user), engine=engine)
        assert engine.desired != before
        return
    with pytest.raises(PermissionDenied):
        VERBS[verb](actor=actor_of(user), engine=engine)
    engine.refresh_from_db()
    assert engine.desired == before
    assert not ActivityEntry.objects.exists()


@pytest.mark.parametrize(
    ("verb", "before", "after"),
    [
        ("start", DesiredState.STOPPED, DesiredState.RUNNING),
        ("start", DesiredState.PAUSED, DesiredState.RUNNING),
        ("pause", DesiredState.RUNNING, DesiredState.PAUSED),
        ("resume", DesiredState.PAUSED, DesiredState.RUNNING),
        ("stop", DesiredState.RUNNING, DesiredState.STOPPED),
        ("stop", DesiredState.PAUSED, DesiredState.STOPPED),
    ],
)
def test_a_change_is_in_the_history_and_in_the_activity_log(
    engine: Engine, owner: User, verb: str, before: DesiredState, after: DesiredState
) -> None:
    want(engine, before)
    changed = VERBS[verb](actor=actor_of(owner), engine=engine)
    assert changed.desired == after
    change = EngineChange.objects.get()
    assert (change.column, change.before, change.after, change.who) == (
        "desired",
        before,
        after,
        owner.username,
    )
    entry = ActivityEntry.objects.get()
    assert (entry.action, entry.actor, entry.object_id) == (
        f"engine.{verb}",
        owner,
        str(engine.pk),
    )
    assert (entry.before["desired"], entry.after["desired"]) == (before, after)


@pytest.mark.parametrize(
    ("verb", "state"),
    [
        ("start", DesiredState.RUNNING),
        ("pause", DesiredState.PAUSED),
        ("stop", DesiredState.STOPPED),
    ],
)
def test_what_is_so_already_leaves_no_entry(
    engine: Engine, owner: User, verb: str, state: DesiredState
) -> None:
    want(engine, state)
    VERBS[verb](actor=actor_of(owner), engine=engine)
    assert not EngineChange.objects.exists()
    assert not ActivityEntry.objects.exists()


@pytest.mark.parametrize("verb", ["pause", "resume"])
def test_a_stopped_engine_is_neither_paused_nor_resumed(
    engine: Engine, owner: User, verb: str
) -> None:
    stale = Engine.objects.select_related("connection").get()
    want(engine, DesiredState.STOPPED)
    with pytest.raises(Refused) as refused:
        VERBS[verb](actor=actor_of(owner), engine=stale)
    assert refused.value.code == "engine.stopped"
    engine.refresh_from_db()
    assert engine.desired == DesiredState.STOPPED


def test_an_engine_of_an_inactive_connection_is_not_started(db: None) -> None:
    engine = EngineFactory(connection=ConnectionFactory(enabled=True), desired=DesiredState.STOPPED)
    with pytest.raises(Refused) as refused:
        control.start(actor=actor_of(engine.connection.owner), engine=engine)
    assert refused.value.code == "engine.connection_not_active"


class TestAHalt:
    @pytest.fixture
    def halted(self, engine: Engine) -> Engine:
        return want(
            engine, DesiredState.RUNNING, halted_at=timezone.now(), peak_equity_quote=12_000
        )

    def test_resuming_ends_it_and_lets_losses_count_anew(self, halted: Engine, owner: User) -> None:
        control.resume(actor=actor_of(owner), engine=halted)
        assert (halted.halted_at, halted.peak_equity_quote) == (None, None)
        assert halted.limits_from is not None
        assert EngineChange.objects.get().why == "resumed after a halt"
        entry = ActivityEntry.objects.get()
        assert (entry.before["halted"], entry.after["halted"]) == (True, False)

    @pytest.mark.parametrize("verb", ["start", "pause", "stop"])
    def test_nothing_else_ends_it(self, halted: Engine, owner: User, verb: str) -> None:
        VERBS[verb](actor=actor_of(owner), engine=halted)
        assert halted.halted_at is not None
        for entry in ActivityEntry.objects.all():
            assert (entry.before["halted"], entry.after["halted"]) == (True, True)

    def test_a_paused_and_halted_engine_resumes_from_both(
        self, halted: Engine, owner: User
    ) -> None:
        want(halted, DesiredState.PAUSED)
        control.resume(actor=actor_of(owner), engine=halted)
        assert (halted.desired, halted.halted_at) == (DesiredState.RUNNING, None)


class TestStoppingWithOpenPositions:
    def test_it_asks_first(self, engine: Engine, owner: User) -> None:
        LivePositionFactory(connection=engine.connection)
        with pytest.raises(Refused, match=r"1 live position is open. Stopping leaves") as refused:
            control.stop(actor=actor_of(owner), engine=engine)
        assert refused.value.code == "engine.open_positions"
        engine.refresh_from_db()
        assert engine.desired == DesiredState.RUNNING

    def test_it_says_which_have_no_stop_on_the_exchange(self, engine: Engine, owner: User) -> None:
        LivePositionFactory(connection=engine.connection)
        LivePositionFactory(connection=engine.connection, stop_kind=StopKind.ENGINE)
        with pytest.raises(Refused, match=r"2 live positions are open. 1 of them without a stop"):
            control.stop(actor=actor_of(owner), engine=engine)

    def test_it_stops_when_told_to_leave_them(self, engine: Engine, owner: User) -> None:
        LivePositionFactory(connection=engine.connection)
        control.stop(actor=actor_of(owner), engine=engine, leave_positions=True)
        assert engine.desired == DesiredState.STOPPED

    def test_a_stranger_does_not_learn_of_them(self, engine: Engine) -> None:
        LivePositionFactory(connection=engine.connection)
        with pytest.raises(PermissionDenied):
            control.stop(actor=actor_of(UserFactory(role=Role.TRADER)), engine=engine)


def test_a_connections_engine_is_made_once_and_stopped(db: None) -> None:
    connection = ConnectionFactory(active=True)
    engine = control.engine_of(connection)
    assert engine.desired == DesiredState.STOPPED
    assert control.engine_of(connection) == engine
