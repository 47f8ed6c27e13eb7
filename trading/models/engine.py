"""The engine of a connection: what is wanted, what is, and who holds its lease."""

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q

from connections.models import Connection
from trading.choices import ActualState, DesiredState, Phase


class Engine(models.Model):
    """One engine per connection. The lease is claimed and renewed by the database's clock only."""

    connection = models.OneToOneField(Connection, on_delete=models.PROTECT, related_name="engine")
    desired = models.CharField(
        max_length=8, choices=DesiredState.choices, default=DesiredState.STOPPED
    )
    actual = models.CharField(
        max_length=8, choices=ActualState.choices, default=ActualState.STOPPED
    )
    phase = models.CharField(max_length=10, choices=Phase.choices, blank=True, default=Phase.NONE)
    progress_pct = models.PositiveSmallIntegerField(default=0)
    reason = models.TextField(blank=True, help_text="Why it is halted or in error")
    interval_ms = models.PositiveIntegerField(
        default=1000, validators=[MinValueValidator(200), MaxValueValidator(60_000)]
    )

    symbols = models.JSONField(default=list, help_text="What this connection trades")
    halted_at = models.DateTimeField(
        null=True, help_text="Set when a limit was hit; cleared only by a person who resumes"
    )
    limits_from = models.DateTimeField(
        null=True, help_text="Losses before this moment were accepted by the person who resumed"
    )

    lease_holder = models.CharField(max_length=80, blank=True)
    lease_token = models.BigIntegerField(default=0, help_text="Grows with every claim")
    lease_expires_at = models.DateTimeField(null=True)
    heartbeat_at = models.DateTimeField(null=True)

    cycles = models.BigIntegerField(default=0)
    failed_cycles = models.BigIntegerField(default=0)
    last_cycle_ms = models.FloatField(null=True)
    mean_cycle_ms = models.FloatField(null=True)
    p99_cycle_ms = models.FloatField(null=True)
    achieved_interval_ms = models.FloatField(null=True)
    last_error = models.TextField(blank=True)
    last_error_at = models.DateTimeField(null=True)
    peak_equity_quote = models.DecimalField(max_digits=30, decimal_places=10, null=True)

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=Q(lease_token__gte=0), name="engine_lease_token_not_negative"
            ),
        )
        indexes = (
            # hosts look for engines to claim
            models.Index(
                F("lease_expires_at"),
                condition=~Q(desired=DesiredState.STOPPED),
                name="engine_wanted",
            ),
        )

    def __str__(self) -> str:
        return f"engine of {self.connection}"


class EngineChange(models.Model):
    """One change of what is wanted or what is, with who and why."""

    engine = models.ForeignKey(Engine, on_delete=models.CASCADE, related_name="changes")
    at = models.DateTimeField()
    column = models.CharField(max_length=8, choices=(("desired", "Desired"), ("actual", "Actual")))
    before = models.CharField(max_length=8)
    after = models.CharField(max_length=8)
    who = models.CharField(max_length=150)
    why = models.TextField(blank=True)

    class Meta:
        ordering = ("-id",)

    def __str__(self) -> str:
        return f"{self.column}: {self.before} -> {self.after}"
