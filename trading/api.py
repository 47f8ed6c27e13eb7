"""Engines, tournaments, sets, stage changes, markets and prices over the API."""

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.routers import SimpleRouter

from connections.choices import Environment, MarketType
from cts.actors import Actor
from cts.api.serializers import AmountField, ReadOnlySerializer, RecordSerializer
from cts.choices import Source
from cts.roles import Act, visible
from trading.engine import control
from trading.market import board
from trading.models import Engine, Market, StageChange, Tournament, TournamentSet

MAX_PRICES = 500


class EngineSerializer(RecordSerializer):
    """One engine: wanted and actual state, pulse and pace."""

    environment = serializers.CharField(source="connection.environment", read_only=True)

    class Meta:
        model = Engine
        fields = (
            "id",
            "connection",
            "environment",
            "desired",
            "actual",
            "phase",
            "progress_pct",
            "reason",
            "interval_ms",
            "achieved_interval_ms",
            "lease_holder",
            "lease_expires_at",
            "heartbeat_at",
            "cycles",
            "failed_cycles",
            "last_cycle_ms",
            "mean_cycle_ms",
            "p99_cycle_ms",
            "last_error",
            "last_error_at",
        )
        read_only_fields = fields


class StopSerializer(serializers.Serializer):
    """Whether open positions may be left to their stops on the exchange."""

    leave_positions = serializers.BooleanField(default=False)


class TournamentSerializer(RecordSerializer):
    """One grid of sets that trades on paper."""

    class Meta:
        model = Tournament
        fields = (
            "id",
            "exchange",
            "environment",
            "market_type",
            "timeframe",
            "gate_profile",
            "symbols",
            "grid",
            "origin_ms",
            "frames",
            "created_at",
        )
        read_only_fields = fields


class TournamentSetSerializer(RecordSerializer):
    """A set that got as far as Base active."""

    class Meta:
        model = TournamentSet
        fields = ("id", "tournament", "key", "symbol", "stage", "since_ms", "evidence")
        read_only_fields = fields


class StageChangeSerializer(RecordSerializer):
    """One step of a set, with its evidence."""

    class Meta:
        model = StageChange
        fields = ("id", "tournament", "set_key", "frame_ms", "before", "after", "evidence")
        read_only_fields = fields


class MarketSerializer(RecordSerializer):
    """One market with lot, tick and minimum notional."""

    class Meta:
        model = Market
        fields = (
            "id",
            "exchange",
            "environment",
            "market_type",
            "symbol",
            "base",
            "quote",
            "lot",
            "tick",
            "min_quantity",
            "min_notional",
            "contract_size",
            "is_trading",
            "synced_at",
        )
        read_only_fields = fields


class PriceQuerySerializer(serializers.Serializer):
    """Which venue; `symbols` (comma-separated) narrows it, else every market of the venue."""

    exchange = serializers.CharField(max_length=40)
    environment = serializers.ChoiceField(choices=Environment.choices)
    market_type = serializers.ChoiceField(choices=MarketType.choices)
    symbols = serializers.CharField(required=False, max_length=4000)


class PriceSerializer(ReadOnlySerializer):
    """The newest price of one market with its age; null is unknown."""

    symbol = serializers.CharField()
    last = AmountField(max_digits=30, decimal_places=12)
    bid = AmountField(max_digits=30, decimal_places=12, allow_null=True)
    ask = AmountField(max_digits=30, decimal_places=12, allow_null=True)
    change_24h_pct = AmountField(max_digits=12, decimal_places=4, allow_null=True)
    at = serializers.DateTimeField()
    age_s = serializers.FloatField()
    is_stale = serializers.BooleanField()


class EngineViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet):
    """Engines of the connections that the signed-in person may see."""

    acts = {
        "list": Act.VIEW,
        "retrieve": Act.VIEW,
        "start": Act.OPERATE_ENGINE,
        "pause": Act.OPERATE_ENGINE,
        "resume": Act.OPERATE_ENGINE,
        "stop": Act.OPERATE_ENGINE,
    }
    queryset = Engine.objects.none()
    serializer_class = EngineSerializer
    filterset_fields = ("connection", "desired", "actual")

    def get_queryset(self) -> QuerySet[Engine]:
        """Narrow to what the person may see; a stranger's is not found."""
        engines = Engine.objects.select_related("connection")
        return visible(engines, self.request.user, owner="connection__owner")

    @extend_schema(request=None, responses=EngineSerializer)
    @action(detail=True, methods=["post"])
    def start(self, request: Request, pk: str) -> Response:
        """Want the engine running."""
        return self._answer(control.start(actor=self._actor(), engine=self.get_object()))

    @extend_schema(request=None, responses=EngineSerializer)
    @action(detail=True, methods=["post"])
    def pause(self, request: Request, pk: str) -> Response:
        """Want no new entries; exits go on."""
        return self._answer(control.pause(actor=self._actor(), engine=self.get_object()))

    @extend_schema(request=None, responses=EngineSerializer)
    @action(detail=True, methods=["post"])
    def resume(self, request: Request, pk: str) -> Response:
        """End a pause or a halt."""
        return self._answer(control.resume(actor=self._actor(), engine=self.get_object()))

    @extend_schema(request=StopSerializer, responses=EngineSerializer)
    @action(detail=True, methods=["post"])
    def stop(self, request: Request, pk: str) -> Response:
        """Want the loop to end; refused while positions are open unless they may be left."""
        given = StopSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        return self._answer(
            control.stop(actor=self._actor(), engine=self.get_object(), **given.validated_data)
        )

    def _actor(self) -> Actor:
        return Actor.from_request(self.request, Source.API)

    def _answer(self, engine: Engine) -> Response:
        return Response(EngineSerializer(engine).data)


class TournamentViewSet(mixins.ListModelMixin, viewsets.GenericViewSet):
    """Tournaments; they belong to nobody."""

    acts = {"list": Act.VIEW}
    queryset = Tournament.objects.all()
    serializer_class = TournamentSerializer
    filterset_fields = ("exchange", "environment", "market_type", "timeframe")


class TournamentSetViewSet(mixins.ListModelMixin, viewsets.GenericViewSet):
    """Sets from Base active upward."""

    acts = {"list": Act.VIEW}
    queryset = TournamentSet.objects.all()
    serializer_class = TournamentSetSerializer
    filterset_fields = ("tournament", "stage", "symbol")


class StageChangeViewSet(mixins.ListModelMixin, viewsets.GenericViewSet):
    """Stage changes with their evidence, newest first."""

    acts = {"list": Act.VIEW}
    queryset = StageChange.objects.all()
    serializer_class = StageChangeSerializer
    filterset_fields = ("tournament", "set_key", "after")


class MarketViewSet(mixins.ListModelMixin, viewsets.GenericViewSet):
    """Markets; they belong to nobody."""

    acts = {"list": Act.VIEW}
    queryset = Market.objects.all()
    serializer_class = MarketSerializer
    filterset_fields = ("exchange", "environment", "market_type", "symbol", "is_trading")


class PriceViewSet(viewsets.ViewSet):
    """The price board."""

    acts = {"list": Act.VIEW}

    @extend_schema(parameters=[PriceQuerySerializer], responses=PriceSerializer(many=True))
    def list(self, request: Request) -> Response:
        """Give the newest price of each market of a venue that has one, with its age."""
        asked = PriceQuerySerializer(data=request.query_params)
        asked.is_valid(raise_exception=True)
        venue = {name: asked.validated_data[name] for name in _VENUE}
        symbols = _symbols(asked.validated_data.get("symbols"), venue)
        now = timezone.now()
        prices = board.read(symbols=symbols, **venue)
        answers = [
            {
                "symbol": price.symbol,
                "last": price.last,
                "bid": price.bid,
                "ask": price.ask,
                "change_24h_pct": price.change_24h_pct,
                "at": price.at,
                "age_s": round(price.age_s(now), 3),
                "is_stale": price.is_stale(now),
            }
            for price in sorted(prices.values(), key=lambda each: each.symbol)
        ]
        return Response(PriceSerializer(answers, many=True).data)


_VENUE = ("exchange", "environment", "market_type")


def _symbols(asked: str | None, venue: dict[str, str]) -> list[str]:
    if asked:
        return [symbol.strip() for symbol in asked.split(",") if symbol.strip()][:MAX_PRICES]
    return list(Market.objects.filter(**venue).values_list("symbol", flat=True)[:MAX_PRICES])


router = SimpleRouter(trailing_slash=False)
router.register("engines", EngineViewSet, basename="api-engine")
router.register("tournaments", TournamentViewSet, basename="api-tournament")
router.register("sets", TournamentSetViewSet, basename="api-set")
router.register("stage-changes", StageChangeViewSet, basename="api-stage-change")
router.register("markets", MarketViewSet, basename="api-market")
router.register("prices", PriceViewSet, basename="api-price")
urlpatterns = router.urls
