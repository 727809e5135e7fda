"""Real HTTP servers that people's channels may meet: quick, slow, gone, in the way, and on a private address."""

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Received:
    """One call that a receiver got."""

    path: str
    headers: Mapping[str, str]
    body: bytes
    at_s: float

    @property
    def json(self) -> Any:
        """Give its body."""
        return json.loads(self.body)


@dataclass
class Receiver:
    """An HTTP server of this machine that answers as ``mode`` says, each time it is called.

    A mode is a status, or a word: ``hang``, ``close``, ``trickle``, ``endless``, ``redirect``.
    """

    mode: Callable[[int], str] = lambda _: "200"
    headers: Mapping[str, str] = field(default_factory=dict)
    calls: list[Received] = field(default_factory=list)
    port: int = 0
    _ended: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        """Give its URL, with something in it that nobody may log."""
        return f"http://127.0.0.1:{self.port}/hook/secret-path"

    @property
    def once(self) -> Counter[str]:
        """Count what was taken, by the id that stays the same for each try."""
        return Counter(one.headers["webhook-id"] for one in self.calls)

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        """Answer one call."""
        length = int(handler.headers.get("content-length", 0))
        body = handler.rfile.read(length)
        named = {name.lower(): value for name, value in handler.headers.items()}
        mode = self.mode(len(self.calls))
        self.calls.append(Received(handler.path, named, body, time.monotonic()))
        match mode:
            case "hang":
                self._ended.wait(60)
            case "close":
                handler.connection.close()
            case "trickle":
                handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
                while not self._ended.wait(0.2):
                    handler.wfile.write(b"x-more: y\r\n")
            case "endless":
                handler.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
                for _ in range(200_000):
                    handler.wfile.write(b"z" * 1000)
            case "redirect":
                self._status(handler, 307, {"location": f"http://127.0.0.1:{self.port}/elsewhere"})
            case _:
                self._status(handler, int(mode), self.headers)

    def end(self) -> None:
        """Let go of whoever hangs."""
        self._ended.set()

    def _status(self, handler: BaseHTTPRequestHandler, status: int, headers: Mapping[str, str]) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.send_header("content-length", "2")
        handler.end_headers()
        handler.wfile.write(b"ok")


@contextmanager
def receiving(mode: Callable[[int], str] | str = "200", **headers: str) -> Iterator[Receiver]:
    """Run a receiver, by one mode or a mode for each call, counted from 0."""
    receiver = Receiver((lambda _: mode) if isinstance(mode, str) else mode, headers)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            try:
                receiver.answer(self)
            except OSError:
                self.close_connection = True

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    receiver.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        receiver.end()
        server.shutdown()
        server.server_close()
        thread.join()
