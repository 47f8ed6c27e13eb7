"""Signing in to the API: a short access token, a rotating refresh token, and its end."""

from typing import Any

from django.contrib.auth import authenticate
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework_simplejwt.exceptions import TokenError
from rest_framework_simplejwt.serializers import (
    TokenBlacklistSerializer,
    TokenRefreshSerializer,
)
from rest_framework_simplejwt.settings import api_settings
from rest_framework_simplejwt.tokens import RefreshToken
from rest_framework_simplejwt.utils import get_md5_hash_password

from cts.authentication import SignInThrottle
from cts.models import User

REFRESH_REFUSED = "The refresh token is invalid, expired or used up."


class SignInSerializer(serializers.Serializer):
    """Name and password."""

    username = serializers.CharField(max_length=150, write_only=True)
    password = serializers.CharField(
        max_length=4096, write_only=True, trim_whitespace=False, style={"input_type": "password"}
    )


class TokensSerializer(serializers.Serializer):
    """`access` goes into the header `Authorization: Bearer …`; `refresh` gives the next pair."""

    access = serializers.CharField(read_only=True)
    refresh = serializers.CharField(read_only=True)


class RotationSerializer(TokenRefreshSerializer):
    """Checks what simplejwt's own leaves out: that the password is still the same."""

    def validate(self, attrs: dict[str, Any]) -> dict[str, str]:
        """Give the next pair; raises AuthenticationFailed for a token of a former password."""
        payload = self.token_class(attrs["refresh"]).payload
        person = User.objects.filter(pk=payload.get(api_settings.USER_ID_CLAIM, 0)).first()
        claim = payload.get(api_settings.REVOKE_TOKEN_CLAIM)
        if person is None or claim != get_md5_hash_password(person.password):
            raise AuthenticationFailed(REFRESH_REFUSED)
        return super().validate(attrs)


class _Door(APIView):
    """Reached by anybody, at the rate of the "sign-in" scope."""

    permission_classes = [AllowAny]
    authentication_classes: list[Any] = []
    throttle_classes = [SignInThrottle]

    def get_authenticate_header(self, request: Request) -> str:
        """Name the scheme, so that a failure is a 401 and not a 403."""
        return 'Bearer realm="api"'


class TokenView(_Door):
    """Sign in."""

    @extend_schema(operation_id="sign_in", request=SignInSerializer, responses=TokensSerializer)
    def post(self, request: Request) -> Response:
        """Give tokens for name and password. Repeated failures lock the name for 15 minutes."""
        given = SignInSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        # axes marks the plain request; its middleware answers for somebody locked out
        user = authenticate(request._request, **given.validated_data)
        if user is None:
            raise AuthenticationFailed("Expected the name and password of an active person.")
        refresh = RefreshToken.for_user(user)
        return Response({"access": str(refresh.access_token), "refresh": str(refresh)})


class RefreshView(_Door):
    """Go on without signing in again."""

    @extend_schema(
        operation_id="refresh_token",
        request=RotationSerializer,
        responses=TokensSerializer,
    )
    def post(self, request: Request) -> Response:
        """Give the next pair of tokens; the refresh token given is used up.

        A token from before a change of the password is over.
        """
        return Response(_checked(RotationSerializer, request))


class RevokeView(_Door):
    """Sign out."""

    @extend_schema(
        operation_id="revoke_token", request=TokenBlacklistSerializer, responses={204: None}
    )
    def post(self, request: Request) -> Response:
        """Use up a refresh token, so that nobody can go on with it."""
        _checked(TokenBlacklistSerializer, request)
        return Response(status=204)


def _checked(serializer: type[serializers.Serializer], request: Request) -> Any:
    given = serializer(data=request.data)
    try:
        given.is_valid(raise_exception=True)
    except TokenError as error:
        raise AuthenticationFailed(REFRESH_REFUSED) from error
    return given.validated_data
