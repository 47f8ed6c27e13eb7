"""Reading a request's parameters and proving who sent it, byte for byte as Binance does."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from typing import TypeVar
from urllib.parse import parse_qsl

from .errors import Refusal, bad_key, bad_signature, illegal, missing
from .records import Account

DEFAULT_RECV_WINDOW_MS = 5_000
MAX_RECV_WINDOW_MS = 60_000
AHEAD_MS = 1_000
DECIMAL = re.compile(r"^([0-9]{1,20})(\.[0-9]{1,20})?$")
INTEGER = re.compile(r"^[0-9]{1,20}$")
E = TypeVar("E", bound=StrEnum)


class Params(dict[str, str]):
    """A request's parameters; the readers refuse with the exchange's own codes."""

    def require(self, name: str) -> str:
        value = self.get(name)
        if value is None or value == "":
            raise missing(name)
        return value

    def text(self, name: str, default: str = "") -> str:
        return self.get(name) or default

    def decimal(self, name: str) -> Decimal | None:
        value = self.get(name)
        if value is None or value == "":
            return None
        if not DECIMAL.match(value):
            raise illegal(name, DECIMAL.pattern)
        return Decimal(value)

    def require_decimal(self, name: str) -> Decimal:
        value = self.decimal(name)
        if value is None:
            raise missing(name)
        return value

    def integer(self, name: str) -> int | None:
        value = self.get(name)
        if value is None or value == "":
            return None
        if not INTEGER.match(value):
            raise illegal(name, INTEGER.pattern)
        return int(value)

    def limit(self, default: int, largest: int) -> int:
        """The `limit` parameter, at most `largest`. Raises -1130 below one."""
        value = self.integer("limit")
        if value is None:
            return default
        if value < 1:
            raise Refusal(-1130, "Data sent for parameter 'limit' is not valid.")
        return min(value, largest)

    def boolean(self, name: str) -> bool:
        value = self.text(name, "false").lower()
        if value not in ("true", "false"):
            raise Refusal(-1102, f"Mandatory parameter '{name}' was malformed.")
        return value == "true"

    def choice(self, name: str, kind: type[E], refusal: Refusal) -> E:
        """One of an enum's values; `refusal` says what is wrong with any other."""
        try:
            return kind(self.require(name).upper())
        except ValueError as error:
            raise refusal from error


def read_body(body: bytes) -> str:
    """The form body as text. Raises -1100 for bytes that aren't UTF-8."""
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise Refusal(-1100, "Illegal characters found in the request's body.") from error


def read_params(query: str, body: str) -> Params:
    """Parameters of query string and form body together; the query wins."""
    params = Params(parse_qsl(body, keep_blank_values=True))
    params.update(parse_qsl(query, keep_blank_values=True))
    return params


def signed_payload(query: str, body: str) -> tuple[str, str]:
    """The text that was signed (query and body in one, without separator and without the
    signature), and the signature."""
    signature = ""
    parts: list[str] = []
    for text in (query, body):
        kept: list[str] = []
        for piece in text.split("&") if text else []:
            if piece.startswith("signature="):
                signature = piece.removeprefix("signature=")
            else:
                kept.append(piece)
        parts.append("&".join(kept))
    return "".join(parts), signature


def authenticate(accounts: Mapping[str, Account], key: str | None) -> Account:
    """The account of an API key. Raises -2014 or -2015."""
    if not key:
        raise Refusal(-2014, "API-key format invalid.", status=401)
    account = accounts.get(key)
    if account is None:
        raise bad_key()
    return account


def check_signature(account: Account, query: str, body: str) -> None:
    """Raises -1102 without a signature, -1022 with a wrong one."""
    payload, signature = signed_payload(query, body)
    if not signature:
        raise missing("signature")
    expected = hmac.new(account.secret.encode(), payload.encode(), hashlib.sha256).hexdigest()
    if not hmac.compare_digest(expected, signature.lower()):
        raise bad_signature()


def check_timestamp(params: Params, now_ms: int) -> None:
    """Raises -1021 outside the receive window, -1131 for one that is too wide."""
    timestamp = params.integer("timestamp")
    if timestamp is None:
        raise missing("timestamp")
    window = params.integer("recvWindow")
    if window is None:
        window = DEFAULT_RECV_WINDOW_MS
    if window > MAX_RECV_WINDOW_MS:
        raise Refusal(-1131, "'recvWindow' must be less than 60000.")
    if timestamp >= now_ms + AHEAD_MS:
        raise Refusal(-1021, "Timestamp for this request was 1000ms ahead of the server's time.")
    if now_ms - timestamp > window:
        raise Refusal(-1021, "Timestamp for this request is outside of the recvWindow.")
