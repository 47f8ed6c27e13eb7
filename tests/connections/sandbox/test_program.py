"""The command: starts plainly, fails plainly, ends when told."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import requests
from django.core.management import load_command_class

from connections.sandbox import program
from tests.sandbox_process import PROJECT, SandboxProcess

from .test_replay import row, write

QUICK = ["--synthetic", "1", "--history-hours", "1"]


def start(*options: str) -> int:
    """Starts the program in this process; only for what ends by itself."""
    return program.main(["--port", "0", *options])


def test_help_explains_in_plain_words(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        program.main(["--help"])
    assert ended.value.code == 0
    text = " ".join(capsys.readouterr().out.split())
    for words in ("pretended", "examples:", "--replay DIR", "CTS_SANDBOX_KEY", "(default: 12)"):
        assert words in text


def test_the_management_command_shares_the_options() -> None:
    command = load_command_class("connections", "sandbox")
    parser = command.create_parser("manage.py", "sandbox")
    options = parser.parse_args(["--synthetic", "4", "--port", "0"])
    assert (options.synthetic, options.port, options.host) == (4, 0, "127.0.0.1")
    assert "pretended" in parser.format_help()


def test_what_keeps_it_from_starting_is_one_plain_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = tmp_path / "bad"
    bad.mkdir()
    write(bad, "binance-spot-BTCUSDT-5m.csv", [row(0), "rubbish"])
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        cases = [
            (["--port", port], "choose another --port"),
            (["--port", "99999"], "between 0 and 65535"),
            (["--replay", str(tmp_path / "missing")], "can't read the folder"),
            (["--replay", str(bad)], "line 3: expected"),
            (["--state", str(tmp_path / "no" / "file")], "can't write the state file"),
            (["--speed", "0"], "expected --speed above zero"),
            (["--speed", "fast"], "expected --speed to be a number"),
            (["--live", "nowhere"], "ccxt knows no exchange"),
        ]
        for options, expected in cases:
            assert start(*options) == 2, options
            said = capsys.readouterr().err
            assert expected in said
            assert said.count("\n") == 1, said


def test_the_process_says_it_and_exits_with_2() -> None:
    command = [sys.executable, "-m", "connections.sandbox", "--port", "99999"]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("sandbox: expected --port")


def test_a_replay_says_what_it_read_and_quotes_it(tmp_path: Path) -> None:
    write(tmp_path, "binance-spot-BTCUSDT-5m.csv", [row(n) for n in range(20)])
    write(tmp_path, "binance-spot-ETHBTC-5m.csv", [row(n, 50.0) for n in range(20)])
    with SandboxProcess(["--speed", "5"], environment={"CTS_REPLAY_DIR": str(tmp_path)}) as sandbox:
        assert any("BTCUSDT: 20 rows" in line for line in sandbox.output)
        status = sandbox.status()
        assert status["symbols"] == ["BTCUSDT", "ETHBTC"]
        assert status["futuresSymbols"] == ["BTCUSDT"]
        assert status["feed"]["lap"] > 1
        klines = requests.get(
            f"{sandbox.base_url}/api/v3/klines",
            params={"symbol": "BTCUSDT", "interval": "1m", "limit": 100},
            timeout=5,
        ).json()
        starts = [kline[0] for kline in klines]
        assert starts == list(range(starts[0], starts[0] + 100 * 60_000, 60_000))


def test_the_first_account_comes_from_the_environment() -> None:
    first = {"CTS_SANDBOX_KEY": "first-key", "CTS_SANDBOX_SECRET": "first-secret"}
    with SandboxProcess(QUICK, environment=first) as sandbox:
        assert sandbox.ledger("first-key")["futures"]["balance"] == "10000"


def test_a_first_account_that_cant_be_opened_is_one_plain_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CTS_SANDBOX_KEY", "first-key")
    monkeypatch.delenv("CTS_SANDBOX_SECRET", raising=False)
    assert start() == 2
    assert "CTS_SANDBOX_SECRET both" in capsys.readouterr().err
    options = ["--synthetic", "1", "--history-hours", "1", "--state", str(tmp_path / "state.db")]
    first = {"CTS_SANDBOX_KEY": "first-key", "CTS_SANDBOX_SECRET": "old"}
    with SandboxProcess(options, environment=first):
        pass
    monkeypatch.setenv("CTS_SANDBOX_SECRET", "new")
    assert start(*options) == 2
    assert "with another secret" in capsys.readouterr().err


def test_without_a_token_the_control_endpoints_are_closed() -> None:
    with SandboxProcess(QUICK, environment={"CTS_SANDBOX_CONTROL_TOKEN": ""}) as sandbox:
        answer = requests.post(f"{sandbox.base_url}/sandbox/accounts", timeout=5)
        assert answer.status_code == 403
        assert "CTS_SANDBOX_CONTROL_TOKEN" in answer.text


def test_the_server_loads_neither_django_nor_numpy_nor_ccxt() -> None:
    code = "import sys, connections.sandbox.program as p; print(sorted(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=True
    )
    loaded = set(re.findall(r"'([a-z]+)'", done.stdout))
    assert loaded & {"django", "numpy", "ccxt", "aiohttp"} == {"aiohttp"}


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_the_process_ends_when_told(how: str) -> None:
    with SandboxProcess(QUICK) as sandbox:
        url = f"{sandbox.base_url}/sandbox/status"
        getattr(sandbox, how)()
        with pytest.raises(requests.ConnectionError):
            requests.get(url, timeout=2)
        assert not any("Traceback" in line for line in sandbox.output)
