"""Django app configuration of the monitoring floor."""

from django.apps import AppConfig


class MonitoringConfig(AppConfig):
    """What people see and are told."""

    name = "monitoring"
    verbose_name = "What people see and are told"
