"""Stands where API Gateway would: a real HTTP server that keeps what it receives, and can check its signatures."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from time import sleep
from typing import Final, Self

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials, ReadOnlyCredentials

from ops.local.settings import REGION

KEY: Final = Credentials("testing", "testing", "t" * 2000)


@dataclass(frozen=True)
class Received:
    """A request as it arrived."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes

    @property
    def header_bytes(self) -> int:
        """Say how many bytes the headers had on the wire."""
        return sum(len(f"{name}: {value}\r\n") for name, value in self.headers)

    def header(self, name: str) -> str | None:
        """Return the value of a header that is there once, None where it is absent."""
        values = [value for given, value in self.headers if given.lower() == name]
        assert len(values) <= 1, values
        return values[0] if values else None

    def with_header(self, name: str, value: str) -> Self:
        """Give the same request with this header, in place of any of its name."""
        others = [(given, kept) for given, kept in self.headers if given.lower() != name]
        return replace(self, headers=(*others, (name, value)))

    @property
    def signed_headers(self) -> Sequence[str]:
        """Give the names that the signature says it covers."""
        fields = (self.header("authorization") or "").partition(" ")[2].split(", ")
        return dict(field.split("=", 1) for field in fields)["SignedHeaders"].split(";")

    def is_signed(self, key: ReadOnlyCredentials) -> bool:
        """Say whether the signature is what ``key`` makes of this request as it is, over the headers that it names."""
        auth = SigV4Auth(key, "execute-api", REGION)
        url = f"http://{self.header('host')}{self.target}"
        covered = {name: self.header(name) or "" for name in self.signed_headers}
        request = AWSRequest(self.method, url, data=self.body, headers=covered)
        request.context["timestamp"] = self.header("x-amz-date")
        text = auth.string_to_sign(request, auth.canonical_request(request))
        return str(self.header("authorization")).endswith(f"Signature={auth.signature(text, request)}")


@dataclass
class Gateway:
    """Answers ``{}``, after a while if asked to."""

    url: str = ""
    received: list[Received] = field(default_factory=list)
    status: int = 200
    delay_s: float = 0
    answer: bytes = b"{}"

    @property
    def last(self) -> Received:
        """Return the latest request."""
        return self.received[-1]


@contextmanager
def gateway() -> Iterator[Gateway]:
    """Run one on loopback."""
    kept = Gateway()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _keep(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            kept.received.append(Received(self.command, self.path, tuple(self.headers.items()), body))
            sleep(kept.delay_s)
            self.send_response(kept.status)
            answer = kept.answer
            self.send_header("content-length", str(len(answer)))
            self.send_header("location", "/elsewhere")
            self.send_header("access-control-allow-origin", "*")
            with suppress(ConnectionError):  # a caller that waited no longer
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(answer)

        do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _keep  # noqa: N815 - the names http.server calls

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        kept.url = f"http://127.0.0.1:{server.server_port}"
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield kept
        server.shutdown()
