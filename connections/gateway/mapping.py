"""From ccxt's errors to ours, in one place.

The question that matters: is it certain that a request which changes something was not done?
Wherever it isn't, the answer is Ambiguous, never a failure.
"""

import json
import re
import ssl
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests.exceptions as http
import urllib3.exceptions as transport

from connections.gateway.errors import (
    Ambiguous,
    AuthenticationFailed,
    ClockWrong,
    ExchangeBug,
    GatewayError,
    InsufficientFunds,
    InvalidOrder,
    NotFound,
    NotOffered,
    PermissionRefused,
    RateLimited,
    TimedOut,
    Unavailable,
)
from connections.sandbox.adapter import DivertError

MAX_WORDS = 300

# Binance's codes where ccxt's class is missing, depends on the URL or says something else.
_BINANCE: dict[str, type[GatewayError]] = {
    "-1003": RateLimited,  # too much request weight
    "-1008": Unavailable,  # overloaded; documented as certainly not done
    "-1015": RateLimited,  # too many new orders
    "-1021": ClockWrong,
    "-1022": AuthenticationFailed,  # signature
    "-2011": NotFound,  # cancel of an order that isn't open
    "-2013": NotFound,
    "-2014": AuthenticationFailed,
    "-2015": AuthenticationFailed,  # ccxt calls it a rate limit once a call has succeeded
    "-2018": InsufficientFunds,
    "-2019": InsufficientFunds,
}
# "Execution status unknown", in Binance's words or by their meaning.
_BINANCE_UNKNOWN = frozenset({"-1000", "-1001", "-1006", "-1007"})
_BINANCE_DEFINITE = frozenset({"-1008"})
_BINANCE_DUPLICATE = frozenset({"-4116", "-20132"})

_HINTS: dict[type[GatewayError], str] = {
    AuthenticationFailed: "does not accept the credentials",
    ClockWrong: "refused the request for its time stamp",
    PermissionRefused: "does not allow this",
    InsufficientFunds: "says that the balance is too small",
    InvalidOrder: "refused the order",
    NotFound: "knows no such order",
    RateLimited: "asks for fewer requests",
    Unavailable: "can't be reached or is not serving",
    TimedOut: "did not answer in time",
    ExchangeBug: "gave an answer that can't be right",
    NotOffered: "does not offer this",
    Ambiguous: "gave no certain answer: the request may have been done",
    GatewayError: "refused the request",
}


def translate(
    error: Exception,
    *,
    label: str,
    changes_something: bool,
    is_binance: bool,
    redact: Callable[[str], str],
) -> GatewayError:
    """Give our error for one that a ccxt call raised, with the exchange's own words.

    `label` names the exchange in the message, `changes_something` tells whether doing the request
    twice or not at all matters, `redact` takes credentials out of a text. Addresses and requests
    are never part of the message.
    """
    if isinstance(error, ExchangeBug):
        # Raised while the answer was read: by then the request had arrived.
        kind: type[GatewayError] = Ambiguous if changes_something else ExchangeBug
        return kind(f"{label[0].upper()}{label[1:]} {_HINTS[kind]} ({error}).")
    answer = _Answer.of(error, redact)
    code = answer.code if is_binance else ""
    if changes_something and _is_duplicate(error, answer, code):
        return Ambiguous(_sentence(f"{label} already knows this order", answer))
    if changes_something and _may_have_been_done(error, answer, code):
        return Ambiguous(_message(label, Ambiguous, answer))
    kind = _BINANCE.get(code) or _kind(error, answer, changes_something=changes_something)
    message = _message(label, kind, answer)
    if kind is RateLimited:
        return RateLimited(message, retry_after_s=answer.retry_after_s)
    return kind(message)


@dataclass(frozen=True, slots=True)
class _Answer:
    """What the exchange said: HTTP status, its own code and words, when to come back."""

    status: int | None
    code: str
    words: str
    retry_after_s: float | None

    @classmethod
    def of(cls, error: Exception, redact: Callable[[str], str]) -> "_Answer":
        failed = next((e for e in _chain(error) if isinstance(e, http.HTTPError)), None)
        response = failed.response if failed is not None else None
        text = str(error)
        start = text.find("{")
        body: Any = None
        if start >= 0:
            try:
                body = json.loads(text[start:])
            except ValueError:
                body = None
        if isinstance(body, dict):
            code = str(body.get("code", body.get("retCode", "")))
            words = str(body.get("msg") or body.get("retMsg") or body.get("message") or "")
        else:
            # A text with an address is ccxt's, about the request: signatures are in there.
            code, words = "", "" if "://" in text else text.partition(" ")[2]
        if response is not None and not code:
            words = words or f"HTTP {response.status_code}"
        if not _is_ccxts(error):
            words = _where(error)
        return cls(
            status=response.status_code if response is not None else None,
            code=code,
            words=" ".join(redact(words).split())[:MAX_WORDS],
            retry_after_s=_retry_after_s(response),
        )


def _may_have_been_done(error: Exception, answer: _Answer, code: str) -> bool:
    import ccxt

    cause = _transport_error(error)
    if cause is not None:
        return not _never_sent(cause)
    if not isinstance(error, ccxt.BaseError):
        return True  # ccxt stumbled over the answer
    if code in _BINANCE_DEFINITE:
        return False
    if code in _BINANCE_UNKNOWN or isinstance(error, ccxt.BadResponse | ccxt.RequestTimeout):
        return True
    if answer.status is not None:
        return answer.status >= 500 or answer.status == 408
    certain = ccxt.RateLimitExceeded | ccxt.DDoSProtection | ccxt.InvalidNonce
    return isinstance(error, ccxt.OperationFailed) and not isinstance(error, certain)


def _is_duplicate(error: Exception, answer: _Answer, code: str) -> bool:
    import ccxt

    if isinstance(error, ccxt.DuplicateOrderId) or code in _BINANCE_DUPLICATE:
        return True
    refused = isinstance(error, ccxt.ExchangeError)
    return refused and re.search(r"\bduplicated?\b", answer.words, re.IGNORECASE) is not None


def _kind(error: Exception, answer: _Answer, *, changes_something: bool) -> type[GatewayError]:
    import ccxt

    cause = _transport_error(error)
    if cause is not None:
        if isinstance(cause, http.Timeout) and not _never_sent(cause):
            return TimedOut
        return ExchangeBug if isinstance(cause, http.ContentDecodingError) else Unavailable
    # The first match counts: subclasses stand before their bases.
    table: tuple[tuple[type[Exception] | tuple[type[Exception], ...], type[GatewayError]], ...] = (
        ((ccxt.RateLimitExceeded, ccxt.DDoSProtection), RateLimited),
        (ccxt.InvalidNonce, ClockWrong),
        (
            (ccxt.PermissionDenied, ccxt.AccountSuspended, ccxt.RestrictedLocation),
            PermissionRefused,
        ),
        (ccxt.AuthenticationError, AuthenticationFailed),
        (ccxt.InsufficientFunds, InsufficientFunds),
        (ccxt.OrderNotFound, NotFound),
        (ccxt.InvalidOrder, InvalidOrder),
        (ccxt.NotSupported, NotOffered),
        (ccxt.BadSymbol, InvalidOrder if changes_something else NotOffered),
        (ccxt.RequestTimeout, TimedOut),
        (ccxt.BadResponse, ExchangeBug),
        (ccxt.OperationFailed, Unavailable),
        (
            (ccxt.BadRequest, ccxt.ArgumentsRequired, ccxt.OperationRejected),
            InvalidOrder if changes_something else GatewayError,
        ),
    )
    for theirs, ours in table:
        if isinstance(error, theirs):
            return ours
    if not isinstance(error, ccxt.BaseError):
        return ExchangeBug
    return Unavailable if answer.status is not None and answer.status >= 500 else GatewayError


def _transport_error(error: Exception) -> http.RequestException | None:
    """Give the failure below HTTP that ccxt's `error` stands for, if it stands for one."""
    for link in _chain(error):
        if isinstance(link, http.HTTPError):
            return None
        if isinstance(link, http.RequestException):
            return link
    return None


def _never_sent(cause: http.RequestException) -> bool:
    """Tell whether it is certain that no byte of the request reached the exchange."""
    if isinstance(cause, http.ConnectTimeout | DivertError):
        return True
    if isinstance(cause, http.ProxyError):
        return False
    reason = getattr(cause.args[0], "reason", None) if cause.args else None
    if isinstance(reason, transport.SSLError):
        return any(isinstance(part, ssl.SSLCertVerificationError) for part in reason.args)
    return isinstance(reason, transport.NewConnectionError)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _is_ccxts(error: Exception) -> bool:
    import ccxt

    return isinstance(error, ccxt.BaseError)


def _where(error: Exception) -> str:
    # The text of an error that the answer's form caused may repeat the answer: its place is enough.
    place = traceback.extract_tb(error.__traceback__)[-1:]
    at = f" at {Path(place[0].filename).name}:{place[0].lineno}" if place else ""
    return f"{type(error).__name__}{at}"


def _retry_after_s(response: Any) -> float | None:
    value = response.headers.get("Retry-After", "") if response is not None else ""
    return float(value) if re.fullmatch(r"\d{1,9}(\.\d+)?", value) else None


def _message(label: str, kind: type[GatewayError], answer: _Answer) -> str:
    start = f"{label} {_HINTS[kind]}"
    if kind is RateLimited and answer.retry_after_s is not None:
        start += f", not before {answer.retry_after_s:g} s from now"
    return _sentence(start, answer)


def _sentence(start: str, answer: _Answer) -> str:
    code = f" (code {answer.code})" if answer.code else ""
    words = f': "{answer.words}"' if answer.words else ""
    return f"{start[0].upper()}{start[1:]}{words}{code}."
