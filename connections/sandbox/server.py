"""The HTTP server: finds the handler, proves the sender, commits, answers, and obeys faults."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Awaitable, Callable

from aiohttp import web

from . import (
    control,
    rest_algo,
    rest_exchange_info,
    rest_futures,
    rest_futures_account,
    rest_market,
    rest_spot,
    rest_wallet,
)
from .auth import authenticate, check_signature, check_timestamp, read_body, read_params
from .control import ControlError
from .errors import Refusal
from .exchange import Exchange
from .faults import Fault, FaultKind
from .records import Account
from .routes import Call, Json, Route, Security

logger = logging.getLogger(__name__)

ROUTES: dict[tuple[str, str], Route] = {
    key: route
    for table in (
        rest_market.routes,
        rest_exchange_info.routes,
        rest_spot.routes,
        rest_wallet.routes,
        rest_futures.routes,
        rest_algo.routes,
        rest_futures_account.routes,
    )
    for key, route in table.routes.items()
}
STEP_SECS = 0.25
MINUTE_SECS = 60
Answer = web.StreamResponse


class _ClosedConnection(Exception):  # noqa: N818 - a commanded event, not an error
    """A fault wants the connection closed without an answer."""


class SandboxServer:
    """Serves one exchange. `control_token` None keeps the control endpoints closed."""

    def __init__(
        self, exchange: Exchange, *, control_token: str | None, durable: bool = False
    ) -> None:
        self.exchange = exchange
        self._control_token = control_token
        self._durable = durable
        self._used_weight: dict[tuple[str, int], int] = {}
        self._runner: web.AppRunner | None = None
        self._stepper: asyncio.Task[None] | None = None
        self.port = 0

    def application(self) -> web.Application:
        app = web.Application(client_max_size=1_000_000)
        app.router.add_get("/sandbox/status", self._status)
        app.router.add_post("/sandbox/accounts", self._guarded(self._open_account))
        app.router.add_get("/sandbox/accounts", self._guarded(self._accounts))
        app.router.add_post("/sandbox/faults", self._guarded(self._add_fault))
        app.router.add_get("/sandbox/faults", self._guarded(self._faults))
        app.router.add_delete("/sandbox/faults", self._guarded(self._clear_faults))
        app.router.add_get("/sandbox/ledger", self._guarded(self._ledger))
        app.router.add_route("*", "/{path:.*}", self._serve)
        return app

    async def start(self, host: str, port: int) -> None:
        """Binds and serves; port 0 takes a free one. Raises OSError where it can't bind."""
        self._runner = web.AppRunner(
            self.application(), access_log=None, handle_signals=False, shutdown_timeout=2
        )
        await self._runner.setup()
        site = web.TCPSite(self._runner, host, port, reuse_address=True)
        await site.start()
        self.port = self._runner.addresses[0][1]
        self._stepper = asyncio.create_task(self._step_for_ever())

    async def failed(self) -> None:
        """Returns never, or raises what stopped the market from being played."""
        if self._stepper is None:
            raise RuntimeError("expected a started server")
        await asyncio.shield(self._stepper)

    async def stop(self) -> None:
        if self._stepper is not None:
            self._stepper.cancel()
            await asyncio.wait([self._stepper])
        if self._runner is not None:
            await self._runner.cleanup()

    async def _step_for_ever(self) -> None:
        """Plays the market on even when nobody asks, so that stops trigger in time."""
        while True:
            self.exchange.advance()
            await asyncio.sleep(STEP_SECS)

    # The exchange's own protocol.

    async def _serve(self, request: web.Request) -> Answer:
        raw_body = await request.read()
        faults = self.exchange.faults.for_request(request.method, request.path)
        try:
            await self._before(faults)
            refusal_status = _commanded_status(faults)
            if refusal_status is not None:
                return _commanded_answer(refusal_status)
            status, answer, weight = self._answer(request, raw_body)
            await self._after(faults)
        except _ClosedConnection:
            _close(request)
            return web.Response(status=503)
        return self._json(request.path, status, answer, weight)

    async def _before(self, faults: list[Fault]) -> None:
        if any(fault.kind in (FaultKind.REFUSE, FaultKind.OUTAGE) for fault in faults):
            raise _ClosedConnection

    async def _after(self, faults: list[Fault]) -> None:
        for fault in faults:
            if fault.kind is FaultKind.LATENCY_MS:
                await asyncio.sleep(float(fault.value) / 1000)
        if any(fault.kind is FaultKind.DROP_ANSWER for fault in faults):
            raise _ClosedConnection

    def _answer(self, request: web.Request, raw_body: bytes) -> tuple[int, Json, int]:
        """HTTP status, JSON and request weight. What it changed is committed when it returns."""
        route = ROUTES.get((request.method, request.path))
        if route is None:
            logger.info("no endpoint for %s %s", request.method, request.path)
            return 404, {"code": -1000, "msg": f"Sandbox: no endpoint {request.path}."}, 1
        # The signature is over the bytes that were sent, so the query must not be decoded.
        query = request.raw_path.partition("?")[2]
        self.exchange.advance()
        try:
            body = read_body(raw_body)
            params = read_params(query, body)
            account = self._signer(route, request, query, body)
            if route.security is Security.SIGNED:
                check_timestamp(params, self.exchange.now_ms)
            answer = route.handler(Call(self.exchange, params, account))
        except Refusal as refusal:
            self.exchange.commit_changes()
            return refusal.status, {"code": refusal.code, "msg": refusal.msg}, route.weight
        self.exchange.commit_changes()
        return 200, answer, route.weight

    def _signer(self, route: Route, request: web.Request, query: str, body: str) -> Account | None:
        if route.security is Security.NONE:
            return None
        account = authenticate(self.exchange.accounts, request.headers.get("X-MBX-APIKEY"))
        if route.security is Security.SIGNED:
            check_signature(account, query, body)
        return account

    def _json(self, path: str, status: int, answer: Json, weight: int) -> web.Response:
        used = self._count_weight("fapi" if path.startswith("/fapi") else "api", weight)
        return web.Response(
            status=status,
            body=json.dumps(answer, separators=(",", ":")).encode(),
            content_type="application/json",
            headers={
                "X-MBX-USED-WEIGHT": str(used),
                "X-MBX-USED-WEIGHT-1M": str(used),
                "X-Sandbox": "SANDBOX",
            },
        )

    def _count_weight(self, market: str, weight: int) -> int:
        minute = int(time.time()) // MINUTE_SECS
        used = self._used_weight.get((market, minute), 0) + weight
        if len(self._used_weight) > 4:
            self._used_weight = {k: v for k, v in self._used_weight.items() if k[1] == minute}
        self._used_weight[market, minute] = used
        return used

    # Control.

    def _guarded(
        self, handler: Callable[[web.Request], Awaitable[Json]]
    ) -> Callable[[web.Request], Awaitable[Answer]]:
        async def guarded(request: web.Request) -> Answer:
            try:
                given = request.headers.get(control.TOKEN_HEADER)
                control.check_token(self._control_token, given)
                self.exchange.advance()
                return web.json_response(await handler(request))
            except ControlError as error:
                return web.json_response({"error": error.text}, status=error.status)

        return guarded

    async def _status(self, _request: web.Request) -> Answer:
        self.exchange.advance()
        return web.json_response(control.status(self.exchange, durable=self._durable))

    async def _open_account(self, request: web.Request) -> Json:
        return control.open_account(self.exchange, control.read_body(await request.text()))

    async def _accounts(self, _request: web.Request) -> Json:
        return control.list_accounts(self.exchange)

    async def _add_fault(self, request: web.Request) -> Json:
        try:
            fault = self.exchange.faults.add(control.read_body(await request.text()))
        except ValueError as error:
            raise ControlError(400, str(error)) from error
        return fault.describe()

    async def _faults(self, _request: web.Request) -> Json:
        return self.exchange.faults.in_force()

    async def _clear_faults(self, request: web.Request) -> Json:
        wanted = request.query.get("id")
        if wanted is not None and not wanted.isdigit():
            raise ControlError(400, "expected id to be a number")
        return {"cleared": self.exchange.faults.clear(int(wanted) if wanted else None)}

    async def _ledger(self, request: web.Request) -> Json:
        account = control.find_account(self.exchange, request.query.get("account"))
        return control.ledger(self.exchange, account)


def _commanded_status(faults: list[Fault]) -> Fault | None:
    return next((fault for fault in faults if fault.kind is FaultKind.HTTP_STATUS), None)


def _commanded_answer(fault: Fault) -> web.Response:
    status = int(fault.value)
    headers = {}
    if fault.retry_after_s or status in (418, 429):
        headers["Retry-After"] = str(fault.retry_after_s or 1)
    code, msg = -1001, "Internal error; unable to process your request. Please try again."
    if status in (418, 429):
        code, msg = -1003, "Too many requests; current limit is commanded by the sandbox."
    return web.json_response({"code": code, "msg": msg}, status=status, headers=headers)


def _close(request: web.Request) -> None:
    """Closes the connection at once, without a byte of an answer."""
    if request.transport is not None:
        request.transport.abort()
