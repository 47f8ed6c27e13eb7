"""Django app configuration of the trading floor."""

from django.apps import AppConfig


class TradingConfig(AppConfig):
    """Market, tournament, engines."""

    name = "trading"
    verbose_name = "Market, tournament, engines"
