"""Start, pause, resume and stop of an engine, from the dashboard or the connection's page."""

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect

from connections.models import Connection
from connections.selectors import connections_for
from cts.actors import Actor
from cts.choices import Source
from cts.errors import Refused
from cts.roles import Act
from monitoring.access import WRITE, PageRequest, page
from monitoring.selectors import visible_positions
from monitoring.views import answers
from monitoring.views.dashboard import live_fragment
from positions.models.positions import OPEN_STATES
from trading.engine import control

_DIRECT_ACTS = {
    "start": (control.start, "The engine of {name} is asked to start."),
    "pause": (
        control.pause,
        "The engine of {name} is asked to pause: no new entries, exits go on.",
    ),
    "resume": (control.resume, "The engine of {name} is asked to resume."),
}


@page(Act.OPERATE_ENGINE, WRITE)
def act(request: PageRequest, pk: int, verb: str) -> HttpResponse:
    """Start, pause or resume the engine of a connection."""
    connection = get_object_or_404(connections_for(request.user), pk=pk)
    service, message = _DIRECT_ACTS[verb]
    try:
        engine = control.engine_of(connection)
        service(actor=Actor.from_request(request, Source.WEB), engine=engine)
    except Refused as error:
        answers.refused(request, error)
    else:
        messages.success(request, message.format(name=connection.name))
    if request.htmx:
        return live_fragment(request)
    return redirect(answers.next_url(request))


class StopForm(forms.Form):
    """Whether open positions may be left to their stops."""

    leave_positions = forms.BooleanField(
        required=False, label="Stop although live positions are open"
    )


@page(Act.OPERATE_ENGINE, ("GET", "HEAD", "POST"))
def stop(request: PageRequest, pk: int) -> HttpResponse:
    """Ask before the engine stops; say what stays open."""
    connection = get_object_or_404(connections_for(request.user), pk=pk)
    form = StopForm(answers.posted(request))
    status = 200
    if request.method == "POST" and form.is_valid():
        try:
            control.stop(
                actor=Actor.from_request(request, Source.WEB),
                engine=control.engine_of(connection),
                leave_positions=form.cleaned_data["leave_positions"],
            )
        except Refused as error:
            form.add_error(error.field if error.field in form.fields else None, error.message)
            status = 409
        else:
            message = f"The engine of {connection.name} is asked to stop."
            return answers.done(request, message, to=answers.next_url(request))
    return answers.dialog(
        request,
        "engines/stop.html",
        {
            "connection": connection,
            "form": form,
            "open_positions": _open_positions(request, connection),
        },
        status=status,
    )


def _open_positions(request: PageRequest, connection: Connection) -> int:
    return (
        visible_positions(request.user).filter(connection=connection, state__in=OPEN_STATES).count()
    )
