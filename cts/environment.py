"""The environment, read once and typed; the whole of it is listed in docs/operations.md.

Every variable may also be given as `NAME_FILE`, a file that holds the value. A value of the wrong
form stops the start with one line that names the variable and the form expected.
"""

import os
import secrets
import stat
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

import environ
from cryptography.fernet import Fernet
from django.core.exceptions import ImproperlyConfigured
from environ.fileaware_mapping import FileAwareMapping

BASE_DIR = Path(__file__).resolve().parent.parent
MIN_SECRET_LENGTH = 32

T = TypeVar("T")


class Environment:
    """Typed look-ups in `os.environ`, with secrets generated once in development."""

    def __init__(self) -> None:
        self._env = environ.FileAwareEnv()
        # The class shares one cache of files among all its instances, for ever.
        self._env.ENVIRON = FileAwareMapping()
        self.name = self.choice("ENVIRONMENT", ("development", "production"), "development")
        self.is_production = self.name == "production"
        self.var_dir = Path(self.text("CTS_VAR_DIR", str(BASE_DIR / "var"))).absolute()

    def text(self, name: str, default: str = "") -> str:
        """Give the value of `name` as text, without surrounding white space.

        Raises ImproperlyConfigured when `name`_FILE names a file that can't be read.
        """
        try:
            return str(self._env.str(name, default=default)).strip()
        except (OSError, environ.ImproperlyConfigured) as error:
            raise ImproperlyConfigured(
                f"{name}_FILE: expected a readable file, was {os.environ.get(f'{name}_FILE')!r}"
            ) from error

    def typed(self, name: str, default: T, parse: Callable[[str], T], expected: str) -> T:
        """Give `parse(value)`, or `default` where the variable is missing or empty."""
        raw = self.text(name)
        if not raw:
            return default
        try:
            return parse(raw)
        except ValueError as error:
            raise ImproperlyConfigured(f"{name}: expected {expected}, was {raw!r}") from error

    def choice(self, name: str, choices: tuple[str, ...], default: str) -> str:
        """Give one of `choices`."""

        def parse(raw: str) -> str:
            if raw not in choices:
                raise ValueError(raw)
            return raw

        return self.typed(name, default, parse, " or ".join(choices))

    def integer(self, name: str, default: int, lowest: int, highest: int) -> int:
        """Give a whole number in [lowest, highest]."""

        def parse(raw: str) -> int:
            value = int(raw)
            if not lowest <= value <= highest:
                raise ValueError(raw)
            return value

        return self.typed(name, default, parse, f"a whole number from {lowest} to {highest}")

    def url(self, name: str, default: str, schemes: tuple[str, ...]) -> str:
        """Give a URL of one of `schemes`; its password is never repeated in the error."""
        raw = self.text(name) or default
        if raw and urlsplit(raw).scheme not in schemes:
            forms = ", ".join(f"{scheme}://…" for scheme in schemes)
            raise ImproperlyConfigured(
                f"{name}: expected a URL of the form {forms}, "
                f"was one that starts with {raw.split(':', 1)[0][:20]!r}"
            )
        return raw

    def address(self, name: str, default: str) -> tuple[str, int]:
        """Give (host, port) of "host:port"; an IPv6 host stands in brackets."""

        def parse(raw: str) -> tuple[str, int]:
            parts = urlsplit(f"//{raw}")
            if not parts.hostname or not parts.port or parts.netloc != raw or "@" in raw:
                raise ValueError(raw)
            return parts.hostname, parts.port

        return self.typed(name, parse(default), parse, "host:port, for example 127.0.0.1:8000")

    def secret(
        self,
        name: str,
        generate: Callable[[], str] | None = None,
        *,
        optional_in_production: bool = False,
    ) -> str:
        """Give a secret of at least 32 characters.

        Development: made once and kept in `secrets.env` (mode 0600) in the data folder.
        Production: a missing or weak one raises ImproperlyConfigured, unless the part that it
        belongs to is optional there: then a missing one is empty.
        """
        value = self.text(name)
        if not value and self.is_production and optional_in_production:
            return ""
        if not value and not self.is_production:
            value = self._generated(name, generate or (lambda: secrets.token_urlsafe(48)))
        if len(value) < MIN_SECRET_LENGTH or len(set(value)) < 10:
            state = "is missing" if not value else "is too weak"
            raise ImproperlyConfigured(
                f"{name} {state}: expected at least {MIN_SECRET_LENGTH} random characters. "
                f'Make one with: python3 -c "import secrets; print(secrets.token_urlsafe(48))" '
                f"and set {name} or {name}_FILE."
            )
        return value

    def fernet_keys(self, name: str) -> list[str]:
        """Give the Fernet keys of a comma-separated list, newest first."""
        value = self.text(name)
        if not value and not self.is_production:
            value = self._generated(name, lambda: Fernet.generate_key().decode())
        keys = [key.strip() for key in value.split(",") if key.strip()]
        try:
            for key in keys:
                Fernet(key)
        except ValueError as error:
            raise ImproperlyConfigured(
                f"{name}: expected Fernet keys (44 characters of URL-safe base64), newest first, "
                f"comma-separated; key {keys.index(key) + 1} is not one"
            ) from error
        if not keys:
            raise ImproperlyConfigured(
                f"{name} is missing: expected Fernet keys, newest first, comma-separated. Make "
                f'one with: python3 -c "from cryptography.fernet import Fernet; '
                f'print(Fernet.generate_key().decode())" and set {name} or {name}_FILE.'
            )
        return keys

    def _generated(self, name: str, generate: Callable[[], str]) -> str:
        path = self.var_dir / "secrets.env"
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, stat.S_IRUSR | stat.S_IWUSR)
        except OSError as error:
            raise ImproperlyConfigured(
                f"CTS_VAR_DIR: expected a folder that can be written, {path.parent} can't be: "
                f"{error.strerror}"
            ) from error
        with os.fdopen(descriptor, "r+") as file:
            _lock(file.fileno())
            lines = file.read().splitlines()
            for line in lines:
                key, _, value = line.partition("=")
                if key == name:
                    return value
            value = generate()
            file.write(f"{name}={value}\n")
            return value


def _lock(descriptor: int) -> None:
    import fcntl

    fcntl.flock(descriptor, fcntl.LOCK_EX)
