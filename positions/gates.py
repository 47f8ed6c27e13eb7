"""The gates of a live entry, all in one place (domain section 9). Pure: facts in, answer out.

Only entries pass here. What shrinks exposure is never asked (design promise 5).
"""

from dataclasses import dataclass
from decimal import Decimal

from positions.refusals import RefusalCode as R

# Live positions that an exchange allows per account.
POSITION_LIMITS = {
    "binance": 500,
    "bybit": 500,
    "okx": 150,
    "kucoin": 150,
    "gate": 150,
    "bitget": 150,
    "mexc": 100,
    "bingx": 100,
    "htx": 100,
}
OTHER_POSITION_LIMIT = 50
POSITIONS_PER_SET = 2
POSITIONS_PER_SYMBOL_AND_SIDE = 3
COOLDOWN_S = 20.0
MAX_SPREAD_PCT = Decimal("0.5")
MAX_DRAWDOWN_PCT = Decimal(20)
BALANCE_VALID_S = 60.0
HUNDRED = Decimal(100)


@dataclass(frozen=True, slots=True)
class ControlFacts:
    """Gates 1 and 2: who allows what."""

    engine_running: bool
    engine_paused: bool
    halted: bool
    lease_valid: bool
    connection_live: bool
    test_passed: bool
    type_chosen: bool
    side_tradable: bool
    signal_age_s: float
    signal_age_limit_s: float
    since_last_entry_s: float | None


@dataclass(frozen=True, slots=True)
class PositionFacts:
    """Gate 3: what is open on the connection, this entry not counted."""

    exchange: str
    hedge_mode: bool
    of_set: int
    of_symbol_and_side: int
    of_other_side: int
    of_connection: int
    max_open_positions: int
    symbol_in_sync: bool


@dataclass(frozen=True, slots=True)
class MoneyFacts:
    """Gates 4 and 5, quote currency. None is unknown, and refuses.

    `open_notional`: of all open live positions. `realised_today`: negative is a loss.
    """

    balance: Decimal | None
    free: Decimal | None
    balance_age_s: float | None
    open_notional: Decimal
    max_exposure_pct: Decimal
    realised_today: Decimal
    daily_loss_limit_pct: Decimal
    equity: Decimal | None
    peak_equity: Decimal | None
    leverage: int


@dataclass(frozen=True, slots=True)
class PriceFacts:
    """Gate 7. Ages in seconds; None is unknown, and refuses."""

    known_market: bool
    age_s: float | None
    stale_after_s: float
    spread_pct: Decimal | None


def before_sizing(
    control: ControlFacts, positions: PositionFacts, money: MoneyFacts, price: PriceFacts
) -> R | None:
    """Give the first gate that refuses an entry, None where all pass."""
    return _control(control) or _positions(positions) or _price(price) or _limits(money)


def after_sizing(money: MoneyFacts, notional: Decimal) -> R | None:
    """Give the gate that refuses an entry of `notional` (quote), None where it may be sent."""
    if money.balance is None or money.free is None:
        return R.BALANCE_UNKNOWN
    if money.open_notional + notional > money.balance * money.max_exposure_pct / HUNDRED:
        return R.EXPOSURE
    if notional / money.leverage > money.free:
        return R.MARGIN
    return None


def limit_hit(money: MoneyFacts) -> R | None:
    """Give the limit whose crossing halts the whole connection, None where none is crossed."""
    if money.balance is not None and money.balance > 0:
        limit = money.balance * money.daily_loss_limit_pct / HUNDRED
        if -money.realised_today >= limit:
            return R.DAILY_LOSS
    if money.equity is not None and money.peak_equity is not None and money.peak_equity > 0:
        fall_pct = (money.peak_equity - money.equity) / money.peak_equity * HUNDRED
        if fall_pct >= MAX_DRAWDOWN_PCT:
            return R.DRAWDOWN
    return None


def position_limit(exchange: str) -> int:
    """Give how many live positions an exchange allows per account."""
    return POSITION_LIMITS.get(exchange, OTHER_POSITION_LIMIT)


def _control(facts: ControlFacts) -> R | None:
    if facts.halted:
        return R.CONNECTION_HALTED
    if facts.engine_paused:
        return R.ENGINE_PAUSED
    if not facts.engine_running:
        return R.ENGINE_NOT_RUNNING
    if not facts.lease_valid:
        return R.LEASE_NOT_VALID
    if not facts.connection_live:
        return R.CONNECTION_NOT_LIVE
    if not facts.test_passed:
        return R.TEST_NOT_PASSED
    if not facts.type_chosen:
        return R.TYPE_NOT_CHOSEN
    if not facts.side_tradable:
        return R.SIDE_NOT_TRADABLE
    if facts.signal_age_s > facts.signal_age_limit_s:
        return R.SIGNAL_TOO_OLD
    if facts.since_last_entry_s is not None and facts.since_last_entry_s < COOLDOWN_S:
        return R.COOLDOWN
    return None


def _positions(facts: PositionFacts) -> R | None:
    if not facts.symbol_in_sync:
        return R.SYMBOL_OUT_OF_SYNC
    if facts.of_other_side and not facts.hedge_mode:
        return R.OPPOSITE_SIDE_OPEN
    if facts.of_set >= POSITIONS_PER_SET:
        return R.POSITIONS_PER_SET
    if facts.of_symbol_and_side >= POSITIONS_PER_SYMBOL_AND_SIDE:
        return R.POSITIONS_PER_SYMBOL
    if facts.of_connection >= min(facts.max_open_positions, position_limit(facts.exchange)):
        return R.POSITIONS_PER_CONNECTION
    return None


def _price(facts: PriceFacts) -> R | None:
    if not facts.known_market:
        return R.MARKET_UNKNOWN
    if facts.age_s is None or facts.age_s > facts.stale_after_s:
        return R.PRICE_STALE
    if facts.spread_pct is None or facts.spread_pct > MAX_SPREAD_PCT:
        return R.SPREAD
    return None


def _limits(money: MoneyFacts) -> R | None:
    if money.balance is None or money.balance_age_s is None:
        return R.BALANCE_UNKNOWN
    if money.balance_age_s > BALANCE_VALID_S or money.equity is None:
        return R.BALANCE_UNKNOWN
    return limit_hit(money)
