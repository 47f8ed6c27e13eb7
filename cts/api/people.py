"""Who is signed in, and what everybody changed."""

import django_filters  # type: ignore[import-untyped]
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, viewsets
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from cts.api.permissions import signed_in
from cts.api.serializers import ReadOnlySerializer, RecordSerializer
from cts.choices import Role, Source
from cts.models import ActivityEntry
from cts.roles import RULES, Act, Scope


class MeSerializer(ReadOnlySerializer):
    """The signed-in person and what the role allows, with whose objects it reaches."""

    id = serializers.IntegerField()
    username = serializers.CharField()
    role = serializers.ChoiceField(choices=Role.choices)
    acts = serializers.DictField(child=serializers.ChoiceField(choices=[s.value for s in Scope]))


class MeView(APIView):
    """The signed-in person."""

    acts = {"GET": Act.VIEW}

    @extend_schema(operation_id="me", responses=MeSerializer)
    def get(self, request: Request) -> Response:
        """Give name, role and allowed acts."""
        user = signed_in(request)
        acts = {act.value: scope.value for act, scope in RULES[Role(user.role)].items()}
        return Response(
            {"id": user.pk, "username": user.get_username(), "role": user.role, "acts": acts}
        )


class ActivitySerializer(RecordSerializer):
    """One change: who, what, before and after, from where."""

    class Meta:
        model = ActivityEntry
        fields = (
            "id",
            "at",
            "actor_name",
            "source",
            "ip",
            "action",
            "object_type",
            "object_id",
            "object_label",
            "before",
            "after",
            "hash",
        )


class ActivityFilter(django_filters.FilterSet):
    """By action, object, person, door and time."""

    action = django_filters.CharFilter(lookup_expr="startswith")
    source = django_filters.ChoiceFilter(choices=Source.choices)
    since = django_filters.IsoDateTimeFilter(field_name="at", lookup_expr="gte")

    class Meta:
        model = ActivityEntry
        fields = ("action", "object_type", "object_id", "actor_name", "source")


class ActivityViewSet(mixins.ListModelMixin, viewsets.GenericViewSet):
    """The activity log, newest first."""

    acts = {"list": Act.VIEW_ACTIVITY}
    queryset = ActivityEntry.objects.all()
    serializer_class = ActivitySerializer
    filterset_class = ActivityFilter
