"""The program: its options, how it starts, and how it ends."""

from __future__ import annotations

import argparse
import asyncio
import math
import os
import signal
import sys
from collections.abc import Mapping
from contextlib import AsyncExitStack
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from .candle_feed import CandleFeed, anchor_for
from .candles import CandleSource
from .errors import SetupError
from .exchange import Exchange, wall_clock_ms
from .feed import PriceFeed
from .replay import ReplaySource, load_replay
from .server import SandboxServer
from .store import Store
from .synthetic import SyntheticSource

if TYPE_CHECKING:
    from .live import LiveFeed

DEFAULT_PORT = 8090
DEFAULT_SPEED = "60"
DESCRIPTION = """\
Runs a practice exchange on this machine. It speaks Binance's REST protocol (spot and USD-M
futures) and trades with pretended money only: everything it shows is labelled SANDBOX.
Prices come from recorded candles, from a seeded random walk, or from an exchange's live prices."""
EXAMPLES = """\
examples:
  sandbox                                    random prices, forgotten at the end
  sandbox --replay ~/candles --speed 5       recorded candles, five times as fast
  sandbox --synthetic 7 --state sandbox.db   random prices; orders survive a restart
  sandbox --live binance                     the real market's prices, pretended money

environment:
  CTS_SANDBOX_KEY, CTS_SANDBOX_SECRET        API key and secret of the first account
  CTS_SANDBOX_CONTROL_TOKEN                  opens the control endpoints to who knows it
  CTS_REPLAY_DIR                             the folder to replay when no feed is named
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options, shared by `manage.py sandbox` and `python -m connections.sandbox`."""
    parser.add_argument(
        "--host", default="127.0.0.1", help="address to listen on (default: this machine only)"
    )
    parser.add_argument(
        "--port", type=int, default=DEFAULT_PORT, help="port to listen on, 0 = any free one"
    )
    feed = parser.add_mutually_exclusive_group()
    feed.add_argument("--replay", metavar="DIR", help="play the candle files of a folder")
    feed.add_argument(
        "--synthetic", type=int, metavar="SEED", help="random prices; same seed, same prices"
    )
    feed.add_argument("--live", metavar="EXCHANGE", help="live public prices of a ccxt exchange")
    parser.add_argument(
        "--group", metavar="G", help="files of the folder to play, such as binance-spot-5m"
    )
    parser.add_argument(
        "--speed",
        default=DEFAULT_SPEED,
        metavar="N",
        help="the market moves N times real time; the exchange's clock stays real (default: 60)",
    )
    parser.add_argument(
        "--history-hours",
        default="12",
        metavar="H",
        help="hours of klines that exist at the first start (default: 12)",
    )
    parser.add_argument(
        "--state", metavar="FILE", help="keep accounts, orders and prices' place in this file"
    )


def run(options: argparse.Namespace, environment: Mapping[str, str] | None = None) -> int:
    """Serves until SIGTERM or SIGINT. Gives the exit code: 0, or 2 when it can't start."""
    environment = os.environ if environment is None else environment
    try:
        return asyncio.run(_serve(options, environment))
    except SetupError as error:
        print(f"sandbox: {error}", file=sys.stderr)
        return 2


async def _serve(options: argparse.Namespace, environment: Mapping[str, str]) -> int:
    if not 0 <= options.port <= 65_535:
        raise SetupError(f"expected --port between 0 and 65535, found {options.port}")
    async with AsyncExitStack() as cleanup:
        store = Store(Path(options.state) if options.state else None)
        cleanup.callback(store.close)
        background: set[asyncio.Task[object]] = set()
        feed: PriceFeed
        if options.live is not None:
            live = await _open_live(options.live, cleanup)
            background.add(asyncio.create_task(live.poll_for_ever()))
            feed = live
        else:
            feed = candle_feed(options, environment, store)
        server = build_server(feed, store, environment)
        cleanup.callback(server.exchange.commit)
        await _listen(server, options, cleanup)
        background.add(asyncio.create_task(server.failed()))
        return await _until_told(background)


async def _open_live(exchange_id: str, cleanup: AsyncExitStack) -> LiveFeed:
    from .live import LiveFeed, public_client  # brings ccxt: only where it is used

    feed = LiveFeed(public_client(exchange_id), wall_clock_ms)
    cleanup.push_async_callback(feed.close)
    await feed.open()
    return feed


async def _listen(
    server: SandboxServer, options: argparse.Namespace, cleanup: AsyncExitStack
) -> None:
    cleanup.push_async_callback(server.stop)
    try:
        await server.start(options.host, options.port)
    except OSError as error:
        raise SetupError(
            f"can't listen on {options.host} port {options.port}: {error.strerror or error}; "
            "choose another --port"
        ) from error
    description = server.exchange.feed.description
    print(f"SANDBOX exchange at http://{options.host}:{server.port} - {description}", flush=True)


async def _until_told(background: set[asyncio.Task[object]]) -> int:
    """Waits for a signal; a background task that ends before is a fault and raises."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    told = asyncio.create_task(stop.wait())
    done, _ = await asyncio.wait({told, *background}, return_when=asyncio.FIRST_COMPLETED)
    for task in background:
        task.cancel()
    for task in done - {told}:
        task.result()
    return 0


def candle_feed(
    options: argparse.Namespace, environment: Mapping[str, str], store: Store
) -> CandleFeed:
    """The feed of the options, on the timeline of the store if it has one. Raises SetupError."""
    speed = _positive("--speed", options.speed)
    history_hours = float(_positive("--history-hours", options.history_hours, may_be_zero=True))
    source = _source(options, environment)
    kept = store.facts().get("anchor_ms")
    anchor_ms = int(kept) if kept else anchor_for(source, speed, wall_clock_ms(), history_hours)
    return CandleFeed(source, speed, anchor_ms)


def build_server(feed: PriceFeed, store: Store, environment: Mapping[str, str]) -> SandboxServer:
    """An exchange ready to be served. Raises SetupError if the store is another feed's."""
    exchange = Exchange(feed, store)
    _open_first_account(exchange, environment)
    exchange.commit()
    return SandboxServer(
        exchange,
        control_token=environment.get("CTS_SANDBOX_CONTROL_TOKEN"),
        durable=store.is_durable,
    )


def _open_first_account(exchange: Exchange, environment: Mapping[str, str]) -> None:
    key, secret = environment.get("CTS_SANDBOX_KEY"), environment.get("CTS_SANDBOX_SECRET")
    if not key and not secret:
        return
    if not key or not secret:
        raise SetupError("expected CTS_SANDBOX_KEY and CTS_SANDBOX_SECRET both, found one of them")
    account = exchange.open_account(key=key, secret=secret, label="first")
    if account.secret != secret:
        raise SetupError(
            "the state file knows CTS_SANDBOX_KEY with another secret: use that secret, another "
            "key, or another --state file"
        )


def _positive(name: str, text: str, *, may_be_zero: bool = False) -> Fraction:
    try:
        value = Fraction(str(text))
    except (ValueError, ZeroDivisionError) as error:
        raise SetupError(f"expected {name} to be a number, found {text!r}") from error
    if value < 0 or (value == 0 and not may_be_zero) or not math.isfinite(float(value)):
        raise SetupError(f"expected {name} above zero, found {text}")
    return value


def _source(options: argparse.Namespace, environment: Mapping[str, str]) -> CandleSource:
    folder = options.replay
    if folder is None and options.synthetic is None:
        folder = environment.get("CTS_REPLAY_DIR")
    if folder is None:
        return SyntheticSource(1 if options.synthetic is None else options.synthetic)
    source = load_replay(Path(folder), options.group)
    for line in replay_findings(source):
        print(line, flush=True)
    return source


def replay_findings(source: ReplaySource) -> list[str]:
    """What was read: one line for each file."""
    lines = []
    for report in source.reports:
        line = f"  {report.symbol}: {report.rows} rows, {report.gaps} missing candles"
        line += f", {report.zero_volume} without volume"
        if report.rounded:
            line += f", {report.rounded} with prices off the tick (rounded)"
        lines.append(line)
    return lines


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="sandbox",
        description=DESCRIPTION,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_arguments(parser)
    return run(parser.parse_args(arguments))
