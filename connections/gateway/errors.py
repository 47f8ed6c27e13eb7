"""What can go wrong at an exchange, in our own words. The mapping from ccxt is in mapping.py."""

# ruff: noqa: N818 - names say what happened; GatewayError is what callers catch


class GatewayError(Exception):
    """Something went wrong at the exchange; `code` is stable, str() is fit for a person."""

    code = "exchange_error"


class AuthenticationFailed(GatewayError):
    """The exchange does not accept the key, the secret, the passphrase or the signature."""

    code = "authentication"


class ClockWrong(AuthenticationFailed):
    """The exchange refused the request for its time stamp: this machine's clock is off."""

    code = "clock"


class PermissionRefused(GatewayError):
    """The key is good but may not do this (no trade permission, address not allowed)."""

    code = "permission"


class InsufficientFunds(GatewayError):
    """The account does not hold enough for the order."""

    code = "insufficient_funds"


class InvalidOrder(GatewayError):
    """The exchange refused the order for its form: lot, tick, minimum notional, reduce-only."""

    code = "invalid_order"


class NotFound(GatewayError):
    """The exchange answered, and knows no such order."""

    code = "not_found"


class RateLimited(GatewayError):
    """Too many requests. `retry_after_s` is what the exchange asked for, where it said so."""

    code = "rate_limited"

    def __init__(self, message: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class Unavailable(GatewayError):
    """The exchange could not be reached, or said before doing anything that it is not serving."""

    code = "unavailable"


class BreakerOpen(Unavailable):
    """The exchange failed too often in a row and is left alone for a while: nothing was sent."""


class TimedOut(GatewayError):
    """A read got no answer in time. Nothing was changed by it; it may be asked again."""

    code = "timed_out"


class Ambiguous(GatewayError):
    """A request that changes something got no certain answer: it may have been done.

    Never to be treated as failed: the order is asked for again by its client order id.
    """

    code = "ambiguous"


class ExchangeBug(GatewayError):
    """The exchange answered something that can't be right."""

    code = "exchange_bug"


class NotOffered(GatewayError):
    """The exchange or our gateway does not offer this."""

    code = "not_offered"
