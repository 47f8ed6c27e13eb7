"""What the acting floor needs of an engine's lease; the lease itself lives a floor above."""

from typing import Protocol


class LeaseLost(Exception):  # noqa: N818 - it is a fact, not a fault
    """Another worker holds the engine now, or this one could not renew in time: stop sending."""


class Fence(Protocol):
    """Proof that the caller is the one engine of its connection (design promise 1)."""

    @property
    def token(self) -> int:
        """The fencing token under which decisions are made."""
        ...

    def holds(self) -> bool:
        """Tell, by this machine's monotonic clock, whether the lease certainly still stands."""
        ...

    def confirm(self) -> None:
        """Check and lock the lease row in the caller's transaction; raises LeaseLost."""
        ...

    def permits_entries(self) -> bool:
        """Tell, in the caller's transaction, whether entries are wanted at this very moment.

        Whoever pauses or stops the engine waits for the transaction: none begins after theirs.
        """
        ...
