"""Markets and their candles: public data, shared by every connection to the same venue."""

from django.db import models

from connections.choices import Environment, MarketType
from trading.choices import Timeframe


class Market(models.Model):
    """(exchange, environment, market type, symbol) with lot, tick and minimum notional."""

    exchange = models.CharField(max_length=40)
    environment = models.CharField(max_length=8, choices=Environment.choices)
    market_type = models.CharField(max_length=16, choices=MarketType.choices)
    symbol = models.CharField(max_length=40, help_text="Unified: BTC/USDT or BTC/USDT:USDT")
    base = models.CharField(max_length=20)
    quote = models.CharField(max_length=20)
    lot = models.DecimalField(max_digits=30, decimal_places=12)
    tick = models.DecimalField(max_digits=30, decimal_places=12)
    min_quantity = models.DecimalField(max_digits=30, decimal_places=12)
    min_notional = models.DecimalField(max_digits=30, decimal_places=12)
    contract_size = models.DecimalField(max_digits=30, decimal_places=12, default=1)
    is_trading = models.BooleanField(default=True)
    synced_at = models.DateTimeField()

    class Meta:
        ordering = ("exchange", "environment", "market_type", "symbol")
        constraints = (
            models.UniqueConstraint(
                fields=("exchange", "environment", "market_type", "symbol"),
                name="market_is_unique",
            ),
        )

    def __str__(self) -> str:
        return f"{self.symbol} ({self.exchange} {self.environment})"


class Candle(models.Model):
    """One closed candle as the exchange gave it. Floats: they feed indicator arrays only."""

    market = models.ForeignKey(Market, on_delete=models.CASCADE, related_name="candles")
    timeframe = models.CharField(max_length=3, choices=Timeframe.choices)
    open_ms = models.BigIntegerField(help_text="Opening time, milliseconds since the epoch, UTC")
    open = models.FloatField()
    high = models.FloatField()
    low = models.FloatField()
    close = models.FloatField()
    volume = models.FloatField(help_text="Base units")

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("market", "timeframe", "open_ms"), name="candle_is_unique"
            ),
        )

    def __str__(self) -> str:
        return f"{self.market_id} {self.timeframe} {self.open_ms}"
