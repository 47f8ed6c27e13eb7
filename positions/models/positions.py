"""Positions: live ones with money, pseudo ones on paper."""

from decimal import Decimal

from django.db import models
from django.db.models import Q

from connections.models import Connection
from positions.choices import (
    CloseReason,
    PositionSource,
    PositionState,
    Side,
    StopKind,
    SyncState,
)

OPEN_STATES = (PositionState.OPENING, PositionState.OPEN, PositionState.CLOSING)


class LivePosition(models.Model):
    """One position with money: the sum of its own fills (domain section 10).

    Quantities are in base units, money in quote currency. Figures derived from fills are written
    by positions.live.refresh() only.
    """

    connection = models.ForeignKey(
        Connection, on_delete=models.PROTECT, related_name="live_positions"
    )
    symbol = models.CharField(max_length=40)
    side = models.CharField(max_length=5, choices=Side.choices)
    state = models.CharField(
        max_length=10, choices=PositionState.choices, default=PositionState.OPENING
    )
    source = models.CharField(max_length=8, choices=PositionSource.choices)
    cause = models.CharField(max_length=200, help_text="What opened it: set and frame")
    set_key = models.CharField(max_length=160, blank=True)
    indication_type = models.CharField(max_length=24, blank=True)
    signal_ms = models.BigIntegerField(null=True, help_text="Opening time of the signal's frame")

    lot = models.DecimalField(max_digits=30, decimal_places=12, help_text="At opening, base units")
    position_cost_pct = models.DecimalField(max_digits=5, decimal_places=3)
    take_profit_pct = models.DecimalField(max_digits=8, decimal_places=4)
    stop_loss_pct = models.DecimalField(max_digits=8, decimal_places=4)
    trailing_start_pct = models.DecimalField(max_digits=8, decimal_places=4, null=True, blank=True)
    trailing_stop_pct = models.DecimalField(max_digits=8, decimal_places=4, null=True, blank=True)

    entry_price = models.DecimalField(max_digits=30, decimal_places=12, null=True)
    entry_quantity = models.DecimalField(max_digits=30, decimal_places=12, default=0)
    exit_price = models.DecimalField(max_digits=30, decimal_places=12, null=True)
    exit_quantity = models.DecimalField(max_digits=30, decimal_places=12, default=0)
    take_profit_price = models.DecimalField(max_digits=30, decimal_places=12, null=True)
    stop_price = models.DecimalField(max_digits=30, decimal_places=12, null=True)
    best_price = models.DecimalField(max_digits=30, decimal_places=12, null=True)
    worst_price = models.DecimalField(max_digits=30, decimal_places=12, null=True)
    realised_quote = models.DecimalField(max_digits=30, decimal_places=10, default=0)
    fees_quote = models.DecimalField(max_digits=30, decimal_places=10, default=0)
    fees_known = models.BooleanField(
        default=True, help_text="False where a fee in another currency could not be converted"
    )
    funding_quote = models.DecimalField(max_digits=30, decimal_places=10, default=0)

    stop_kind = models.CharField(max_length=8, choices=StopKind.choices, default=StopKind.NONE)
    close_reason = models.CharField(max_length=16, choices=CloseReason.choices, blank=True)
    sync_state = models.CharField(
        max_length=12, choices=SyncState.choices, default=SyncState.PENDING
    )
    created_at = models.DateTimeField()
    opened_at = models.DateTimeField(null=True)
    closed_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("-id",)
        constraints = (
            models.UniqueConstraint(
                fields=("connection", "cause"), name="live_position_one_per_cause"
            ),
            models.CheckConstraint(
                condition=~Q(state__in=(PositionState.CLOSED, PositionState.LIQUIDATED))
                | (Q(closed_at__isnull=False) & ~Q(close_reason="")),
                name="live_position_closed_has_time_and_reason",
            ),
        )
        indexes = (
            # the engine and the dashboard: what is open on this connection?
            models.Index(
                fields=["connection"],
                condition=Q(state__in=OPEN_STATES),
                name="live_position_open",
            ),
            # statistics by time of closing
            models.Index(fields=["connection", "closed_at"], name="live_position_closed_at"),
        )

    def __str__(self) -> str:
        return f"{self.symbol} {self.side} #{self.pk}"

    @property
    def open_quantity(self) -> Decimal:
        """What is still open, in base units."""
        return self.entry_quantity - self.exit_quantity

    @property
    def is_open(self) -> bool:
        """Tell whether the position still needs watching."""
        return self.state in OPEN_STATES


class PseudoPosition(models.Model):
    """One position on paper of a set at Main or Real: exactly what the kernel computed.

    Prices and units are the kernel's own floats, to the last digit; no money hangs on them. The
    tournament stands a floor above: it is named by id and set key.
    """

    tournament_id = models.BigIntegerField()
    set_key = models.CharField(max_length=160)
    symbol = models.CharField(max_length=40)
    side = models.CharField(max_length=5, choices=Side.choices)
    stage = models.CharField(max_length=24, help_text="The set's stage when it opened")
    strength = models.FloatField()
    open_ms = models.BigIntegerField(help_text="Opening time of the signal's frame")
    close_ms = models.BigIntegerField(null=True, help_text="Opening time of the exit's frame")
    entry_price = models.FloatField()
    exit_price = models.FloatField(null=True)
    close_reason = models.CharField(max_length=16, choices=CloseReason.choices, blank=True)
    result_units = models.FloatField(null=True)
    net_units = models.FloatField(null=True)

    class Meta:
        ordering = ("-id",)
        constraints = (
            models.UniqueConstraint(
                fields=("tournament_id", "set_key", "open_ms"),
                name="pseudo_position_one_per_set_and_frame",
            ),
            models.UniqueConstraint(
                fields=("tournament_id", "set_key"),
                condition=Q(close_ms__isnull=True),
                name="pseudo_position_one_open_per_set",
            ),
        )
        indexes = (
            # statistics by time of closing
            models.Index(fields=["tournament_id", "close_ms"], name="pseudo_position_closed"),
        )

    def __str__(self) -> str:
        return f"{self.set_key} @ {self.open_ms}"
