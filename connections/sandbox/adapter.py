"""Reroutes a ccxt client to the sandbox, below ccxt.

ccxt picks Binance's error table by the prefix of its own URL, so the URLs that ccxt sees must stay
the real ones. This adapter sits in the client's requests session and changes only where the bytes
go: to `base_url`, with the same path. A host that isn't Binance's is refused: a diverted client can
never reach a real exchange.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter

BINANCE_HOST = re.compile(
    r"^(api|api[0-9]+|api-gcp|data-api|fapi|dapi|sapi|testnet|demo-api|demo-fapi|demo-dapi)"
    r"\.binance(future)?\.(com|us|vision)$"
)
PATH_PREFIXES = ("/api/", "/sapi/", "/fapi/", "/dapi/")


class DivertError(requests.exceptions.ConnectionError):
    """A diverted session was asked for something that isn't the sandbox's."""


class SandboxAdapter(HTTPAdapter):
    """Sends requests for Binance's hosts to a sandbox; refuses all others."""

    def __init__(self, base_url: str, **options: Any) -> None:
        """`base_url` such as http://127.0.0.1:8090, without a path."""
        parts = urlsplit(base_url)
        if parts.scheme not in ("http", "https") or not parts.netloc or parts.path.strip("/"):
            raise ValueError(f"expected a base URL such as http://127.0.0.1:8090, was {base_url}")
        self._base_url = f"{parts.scheme}://{parts.netloc}"
        super().__init__(**options)

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> Any:
        """Raises DivertError for a host or path that isn't Binance's."""
        request.url = self._diverted(request.url or "")
        # A proxy of the environment is for the outside world, never for the sandbox.
        kwargs["proxies"] = {}
        return super().send(request, *args, **kwargs)

    def _diverted(self, url: str) -> str:
        if url.startswith(f"{self._base_url}/"):
            return url
        parts = urlsplit(url)
        host = parts.hostname or ""
        if not BINANCE_HOST.match(host):
            raise DivertError(f"a sandbox client may reach Binance's hosts only, was {host}")
        if not parts.path.startswith(PATH_PREFIXES):
            raise DivertError(f"the sandbox doesn't serve the path {parts.path}")
        query = f"?{parts.query}" if parts.query else ""
        return f"{self._base_url}{parts.path}{query}"


def divert(session: requests.Session, base_url: str) -> SandboxAdapter:
    """Makes every request of a session go to the sandbox. Gives the adapter."""
    adapter = SandboxAdapter(base_url)
    session.adapters.clear()
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return adapter
