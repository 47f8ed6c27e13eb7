"""Orders, fills, positions and refusals."""

from positions.models.orders import Fill, Order, OrderEvent, Refusal
from positions.models.positions import LivePosition, PseudoPosition

__all__ = ["Fill", "LivePosition", "Order", "OrderEvent", "PseudoPosition", "Refusal"]
