"""How every call to an exchange is made: outside transactions, errors translated, reads retried."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from django.db import transaction

from connections.gateway.breaker import Breaker
from connections.gateway.errors import ClockWrong, GatewayError
from connections.gateway.mapping import translate
from connections.gateway.retrying import ATTEMPTS, ask_again
from connections.gateway.venue import Venue

T = TypeVar("T")

_SECRET_FIELDS = ("apiKey", "secret", "password", "walletAddress", "privateKey")


def forbid_transaction() -> None:
    """Raise RuntimeError inside a database transaction: an exchange may take ten seconds.

    The transaction that a TestCase wraps around each test doesn't count, as in Django's own
    check for durable blocks.
    """
    blocks = transaction.get_connection().atomic_blocks
    if blocks and not blocks[-1]._from_testcase:
        raise RuntimeError(
            "expected no database transaction around a call to an exchange, was inside one; "
            "commit first, then call"
        )


@dataclass(frozen=True, slots=True)
class Calls:
    """Makes the calls of one ccxt client, past its circuit breakers.

    Calls with `priority` shrink risk, or tell how what shrinks it stands: an open breaker doesn't
    hold them up. With `always_asks` it holds up none.
    """

    venue: Venue
    client: Any
    breaker: Breaker
    attempts: int = ATTEMPTS
    always_asks: bool = False

    def read(self, call: Callable[[], T], *, priority: bool = False) -> T:
        """Give what `call` gives; it changes nothing, or nothing by being repeated.

        Raises a GatewayError other than Ambiguous, RuntimeError inside a transaction.
        """
        return ask_again(
            lambda: self._once(call, changes_something=False, priority=priority),
            attempts=self.attempts,
        )

    def change(self, call: Callable[[], T], *, priority: bool = False) -> T:
        """Give what `call` gives, tried once: it changes something at the exchange.

        Raises a GatewayError: Ambiguous wherever it may have been done, any other where it
        certainly wasn't. RuntimeError inside a transaction.
        """
        return self._once(call, changes_something=True, priority=priority)

    def clock_skew_ms(self) -> int:
        """Give how far the exchange's clock is ahead of this machine's, once measured."""
        return self._once(self._measure_skew, changes_something=False, priority=False)

    def _measure_skew(self) -> int:
        asked_ms = self.client.milliseconds()
        theirs_ms = int(self.client.fetch_time())
        answered_ms = self.client.milliseconds()
        return theirs_ms - (asked_ms + answered_ms) // 2

    def _once(self, call: Callable[[], T], *, changes_something: bool, priority: bool) -> T:
        forbid_transaction()
        admission = self.breaker.admit(priority=priority or self.always_asks)
        try:
            given = call()
        except Exception as error:  # noqa: BLE001 - whatever ccxt stumbles over gets our name
            ours = translate(
                error,
                label=self.venue.label,
                changes_something=changes_something,
                is_binance=self.venue.exchange == "binance",
                redact=self.redact,
            )
            self.breaker.failed(ours, admission)
            if type(ours) is ClockWrong:
                ours = self._with_skew(ours)
            # ccxt's own text holds the signed request: it ends here.
            raise ours from None
        self.breaker.heard(admission)
        return given

    def _with_skew(self, error: ClockWrong) -> GatewayError:
        try:
            skew_ms = self._measure_skew()
        except Exception:  # noqa: BLE001 - the clock error itself is what is reported
            return error
        side = "behind" if skew_ms > 0 else "ahead of"
        return ClockWrong(
            f"{error} This machine's clock is {abs(skew_ms)} ms {side} the exchange's: "
            f"synchronise it (NTP)."
        )

    def redact(self, text: str) -> str:
        """Take this client's credentials out of `text`."""
        for name in _SECRET_FIELDS:
            value = getattr(self.client, name, None)
            if isinstance(value, str) and len(value) >= 4:
                text = text.replace(value, "(secret)")
        return text
