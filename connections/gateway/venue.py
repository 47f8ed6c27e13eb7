"""Where requests go: the key that markets, pollers and budgets are shared by."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from connections.choices import Environment, MarketType
from cts.fields import Sealed

if TYPE_CHECKING:
    from connections.models import Connection


class Venue(NamedTuple):
    """An exchange, live | testnet | sandbox, and a market type. Equal to Connection.venue."""

    exchange: str
    environment: str
    market_type: str

    @property
    def label(self) -> str:
        """The venue in words, for messages."""
        if self.environment == Environment.SANDBOX:
            return "the sandbox exchange"
        suffix = " testnet" if self.environment == Environment.TESTNET else ""
        return f"{self.exchange}{suffix}"

    @property
    def is_spot(self) -> bool:
        """Tell whether there are balances only, no positions."""
        return self.market_type == MarketType.SPOT


@dataclass(frozen=True, slots=True)
class Keys:
    """Credentials, sealed; clients.py reveals them at the moment a client is built."""

    api_key: Sealed
    api_secret: Sealed
    passphrase: Sealed

    @classmethod
    def of(cls, connection: "Connection") -> Self:
        """Give the credentials of `connection`."""
        sealed: Any = connection  # the fields' Python value is Sealed, their base class says str
        return cls(sealed.api_key, sealed.api_secret, sealed.passphrase)


@dataclass(frozen=True, slots=True)
class AccountModes:
    """How the account has to be set up before orders are sent."""

    margin_mode: str
    position_mode: str
    leverage: int

    @classmethod
    def of(cls, connection: "Connection") -> Self:
        """Give the modes that `connection` asks for."""
        return cls(connection.margin_mode, connection.position_mode, connection.leverage)
