"""Orders with every change of state, their fills, and refused entries."""

from django.db import models
from django.db.models import Q

from connections.models import Connection
from positions.choices import OrderKind, OrderPurpose, OrderSide, OrderState, Side
from positions.models.positions import LivePosition
from positions.order_states import UNSETTLED

# The fee currency of a fill whose fee the exchange did not tell.
UNKNOWN_FEE = "unknown"


class Order(models.Model):
    """One order, committed as an intent before anything is sent (design section 5)."""

    connection = models.ForeignKey(Connection, on_delete=models.PROTECT, related_name="orders")
    position = models.ForeignKey(LivePosition, on_delete=models.PROTECT, related_name="orders")
    purpose = models.CharField(max_length=12, choices=OrderPurpose.choices)
    cause = models.CharField(max_length=200, help_text="Why this order exists; never twice")
    client_order_id = models.CharField(max_length=32)
    exchange_order_id = models.CharField(max_length=64, blank=True)

    symbol = models.CharField(max_length=40)
    side = models.CharField(max_length=4, choices=OrderSide.choices)
    position_side = models.CharField(max_length=5, choices=Side.choices)
    kind = models.CharField(max_length=8, choices=OrderKind.choices)
    reduce_only = models.BooleanField(default=False)
    quantity = models.DecimalField(max_digits=30, decimal_places=12)
    limit_price = models.DecimalField(max_digits=30, decimal_places=12, null=True, blank=True)
    trigger_price = models.DecimalField(max_digits=30, decimal_places=12, null=True, blank=True)
    reference_price = models.DecimalField(
        max_digits=30,
        decimal_places=12,
        help_text="The price at the decision; slippage counts from it",
    )
    sizing = models.JSONField(default=dict, help_text="How the quantity was worked out")
    close_reason = models.CharField(max_length=16, blank=True)

    state = models.CharField(max_length=16, choices=OrderState.choices, default=OrderState.INTENT)
    filled_quantity = models.DecimalField(max_digits=30, decimal_places=12, default=0)
    average_price = models.DecimalField(max_digits=30, decimal_places=12, null=True, blank=True)
    error_code = models.CharField(max_length=48, blank=True)
    error_message = models.TextField(blank=True)
    lease_token = models.BigIntegerField(help_text="The fencing token under which it was decided")
    ask_attempts = models.PositiveIntegerField(default=0)
    ask_after = models.DateTimeField(
        null=True, blank=True, help_text="When the exchange is asked about it again"
    )
    created_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True, blank=True)
    settled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-id",)
        constraints = (
            models.UniqueConstraint(
                fields=("connection", "client_order_id"), name="order_client_id_is_unique"
            ),
            models.UniqueConstraint(fields=("connection", "cause"), name="order_one_per_cause"),
            models.CheckConstraint(condition=Q(quantity__gt=0), name="order_quantity_positive"),
            models.CheckConstraint(
                condition=Q(state__in=OrderState.values), name="order_state_is_known"
            ),
            models.CheckConstraint(
                condition=Q(purpose=OrderPurpose.ENTRY) | Q(reduce_only=True),
                name="order_only_entries_may_grow_exposure",
            ),
        )
        indexes = (
            # what has to be settled on this connection?
            models.Index(
                fields=["connection", "ask_after"],
                condition=Q(state__in=UNSETTLED),
                name="order_unsettled",
            ),
        )

    def __str__(self) -> str:
        return f"{self.purpose} {self.side} {self.symbol} #{self.pk}"


class OrderEvent(models.Model):
    """One change of an order's state, with what the exchange said."""

    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="events")
    at = models.DateTimeField()
    before = models.CharField(max_length=16, choices=OrderState.choices, blank=True)
    after = models.CharField(max_length=16, choices=OrderState.choices)
    detail = models.JSONField(default=dict)

    class Meta:
        ordering = ("id",)

    def __str__(self) -> str:
        return f"{self.before or 'new'} -> {self.after}"


class Fill(models.Model):
    """One trade of an order at the exchange; unique by the exchange's own trade id."""

    connection = models.ForeignKey(Connection, on_delete=models.PROTECT, related_name="fills")
    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="fills")
    symbol = models.CharField(max_length=40)
    exchange_trade_id = models.CharField(max_length=64)
    price = models.DecimalField(max_digits=30, decimal_places=12)
    quantity = models.DecimalField(max_digits=30, decimal_places=12)
    fee = models.DecimalField(max_digits=30, decimal_places=12, default=0)
    fee_currency = models.CharField(max_length=16, blank=True)
    at = models.DateTimeField()

    class Meta:
        ordering = ("id",)
        constraints = (
            models.UniqueConstraint(
                fields=("connection", "symbol", "exchange_trade_id"), name="fill_is_unique"
            ),
            models.CheckConstraint(condition=Q(quantity__gt=0), name="fill_quantity_positive"),
        )

    def __str__(self) -> str:
        return f"{self.quantity} @ {self.price}"


class Refusal(models.Model):
    """An entry that a gate refused, with its stable code and the figures that decided."""

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="refusals")
    at = models.DateTimeField()
    cause = models.CharField(max_length=200)
    symbol = models.CharField(max_length=40)
    side = models.CharField(max_length=5, choices=Side.choices)
    code = models.CharField(max_length=32)
    message = models.TextField()
    sizing = models.JSONField(default=dict)

    class Meta:
        ordering = ("-id",)
        constraints = (
            models.UniqueConstraint(fields=("connection", "cause"), name="refusal_one_per_cause"),
        )

    def __str__(self) -> str:
        return f"{self.code}: {self.symbol} {self.side}"
