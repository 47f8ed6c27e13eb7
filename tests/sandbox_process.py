"""Runs a sandbox exchange as a process of its own, for integration tests.

with SandboxProcess(["--synthetic", "7"]) as sandbox:
    account = sandbox.open_account()
    client = ccxt.binance({"apiKey": account.key, "secret": account.secret})
    divert(client.session, sandbox.base_url)
"""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

import requests

PROJECT = Path(__file__).resolve().parent.parent
START_TIMEOUT_SECS = 30.0
STOP_TIMEOUT_SECS = 10.0


class Credentials(NamedTuple):
    id: int
    key: str
    secret: str


class SandboxError(Exception):
    """The sandbox didn't start or refused a control request."""


class SandboxControl:
    """Speaks to the control endpoints of a sandbox."""

    def __init__(self, base_url: str, token: str) -> None:
        self.base_url = base_url
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.headers["X-Sandbox-Control"] = token

    def _call(self, method: str, path: str, **options: Any) -> Any:
        answer = self._session.request(method, f"{self.base_url}{path}", timeout=10, **options)
        if answer.status_code != 200:
            raise SandboxError(f"{method} {path}: {answer.status_code} {answer.text}")
        return answer.json()

    def status(self) -> dict[str, Any]:
        status: dict[str, Any] = self._call("GET", "/sandbox/status")
        return status

    def open_account(
        self,
        *,
        label: str = "test",
        spot: Mapping[str, str] | None = None,
        futures: str | None = None,
    ) -> Credentials:
        """A new account; 10,000 USDT in spot and 10,000 USDT in futures unless said otherwise."""
        body: dict[str, object] = {"label": label}
        if spot is not None:
            body["spot"] = dict(spot)
        if futures is not None:
            body["futures"] = futures
        account = self._call("POST", "/sandbox/accounts", json=body)
        return Credentials(account["id"], account["key"], account["secret"])

    def add_fault(self, kind: str, **wish: object) -> dict[str, Any]:
        """A fault such as `add_fault("drop_answer", times=1, path="/order")`."""
        fault: dict[str, Any] = self._call("POST", "/sandbox/faults", json={"kind": kind, **wish})
        return fault

    def faults(self) -> list[dict[str, Any]]:
        listed: list[dict[str, Any]] = self._call("GET", "/sandbox/faults")
        return listed

    def clear_faults(self) -> int:
        cleared: int = self._call("DELETE", "/sandbox/faults")["cleared"]
        return cleared

    def ledger(self, account: str | int) -> dict[str, Any]:
        """Everything the exchange knows of an account, by key or number."""
        found: dict[str, Any] = self._call("GET", "/sandbox/ledger", params={"account": account})
        return found

    def close(self) -> None:
        self._session.close()


class SandboxProcess(SandboxControl):
    """A sandbox on a free port of this machine, ready when the `with` block begins.

    `start`, `kill` (SIGKILL) and `stop` (SIGTERM) may be called in any order; with `port` and a
    `--state` option a restarted one goes on where it was.
    """

    def __init__(
        self,
        options: Sequence[str] = ("--synthetic", "1"),
        *,
        port: int = 0,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._token = secrets.token_hex(16)
        super().__init__("", self._token)
        self._options = list(options)
        self._port = port
        self._environment = dict(environment or {})
        self._process: subprocess.Popen[str] | None = None
        self.output: list[str] = []

    def __enter__(self) -> SandboxProcess:
        self.start()
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self.stop()
        self.close()

    def start(self) -> None:
        """Starts it and waits until it answers. Raises SandboxError with its output otherwise."""
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith("CTS_")
        }
        environment |= {"CTS_SANDBOX_CONTROL_TOKEN": self._token, **self._environment}
        command = [sys.executable, "-m", "connections.sandbox", "--port", str(self._port)]
        self._process = subprocess.Popen(
            [*command, *self._options],
            cwd=PROJECT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        ready = threading.Event()
        reader = threading.Thread(target=self._read_output, args=(ready,), daemon=True)
        self.output = []
        reader.start()
        deadline = time.monotonic() + START_TIMEOUT_SECS
        while not ready.wait(0.05):
            if self._process.poll() is not None or time.monotonic() > deadline:
                reader.join(1)
                self.kill()
                raise SandboxError(f"the sandbox didn't start: {' '.join(self.output)}")

    def _read_output(self, ready: threading.Event) -> None:
        process = self._process
        if process is None or process.stdout is None:
            return
        for line in process.stdout:
            self.output.append(line.rstrip())
            if line.startswith("SANDBOX exchange at "):
                self.base_url = line.split()[3]
                self._port = int(self.base_url.rpartition(":")[2])
                ready.set()

    @property
    def pid(self) -> int:
        if self._process is None:
            raise SandboxError("the sandbox isn't running")
        return self._process.pid

    def kill(self) -> None:
        """`kill -9`: no farewell."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """SIGTERM, and waits for the end."""
        self._end(signal.SIGTERM)

    def _end(self, number: signal.Signals) -> None:
        if self._process is None:
            return
        if self._process.poll() is None:
            self._process.send_signal(number)
        try:
            self._process.wait(STOP_TIMEOUT_SECS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(STOP_TIMEOUT_SECS)
        self._process = None
