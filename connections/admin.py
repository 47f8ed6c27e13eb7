"""The admin's pages of connections and their tests."""

from typing import Any

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from unfold.decorators import action, display
from unfold.forms import BaseDialogForm
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from connections.forms import LiveOnForm, NewConnectionForm, SettingsForm
from connections.models import Connection, ConnectionTest
from connections.open_positions import open_positions
from connections.selectors import connections_for
from connections.services import lifecycle, live_trading
from connections.services.creation import create_connection
from connections.services.editing import edit_connection
from connections.services.testing import test_connection
from connections.services.validation import EDITABLE
from cts.actors import Actor
from cts.admin_pages import (
    ENVIRONMENT_LABELS,
    RecordAdmin,
    ServiceAdmin,
    ServiceFormMixin,
    asking,
    carry_out,
    styled,
)
from cts.roles import Act, scope_of


class NewConnectionAdminForm(ServiceFormMixin, NewConnectionForm):
    """A new connection of the signed-in person."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields.update(styled(NewConnectionForm))
        self.fields["forced_symbols"].widget = UnfoldAdminTextInputWidget()

    def carry_out(self, actor: Actor) -> Model:
        """Create the connection."""
        if actor.user is None:
            raise ValueError("expected a signed-in person, was the system")
        return create_connection(
            actor=actor, owner=actor.user, **self.place_and_credentials, **self.settings
        )


class ConnectionAdminForm(ServiceFormMixin, SettingsForm):
    """How an existing connection trades."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "forced_symbols" in self.fields:
            self.fields["forced_symbols"].widget = UnfoldAdminTextInputWidget()

    def carry_out(self, actor: Actor) -> Model:
        """Change the connection."""
        return edit_connection(actor=actor, connection=self.instance, **self.settings)


class LiveOnDialog(BaseDialogForm, LiveOnForm):
    """What live trading follows, confirmed by the connection's name."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["indication_types"].widget = UnfoldAdminCheckboxSelectMultipleWidget(
            choices=LiveOnForm.base_fields["indication_types"].choices  # type: ignore[attr-defined]
        )
        for name in ("trailing", "block", "dca"):
            self.fields[name].widget = UnfoldBooleanSwitchWidget()
        self.fields["confirmation"].widget = UnfoldAdminTextInputWidget()


@admin.register(Connection)
class ConnectionAdmin(ServiceAdmin):
    """Connections: settings by form, every change of state as an act that asks first."""

    list_display = (
        "name",
        "environment_label",
        "exchange",
        "market_type",
        "state_label",
        "last_test_ok",
        "balance_quote",
        "balance_at",
        "owner",
    )
    list_filter = ("environment", "exchange", "market_type", "is_enabled", "is_active")
    search_fields = ("name", "exchange", "owner__username")
    list_select_related = ("owner",)
    actions_detail = [
        "test",
        "enable",
        "activate",
        "live_on",
        "live_off",
        "deactivate",
        "disable",
        "delete_softly",
    ]
    _shown = (
        "owner",
        "exchange",
        "environment",
        "market_type",
        "key_hint",
        "state_label",
        "indication_types",
        "last_test_at",
        "last_test_ok",
        "last_test_message",
        "balance_quote",
        "balance_at",
        "created_at",
        "updated_at",
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Connection]:
        """Give what the person may see; deleted ones are left out."""
        return connections_for(request.user).order_by("name", "id")

    def get_form(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        """Ask for credentials only when a connection is created."""
        form = ConnectionAdminForm if obj else NewConnectionAdminForm
        # the model's own secret fields are not editable: the form's stand in for them
        kwargs |= {"form": form, "fields": form.Meta.fields}
        return super().get_form(request, obj, **kwargs)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Give the form, and below it what the exchange said."""
        settings = ("How it trades", {"fields": EDITABLE[1:]})
        if obj:
            shown = ("Where it stands", {"fields": self._shown})
            return ((None, {"fields": ("name",)}), settings, shown)
        where = ("name", "exchange", "environment", "market_type")
        credentials = ("api_key", "api_secret", "passphrase")
        return (
            (None, {"fields": where}),
            ("Credentials, taken once and never shown again", {"fields": credentials}),
            settings,
        )

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Give what only acts and the exchange change."""
        return self._shown if obj else ()

    @display(description="Environment", ordering="environment", label=ENVIRONMENT_LABELS)
    def environment_label(self, connection: Connection) -> str:
        """Show where orders go."""
        return connection.get_environment_display()

    @display(description="State")
    def state_label(self, connection: Connection) -> str:
        """Show the state in a word."""
        return connection.state

    def has_manage_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """Tell whether the role manages connections at all; the service checks whose."""
        return scope_of(request.user, Act.MANAGE_CONNECTION) is not None

    @action(
        description="Test",
        url_path="test",
        permissions=["manage"],
        dialog=asking("Test this connection?", "Asks the exchange; may take 30 s.", "Test"),
    )
    def test(self, request: HttpRequest, form: BaseDialogForm, object_id: int) -> HttpResponse:
        """Run the connection test."""

        def service(actor: Actor, connection: Connection) -> str:
            result = test_connection(actor=actor, connection=connection)
            return f"The test {'passed' if result.ok else 'failed'}: {result.message}"

        return carry_out(self, request, object_id, service)

    @action(
        description="Enable",
        url_path="enable",
        permissions=["manage"],
        dialog=asking("Enable this connection?", "Tests it first where needed.", "Enable"),
    )
    def enable(self, request: HttpRequest, form: BaseDialogForm, object_id: int) -> HttpResponse:
        """Make the connection ready to trade."""

        def service(actor: Actor, connection: Connection) -> str:
            lifecycle.enable(actor=actor, connection=connection)
            return f"{connection.name} is enabled."

        return carry_out(self, request, object_id, service)

    @action(
        description="Add to the dashboard",
        url_path="activate",
        permissions=["manage"],
        dialog=asking("Add to the dashboard?", "Its engine may be started then.", "Add"),
    )
    def activate(self, request: HttpRequest, form: BaseDialogForm, object_id: int) -> HttpResponse:
        """Add the connection to the dashboard."""

        def service(actor: Actor, connection: Connection) -> str:
            lifecycle.activate(actor=actor, connection=connection)
            return f"{connection.name} is on the dashboard."

        return carry_out(self, request, object_id, service)

    @action(
        description="Live on",
        url_path="live-on",
        permissions=["manage"],
        dialog=asking(
            "Switch live trading on?",
            "Orders are sent: real money, unless the connection is a testnet or sandbox one. "
            "Type the connection's name to confirm.",
            "Switch live trading on",
            LiveOnDialog,
        ),
    )
    def live_on(self, request: HttpRequest, form: LiveOnDialog, object_id: int) -> HttpResponse:
        """Switch live trading on."""

        def service(actor: Actor, connection: Connection) -> str:
            names = LiveOnForm.base_fields
            given = {name: form.cleaned_data[name] for name in names}
            live_trading.switch_live_on(actor=actor, connection=connection, **given)
            return f"Live trading of {connection.name} is on."

        return carry_out(self, request, object_id, service)

    @action(
        description="Live off",
        url_path="live-off",
        permissions=["manage"],
        dialog=asking("Switch live trading off?", "No new entries; exits go on.", "Live off"),
    )
    def live_off(self, request: HttpRequest, form: BaseDialogForm, object_id: int) -> HttpResponse:
        """Switch live trading off."""

        def service(actor: Actor, connection: Connection) -> str:
            live_trading.switch_live_off(actor=actor, connection=connection)
            return f"Live trading of {connection.name} is off."

        return carry_out(self, request, object_id, service)

    @action(
        description="Remove from the dashboard",
        url_path="deactivate",
        permissions=["manage"],
        dialog=asking("Remove from the dashboard?", "Live trading goes off first.", "Remove"),
    )
    def deactivate(
        self, request: HttpRequest, form: BaseDialogForm, object_id: int
    ) -> HttpResponse:
        """Remove the connection from the dashboard."""

        def service(actor: Actor, connection: Connection) -> str:
            lifecycle.deactivate(actor=actor, connection=connection)
            return f"{connection.name} is no longer on the dashboard.{_what_remains(connection)}"

        return carry_out(self, request, object_id, service)

    @action(
        description="Disable",
        url_path="disable",
        permissions=["manage"],
        dialog=asking("Disable this connection?", "Live trading goes off first.", "Disable"),
    )
    def disable(self, request: HttpRequest, form: BaseDialogForm, object_id: int) -> HttpResponse:
        """Disable the connection."""

        def service(actor: Actor, connection: Connection) -> str:
            lifecycle.disable(actor=actor, connection=connection)
            return f"{connection.name} is disabled.{_what_remains(connection)}"

        return carry_out(self, request, object_id, service)

    @action(
        description="Delete",
        url_path="delete-softly",
        permissions=["manage"],
        dialog=asking("Delete this connection?", "Its history is kept.", "Delete"),
    )
    def delete_softly(
        self, request: HttpRequest, form: BaseDialogForm, object_id: int
    ) -> HttpResponse:
        """Delete the connection; its history is kept."""

        def service(actor: Actor, connection: Connection) -> str:
            lifecycle.delete(actor=actor, connection=connection)
            return f"{connection.name} is deleted."

        return carry_out(self, request, object_id, service)


@admin.register(ConnectionTest)
class ConnectionTestAdmin(RecordAdmin):
    """What every test of a connection found."""

    list_display = ("connection", "started_at", "ok", "message", "duration_ms")
    list_filter = ("ok", "connection__environment")
    search_fields = ("connection__name", "message")
    list_select_related = ("connection",)


def _what_remains(connection: Connection) -> str:
    remaining = open_positions(connection)
    return f" Still open: {', '.join(remaining)}." if remaining else ""
