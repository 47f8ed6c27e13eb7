"""Choices of the positions floor."""

from django.db.models import TextChoices


class Side(TextChoices):
    """The direction of a position."""

    LONG = "long", "Long"
    SHORT = "short", "Short"


class OrderSide(TextChoices):
    """The direction of an order."""

    BUY = "buy", "Buy"
    SELL = "sell", "Sell"


class OrderKind(TextChoices):
    """How an order executes."""

    MARKET = "market", "Market"
    LIMIT = "limit", "Limit"
    STOP = "stop", "Stop"


class OrderPurpose(TextChoices):
    """What an order is for."""

    ENTRY = "entry", "Entry"
    EXIT = "exit", "Exit"
    STOP_LOSS = "stop_loss", "Stop-loss on the exchange"


class OrderState(TextChoices):
    """The states of an order; positions.order_states holds the table of changes."""

    INTENT = "intent", "Intent"
    SENT = "sent", "Submitted"
    OPEN = "open", "Open"
    PARTIALLY_FILLED = "partially_filled", "Partially filled"
    FILLED = "filled", "Filled"
    CANCEL_SENT = "cancel_sent", "Cancel submitted"
    CANCEL_UNKNOWN = "cancel_unknown", "Cancel unknown"
    CANCELED = "canceled", "Canceled"
    REJECTED = "rejected", "Rejected"
    EXPIRED = "expired", "Expired"
    UNKNOWN = "unknown", "Unknown"
    LOST = "lost", "Lost"
    DENIED = "denied", "Denied"


class PositionState(TextChoices):
    """The states of a live position."""

    OPENING = "opening", "Opening"
    OPEN = "open", "Open"
    CLOSING = "closing", "Closing"
    CLOSED = "closed", "Closed"
    LIQUIDATED = "liquidated", "Liquidated"


class CloseReason(TextChoices):
    """Why a position was closed."""

    TAKE_PROFIT = "take_profit", "Take-profit"
    STOP_LOSS = "stop_loss", "Stop-loss"
    TRAILING_STOP = "trailing_stop", "Trailing stop"
    SIGNAL = "signal", "Signal"
    MANUAL = "manual", "Manual"
    TIME_LIMIT = "time_limit", "Time limit"
    LIQUIDATED = "liquidated", "Liquidated"
    EMERGENCY = "emergency", "Emergency"
    RECONCILED = "reconciled", "Reconciled"
    NEVER_FILLED = "never_filled", "Entry never filled"


class StopKind(TextChoices):
    """Who watches the stop-loss of a live position."""

    NONE = "none", "No stop yet"
    EXCHANGE = "exchange", "Stop on the exchange"
    ENGINE = "engine", "Engine-side stop"


class SyncState(TextChoices):
    """Whether our figures and the exchange's agree."""

    SYNCED = "synced", "Synced"
    PENDING = "pending", "Pending"
    OUT_OF_SYNC = "out_of_sync", "Out of sync"


class PositionSource(TextChoices):
    """What a position was opened for."""

    MAIN = "main", "Main trading"
    PRESET = "preset", "Preset trading"
    MANUAL = "manual", "Manual"
    EXTERNAL = "external", "External"
