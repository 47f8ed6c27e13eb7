"""Choices of the connections floor."""

from django.db.models import TextChoices


class Environment(TextChoices):
    """Where orders go; shown as a label wherever a number could be mistaken."""

    LIVE = "live", "LIVE"
    TESTNET = "testnet", "TESTNET"
    SANDBOX = "sandbox", "SANDBOX"


class MarketType(TextChoices):
    """What kind of market a connection trades."""

    SPOT = "spot", "Spot"
    USDT_PERPETUAL = "usdt-perpetual", "USDT perpetual"
    COIN_PERPETUAL = "coin-perpetual", "Coin perpetual"


class MarginMode(TextChoices):
    """How margin is shared among positions."""

    CROSS = "cross", "Cross"
    ISOLATED = "isolated", "Isolated"


class PositionMode(TextChoices):
    """Whether both sides of a symbol may be open at once."""

    ONE_WAY = "one-way", "One-way"
    HEDGE = "hedge", "Hedge"


class SymbolOrder(TextChoices):
    """How the top N symbols are picked."""

    MAIN = "main", "Main list"
    VOLUME = "volume_24h", "24 h volume"
    CHANGE = "change_24h", "24 h change"
    ALPHABETICAL = "alphabetical", "Alphabetical"


class IndicationType(TextChoices):
    """What a connection's live trading may follow (domain section 6)."""

    DIRECTION = "direction", "Direction"
    MOVE = "move", "Move"
    ACTIVE = "active", "Active"
    OPTIMAL = "optimal", "Optimal"
    ACTIVE_ADVANCED = "active-advanced", "Active advanced"


# The types that this release computes; a connection may go live on these only.
OFFERED_INDICATIONS = (IndicationType.DIRECTION, IndicationType.MOVE)
