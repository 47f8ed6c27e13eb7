"""Choices of the ground floor."""

from django.db.models import TextChoices


class Role(TextChoices):
    """What a person may do; the rules are in cts.roles."""

    VIEWER = "viewer", "Viewer"
    TRADER = "trader", "Trader"
    OPERATOR = "operator", "Operator"
    ADMIN = "admin", "Admin"


class Source(TextChoices):
    """The door through which a change came."""

    WEB = "web", "Web"
    ADMIN = "admin", "Admin"
    API = "api", "API"
    COMMAND = "command", "Command"
    ENGINE = "engine", "Engine"
    SYSTEM = "system", "System"
