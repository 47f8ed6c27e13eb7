"""All indications by type. A new one is a file beside this and one line here."""

from collections.abc import Mapping
from types import MappingProxyType

from trading.indications import direction, move
from trading.indications.declaration import Indication

INDICATIONS: Mapping[str, Indication] = MappingProxyType(
    {module.INDICATION.type: module.INDICATION for module in (direction, move)}
)


class UnknownIndicationError(ValueError):
    """A type that no indication has; the text lists those that exist."""


def indication_of(type_: str) -> Indication:
    """The indication of that type. Raises `UnknownIndicationError`."""
    try:
        return INDICATIONS[type_]
    except KeyError:
        raise UnknownIndicationError(
            f"Indication type: expected one of {', '.join(INDICATIONS)}, was {type_!r}."
        ) from None
