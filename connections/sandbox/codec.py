"""Turns records into JSON text and back. Decimals are text, so that no digit is lost."""

from __future__ import annotations

import json
from dataclasses import fields, is_dataclass
from decimal import Decimal
from enum import Enum
from functools import lru_cache
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

T = TypeVar("T")


def encode(record: object) -> str:
    """JSON text of a dataclass."""
    return json.dumps(plain(record), separators=(",", ":"))


def decode(cls: type[T], text: str) -> T:
    """The dataclass that `encode` made the text of. Raises ValueError or KeyError if it didn't."""
    value: T = _build(cls, json.loads(text))
    return value


def plain(value: Any) -> Any:
    """A value in JSON's own types."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Decimal):
        return str(value)
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value


@lru_cache(maxsize=64)
def _hints(cls: type) -> dict[str, Any]:
    return get_type_hints(cls)


def _build(kind: Any, value: Any) -> Any:
    if get_origin(kind) is dict:
        item_kind = get_args(kind)[1]
        return {key: _build(item_kind, item) for key, item in value.items()}
    if isinstance(kind, type) and is_dataclass(kind):
        hints = _hints(kind)
        return kind(**{name: _build(hints[name], item) for name, item in value.items()})
    if isinstance(kind, type) and issubclass(kind, Enum | Decimal):
        return kind(value)
    return value
