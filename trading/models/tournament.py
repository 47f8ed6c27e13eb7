"""Tournaments, the sets worth a row, and every stage change with its evidence."""

from django.db import models

from connections.choices import Environment, MarketType
from trading.choices import GateProfile, Timeframe


class Tournament(models.Model):
    """One grid of sets that trades on paper on (exchange, environment, market type, timeframe)."""

    exchange = models.CharField(max_length=40)
    environment = models.CharField(max_length=8, choices=Environment.choices)
    market_type = models.CharField(max_length=16, choices=MarketType.choices)
    timeframe = models.CharField(max_length=3, choices=Timeframe.choices, default=Timeframe.M1)
    grid = models.JSONField()
    gate_profile = models.CharField(
        max_length=8, choices=GateProfile.choices, default=GateProfile.DEFAULT
    )
    symbols = models.JSONField(default=list)
    origin_ms = models.BigIntegerField(
        null=True, help_text="Opening time of the first frame of the book"
    )
    frames = models.JSONField(
        default=dict,
        help_text="By symbol: opening time of the newest frame whose events are all stored",
    )
    standing = models.JSONField(
        default=dict,
        help_text="After the newest frame: sets on each rung, and the best with what they lack",
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("exchange", "environment", "market_type", "timeframe"),
                name="tournament_is_unique",
            ),
            models.CheckConstraint(
                condition=~models.Q(gate_profile=GateProfile.PRACTICE)
                | models.Q(environment=Environment.SANDBOX),
                name="tournament_practice_gates_only_in_sandbox",
            ),
        )

    def __str__(self) -> str:
        return f"{self.exchange} {self.environment} {self.market_type} {self.timeframe}"


class TournamentSet(models.Model):
    """A set that got as far as Base active: where it stands and since when."""

    tournament = models.ForeignKey(Tournament, on_delete=models.CASCADE, related_name="sets")
    key = models.CharField(max_length=160, help_text="symbol|code")
    symbol = models.CharField(max_length=40)
    stage = models.CharField(max_length=24)
    since_ms = models.BigIntegerField(help_text="Frame of the last stage change")
    evidence = models.JSONField(default=dict)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("tournament", "key"), name="tournament_set_unique"),
        )
        indexes = (
            # the dashboard counts sets by stage
            models.Index(fields=["tournament", "stage"], name="tournament_set_stage"),
        )

    def __str__(self) -> str:
        return self.key


class StageChange(models.Model):
    """One step up or down of a set, with the evidence that decided."""

    tournament = models.ForeignKey(
        Tournament, on_delete=models.CASCADE, related_name="stage_changes"
    )
    set_key = models.CharField(max_length=160)
    frame_ms = models.BigIntegerField()
    before = models.CharField(max_length=24)
    after = models.CharField(max_length=24)
    evidence = models.JSONField(default=dict)

    class Meta:
        ordering = ("-id",)
        constraints = (
            models.UniqueConstraint(
                fields=("tournament", "set_key", "frame_ms"), name="stage_change_unique"
            ),
        )

    def __str__(self) -> str:
        return f"{self.set_key}: {self.before} -> {self.after}"
