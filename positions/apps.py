"""Django app configuration of the positions floor."""

from django.apps import AppConfig


class PositionsConfig(AppConfig):
    """Orders and positions."""

    name = "positions"
    verbose_name = "Orders and positions"
