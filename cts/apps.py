"""Django app configuration of the ground floor."""

from django.apps import AppConfig


class CtsConfig(AppConfig):
    """Users, activity log and what every floor stands on."""

    name = "cts"
    verbose_name = "People and records"
