"""A loopback server that answers as it is told: real HTTP, recorded words of real exchanges."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

DROP = -1


class ScriptedExchange:
    """Answers every request whose path contains a script's part; 404 otherwise."""

    def __init__(self) -> None:
        self.scripts: list[tuple[str, int, str, dict[str, str]]] = []
        self.requests: list[str] = []
        exchange = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _answer(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                self.rfile.read(length)
                exchange.requests.append(f"{self.command} {self.path.partition('?')[0]}")
                status, body, headers = exchange.script_for(self.path)
                if status == DROP:
                    self.close_connection = True
                    self.connection.close()
                    return
                payload = body.encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(payload)))
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(payload)

            do_GET = do_POST = do_DELETE = do_PUT = _answer  # noqa: N815

            def log_message(self, *args: Any) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def says(self, part: str, status: int, body: str, **headers: str) -> None:
        """Answer requests whose path contains `part`; the newest script that fits counts."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.scripts.append((part, status, body, named))

    def script_for(self, path: str) -> tuple[int, str, dict[str, str]]:
        for part, status, body, headers in reversed(self.scripts):
            if part in path:
                return status, body, headers
        return 404, "", {}

    def count(self, part: str) -> int:
        """How many requests had `part` in their method and path."""
        return sum(part in request for request in self.requests)

    def serve(self) -> None:
        serve = partial(self._server.serve_forever, poll_interval=0.02)
        threading.Thread(target=serve, daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def scripted_exchange() -> Iterator[ScriptedExchange]:
    """Serve until the end of the block."""
    exchange = ScriptedExchange()
    exchange.serve()
    try:
        yield exchange
    finally:
        exchange.stop()
