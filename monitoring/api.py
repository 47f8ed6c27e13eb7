"""The health of the whole, over the API."""

from collections import Counter

from django.urls import path
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from cts.api.serializers import ReadOnlySerializer
from cts.roles import Act
from monitoring import system


class HealthSerializer(ReadOnlySerializer):
    """Machine, broker and engines; null is unknown."""

    cpu_pct = serializers.FloatField()
    memory_pct = serializers.FloatField()
    disk_pct = serializers.FloatField()
    database_bytes = serializers.IntegerField(allow_null=True)
    queued = serializers.DictField(child=serializers.IntegerField(), allow_null=True)
    workers = serializers.ListField(child=serializers.CharField(), allow_null=True)
    engines = serializers.DictField(
        child=serializers.IntegerField(),
        help_text="Engines that should run, counted by what they do; lost: silent for 15 s",
    )


class HealthView(APIView):
    """How the system stands."""

    acts = {"GET": Act.VIEW_SYSTEM}

    @extend_schema(operation_id="health", responses=HealthSerializer)
    def get(self, request: Request) -> Response:
        """Give machine, queues, workers and engines; takes about a second."""
        machine = system.machine()
        broker = system.broker()
        engines = Counter(
            "lost" if status.is_lost or status.engine is None else str(status.engine.actual)
            for status in system.engines(timezone.now())
        )
        return Response(
            {
                "cpu_pct": machine.cpu_pct,
                "memory_pct": machine.memory_pct,
                "disk_pct": machine.disk_pct,
                "database_bytes": machine.database_bytes,
                "queued": broker.queued,
                "workers": None if broker.workers is None else list(broker.workers),
                "engines": dict(engines),
            }
        )


urlpatterns = [path("health", HealthView.as_view(), name="api-health")]
