"""Exchange connections: accounts, how to trade with them, and what the exchange last said."""

from decimal import Decimal

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q

from connections.choices import Environment, MarginMode, MarketType, PositionMode, SymbolOrder
from cts.fields import EncryptedField

FACTOR = (MinValueValidator(Decimal("0.1")), MaxValueValidator(Decimal(10)))


class Connection(models.Model):
    """One set of API credentials at one exchange, and how to trade with it (domain section 4)."""

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="connections"
    )
    name = models.CharField(max_length=60)
    exchange = models.CharField(max_length=40, help_text="A ccxt id, for example binance")
    environment = models.CharField(
        max_length=8, choices=Environment.choices, default=Environment.LIVE
    )
    market_type = models.CharField(
        max_length=16, choices=MarketType.choices, default=MarketType.USDT_PERPETUAL
    )

    api_key = EncryptedField()
    api_secret = EncryptedField()
    passphrase = EncryptedField()
    key_hint = models.CharField(max_length=4, blank=True, editable=False)

    margin_mode = models.CharField(
        max_length=8, choices=MarginMode.choices, default=MarginMode.CROSS
    )
    position_mode = models.CharField(
        max_length=8, choices=PositionMode.choices, default=PositionMode.ONE_WAY
    )
    leverage = models.PositiveSmallIntegerField(default=1, validators=[MinValueValidator(1)])
    volume_factor_main = models.DecimalField(
        max_digits=4, decimal_places=2, default=Decimal(1), validators=FACTOR
    )
    volume_factor_preset = models.DecimalField(
        max_digits=4, decimal_places=2, default=Decimal(1), validators=FACTOR
    )
    share_per_position_pct = models.DecimalField(
        max_digits=5,
        decimal_places=2,
        default=Decimal(1),
        validators=[MinValueValidator(Decimal("0.1")), MaxValueValidator(Decimal(100))],
        help_text="Share of the balance per position, in percent",
    )
    enforce_minimum = models.BooleanField(
        default=True, help_text="Raise an order below the exchange's minimum to the minimum"
    )
    max_open_positions = models.PositiveSmallIntegerField(
        default=10, validators=[MinValueValidator(1), MaxValueValidator(500)]
    )
    max_exposure_pct = models.DecimalField(
        max_digits=6,
        decimal_places=2,
        default=Decimal(100),
        validators=[MinValueValidator(Decimal(1)), MaxValueValidator(Decimal(1000))],
        help_text="Largest sum of open notionals, in percent of the balance",
    )
    daily_loss_limit_pct = models.DecimalField(
        max_digits=5,
        decimal_places=2,
        default=Decimal(5),
        validators=[MinValueValidator(Decimal("0.1")), MaxValueValidator(Decimal(100))],
        help_text="Realised loss of the day, in percent of the balance, that halts the connection",
    )

    forced_symbols = models.JSONField(default=list, blank=True)
    symbol_order = models.CharField(
        max_length=16, choices=SymbolOrder.choices, default=SymbolOrder.VOLUME
    )
    symbol_count = models.PositiveSmallIntegerField(
        default=12, validators=[MinValueValidator(2), MaxValueValidator(30)]
    )

    is_enabled = models.BooleanField(default=False, editable=False)
    is_active = models.BooleanField(default=False, editable=False)
    live_trading = models.BooleanField(default=False, editable=False)
    preset_trading = models.BooleanField(default=False, editable=False)
    indication_types = models.JSONField(default=list, blank=True, editable=False)
    trailing_enabled = models.BooleanField(default=True, editable=False)
    block_enabled = models.BooleanField(default=True, editable=False)
    dca_enabled = models.BooleanField(default=False, editable=False)

    last_test_at = models.DateTimeField(null=True, blank=True, editable=False)
    last_test_ok = models.BooleanField(null=True, blank=True, editable=False)
    last_test_message = models.TextField(blank=True, editable=False)
    balance_quote = models.DecimalField(
        max_digits=30, decimal_places=10, null=True, blank=True, editable=False
    )
    balance_at = models.DateTimeField(null=True, blank=True, editable=False)

    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    deleted_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering = ("name", "id")
        constraints = (
            models.UniqueConstraint(
                fields=("owner", "name"),
                condition=Q(deleted_at__isnull=True),
                name="connection_name_is_unique_per_owner",
                violation_error_message="You already have a connection of this name.",
            ),
            models.CheckConstraint(
                condition=Q(is_active=False) | Q(is_enabled=True),
                name="connection_active_needs_enabled",
            ),
            models.CheckConstraint(
                condition=Q(live_trading=False) | Q(is_active=True),
                name="connection_live_needs_active",
            ),
            models.CheckConstraint(
                condition=Q(preset_trading=False) | Q(is_active=True),
                name="connection_preset_needs_active",
            ),
            models.CheckConstraint(
                condition=Q(is_enabled=False) | Q(last_test_ok=True),
                name="connection_enabled_needs_passed_test",
            ),
            models.CheckConstraint(
                condition=Q(deleted_at__isnull=True) | Q(is_enabled=False),
                name="connection_deleted_is_disabled",
            ),
            models.CheckConstraint(
                condition=Q(environment__in=Environment.values),
                name="connection_environment_is_known",
            ),
        )
        indexes = (
            # engines and pollers: which connections are active?
            models.Index(F("is_active"), condition=Q(is_active=True), name="connection_active"),
        )

    def __str__(self) -> str:
        return f"{self.name} ({self.exchange} {self.environment})"

    @property
    def state(self) -> str:
        """The state of domain section 4 in a word, or "deleted"."""
        if self.deleted_at is not None:
            return "deleted"
        if not self.is_enabled:
            return "disabled"
        if not self.is_active:
            return "enabled"
        modes = [
            word
            for word, on in (("live", self.live_trading), ("preset", self.preset_trading))
            if on
        ]
        return " + ".join(["active", *modes])

    @property
    def venue(self) -> tuple[str, str, str]:
        """(exchange, environment, market type): what market data is shared by."""
        return (self.exchange, self.environment, self.market_type)


class ConnectionTest(models.Model):
    """One run of the connection test, with its log lines in plain words."""

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="tests")
    started_at = models.DateTimeField()
    duration_ms = models.PositiveIntegerField()
    ok = models.BooleanField()
    message = models.TextField()
    lines = models.JSONField(default=list)
    balance_quote = models.DecimalField(max_digits=30, decimal_places=10, null=True)

    class Meta:
        ordering = ("-id",)
        indexes = (
            # the newest tests of one connection
            models.Index(fields=["connection", "-id"], name="connection_test_newest"),
        )

    def __str__(self) -> str:
        return f"{self.started_at:%Y-%m-%d %H:%M:%S} {'passed' if self.ok else 'failed'}"
