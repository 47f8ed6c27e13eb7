"""Connections over the API. Credentials go in and never come out."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.routers import SimpleRouter

from connections.models import Connection, ConnectionTest
from connections.selectors import connections_for, deleted_connections_for, restorable_for
from connections.services import lifecycle, live_trading
from connections.services.creation import create_connection
from connections.services.editing import edit_connection, replace_credentials
from connections.services.testing import test_connection
from connections.services.validation import EDITABLE, MAX_SECRET_LENGTH
from cts.actors import Actor
from cts.api.permissions import signed_in
from cts.api.serializers import RecordSerializer
from cts.choices import Source
from cts.roles import Act

_CREDENTIALS = ("api_key", "api_secret", "passphrase")


def _secret(**options: Any) -> serializers.CharField:
    return serializers.CharField(
        write_only=True,
        max_length=MAX_SECRET_LENGTH,
        style={"input_type": "password"},
        **options,
    )


class SettingsSerializer(RecordSerializer):
    """How a connection trades; any part of it may be changed."""

    forced_symbols = serializers.ListField(
        child=serializers.CharField(max_length=40), required=False
    )

    class Meta:
        model = Connection
        fields: tuple[str, ...] = EDITABLE
        validators: list[Any] = []


class NewConnectionSerializer(SettingsSerializer):
    """A connection to be created, with its credentials."""

    api_key = _secret()
    api_secret = _secret()
    passphrase = _secret(required=False, allow_blank=True)

    class Meta(SettingsSerializer.Meta):
        fields = ("exchange", "environment", "market_type", *_CREDENTIALS, *EDITABLE)
        extra_kwargs = {"environment": {"required": True}, "market_type": {"required": True}}


class ConnectionSerializer(RecordSerializer):
    """A connection. `key_hint` is the end of the key; the credentials themselves never leave."""

    owner = serializers.CharField(source="owner.username", read_only=True)
    state = serializers.CharField(read_only=True)

    class Meta:
        model = Connection
        fields = (
            "id",
            "owner",
            "name",
            "exchange",
            "environment",
            "market_type",
            "key_hint",
            "state",
            "is_enabled",
            "is_active",
            "live_trading",
            "preset_trading",
            "indication_types",
            "trailing_enabled",
            "block_enabled",
            "dca_enabled",
            *EDITABLE[1:],
            "last_test_at",
            "last_test_ok",
            "last_test_message",
            "balance_quote",
            "balance_at",
            "created_at",
            "updated_at",
        )
        read_only_fields = fields


class ConnectionTestSerializer(RecordSerializer):
    """One run of the connection test."""

    class Meta:
        model = ConnectionTest
        fields = ("id", "started_at", "duration_ms", "ok", "message", "lines", "balance_quote")
        read_only_fields = fields


class CredentialsSerializer(serializers.Serializer):
    """Credentials that replace the former ones."""

    api_key = _secret()
    api_secret = _secret()
    passphrase = _secret(required=False, allow_blank=True, default="")


class LiveOnSerializer(serializers.Serializer):
    """What live trading follows. `confirmation` repeats the connection's name."""

    indication_types = serializers.ListField(child=serializers.CharField(max_length=24))
    trailing = serializers.BooleanField(default=True)
    block = serializers.BooleanField(default=True)
    dca = serializers.BooleanField(default=False)
    confirmation = serializers.CharField(max_length=60, trim_whitespace=False)


class DeletedSerializer(serializers.Serializer):
    """Whether a list is of the deleted connections."""

    deleted = serializers.BooleanField(
        default=False, help_text="true: the deleted connections that you may restore, only"
    )


class ConnectionViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet):
    """Connections that the signed-in person may see."""

    acts = {
        "list": Act.VIEW,
        "retrieve": Act.VIEW,
        "create": Act.MANAGE_CONNECTION,
        "partial_update": Act.MANAGE_CONNECTION,
        "destroy": Act.MANAGE_CONNECTION,
        "credentials": Act.MANAGE_CONNECTION,
        "test": Act.MANAGE_CONNECTION,
        "tests": Act.VIEW,
        "enable": Act.MANAGE_CONNECTION,
        "disable": Act.MANAGE_CONNECTION,
        "activate": Act.MANAGE_CONNECTION,
        "deactivate": Act.MANAGE_CONNECTION,
        "live_on": Act.MANAGE_CONNECTION,
        "live_off": Act.MANAGE_CONNECTION,
        "restore": Act.MANAGE_CONNECTION,
    }
    queryset = Connection.objects.none()
    serializer_class = ConnectionSerializer
    filterset_fields = ("exchange", "environment", "market_type", "is_active", "live_trading")

    def get_queryset(self) -> QuerySet[Connection]:
        """Narrow to what the person may see; a stranger's is not found.

        Deleted ones are found by `restore`, and listed where they are asked for.
        """
        if self.action == "restore":
            return restorable_for(self.request.user)
        if self.action == "list" and self._deleted_wanted():
            return deleted_connections_for(self.request.user)
        return connections_for(self.request.user)

    @extend_schema(parameters=[DeletedSerializer])
    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """List connections, newest first."""
        return super().list(request, *args, **kwargs)

    @extend_schema(request=NewConnectionSerializer, responses={201: ConnectionSerializer})
    def create(self, request: Request) -> Response:
        """Create a disabled connection of the signed-in person."""
        given = self._given(NewConnectionSerializer)
        connection = create_connection(actor=self._actor(), owner=signed_in(request), **given)
        return Response(ConnectionSerializer(connection).data, status=201)

    @extend_schema(request=SettingsSerializer, responses=ConnectionSerializer)
    def partial_update(self, request: Request, pk: str) -> Response:
        """Change how a connection trades."""
        connection = self.get_object()
        given = SettingsSerializer(connection, data=request.data, partial=True)
        given.is_valid(raise_exception=True)
        return self._answer(
            edit_connection(actor=self._actor(), connection=connection, **given.validated_data)
        )

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: str) -> Response:
        """Delete a connection softly; refused while it has open live positions."""
        lifecycle.delete(actor=self._actor(), connection=self.get_object())
        return Response(status=204)

    @extend_schema(request=CredentialsSerializer, responses=ConnectionSerializer)
    @action(detail=True, methods=["post"])
    def credentials(self, request: Request, pk: str) -> Response:
        """Replace the credentials of a disabled connection."""
        given = self._given(CredentialsSerializer)
        return self._answer(
            replace_credentials(actor=self._actor(), connection=self.get_object(), **given)
        )

    @extend_schema(request=None, responses=ConnectionTestSerializer)
    @action(detail=True, methods=["post"])
    def test(self, request: Request, pk: str) -> Response:
        """Run the connection test: up to 30 s. A test that fails is an answer, not an error."""
        test = test_connection(actor=self._actor(), connection=self.get_object())
        return Response(ConnectionTestSerializer(test).data)

    @extend_schema(responses=ConnectionTestSerializer(many=True), filters=False)
    @action(detail=True, methods=["get"])
    def tests(self, request: Request, pk: str) -> Response:
        """List the tests of a connection, newest first."""
        page = self.paginate_queryset(self.get_object().tests.all())
        return self.get_paginated_response(ConnectionTestSerializer(page, many=True).data)

    @extend_schema(request=None, responses=ConnectionSerializer)
    @action(detail=True, methods=["post"])
    def enable(self, request: Request, pk: str) -> Response:
        """Make a connection ready to trade; tests it where the last test is old."""
        return self._answer(lifecycle.enable(actor=self._actor(), connection=self.get_object()))

    @extend_schema(request=None, responses=ConnectionSerializer)
    @action(detail=True, methods=["post"])
    def disable(self, request: Request, pk: str) -> Response:
        """Put a connection out of use; live and preset trading go off first."""
        return self._answer(lifecycle.disable(actor=self._actor(), connection=self.get_object()))

    @extend_schema(request=None, responses=ConnectionSerializer)
    @action(detail=True, methods=["post"])
    def activate(self, request: Request, pk: str) -> Response:
        """Add an enabled connection to the dashboard."""
        return self._answer(lifecycle.activate(actor=self._actor(), connection=self.get_object()))

    @extend_schema(request=None, responses=ConnectionSerializer)
    @action(detail=True, methods=["post"])
    def deactivate(self, request: Request, pk: str) -> Response:
        """Remove a connection from the dashboard; live and preset trading go off first."""
        return self._answer(lifecycle.deactivate(actor=self._actor(), connection=self.get_object()))

    @extend_schema(request=LiveOnSerializer, responses=ConnectionSerializer)
    @action(detail=True, methods=["post"], url_path="live-on")
    def live_on(self, request: Request, pk: str) -> Response:
        """Switch live trading on, confirmed by the connection's name."""
        given = self._given(LiveOnSerializer)
        return self._answer(
            live_trading.switch_live_on(actor=self._actor(), connection=self.get_object(), **given)
        )

    @extend_schema(request=None, responses=ConnectionSerializer)
    @action(detail=True, methods=["post"], url_path="live-off")
    def live_off(self, request: Request, pk: str) -> Response:
        """Switch live trading off: no new entries, open positions are managed to their end."""
        return self._answer(
            live_trading.switch_live_off(actor=self._actor(), connection=self.get_object())
        )

    @extend_schema(request=None, responses=ConnectionSerializer)
    @action(detail=True, methods=["post"])
    def restore(self, request: Request, pk: str) -> Response:
        """Bring a deleted connection back, disabled; refused where its name is taken by now."""
        return self._answer(lifecycle.restore(actor=self._actor(), connection=self.get_object()))

    def _deleted_wanted(self) -> bool:
        given = DeletedSerializer(data=self.request.query_params)
        given.is_valid(raise_exception=True)
        return bool(given.validated_data["deleted"])

    def _actor(self) -> Actor:
        return Actor.from_request(self.request, Source.API)

    def _given(self, serializer: type[serializers.BaseSerializer]) -> dict[str, Any]:
        given = serializer(data=self.request.data)
        given.is_valid(raise_exception=True)
        return dict(given.validated_data)

    def _answer(self, connection: Connection) -> Response:
        return Response(ConnectionSerializer(connection).data)


router = SimpleRouter(trailing_slash=False)
router.register("connections", ConnectionViewSet, basename="api-connection")
urlpatterns = router.urls
