"""Django app configuration of the connections floor."""

from django.apps import AppConfig


class ConnectionsConfig(AppConfig):
    """Exchange accounts and how they are reached."""

    name = "connections"
    verbose_name = "Exchange connections"
