"""The admin's pages of positions, orders, fills and refusals: records to read."""

from django.contrib import admin
from unfold.admin import TabularInline
from unfold.decorators import display

from cts.admin_pages import ENVIRONMENT_LABELS, RecordAdmin
from positions.models import Fill, LivePosition, Order, OrderEvent, PseudoPosition, Refusal


class _EnvironmentMixin:
    @display(
        description="Environment", ordering="connection__environment", label=ENVIRONMENT_LABELS
    )
    def environment_label(self, record: LivePosition | Order | Fill | Refusal) -> str:
        """Show where the orders go."""
        return record.connection.get_environment_display()


class OrderEventInline(TabularInline):
    """The changes of one order's state."""

    model = OrderEvent
    extra = 0
    can_delete = False
    fields = ("at", "before", "after", "detail")
    readonly_fields = fields


@admin.register(LivePosition)
class LivePositionAdmin(_EnvironmentMixin, RecordAdmin):
    """Positions with money."""

    list_display = (
        "id",
        "environment_label",
        "symbol",
        "side",
        "state",
        "entry_price",
        "stop_price",
        "stop_kind",
        "close_reason",
        "realised_quote",
        "fees_quote",
        "opened_at",
        "closed_at",
    )
    list_filter = ("state", "connection__environment", "side", "stop_kind", "close_reason")
    search_fields = ("symbol", "set_key", "cause", "connection__name")
    list_select_related = ("connection",)


@admin.register(PseudoPosition)
class PseudoPositionAdmin(RecordAdmin):
    """Positions on paper."""

    list_display = (
        "id",
        "symbol",
        "side",
        "stage",
        "entry_price",
        "exit_price",
        "close_reason",
        "net_units",
        "set_key",
    )
    list_filter = ("side", "stage", "close_reason")
    search_fields = ("symbol", "set_key")


@admin.register(Order)
class OrderAdmin(_EnvironmentMixin, RecordAdmin):
    """Orders with every change of their state."""

    list_display = (
        "id",
        "environment_label",
        "symbol",
        "purpose",
        "side",
        "kind",
        "state",
        "quantity",
        "filled_quantity",
        "average_price",
        "client_order_id",
        "created_at",
    )
    list_filter = ("state", "purpose", "connection__environment")
    search_fields = ("symbol", "client_order_id", "exchange_order_id", "connection__name")
    list_select_related = ("connection",)
    inlines = (OrderEventInline,)


@admin.register(Fill)
class FillAdmin(_EnvironmentMixin, RecordAdmin):
    """Trades at the exchange."""

    list_display = (
        "id",
        "environment_label",
        "symbol",
        "price",
        "quantity",
        "fee",
        "fee_currency",
        "exchange_trade_id",
        "at",
    )
    list_filter = ("connection__environment",)
    search_fields = ("symbol", "exchange_trade_id", "connection__name")
    list_select_related = ("connection",)


@admin.register(Refusal)
class RefusalAdmin(_EnvironmentMixin, RecordAdmin):
    """Entries that a gate refused, and why."""

    list_display = ("at", "environment_label", "connection", "symbol", "side", "code", "message")
    list_filter = ("code", "connection__environment")
    search_fields = ("symbol", "code", "message", "connection__name")
    list_select_related = ("connection",)
