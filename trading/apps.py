"""Django app configuration of the trading floor."""

from django.apps import AppConfig


class TradingConfig(AppConfig):
    """Market data, tournament, engines."""

    name = "trading"
    verbose_name = "Market, tournament, engines"

    def ready(self) -> None:
        """Let workers of the queue `engines` host engines."""
        from cts.celery import app
        from trading.engine.bootstep import EngineHostStep

        app.steps["worker"].add(EngineHostStep)
