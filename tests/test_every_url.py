"""Every URL of the product, as nobody and as every role: who sees what, and GET changes nothing."""

import logging
from collections.abc import Iterator
from typing import Any

import pytest
from django.apps import apps
from django.db.models import Model
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from cts.choices import Role
from cts.models import User
from cts.roles import Act, scope_of
from monitoring import system
from tests import factories

pytestmark = pytest.mark.django_db

# What answers 200 to a GET, and the act that it takes. A URL that is not here must never do so.
READABLE: dict[str, Act] = {
    "dashboard": Act.VIEW,
    "dashboard-live": Act.VIEW,
    "connections": Act.VIEW,
    "connection": Act.VIEW,
    "connection-new": Act.MANAGE_CONNECTION,
    "connection-edit": Act.MANAGE_CONNECTION,
    "connection-keys": Act.MANAGE_CONNECTION,
    "connection-live-on": Act.MANAGE_CONNECTION,
    "connection-live-off": Act.MANAGE_CONNECTION,
    "connection-disable": Act.MANAGE_CONNECTION,
    "connection-deactivate": Act.MANAGE_CONNECTION,
    "connection-delete": Act.MANAGE_CONNECTION,
    "engine-stop": Act.OPERATE_ENGINE,
    "positions": Act.VIEW,
    "positions-closed": Act.VIEW,
    "positions-pseudo": Act.VIEW,
    "position": Act.VIEW,
    "position-close": Act.TRADE,
    "tournaments": Act.VIEW,
    "system": Act.VIEW_SYSTEM,
    "api-me": Act.VIEW,
    "api-schema": Act.VIEW,
    "api-docs": Act.VIEW,
    "api-health": Act.VIEW_SYSTEM,
    "activity-list": Act.VIEW_ACTIVITY,
    "api-connection-list": Act.VIEW,
    "api-connection-detail": Act.VIEW,
    "api-connection-tests": Act.VIEW,
    "api-live-position-list": Act.VIEW,
    "api-live-position-detail": Act.VIEW,
    "api-pseudo-position-list": Act.VIEW,
    "api-order-list": Act.VIEW,
    "api-order-detail": Act.VIEW,
    "api-fill-list": Act.VIEW,
    "api-refusal-list": Act.VIEW,
    "api-engine-list": Act.VIEW,
    "api-engine-detail": Act.VIEW,
    "api-tournament-list": Act.VIEW,
    "api-set-list": Act.VIEW,
    "api-stage-change-list": Act.VIEW,
    "api-market-list": Act.VIEW,
}
# Reached by anybody: the sign-in page.
OPEN_DOORS = {"login"}
# Needs query parameters; has its own tests.
WITH_PARAMETERS = {"api-price-list"}
# Signing in and out are not denied to anybody, and POST changes a session.
SESSIONS = {"login", "logout", "admin:logout", "admin:login"}
# What the admin shows to admins only.
ADMINS_ONLY = ("admin:cts_user_", "admin:cts_activityentry_")


class World:
    """One object of every kind, all of one owner."""

    def __init__(self) -> None:
        self.owner = factories.UserFactory(role=Role.TRADER)
        connection = factories.ConnectionFactory(owner=self.owner, live=True)
        position = factories.LivePositionFactory(connection=connection)
        order = factories.OrderFactory(position=position)
        tournament = factories.TournamentFactory()
        self.objects: dict[str, Model] = {
            "cts_user": self.owner,
            "connections_connection": connection,
            "connections_connectiontest": factories.ConnectionTestFactory(connection=connection),
            "positions_liveposition": position,
            "positions_order": order,
            "positions_fill": factories.FillFactory(order=order),
            "positions_refusal": factories.RefusalFactory(connection=connection),
            "positions_pseudoposition": factories.PseudoPositionFactory(
                tournament_id=tournament.pk
            ),
            "trading_engine": factories.EngineFactory(connection=connection),
            "trading_tournament": tournament,
            "trading_tournamentset": factories.TournamentSetFactory(tournament=tournament),
            "trading_stagechange": factories.StageChangeFactory(tournament=tournament),
            "trading_market": factories.MarketFactory(),
        }
        factories.OrderEventFactory(order=order)

    def pk_of(self, name: str) -> int:
        """The object that a URL of this name is about."""
        for start, key in (
            ("api-engine", "trading_engine"),
            ("api-live-position", "positions_liveposition"),
            ("api-order", "positions_order"),
            ("api-connection", "connections_connection"),
            ("position", "positions_liveposition"),
            ("connection", "connections_connection"),
            ("engine", "connections_connection"),
        ):
            if name.startswith(start):
                return int(self.objects[key].pk)
        if name.startswith("admin:"):
            for key, each in self.objects.items():
                if name.startswith(f"admin:{key}_"):
                    return int(each.pk)
        return 1

    def urls(self) -> Iterator[tuple[str, str]]:
        """Every named URL as (name, path)."""
        for name, keys in named_patterns(get_resolver().url_patterns):
            values = {
                "pk": self.pk_of(name),
                "object_id": self.pk_of(name),
                "verb": "pause",
                "app_label": "cts",
                "content_type_id": 1,
            }
            yield name, reverse(name, kwargs={key: values[key] for key in keys})


def named_patterns(
    patterns: list[Any], namespace: str = "", keys: tuple[str, ...] = ()
) -> Iterator[tuple[str, tuple[str, ...]]]:
    for pattern in patterns:
        found = (*keys, *pattern.pattern.regex.groupindex)
        if isinstance(pattern, URLResolver):
            inner = f"{namespace}{pattern.namespace}:" if pattern.namespace else namespace
            yield from named_patterns(pattern.url_patterns, inner, found)
        elif isinstance(pattern, URLPattern) and pattern.name:
            yield f"{namespace}{pattern.name}", found


def rows() -> dict[str, int]:
    """How many rows each table holds."""
    return {model._meta.label: model._default_manager.count() for model in apps.get_models()}


def state_of(world: World) -> list[dict[str, Any]]:
    """Everything that is written on the world's objects."""
    return [type(each).objects.filter(pk=each.pk).values().get() for each in world.objects.values()]


def may_read(name: str, user: User) -> bool:
    if name in OPEN_DOORS:
        return False  # signed in already: sent on to the dashboard
    if name.startswith("admin:"):
        act = Act.MANAGE_USERS if name.startswith(ADMINS_ONLY) else Act.VIEW_SYSTEM
        return scope_of(user, act) is not None
    return name in READABLE and scope_of(user, READABLE[name]) is not None


@pytest.fixture(autouse=True)
def quick_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(system, "ANSWER_WITHIN_S", 0.05)


@pytest.fixture(autouse=True)
def no_tracebacks_of_refusals(monkeypatch: pytest.MonkeyPatch) -> None:
    # hundreds of expected 403s, each with a drawn traceback, take most of a minute
    monkeypatch.setattr(logging.getLogger("django.request"), "disabled", True)


@pytest.fixture
def world() -> World:
    return World()


def test_the_table_names_existing_urls_only(world: World) -> None:
    assert set(READABLE) <= {name for name, _ in world.urls()}
    assert len(dict(world.urls())) > 80


def test_nobody_signed_in_sees_nothing_but_the_sign_in_page(world: World) -> None:
    before, nobody = rows(), factories.browser_of(None)

    answers = {name: nobody.get(path).status_code for name, path in world.urls()}

    assert {name for name, status in answers.items() if status == 200} == OPEN_DOORS
    assert rows() == before


@pytest.mark.parametrize("role", Role.values)
def test_a_role_reads_what_the_table_allows_and_reading_changes_nothing(
    world: World, role: str
) -> None:
    user = world.owner if role == Role.TRADER else factories.UserFactory(role=role)
    clients = {True: factories.api_of(user), False: factories.browser_of(user)}
    before, state = rows(), state_of(world)

    answers = {
        name: clients[path.startswith("/api/")].get(path).status_code
        for name, path in world.urls()
        if name not in WITH_PARAMETERS
    }

    seen = {name for name, status in answers.items() if status == 200}
    assert {name for name in seen if not may_read(name, user)} == set()
    missing = {name for name in READABLE if may_read(name, user)} - seen
    assert missing == set()
    assert {name for name, status in answers.items() if status >= 500} == set()
    assert rows() == before
    assert state_of(world) == state


@pytest.mark.parametrize("who", ["nobody", "viewer", "stranger"])
def test_who_may_not_write_changes_nothing_by_post(world: World, who: str) -> None:
    user = {
        "nobody": lambda: None,
        "viewer": lambda: factories.UserFactory(role=Role.VIEWER),
        "stranger": lambda: factories.UserFactory(role=Role.TRADER),
    }[who]()
    clients = {True: factories.api_of(user), False: factories.browser_of(user)}
    before, state = rows(), state_of(world)

    answers = {
        name: clients[path.startswith("/api/")].post(path).status_code
        for name, path in world.urls()
        if name not in SESSIONS
    }

    assert {name for name, status in answers.items() if 200 <= status < 300} == set()
    assert {name for name, status in answers.items() if status >= 500} == set()
    assert rows() == before
    assert state_of(world) == state


@pytest.mark.parametrize("method", ["put", "patch", "delete"])
def test_a_stranger_changes_nothing_by_any_other_method(world: World, method: str) -> None:
    stranger = factories.UserFactory(role=Role.TRADER)
    clients = {True: factories.api_of(stranger), False: factories.browser_of(stranger)}
    before, state = rows(), state_of(world)

    answers = {
        name: getattr(clients[path.startswith("/api/")], method)(path).status_code
        for name, path in world.urls()
        if name not in SESSIONS
    }

    assert set(answers.values()) <= {302, 400, 401, 403, 404, 405}
    assert rows() == before
    assert state_of(world) == state
