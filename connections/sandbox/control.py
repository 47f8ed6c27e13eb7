"""The control endpoints: accounts, faults and the exchange's own ledger, for tests and operators.

All but the status need the header `X-Sandbox-Control` with the token of the environment variable
CTS_SANDBOX_CONTROL_TOKEN; without that variable they are closed.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation

from . import LABEL, VERSION
from .codec import plain
from .exchange import DEFAULT_DEPOSIT, Exchange
from .instruments import MARGIN_ASSET
from .records import Account
from .routes import Json

TOKEN_HEADER = "X-Sandbox-Control"  # noqa: S105 - the name of a header
ACCOUNT_FIELDS = frozenset({"label", "spot", "futures"})


class ControlError(Exception):
    """A control request that can't be served; `status` is the HTTP status."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.text = text


def check_token(expected: str | None, given: str | None) -> None:
    """Raises ControlError 403 unless a token is set and matches."""
    if not expected:
        raise ControlError(403, "the control endpoints are closed: set CTS_SANDBOX_CONTROL_TOKEN")
    if not given or not hmac.compare_digest(expected.encode(), given.encode()):
        raise ControlError(403, f"expected the control token in the header {TOKEN_HEADER}")


def read_body(text: str) -> dict[str, object]:
    """A JSON object; an empty body is an empty one. Raises ControlError 400."""
    if not text.strip():
        return {}
    try:
        body = json.loads(text)
    except json.JSONDecodeError as error:
        raise ControlError(400, f"expected a JSON object, found {error}") from error
    if not isinstance(body, dict):
        raise ControlError(400, "expected a JSON object")
    return body


def status(exchange: Exchange, *, durable: bool) -> Json:
    """What anybody may know: that this is a sandbox, and where it stands."""
    return {
        "label": LABEL,
        "version": VERSION,
        "clock": exchange.now_ms,
        "started": exchange.started_ms,
        "symbols": exchange.symbols,
        "futuresSymbols": list(exchange.futures.instruments),
        "feed": exchange.feed.status(exchange.market_ms),
        "state": "file" if durable else "memory",
        "accounts": len(exchange.accounts),
        "faults": len(exchange.faults.in_force()),
    }


def open_account(exchange: Exchange, body: Mapping[str, object]) -> Json:
    """Opens an account: {"label": text, "spot": {asset: amount}, "futures": amount in USDT}."""
    unknown = set(body) - ACCOUNT_FIELDS
    if unknown:
        raise ControlError(400, f"expected {sorted(ACCOUNT_FIELDS)}, found {sorted(unknown)}")
    spot: dict[str, Decimal] = {MARGIN_ASSET: DEFAULT_DEPOSIT}
    if "spot" in body:
        wanted = body["spot"]
        if not isinstance(wanted, dict):
            raise ControlError(400, 'expected spot to be like {"USDT": "10000"}')
        spot = {str(asset): _amount(f"spot.{asset}", value) for asset, value in wanted.items()}
    futures = _amount("futures", body.get("futures", DEFAULT_DEPOSIT))
    account = exchange.open_account(label=str(body.get("label") or ""), spot=spot, futures=futures)
    return {"id": account.id, "key": account.key, "secret": account.secret, "label": account.label}


def _amount(name: str, value: object) -> Decimal:
    try:
        amount = Decimal(str(value))
    except InvalidOperation as error:
        raise ControlError(400, f"expected {name} to be an amount, found {value!r}") from error
    if not amount.is_finite() or not 0 <= amount <= Decimal(10) ** 12:
        raise ControlError(400, f"expected {name} between 0 and 10^12, found {value!r}")
    return amount.quantize(Decimal("0.00000001"))


def list_accounts(exchange: Exchange) -> Json:
    """All accounts, without their secrets."""
    return [
        {
            "id": account.id,
            "key": account.key,
            "label": account.label,
            "created": account.created_ms,
        }
        for account in exchange.accounts.values()
    ]


def find_account(exchange: Exchange, wanted: str | None) -> Account:
    """By key or number; the only one when not named. Raises ControlError 400 or 404."""
    if not wanted:
        if len(exchange.accounts) == 1:
            return next(iter(exchange.accounts.values()))
        raise ControlError(400, "expected account=<key or id>")
    for account in exchange.accounts.values():
        if wanted in (account.key, str(account.id)):
            return account
    raise ControlError(404, f"no account {wanted}")


def ledger(exchange: Exchange, account: Account) -> Json:
    """Everything that the exchange knows about an account; amounts are text."""
    exchange.refresh_marks(account.id)
    wallet = exchange.futures.wallets[account.id]
    marks = {p.symbol: str(exchange.futures.mark(p.symbol)) for p in wallet.open_positions()}
    return {
        "account": {"id": account.id, "key": account.key, "label": account.label},
        "spot": {
            "balances": plain(exchange.spot.wallets[account.id].balances),
            "orders": plain(exchange.spot.all_orders(account.id)),
            "fills": plain(exchange.spot.all_fills(account.id)),
        },
        "futures": {
            "balance": str(wallet.balance),
            "dual_side": wallet.dual_side,
            "settings": plain(wallet.settings),
            "positions": plain(wallet.open_positions()),
            "marks": marks,
            "orders": plain(exchange.futures.all_orders(account.id)),
            "algo_orders": plain(exchange.futures.conditional.of_account(account.id)),
            "fills": plain(exchange.futures.all_fills(account.id)),
            "income": plain(exchange.futures.income[account.id]),
        },
    }
