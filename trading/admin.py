"""The admin's pages of engines, tournaments, sets and markets."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from unfold.admin import TabularInline
from unfold.decorators import action, display
from unfold.forms import BaseDialogForm
from unfold.widgets import UnfoldBooleanSwitchWidget

from cts.actors import Actor
from cts.admin_pages import ENVIRONMENT_LABELS, RecordAdmin, asking, carry_out
from cts.roles import Act, scope_of
from trading.engine import control
from trading.models import (
    Engine,
    EngineChange,
    Market,
    StageChange,
    Tournament,
    TournamentSet,
)

ACTUAL_LABELS = {
    "Running": "success",
    "Starting": "info",
    "Paused": "warning",
    "Halted by a limit": "danger",
    "Error": "danger",
}


class StopDialog(BaseDialogForm):
    """Whether open positions may be left to their stops."""

    leave_positions = forms.BooleanField(
        required=False,
        label="Stop although live positions are open",
        widget=UnfoldBooleanSwitchWidget,
    )


class EngineChangeInline(TabularInline):
    """What was wanted and what was, newest first."""

    model = EngineChange
    extra = 0
    can_delete = False
    fields = ("at", "column", "before", "after", "who", "why")
    readonly_fields = fields


@admin.register(Engine)
class EngineAdmin(RecordAdmin):
    """Engines: to read, with start, pause, resume and stop as acts that ask first."""

    list_display = (
        "connection",
        "environment_label",
        "desired",
        "actual_label",
        "phase",
        "heartbeat_at",
        "cycles",
        "last_cycle_ms",
        "p99_cycle_ms",
        "lease_holder",
    )
    list_filter = ("desired", "actual", "connection__environment")
    search_fields = ("connection__name", "lease_holder")
    list_select_related = ("connection",)
    inlines = (EngineChangeInline,)
    actions_detail = ["start", "pause", "resume", "stop"]

    @display(
        description="Environment", ordering="connection__environment", label=ENVIRONMENT_LABELS
    )
    def environment_label(self, engine: Engine) -> str:
        """Show where orders go."""
        return engine.connection.get_environment_display()

    @display(description="Actual", ordering="actual", label=ACTUAL_LABELS)
    def actual_label(self, engine: Engine) -> str:
        """Show what the engine does."""
        return engine.get_actual_display()

    def has_operate_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """Tell whether the role operates engines at all; the service checks whose."""
        return scope_of(request.user, Act.OPERATE_ENGINE) is not None

    @action(
        description="Start",
        url_path="start",
        permissions=["operate"],
        dialog=asking("Start this engine?", "It loads, replays, reconciles, then runs.", "Start"),
    )
    def start(self, request: HttpRequest, form: BaseDialogForm, object_id: int) -> HttpResponse:
        """Want the engine running."""

        def service(actor: Actor, engine: Engine) -> str:
            control.start(actor=actor, engine=engine)
            return f"The engine of {engine.connection.name} is asked to start."

        return carry_out(self, request, object_id, service)

    @action(
        description="Pause",
        url_path="pause",
        permissions=["operate"],
        dialog=asking("Pause this engine?", "No new entries; exits go on.", "Pause"),
    )
    def pause(self, request: HttpRequest, form: BaseDialogForm, object_id: int) -> HttpResponse:
        """Want no new entries."""

        def service(actor: Actor, engine: Engine) -> str:
            control.pause(actor=actor, engine=engine)
            return f"The engine of {engine.connection.name} is asked to pause."

        return carry_out(self, request, object_id, service)

    @action(
        description="Resume",
        url_path="resume",
        permissions=["operate"],
        dialog=asking("Resume this engine?", "After a halt, losses count anew.", "Resume"),
    )
    def resume(self, request: HttpRequest, form: BaseDialogForm, object_id: int) -> HttpResponse:
        """End a pause or a halt."""

        def service(actor: Actor, engine: Engine) -> str:
            control.resume(actor=actor, engine=engine)
            return f"The engine of {engine.connection.name} is asked to resume."

        return carry_out(self, request, object_id, service)

    @action(
        description="Stop",
        url_path="stop",
        permissions=["operate"],
        dialog=asking(
            "Stop this engine?",
            "The loop ends. Stops on the exchange stay in place; nothing else is watched.",
            "Stop",
            StopDialog,
        ),
    )
    def stop(self, request: HttpRequest, form: StopDialog, object_id: int) -> HttpResponse:
        """Want the loop to end."""

        def service(actor: Actor, engine: Engine) -> str:
            leave = form.cleaned_data["leave_positions"]
            control.stop(actor=actor, engine=engine, leave_positions=leave)
            return f"The engine of {engine.connection.name} is asked to stop."

        return carry_out(self, request, object_id, service)


@admin.register(Tournament)
class TournamentAdmin(RecordAdmin):
    """Grids of sets that trade on paper."""

    list_display = ("exchange", "environment_label", "market_type", "timeframe", "gate_profile")
    list_filter = ("environment", "gate_profile")

    @display(description="Environment", ordering="environment", label=ENVIRONMENT_LABELS)
    def environment_label(self, tournament: Tournament) -> str:
        """Show whose prices they trade on."""
        return tournament.get_environment_display()


@admin.register(TournamentSet)
class TournamentSetAdmin(RecordAdmin):
    """Sets from Base active upward."""

    list_display = ("key", "stage", "tournament", "since_ms")
    list_filter = ("stage", "tournament")
    search_fields = ("key",)
    list_select_related = ("tournament",)


@admin.register(StageChange)
class StageChangeAdmin(RecordAdmin):
    """Steps of sets, with their evidence."""

    list_display = ("set_key", "before", "after", "frame_ms", "tournament")
    list_filter = ("after", "tournament")
    search_fields = ("set_key",)
    list_select_related = ("tournament",)


@admin.register(Market)
class MarketAdmin(RecordAdmin):
    """Markets with lot, tick and minimum notional."""

    list_display = ("symbol", "exchange", "environment", "market_type", "lot", "tick", "synced_at")
    list_filter = ("exchange", "environment", "market_type", "is_trading")
    search_fields = ("symbol",)
