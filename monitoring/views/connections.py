"""Connections: list, one, new, edit, and the acts on one."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render, resolve_url
from django.utils import timezone

from connections.forms import CredentialsForm, LiveOnForm, NewConnectionForm, SettingsForm
from connections.models import Connection
from connections.selectors import connections_for, newest_tests
from connections.services import lifecycle, live_trading
from connections.services.creation import create_connection
from connections.services.editing import edit_connection, replace_credentials
from connections.services.state import place_and_money
from connections.services.testing import test_connection
from cts.actors import Actor
from cts.choices import Source
from cts.errors import Refused
from cts.roles import Act
from monitoring.access import WRITE, PageRequest, page
from monitoring.engine_status import engine_status
from monitoring.selectors import engine_or_none, visible_positions
from monitoring.views import answers
from positions.models import Refusal
from positions.models.positions import OPEN_STATES

READ_AND_WRITE = ("GET", "HEAD", "POST")
REFUSALS_SHOWN = 10


@page(Act.VIEW)
def connection_list(request: PageRequest) -> HttpResponse:
    """List every connection that is not deleted."""
    now = timezone.now()
    connections = connections_for(request.user).select_related("engine").order_by("name", "id")
    rows = [(each, engine_status(engine_or_none(each), now)) for each in connections]
    return render(request, "connections/list.html", {"rows": rows})


@page(Act.VIEW)
def detail(request: PageRequest, pk: int) -> HttpResponse:
    """Show one connection: settings, tests, engine, refused entries."""
    connection = get_object_or_404(connections_for(request.user).select_related("engine"), pk=pk)
    context = {
        "connection": connection,
        "status": engine_status(engine_or_none(connection), timezone.now()),
        "tests": newest_tests(connection, 5),
        "refusals": Refusal.objects.filter(connection=connection)[:REFUSALS_SHOWN],
        "open_positions": _open_positions(request, connection),
    }
    return render(request, "connections/connection.html", context)


@page(Act.MANAGE_CONNECTION, READ_AND_WRITE)
def new(request: PageRequest) -> HttpResponse:
    """Create a connection of the signed-in person."""
    form = NewConnectionForm(answers.posted(request))
    if request.method == "POST" and form.is_valid():
        try:
            connection = create_connection(
                actor=Actor.from_request(request, Source.WEB),
                owner=request.user,
                **form.place_and_credentials,
                **form.settings,
            )
        except Refused as error:
            add_refusal(form, error)
        else:
            messages.success(request, f"{connection.name} is saved. Test it, then enable it.")
            return redirect("connection", pk=connection.pk)
    return _form_page(request, "connections/new.html", {"form": form})


@page(Act.MANAGE_CONNECTION, READ_AND_WRITE)
def edit(request: PageRequest, pk: int) -> HttpResponse:
    """Change how a connection trades."""
    connection = get_object_or_404(connections_for(request.user), pk=pk)
    name = connection.name
    form = SettingsForm(answers.posted(request), instance=connection)
    if request.method == "POST" and form.is_valid():
        try:
            edit_connection(
                actor=Actor.from_request(request, Source.WEB),
                connection=connection,
                **form.settings,
            )
        except Refused as error:
            add_refusal(form, error)
        else:
            messages.success(request, f"{connection.name} is saved.")
            return redirect("connection", pk=pk)
    return _form_page(
        request, "connections/edit.html", {"form": form, "connection": connection, "name": name}
    )


@page(Act.MANAGE_CONNECTION, READ_AND_WRITE)
def credentials(request: PageRequest, pk: int) -> HttpResponse:
    """Replace the credentials of a disabled connection."""
    connection = get_object_or_404(connections_for(request.user), pk=pk)
    form = CredentialsForm(answers.posted(request))
    if request.method == "POST" and form.is_valid():
        try:
            replace_credentials(
                actor=Actor.from_request(request, Source.WEB),
                connection=connection,
                **form.cleaned_data,
            )
        except Refused as error:
            add_refusal(form, error)
        else:
            messages.success(request, "The new credentials are saved. Test the connection.")
            return redirect("connection", pk=pk)
    return _form_page(
        request, "connections/credentials.html", {"form": form, "connection": connection}
    )


@page(Act.MANAGE_CONNECTION, READ_AND_WRITE)
def live_on(request: PageRequest, pk: int) -> HttpResponse:
    """Choose what live trading follows, and confirm by the connection's name."""
    connection = get_object_or_404(connections_for(request.user), pk=pk)
    initial = {"indication_types": connection.indication_types or ["direction", "move"]}
    form = LiveOnForm(answers.posted(request), initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            live_trading.switch_live_on(
                actor=Actor.from_request(request, Source.WEB),
                connection=connection,
                **form.cleaned_data,
            )
        except Refused as error:
            add_refusal(form, error)
        else:
            message = f"Live trading of {connection.name} is on: {place_and_money(connection)}."
            return answers.done(request, message, to=answers.next_url(request))
    context = {"form": form, "connection": connection, "place": place_and_money(connection)}
    status = 400 if form.errors else 200
    return answers.dialog(request, "connections/live_on.html", context, status=status)


@page(Act.MANAGE_CONNECTION, WRITE)
def test(request: PageRequest, pk: int) -> HttpResponse:
    """Run the connection test; it may take 30 s."""
    connection = get_object_or_404(connections_for(request.user), pk=pk)
    try:
        result = test_connection(
            actor=Actor.from_request(request, Source.WEB), connection=connection
        )
    except Refused as error:
        answers.refused(request, error)
    else:
        if result.ok:
            messages.success(request, f"The test passed. {result.message}")
        else:
            messages.error(request, f"The test failed. {result.message}")
    return answers.go(request, resolve_url("connection", pk=pk))


@dataclass(frozen=True, slots=True)
class _ActWords:
    """One act on a connection: its service and what is said before and after."""

    service: Callable[..., Connection]
    done: str
    title: str = ""
    consequence: str = ""
    button: str = ""
    after: str = "connection"


_ENABLE = _ActWords(lifecycle.enable, "{name} is enabled. Add it to the dashboard when you like.")
_ACTIVATE = _ActWords(
    lifecycle.activate, "{name} is on the dashboard. Start its engine to collect data."
)
_DEACTIVATE = _ActWords(
    lifecycle.deactivate,
    "{name} is no longer on the dashboard.",
    title="Remove {name} from the dashboard?",
    consequence="Live and preset trading go off first, and its engine ends.",
    button="Remove",
)
_DISABLE = _ActWords(
    lifecycle.disable,
    "{name} is disabled.",
    title="Disable {name}?",
    consequence="Live and preset trading go off first, and its engine ends. It is kept.",
    button="Disable",
)
_LIVE_OFF = _ActWords(
    live_trading.switch_live_off,
    "Live trading of {name} is off: no new entries, open positions are managed to their end.",
    title="Switch live trading of {name} off?",
    consequence="No new entries; open positions are managed to their end.",
    button="Live off",
)
_DELETE = _ActWords(
    lifecycle.delete,
    "{name} is deleted.",
    title="Delete {name}?",
    consequence="Nobody sees or uses it any more; its history is kept.",
    button="Delete",
    after="connections",
)


@page(Act.MANAGE_CONNECTION, WRITE)
def enable(request: PageRequest, pk: int) -> HttpResponse:
    """Enable a connection; tests it where the last test is old."""
    return _carry_out(request, pk, _ENABLE)


@page(Act.MANAGE_CONNECTION, WRITE)
def activate(request: PageRequest, pk: int) -> HttpResponse:
    """Add an enabled connection to the dashboard."""
    return _carry_out(request, pk, _ACTIVATE)


@page(Act.MANAGE_CONNECTION, READ_AND_WRITE)
def deactivate(request: PageRequest, pk: int) -> HttpResponse:
    """Remove a connection from the dashboard, after asking."""
    return _ask_and_carry_out(request, pk, _DEACTIVATE)


@page(Act.MANAGE_CONNECTION, READ_AND_WRITE)
def disable(request: PageRequest, pk: int) -> HttpResponse:
    """Disable a connection, after asking."""
    return _ask_and_carry_out(request, pk, _DISABLE)


@page(Act.MANAGE_CONNECTION, READ_AND_WRITE)
def live_off(request: PageRequest, pk: int) -> HttpResponse:
    """Switch live trading off, after asking."""
    return _ask_and_carry_out(request, pk, _LIVE_OFF)


@page(Act.MANAGE_CONNECTION, READ_AND_WRITE)
def delete(request: PageRequest, pk: int) -> HttpResponse:
    """Delete a connection softly, after asking."""
    return _ask_and_carry_out(request, pk, _DELETE)


def add_refusal(form: forms.BaseForm, error: Refused) -> None:
    """Show a service's refusal at the field at fault, else above the form."""
    form.add_error(error.field if error.field in form.fields else None, error.message)


def _carry_out(request: PageRequest, pk: int, act: _ActWords) -> HttpResponse:
    connection = get_object_or_404(connections_for(request.user), pk=pk)
    try:
        act.service(actor=Actor.from_request(request, Source.WEB), connection=connection)
    except Refused as error:
        answers.refused(request, error)
    else:
        messages.success(request, act.done.format(name=connection.name))
    return answers.go(request, resolve_url("connection", pk=pk))


def _ask_and_carry_out(request: PageRequest, pk: int, act: _ActWords) -> HttpResponse:
    connection = get_object_or_404(connections_for(request.user), pk=pk)
    refusal = None
    if request.method == "POST":
        try:
            act.service(actor=Actor.from_request(request, Source.WEB), connection=connection)
        except Refused as error:
            refusal = error.message
        else:
            to = (
                resolve_url("connections")
                if act.after == "connections"
                else answers.next_url(request)
            )
            return answers.done(request, act.done.format(name=connection.name), to=to)
    context = {
        "connection": connection,
        "title": act.title.format(name=connection.name),
        "consequence": act.consequence,
        "button": act.button,
        "open_positions": _open_positions(request, connection),
        "refusal": refusal,
    }
    return answers.dialog(
        request, "connections/confirm.html", context, status=409 if refusal else 200
    )


def _open_positions(request: PageRequest, connection: Connection) -> int:
    positions = visible_positions(request.user).filter(connection=connection)
    return positions.filter(state__in=OPEN_STATES).count()


def _form_page(request: PageRequest, template: str, context: dict[str, Any]) -> HttpResponse:
    return render(request, template, context, status=400 if context["form"].errors else 200)
