"""Secrets at rest: a model field whose value stays sealed until somebody asks for it by name."""

from functools import lru_cache
from typing import Any, Self

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import models


@lru_cache(maxsize=4)
def _cipher(keys: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([Fernet(key) for key in keys])


def cipher() -> MultiFernet:
    """Give the cipher of ENCRYPTION_KEY: encrypts with the newest key, decrypts with any."""
    return _cipher(tuple(settings.ENCRYPTION_KEYS))


class Sealed:
    """An encrypted text. Its only way out is reveal(); str and repr never show it."""

    __slots__ = ("token",)

    def __init__(self, token: str) -> None:
        self.token = token

    @classmethod
    def seal(cls, clear: str) -> Self:
        """Encrypt `clear`; empty text stays empty."""
        return cls(cipher().encrypt(clear.encode()).decode() if clear else "")

    def reveal(self) -> str:
        """Give the clear text, for the moment of signing.

        Raises ImproperlyConfigured when no key of ENCRYPTION_KEY opens it.
        """
        if not self.token:
            return ""
        try:
            return cipher().decrypt(self.token.encode()).decode()
        except InvalidToken:
            raise ImproperlyConfigured(
                "ENCRYPTION_KEY: expected the key that stored credentials were encrypted with, "
                "none of the keys given opens them; add the former key at the end of the list"
            ) from None

    def __bool__(self) -> bool:
        return bool(self.token)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sealed) and self.token == other.token

    def __hash__(self) -> int:
        return hash(self.token)

    def __repr__(self) -> str:
        return "(sealed)" if self.token else "(empty)"


class EncryptedField(models.TextField):
    """Stores a Fernet token; its Python value is Sealed. A clear text is refused."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("editable", False)
        kwargs.setdefault("blank", True)
        kwargs.setdefault("default", "")
        super().__init__(*args, **kwargs)

    def get_default(self) -> Sealed:
        """Give an empty secret."""
        return Sealed("")

    def from_db_value(self, value: str | None, expression: Any, connection: Any) -> Sealed:
        """Wrap what the database holds, still encrypted."""
        return Sealed(value or "")

    def to_python(self, value: Any) -> Sealed:
        """Take a Sealed only; raises TypeError for a clear text."""
        if isinstance(value, Sealed):
            return value
        if value in ("", None):
            return Sealed("")
        raise TypeError("expected Sealed.seal(text), was a clear text")

    def get_prep_value(self, value: Any) -> str:
        """Give the token for the database."""
        return self.to_python(value).token

    def value_to_string(self, obj: models.Model) -> str:
        """Give the token, for dumps: a dump holds no clear text."""
        return self.to_python(self.value_from_object(obj)).token
