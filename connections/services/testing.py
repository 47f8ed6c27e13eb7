"""The connection test: does the exchange answer, are the credentials good, what is offered?"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from connections.choices import MarketType, PositionMode
from connections.gateway.errors import GatewayError, RateLimited, TimedOut, Unavailable
from connections.models import Connection, ConnectionTest
from connections.services.state import ALL_OFF, authorise, refuse_deleted
from cts.activity import log_action
from cts.actors import Actor

if TYPE_CHECKING:
    from connections.gateway.gateway import Gateway

REQUEST_TIMEOUT_S = 10.0
WHOLE_TEST_S = 30.0
# The exchange refuses signed requests whose time is further off than this.
WARN_SKEW_MS = 500


def test_connection(*, actor: Actor, connection: Connection) -> ConnectionTest:
    """Run the connection test of domain section 4 and store it with its lines in plain words.

    Asks the exchange: up to 10 s a request and 30 s in all, never inside a transaction. What the
    exchange refuses disables an enabled connection; an exchange that can't be reached says nothing
    about the credentials and leaves an enabled connection as it is. Raises Refused
    (connection.deleted) and PermissionDenied; a test that fails is an answer, not an error.
    """
    authorise(actor, connection)
    connection.refresh_from_db()
    refuse_deleted(connection)
    started_at = timezone.now()
    started = time.monotonic()
    findings = _ask_exchange(connection, deadline=started + WHOLE_TEST_S)
    duration_ms = round((time.monotonic() - started) * 1000)
    return _store(actor, connection, findings, started_at, duration_ms)


@dataclass(slots=True)
class Findings:
    """What a test found so far. `conclusive` is False where the exchange could not be asked."""

    lines: list[str] = field(default_factory=list)
    failure: str = ""
    conclusive: bool = True
    balance_quote: Decimal | None = None

    @property
    def ok(self) -> bool:
        """Tell whether nothing failed."""
        return not self.failure

    def fail(self, text: str, *, conclusive: bool = True) -> None:
        """Note what failed."""
        self.lines.append(text)
        self.failure = text
        self.conclusive = conclusive


class _Failed(Exception):  # noqa: N818 - it ends the test, it is no fault
    """A step found what makes the connection unfit."""


def _ask_exchange(connection: Connection, *, deadline: float) -> Findings:
    from connections.gateway.factory import gateway_for_test

    findings = Findings()
    try:
        gateway = gateway_for_test(connection, timeout_s=REQUEST_TIMEOUT_S)
    except GatewayError as error:
        findings.fail(str(error))
        return findings
    steps: tuple[Callable[[Gateway, Connection], list[str]], ...] = (
        _reach,
        _load_markets,
        _read_permissions,
        _read_capabilities,
    )
    try:
        for step in steps:
            _limit(gateway, deadline)
            findings.lines += step(gateway, connection)
        _limit(gateway, deadline)
        balance = gateway.balance()
        findings.balance_quote = balance.total
        findings.lines.append(
            f"Balance: {balance.total.normalize():f} {balance.currency}, "
            f"{balance.free.normalize():f} free."
        )
    except _Failed as error:
        findings.fail(str(error))
    except (Unavailable, TimedOut, RateLimited) as error:
        findings.fail(str(error), conclusive=False)
    except GatewayError as error:
        findings.fail(str(error))
    finally:
        gateway.close()
    return findings


def _limit(gateway: "Gateway", deadline: float) -> None:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimedOut(f"The test took longer than {WHOLE_TEST_S:.0f} s and was given up.")
    gateway.set_timeout(min(REQUEST_TIMEOUT_S, max(left, 0.5)))


def _reach(gateway: "Gateway", connection: Connection) -> list[str]:
    started = time.monotonic()
    skew_ms = gateway.clock_skew_ms()
    took_ms = round((time.monotonic() - started) * 1000)
    lines = [f"Reached {gateway.label} in {took_ms} ms."]
    if abs(skew_ms) > WARN_SKEW_MS:
        direction = "behind" if skew_ms > 0 else "ahead of"
        lines.append(
            f"Warning: this machine's clock is {abs(skew_ms)} ms {direction} the exchange's. "
            f"Synchronise it (NTP); the exchange refuses requests that are further off."
        )
    else:
        lines.append(f"Clocks agree within {abs(skew_ms)} ms.")
    return lines


def _load_markets(gateway: "Gateway", connection: Connection) -> list[str]:
    trading = {symbol for symbol, spec in gateway.markets().items() if spec.is_trading}
    if not trading:
        raise _Failed(f"{gateway.label} lists no USDT market of type {connection.market_type}.")
    missing = [symbol for symbol in connection.forced_symbols if symbol not in trading]
    if missing:
        raise _Failed(
            f"{gateway.label} does not trade {', '.join(missing)}: take it off the forced symbols."
        )
    return [f"{len(trading)} markets are open for trading."]


def _read_permissions(gateway: "Gateway", connection: Connection) -> list[str]:
    permissions = gateway.permissions()
    if permissions.may_withdraw:
        raise _Failed(
            "The key may withdraw money. Make a key without that permission and use it instead."
        )
    if permissions.may_trade is False:
        kind = "spot" if connection.market_type == MarketType.SPOT else "futures"
        raise _Failed(f"The key may not trade {kind}: allow it at the exchange.")
    lines = list(permissions.notes)
    if permissions.may_trade:
        lines.append("The key may trade.")
    if permissions.may_withdraw is False:
        lines.append("The key may not withdraw, as it should be.")
    if permissions.may_withdraw is None:
        lines.append("The exchange does not tell whether the key may withdraw: check it there.")
    return lines


def _read_capabilities(gateway: "Gateway", connection: Connection) -> list[str]:
    offered = gateway.capabilities()
    if connection.position_mode == PositionMode.HEDGE and not offered.hedge_mode:
        raise _Failed(f"{gateway.label} has no hedge mode: choose one-way.")
    if connection.leverage > 1 and not offered.leverage:
        raise _Failed(f"{gateway.label} offers no leverage here: set it to 1.")
    words = {
        "stop orders": offered.stop_orders,
        "hedge mode": offered.hedge_mode,
        "leverage": offered.leverage,
        "reduce-only orders": offered.reduce_only,
        "streaming": offered.streaming,
    }
    has = [word for word, there in words.items() if there]
    lacks = [word for word, there in words.items() if not there]
    lines = [f"Offered: {', '.join(has) or 'none'}. Not offered: {', '.join(lacks) or 'none'}."]
    if not offered.stop_orders:
        lines.append("Warning: without stop orders the engine itself has to watch every stop.")
    return lines


def _store(
    actor: Actor,
    connection: Connection,
    findings: Findings,
    started_at: datetime,
    duration_ms: int,
) -> ConnectionTest:
    message = findings.failure or "Passed."
    now = timezone.now()
    result: dict[str, Any] = {
        "last_test_at": started_at,
        "last_test_ok": findings.ok,
        "last_test_message": message,
    }
    if findings.balance_quote is not None:
        result |= {"balance_quote": findings.balance_quote, "balance_at": now}
    tested = Q(
        pk=connection.pk,
        deleted_at__isnull=True,
        # The answer is about these credentials; others may have been stored meanwhile.
        api_key=connection.api_key,
        api_secret=connection.api_secret,
        passphrase=connection.passphrase,
    )
    with transaction.atomic():
        test = ConnectionTest.objects.create(
            connection=connection,
            started_at=started_at,
            duration_ms=duration_ms,
            ok=findings.ok,
            message=message,
            lines=findings.lines,
            balance_quote=findings.balance_quote,
        )
        current = Connection.objects.select_for_update().filter(tested)
        disables = not findings.ok and findings.conclusive and current.filter(is_enabled=True)
        if disables:
            current.update(**result, **ALL_OFF, updated_at=now)
        elif findings.ok or findings.conclusive:
            current.update(**result, updated_at=now)
        else:
            current.filter(is_enabled=False).update(**result, updated_at=now)
        connection.refresh_from_db()
        log_action(
            actor=actor,
            action="connection.tested",
            obj=connection,
            after={"ok": findings.ok, "message": message, "duration_ms": duration_ms},
        )
        if disables:
            log_action(
                actor=actor,
                action="connection.disabled",
                obj=connection,
                before={"is_enabled": True},
                after={**ALL_OFF, "reason": message},
            )
    return test
