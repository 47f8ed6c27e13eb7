"""How commands take credentials: from a file, from the environment, or asked for; never argv."""

import getpass
import json
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path

from cts.errors import Refused

MAX_FILE_BYTES = 20_000


@dataclass(frozen=True, slots=True)
class Secrets:
    """Credentials in clear, on their way to be sealed; repr shows none of them."""

    key: str = field(repr=False)
    secret: str = field(repr=False)
    passphrase: str = field(default="", repr=False)


def read_secrets(file: str | None) -> Secrets:
    """Give the credentials of `file`, else of CTS_KEY and CTS_SECRET, else ask at the terminal.

    Raises Refused, repeating nothing of what was read.
    """
    if file is not None:
        return _from_file(Path(file))
    key, secret = os.environ.get("CTS_KEY", ""), os.environ.get("CTS_SECRET", "")
    if key and secret:
        return Secrets(key, secret, os.environ.get("CTS_PASSPHRASE", ""))
    if not sys.stdin.isatty():
        raise Refused(
            "connection.credentials_missing",
            "Expected CTS_KEY and CTS_SECRET in the environment, --credentials-file, or a "
            "terminal to ask at.",
        )
    try:
        return Secrets(
            getpass.getpass("Key: "),
            getpass.getpass("Secret: "),
            getpass.getpass("Passphrase (empty where the exchange has none): "),
        )
    except (EOFError, KeyboardInterrupt):
        raise Refused("connection.credentials_missing", "Nothing was stored.") from None


def _from_file(path: Path) -> Secrets:
    try:
        text = path.read_text(encoding="utf-8")[:MAX_FILE_BYTES]
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise Refused(
            "connection.credentials_file", f"Can't read {path}: {reason}.", field="credentials_file"
        ) from None
    try:
        given = json.loads(text)
    except ValueError:
        given = None
    names = {"key", "secret", "passphrase"}
    well_formed = (
        isinstance(given, dict)
        and set(given) <= names
        and all(isinstance(value, str) for value in given.values())
    )
    if not well_formed:
        raise Refused(
            "connection.credentials_file",
            f'{path}: expected JSON like {{"key": "...", "secret": "...", "passphrase": "..."}}.',
            field="credentials_file",
        )
    return Secrets(given.get("key", ""), given.get("secret", ""), given.get("passphrase", ""))
