"""Serves the handlers over real HTTP, for clients that are processes or packages of their own."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread

from tests.support.service import InProcess

Answer = tuple[int, Mapping[str, str], bytes]
Answering = Callable[[str, str, dict[str, str], str | None], Answer | None]
"""Answers method, target, headers and body; None ends the connection without an answer."""


def handlers_of(service: InProcess) -> Answering:
    """Answer with the handlers of ``service``, one call at a time."""
    lock = Lock()

    def answer(method: str, target: str, headers: dict[str, str], body: str | None) -> Answer:
        with lock:
            reply = service.send(method, target, headers=headers, body=body)
        return reply.status, reply.headers, json.dumps(reply.body).encode()

    return answer


@contextmanager
def served(answering: Answering) -> Iterator[str]:
    """Say at which URL ``answering`` answers."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            length = int(self.headers.get("content-length", "0"))
            body = self.rfile.read(length).decode() if length else None
            headers = {name.lower(): value for name, value in self.headers.items()}
            answer = answering(self.command, self.path, headers, body)
            if answer is None:
                self.close_connection = True
                return
            status, answered, text = answer
            self.send_response(status)
            for name, value in ({"content-type": "application/json"} | dict(answered)).items():
                self.send_header(name, value)
            if "content-length" not in answered:
                self.send_header("content-length", str(len(text)))
            with suppress(ConnectionError):  # a caller that waited no longer
                self.end_headers()
                self.wfile.write(text)
            self.close_connection = "content-length" in answered

        do_GET = do_PUT = do_POST  # noqa: N815 - as http.server calls them

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
