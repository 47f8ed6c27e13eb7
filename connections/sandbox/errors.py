"""What the sandbox answers when it refuses, in the exchange's own codes, and what it says when it
can't start."""

from __future__ import annotations


class SetupError(Exception):
    """The sandbox can't start; the text is one plain line that says what to do."""


class Refusal(Exception):  # noqa: N818 - a refusal is an answer, not a fault of the program
    """An answer of the exchange that says no.

    `code` and `msg` are Binance's; `status` is the HTTP status that goes with them.
    """

    def __init__(self, code: int, msg: str, status: int = 400) -> None:
        super().__init__(f"{code} {msg}")
        self.code = code
        self.msg = msg
        self.status = status


def missing(name: str) -> Refusal:
    return Refusal(
        -1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed."
    )


def not_required(name: str) -> Refusal:
    return Refusal(-1106, f"Parameter '{name}' sent when not required.")


def illegal(name: str, legal_range: str) -> Refusal:
    return Refusal(
        -1100, f"Illegal characters found in parameter '{name}'; legal range is '{legal_range}'."
    )


def filter_failure(name: str) -> Refusal:
    return Refusal(-1013, f"Filter failure: {name}")


def invalid_symbol() -> Refusal:
    return Refusal(-1121, "Invalid symbol.")


def too_precise(name: str) -> Refusal:
    return Refusal(-1111, f"Parameter '{name}' has too much precision.")


def insufficient_balance() -> Refusal:
    return Refusal(-2010, "Account has insufficient balance for requested action.")


def insufficient_margin() -> Refusal:
    return Refusal(-2019, "Margin is insufficient.")


def unknown_cancel() -> Refusal:
    return Refusal(-2011, "Unknown order sent.")


def no_such_order() -> Refusal:
    return Refusal(-2013, "Order does not exist.")


def reduce_only_rejected() -> Refusal:
    return Refusal(-2022, "ReduceOnly Order is rejected.")


def bad_key() -> Refusal:
    return Refusal(-2015, "Invalid API-key, IP, or permissions for action.", status=401)


def bad_signature() -> Refusal:
    return Refusal(-1022, "Signature for this request is not valid.")


def prices_stale(symbol: str, age_s: float) -> Refusal:
    """The feed has no fresh price: nothing may be traded on it."""
    return Refusal(
        -1008,
        f"Sandbox: the price of {symbol} is {age_s:.0f} s old and orders are refused until the "
        "feed delivers again.",
        status=503,
    )
