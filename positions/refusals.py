"""Why an entry is refused: stable codes. The table in docs/trading.md is generated from here."""

from enum import StrEnum


class RefusalCode(StrEnum):
    """The gates' answers, each with what it means in `MEANING`."""

    ENGINE_NOT_RUNNING = "engine_not_running"
    ENGINE_PAUSED = "engine_paused"
    CONNECTION_HALTED = "connection_halted"
    LEASE_NOT_VALID = "lease_not_valid"
    CONNECTION_NOT_LIVE = "connection_not_live"
    TEST_NOT_PASSED = "test_not_passed"
    TYPE_NOT_CHOSEN = "type_not_chosen"
    SIDE_NOT_TRADABLE = "side_not_tradable"
    SIGNAL_TOO_OLD = "signal_too_old"
    COOLDOWN = "cooldown"
    OPPOSITE_SIDE_OPEN = "opposite_side_open"
    SYMBOL_OUT_OF_SYNC = "symbol_out_of_sync"
    POSITIONS_PER_SET = "positions_per_set"
    POSITIONS_PER_SYMBOL = "positions_per_symbol"
    POSITIONS_PER_CONNECTION = "positions_per_connection"
    EXPOSURE = "exposure"
    MARGIN = "margin"
    DAILY_LOSS = "daily_loss"
    DRAWDOWN = "drawdown"
    BALANCE_UNKNOWN = "balance_unknown"
    MARKET_UNKNOWN = "market_unknown"
    PRICE_STALE = "price_stale"
    SPREAD = "spread"
    BELOW_MINIMUM = "below_minimum"


MEANING: dict[RefusalCode, str] = {
    RefusalCode.ENGINE_NOT_RUNNING: "The engine is not running.",
    RefusalCode.ENGINE_PAUSED: "The engine is paused: no new entries.",
    RefusalCode.CONNECTION_HALTED: "A limit was hit: exits only, until a person resumes.",
    RefusalCode.LEASE_NOT_VALID: "This worker no longer holds the engine's lease.",
    RefusalCode.CONNECTION_NOT_LIVE: "The connection is not enabled, active and live.",
    RefusalCode.TEST_NOT_PASSED: "The last connection test did not pass.",
    RefusalCode.TYPE_NOT_CHOSEN: "The connection's owner did not choose this indication.",
    RefusalCode.SIDE_NOT_TRADABLE: "Shorts can't be traded on spot.",
    RefusalCode.SIGNAL_TOO_OLD: "The signal's frame closed too long ago.",
    RefusalCode.COOLDOWN: "The last entry of this set was less than 20 s ago.",
    RefusalCode.OPPOSITE_SIDE_OPEN: "In one-way mode the other side of this symbol is open.",
    RefusalCode.SYMBOL_OUT_OF_SYNC: "Our figures and the exchange's differ for this symbol.",
    RefusalCode.POSITIONS_PER_SET: "The set has its largest number of live positions.",
    RefusalCode.POSITIONS_PER_SYMBOL: "The symbol and side have their largest number of positions.",
    RefusalCode.POSITIONS_PER_CONNECTION: "The connection has its largest number of positions.",
    RefusalCode.EXPOSURE: "The sum of open notionals would pass the connection's share of balance.",
    RefusalCode.MARGIN: "The free balance does not cover the order.",
    RefusalCode.DAILY_LOSS: "The realised loss of the day reached the connection's limit.",
    RefusalCode.DRAWDOWN: "The equity fell 20 % from its peak.",
    RefusalCode.BALANCE_UNKNOWN: "Balance or equity are not known, or older than 60 s.",
    RefusalCode.MARKET_UNKNOWN: "Lot, tick or minimum of the market are not known.",
    RefusalCode.PRICE_STALE: "The newest price is older than 5 s, or there is none.",
    RefusalCode.SPREAD: "The spread is above 0.5 %, or not known.",
    RefusalCode.BELOW_MINIMUM: "The order is below the exchange's minimum.",
}


def markdown_table() -> str:
    """Give the table of the documents: every code with its meaning."""
    rows = (f"| `{code}` | {MEANING[code]} |" for code in RefusalCode)
    return "\n".join(("| Code | Meaning |", "|---|---|", *rows))
