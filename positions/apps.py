"""Django app configuration of the positions floor."""

from django.apps import AppConfig


class PositionsConfig(AppConfig):
    """Orders, fills, positions."""

    name = "positions"
    verbose_name = "Orders and positions"

    def ready(self) -> None:
        """Tell the floor below which positions of a connection are open."""
        from connections import open_positions
        from positions.selectors import open_labels

        open_positions.register("live positions", open_labels)
