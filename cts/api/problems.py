"""Errors as problem+json (RFC 9457): type, title, status, detail, and errors by field."""

from http import HTTPStatus
from typing import Any

import structlog
from django.core.exceptions import PermissionDenied
from django.core.exceptions import ValidationError as DjangoValidationError
from django.db import InterfaceError, OperationalError
from django.http import Http404
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import exception_handler, set_rollback

from cts.errors import Refused

log = structlog.get_logger(__name__)
NOT_REACHED = (OperationalError, InterfaceError, RedisConnectionError, RedisTimeoutError)


def problem(
    status: int,
    detail: str,
    *,
    code: str | None = None,
    errors: dict[str, Any] | None = None,
    headers: dict[str, str] | None = None,
) -> Response:
    """Give a problem+json response; `code` becomes its type."""
    body: dict[str, Any] = {
        "type": f"urn:cts:problem:{code}" if code else "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": int(status),
        "detail": detail,
    }
    if errors:
        body["errors"] = errors
    return Response(body, status=status, headers=headers, content_type="application/problem+json")


def problem_response(error: Exception, context: dict[str, Any]) -> Response | None:
    """Answer an exception raised in a view; None leaves it to Django (500, logged)."""
    if isinstance(error, Refused):
        set_rollback()
        fields = {error.field: [error.message]} if error.field else None
        status = HTTPStatus.BAD_REQUEST if error.field else HTTPStatus.CONFLICT
        return problem(status, error.message, code=error.code, errors=fields)
    if isinstance(error, NOT_REACHED):
        set_rollback()
        log.error("store_not_reached", error=str(error))
        return problem(
            HTTPStatus.SERVICE_UNAVAILABLE,
            "The database or the broker does not answer. Nothing was changed; try again.",
            code="unavailable",
            headers={"Retry-After": "2"},
        )
    if isinstance(error, DjangoValidationError):
        error = exceptions.ValidationError(
            error.message_dict if hasattr(error, "error_dict") else error.messages
        )
    if isinstance(error, Http404):
        error = exceptions.NotFound()
    if isinstance(error, PermissionDenied):
        error = exceptions.PermissionDenied(str(error) or None)
    answer = exception_handler(error, context)
    if answer is None or not isinstance(error, exceptions.APIException):
        return None
    headers = {name: answer[name] for name in ("WWW-Authenticate", "Retry-After") if name in answer}
    if isinstance(error, exceptions.ValidationError):
        errors = answer.data if isinstance(answer.data, dict) else {"": answer.data}
        return problem(answer.status_code, "The input is not valid.", code="invalid", errors=errors)
    return problem(
        answer.status_code,
        str(getattr(error, "detail", "")),
        code=str(getattr(error, "default_code", "")) or None,
        headers=headers,
    )
