"""Who acts, and through which door: handed from every entry point to the service it calls."""

import getpass
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from cts.choices import Source

if TYPE_CHECKING:
    from cts.models import User


@dataclass(frozen=True, slots=True)
class Actor:
    """A person or the system itself, with the door and the network address they came through."""

    source: Source
    user: "User | None" = None
    name: str = ""
    ip: str | None = None

    @property
    def is_system(self) -> bool:
        """Tell whether no person's role applies: a command at the machine, an engine, beat."""
        return self.user is None

    @property
    def role_label(self) -> str:
        """The role in words, for messages."""
        return "none" if self.user is None else self.user.get_role_display()

    @classmethod
    def from_request(cls, request: Any, source: Source) -> Self:
        """Give the signed-in person behind an HTTP request.

        Raises ValueError for an anonymous request: nobody anonymous changes anything.
        """
        if not request.user.is_authenticated:
            raise ValueError("expected a signed-in user, was anonymous")
        return cls(
            source=source,
            user=request.user,
            name=request.user.get_username(),
            ip=request.META.get("REMOTE_ADDR") or None,
        )

    @classmethod
    def command(cls) -> Self:
        """Give the system person who runs `manage.py`."""
        return cls(source=Source.COMMAND, name=getpass.getuser())

    @classmethod
    def system(cls, name: str) -> Self:
        """Give a part of the product that acts by itself, for example "supervision"."""
        return cls(source=Source.SYSTEM, name=name)

    @classmethod
    def engine(cls, name: str) -> Self:
        """Give the engine of a connection."""
        return cls(source=Source.ENGINE, name=name)
