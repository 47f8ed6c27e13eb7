"""A diverted client reaches the sandbox and nothing else."""

from __future__ import annotations

import ccxt
import pytest
import requests

from connections.sandbox.adapter import DivertError, divert
from tests.sandbox_process import SandboxProcess


@pytest.mark.parametrize(
    "url",
    [
        "https://api.binance.com/api/v3/time",
        "https://api3.binance.com/api/v3/time",
        "https://fapi.binance.com/fapi/v1/time",
        "https://testnet.binance.vision/api/v3/time",
        "https://testnet.binancefuture.com/fapi/v1/time",
    ],
)
def test_binance_hosts_go_to_the_sandbox(sandbox: SandboxProcess, url: str) -> None:
    session = requests.Session()
    divert(session, sandbox.base_url)
    answer = session.get(url, timeout=5)
    assert answer.headers["X-Sandbox"] == "SANDBOX"
    assert answer.json()["serverTime"] > 0


@pytest.mark.parametrize(
    "url",
    [
        "https://api.kraken.com/0/public/Time",
        "https://api.binance.com.example.org/api/v3/time",
        "https://www.binance.com/api/v3/time",
        "http://127.0.0.1:1/api/v3/time",
        "https://api.binance.com/bapi/secret",
    ],
)
def test_anything_else_is_refused(sandbox: SandboxProcess, url: str) -> None:
    session = requests.Session()
    divert(session, sandbox.base_url)
    with pytest.raises(DivertError):
        session.get(url, timeout=5)


def test_a_proxy_of_the_environment_is_not_used(
    sandbox: SandboxProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    client = ccxt.binance()
    divert(client.session, sandbox.base_url)
    assert client.fetch_time() > 0


@pytest.mark.parametrize("base_url", ["127.0.0.1:8090", "ftp://x", "http://x/path"])
def test_a_base_url_must_be_one(base_url: str) -> None:
    with pytest.raises(ValueError, match="expected a base URL"):
        divert(requests.Session(), base_url)
