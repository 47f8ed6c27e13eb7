"""Positions, orders, fills and refusals over the API."""

import django_filters  # type: ignore[import-untyped]
from django.db.models import Prefetch, QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.routers import SimpleRouter

from cts.actors import Actor
from cts.api.serializers import AmountField, RecordSerializer
from cts.choices import Source
from cts.roles import Act, visible
from positions.choices import OrderState, PositionState, Side
from positions.closing import request_close
from positions.models import Fill, LivePosition, Order, OrderEvent, PseudoPosition, Refusal
from positions.models.positions import OPEN_STATES


class FillSerializer(RecordSerializer):
    """One trade at the exchange."""

    class Meta:
        model = Fill
        fields = (
            "id",
            "connection",
            "order",
            "symbol",
            "exchange_trade_id",
            "price",
            "quantity",
            "fee",
            "fee_currency",
            "at",
        )
        read_only_fields = fields


class OrderEventSerializer(RecordSerializer):
    """One change of an order's state, with what the exchange said."""

    class Meta:
        model = OrderEvent
        fields = ("at", "before", "after", "detail")
        read_only_fields = fields


class OrderSerializer(RecordSerializer):
    """One order."""

    class Meta:
        model = Order
        fields: tuple[str, ...] = (
            "id",
            "connection",
            "position",
            "purpose",
            "cause",
            "client_order_id",
            "exchange_order_id",
            "symbol",
            "side",
            "position_side",
            "kind",
            "reduce_only",
            "quantity",
            "limit_price",
            "trigger_price",
            "reference_price",
            "sizing",
            "close_reason",
            "state",
            "filled_quantity",
            "average_price",
            "error_code",
            "error_message",
            "created_at",
            "sent_at",
            "settled_at",
        )
        read_only_fields: tuple[str, ...] = fields


class OrderDetailSerializer(OrderSerializer):
    """One order with its events and fills."""

    events = OrderEventSerializer(many=True, read_only=True)
    fills = FillSerializer(many=True, read_only=True)

    class Meta(OrderSerializer.Meta):
        fields = (*OrderSerializer.Meta.fields, "events", "fills")
        read_only_fields = fields


class LivePositionSerializer(RecordSerializer):
    """One position with money. Quantities in base units, money in quote currency."""

    environment = serializers.CharField(source="connection.environment", read_only=True)
    open_quantity = AmountField(max_digits=30, decimal_places=12, read_only=True)

    class Meta:
        model = LivePosition
        fields: tuple[str, ...] = (
            "id",
            "connection",
            "environment",
            "symbol",
            "side",
            "state",
            "source",
            "cause",
            "set_key",
            "indication_type",
            "position_cost_pct",
            "take_profit_pct",
            "stop_loss_pct",
            "trailing_start_pct",
            "trailing_stop_pct",
            "entry_price",
            "entry_quantity",
            "exit_price",
            "exit_quantity",
            "open_quantity",
            "take_profit_price",
            "stop_price",
            "stop_kind",
            "best_price",
            "worst_price",
            "realised_quote",
            "fees_quote",
            "fees_known",
            "funding_quote",
            "close_reason",
            "sync_state",
            "created_at",
            "opened_at",
            "closed_at",
        )
        read_only_fields: tuple[str, ...] = fields


class LivePositionDetailSerializer(LivePositionSerializer):
    """One position with its orders, their events and fills."""

    orders = OrderDetailSerializer(many=True, read_only=True)

    class Meta(LivePositionSerializer.Meta):
        fields = (*LivePositionSerializer.Meta.fields, "orders")
        read_only_fields = fields


class PseudoPositionSerializer(RecordSerializer):
    """One position on paper. Times in milliseconds since the epoch; results in units."""

    class Meta:
        model = PseudoPosition
        fields = (
            "id",
            "tournament_id",
            "set_key",
            "symbol",
            "side",
            "stage",
            "strength",
            "open_ms",
            "close_ms",
            "entry_price",
            "exit_price",
            "close_reason",
            "result_units",
            "net_units",
        )
        read_only_fields = fields


class RefusalSerializer(RecordSerializer):
    """An entry that a gate refused."""

    class Meta:
        model = Refusal
        fields = ("id", "connection", "at", "symbol", "side", "code", "message", "sizing")
        read_only_fields = fields


class LivePositionFilter(django_filters.FilterSet):
    """By state, symbol, side, connection; `open` for opening, open and closing together."""

    state = django_filters.ChoiceFilter(choices=PositionState.choices)
    side = django_filters.ChoiceFilter(choices=Side.choices)
    open = django_filters.BooleanFilter(method="narrow_to_open", label="Open or ended")
    connection = django_filters.NumberFilter(field_name="connection_id")

    class Meta:
        model = LivePosition
        fields = ("state", "symbol", "side", "connection")

    def narrow_to_open(
        self, queryset: QuerySet[LivePosition], name: str, value: bool
    ) -> QuerySet[LivePosition]:
        """Keep open positions, or ended ones."""
        if value:
            return queryset.filter(state__in=OPEN_STATES)
        return queryset.exclude(state__in=OPEN_STATES)


class OrderFilter(django_filters.FilterSet):
    """By state, symbol, purpose, position, connection."""

    state = django_filters.ChoiceFilter(choices=OrderState.choices)
    connection = django_filters.NumberFilter(field_name="connection_id")
    position = django_filters.NumberFilter(field_name="position_id")

    class Meta:
        model = Order
        fields = ("state", "symbol", "purpose", "position", "connection")


class FillFilter(django_filters.FilterSet):
    """By symbol, order, connection."""

    connection = django_filters.NumberFilter(field_name="connection_id")
    order = django_filters.NumberFilter(field_name="order_id")

    class Meta:
        model = Fill
        fields = ("symbol", "order", "connection")


class PseudoPositionFilter(django_filters.FilterSet):
    """By tournament, set, symbol, side; `open` for those without an exit."""

    open = django_filters.BooleanFilter(field_name="close_ms", lookup_expr="isnull")

    class Meta:
        model = PseudoPosition
        fields = ("tournament_id", "set_key", "symbol", "side")


class RefusalFilter(django_filters.FilterSet):
    """By code, symbol, connection."""

    connection = django_filters.NumberFilter(field_name="connection_id")

    class Meta:
        model = Refusal
        fields = ("code", "symbol", "connection")


class LivePositionViewSet(
    mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet
):
    """Live positions, newest first."""

    acts = {"list": Act.VIEW, "retrieve": Act.VIEW, "close": Act.TRADE}
    queryset = LivePosition.objects.none()
    serializer_class = LivePositionSerializer
    filterset_class = LivePositionFilter

    def get_queryset(self) -> QuerySet[LivePosition]:
        """Narrow to what the person may see; a stranger's is not found."""
        positions = LivePosition.objects.select_related("connection")
        if self.action == "retrieve":
            orders = Order.objects.order_by("id").prefetch_related("events", "fills")
            positions = positions.prefetch_related(Prefetch("orders", orders))
        return visible(positions, self.request.user, owner="connection__owner")

    @extend_schema(responses=LivePositionDetailSerializer)
    def retrieve(self, request: Request, pk: str) -> Response:
        """Give one position with its orders and fills."""
        return Response(LivePositionDetailSerializer(self.get_object()).data)

    @extend_schema(request=None, responses=LivePositionSerializer)
    @action(detail=True, methods=["post"])
    def close(self, request: Request, pk: str) -> Response:
        """Close an open position at market; the engine carries it out within a cycle."""
        actor = Actor.from_request(request, Source.API)
        position = request_close(actor=actor, position=self.get_object())
        return Response(LivePositionSerializer(position).data)


class OrderViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet):
    """Orders, newest first."""

    acts = {"list": Act.VIEW, "retrieve": Act.VIEW}
    queryset = Order.objects.none()
    serializer_class = OrderSerializer
    filterset_class = OrderFilter

    def get_queryset(self) -> QuerySet[Order]:
        """Narrow to what the person may see; a stranger's is not found."""
        orders = Order.objects.all()
        if self.action == "retrieve":
            orders = orders.prefetch_related("events", "fills")
        return visible(orders, self.request.user, owner="connection__owner")

    @extend_schema(responses=OrderDetailSerializer)
    def retrieve(self, request: Request, pk: str) -> Response:
        """Give one order with its events and fills."""
        return Response(OrderDetailSerializer(self.get_object()).data)


class FillViewSet(mixins.ListModelMixin, viewsets.GenericViewSet):
    """Fills, newest first."""

    acts = {"list": Act.VIEW}
    queryset = Fill.objects.none()
    serializer_class = FillSerializer
    filterset_class = FillFilter

    def get_queryset(self) -> QuerySet[Fill]:
        """Narrow to what the person may see."""
        return visible(Fill.objects.all(), self.request.user, owner="connection__owner")


class PseudoPositionViewSet(mixins.ListModelMixin, viewsets.GenericViewSet):
    """Positions on paper of sets at Main and Real; they belong to nobody."""

    acts = {"list": Act.VIEW}
    queryset = PseudoPosition.objects.all()
    serializer_class = PseudoPositionSerializer
    filterset_class = PseudoPositionFilter


class RefusalViewSet(mixins.ListModelMixin, viewsets.GenericViewSet):
    """Entries that a gate refused, newest first."""

    acts = {"list": Act.VIEW}
    queryset = Refusal.objects.none()
    serializer_class = RefusalSerializer
    filterset_class = RefusalFilter

    def get_queryset(self) -> QuerySet[Refusal]:
        """Narrow to what the person may see."""
        return visible(Refusal.objects.all(), self.request.user, owner="connection__owner")


router = SimpleRouter(trailing_slash=False)
router.register("positions/live", LivePositionViewSet, basename="api-live-position")
router.register("positions/pseudo", PseudoPositionViewSet, basename="api-pseudo-position")
router.register("orders", OrderViewSet, basename="api-order")
router.register("fills", FillViewSet, basename="api-fill")
router.register("refusals", RefusalViewSet, basename="api-refusal")
urlpatterns = router.urls
