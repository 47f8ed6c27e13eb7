"""A request as the handlers see it, and the table that finds the handler of a path."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from .auth import Params
from .exchange import Exchange
from .records import Account

Json = Any
Handler = Callable[["Call"], Json]


class Security(StrEnum):
    """What a request must prove, in Binance's words."""

    NONE = "NONE"
    API_KEY = "API_KEY"
    SIGNED = "SIGNED"


@dataclass(frozen=True)
class Call:
    """One request after authentication."""

    exchange: Exchange
    params: Params
    signer: Account | None

    @property
    def account(self) -> Account:
        """Who signed; only for signed routes."""
        if self.signer is None:
            raise RuntimeError("expected a signed route, was called without an account")
        return self.signer

    @property
    def symbol(self) -> str:
        return self.params.require("symbol").upper()


@dataclass(frozen=True)
class Route:
    handler: Handler
    security: Security
    weight: int


class RouteTable:
    def __init__(self) -> None:
        self.routes: dict[tuple[str, str], Route] = {}

    def add(
        self,
        method: str,
        *paths: str,
        weight: int = 1,
        security: Security = Security.SIGNED,
    ) -> Callable[[Handler], Handler]:
        """Registers a handler for one or several paths."""

        def register(handler: Handler) -> Handler:
            for path in paths:
                if (method, path) in self.routes:
                    raise RuntimeError(f"expected one handler for {method} {path}, found a second")
                self.routes[method, path] = Route(handler, security, weight)
            return handler

        return register

    def public(self, *paths: str, weight: int = 1) -> Callable[[Handler], Handler]:
        return self.add("GET", *paths, weight=weight, security=Security.NONE)

    def get(self, *paths: str, weight: int = 1) -> Callable[[Handler], Handler]:
        return self.add("GET", *paths, weight=weight)

    def post(self, *paths: str, weight: int = 1) -> Callable[[Handler], Handler]:
        return self.add("POST", *paths, weight=weight)

    def delete(self, *paths: str, weight: int = 1) -> Callable[[Handler], Handler]:
        return self.add("DELETE", *paths, weight=weight)
