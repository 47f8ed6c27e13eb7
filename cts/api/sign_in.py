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
from rest_framework_simplejwt.tokens import RefreshToken

from cts.authentication import SignInThrottle


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


class _Door(APIView):
    """Reached by anybody, at the rate of the "sign-in" scope."""

    permission_classes = [AllowAny]
    authentication_classes: list[Any] = []
    throttle_classes = [SignInThrottle]


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
        request=TokenRefreshSerializer,
        responses=TokensSerializer,
    )
    def post(self, request: Request) -> Response:
        """Give the next pair of tokens; the refresh token given is used up."""
        return Response(_checked(TokenRefreshSerializer, request))


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
        raise AuthenticationFailed("The refresh token is invalid, expired or used up.") from error
    return given.validated_data
