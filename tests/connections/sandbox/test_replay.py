"""Recorded candles are read as they are, and a bad file is named with its line."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from connections.sandbox.errors import SetupError
from connections.sandbox.program import replay_findings
from connections.sandbox.replay import HEADER, load_replay

START_MS = 1_659_312_000_000
STEP_MS = 300_000


def row(number: int, price: float = 100.0, volume: float = 1.0) -> str:
    stamp = START_MS + number * STEP_MS
    return f"{stamp},{price},{price + 1},{price - 1},{price + 0.5},{volume}"


def write(folder: Path, name: str, rows: list[str], header: str = HEADER) -> Path:
    path = folder / name
    text = "\n".join([header, *rows]) + "\n"
    if name.endswith(".gz"):
        path.write_bytes(gzip.compress(text.encode()))
    else:
        path.write_text(text)
    return path


def test_the_largest_group_is_played_in_step(tmp_path: Path) -> None:
    write(tmp_path, "binance-spot-BTCUSDT-5m.csv.gz", [row(n) for n in range(10)])
    write(tmp_path, "binance-spot-ETHUSDT-5m.csv", [row(n, 50.0) for n in range(2, 14)])
    write(tmp_path, "bitfinex-spot-BTCUSD-5m.csv", [row(0)])
    (tmp_path / "README.md").write_text("not a candle file")
    source = load_replay(tmp_path)
    assert [fact.symbol for fact in source.facts] == ["BTCUSDT", "ETHUSDT"]
    assert source.lap_length == 8
    assert source.first_ms == START_MS + 2 * STEP_MS
    assert source.candle("ETHUSDT", 0).open == 50.0
    assert source.candle("BTCUSDT", 8) == source.candle("BTCUSDT", 0), "it starts over"


def test_a_group_can_be_named(tmp_path: Path) -> None:
    write(tmp_path, "binance-spot-BTCUSDT-5m.csv", [row(0)])
    write(tmp_path, "bitfinex-spot-BTCUSD-5m.csv", [row(0)])
    source = load_replay(tmp_path, "bitfinex-spot-5m")
    assert [fact.symbol for fact in source.facts] == ["BTCUSD"]
    with pytest.raises(SetupError, match="no group nope; the folder has binance-spot-5m"):
        load_replay(tmp_path, "nope")


def test_holes_and_quiet_candles_are_kept_and_reported(tmp_path: Path) -> None:
    rows = [row(0), row(1, volume=0.0), row(4, 200.0)]
    write(tmp_path, "binance-spot-BTCUSDT-5m.csv", rows)
    source = load_replay(tmp_path)
    assert source.lap_length == 5
    hole = source.candle("BTCUSDT", 2)
    assert set(hole[:4]) == {100.5}
    assert hole.volume == 0
    assert source.candle("BTCUSDT", 4).open == 200.0
    (line,) = replay_findings(source)
    assert "3 rows, 2 missing candles, 1 without volume" in line


def test_a_span_over_the_end_is_joined(tmp_path: Path) -> None:
    write(tmp_path, "binance-spot-BTCUSDT-5m.csv", [row(n, 100.0 + n) for n in range(5)])
    source = load_replay(tmp_path)
    assert list(source.span("BTCUSDT", 3, 13).open) == [
        source.candle("BTCUSDT", number).open for number in range(3, 13)
    ]


@pytest.mark.parametrize(
    ("bad", "expected"),
    [
        ("nonsense", "five numbers"),
        (f"{START_MS + STEP_MS},1,2,0.5,x,1", "five numbers"),
        (f"{START_MS + STEP_MS},1,2,0.5,nan,1", "0 < low"),
        (f"{START_MS + STEP_MS},1,0.9,0.5,1,1", "0 < low"),
        (f"{START_MS + STEP_MS},1,2,0.5,1,-1", "volume >= 0"),
        (f"{START_MS + STEP_MS},0,0,0,0,1", "0 < low"),
        (f"{START_MS},1,2,0.5,1,1", "or later"),
        (f"{START_MS + STEP_MS + 1},1,2,0.5,1,1", "grid"),
        (f"{START_MS + STEP_MS},1,2,0.5,1", "five numbers"),
    ],
)
def test_a_bad_row_is_named(tmp_path: Path, bad: str, expected: str) -> None:
    path = write(tmp_path, "binance-spot-BTCUSDT-5m.csv", [row(0), bad])
    with pytest.raises(SetupError) as refused:
        load_replay(tmp_path)
    text = str(refused.value)
    assert text.startswith(f"{path}, line 3: expected ")
    assert expected in text
    assert bad in text
    assert "\n" not in text


def test_other_bad_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="can't read the folder"):
        load_replay(tmp_path / "missing")
    with pytest.raises(SetupError, match="no candle file"):
        load_replay(tmp_path)
    path = write(tmp_path, "binance-spot-BTCUSDT-5m.csv", [], header="time,price")
    with pytest.raises(SetupError, match="line 1: expected timestamp,open"):
        load_replay(tmp_path)
    path.unlink()
    path = tmp_path / "binance-spot-BTCUSDT-5m.csv.gz"
    path.write_bytes(b"not gzip at all")
    with pytest.raises(SetupError, match="expected readable candles"):
        load_replay(tmp_path)
    path.write_bytes(gzip.compress(HEADER.encode())[:-6])
    with pytest.raises(SetupError, match="expected readable candles"):
        load_replay(tmp_path)
    path.unlink()
    write(tmp_path, "binance-spot-WHATEVER-5m.csv", [row(0)])
    with pytest.raises(SetupError, match="found WHATEVER"):
        load_replay(tmp_path)


def test_files_without_common_time_are_refused(tmp_path: Path) -> None:
    write(tmp_path, "binance-spot-BTCUSDT-5m.csv", [row(0)])
    write(tmp_path, "binance-spot-ETHUSDT-5m.csv", [row(5)])
    with pytest.raises(SetupError, match="no time in common"):
        load_replay(tmp_path)


def test_prices_off_the_tick_are_rounded_and_counted(tmp_path: Path) -> None:
    rows = [f"{START_MS},13000,13000,12999.18233851,13000,1"]
    write(tmp_path, "bitfinex-spot-BTCUSD-5m.csv", rows)
    source = load_replay(tmp_path)
    assert source.facts[0].price_decimals == 2
    assert source.candle("BTCUSD", 0).low == 12_999.18
    assert source.reports[0].rounded == 1
