"""Market data, tournaments and engines."""

from trading.models.engine import Engine, EngineChange
from trading.models.market import Candle, Market
from trading.models.tournament import StageChange, Tournament, TournamentSet

__all__ = [
    "Candle",
    "Engine",
    "EngineChange",
    "Market",
    "StageChange",
    "Tournament",
    "TournamentSet",
]
