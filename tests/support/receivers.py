"""Real HTTP servers that people's channels may meet: quick, slow, gone, in the way, and on a private address."""

import ipaddress
import json
import socket
import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat


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


def self_signed(path: Path) -> Path:
    """Write a certificate for 127.0.0.1, which vouches for itself, and its key."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "a receiver")])
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
    addresses = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    builder = builder.add_extension(addresses, critical=False)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    certificate = builder.sign(key, SHA256()).public_bytes(Encoding.PEM)
    path.write_bytes(certificate + key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return path


@contextmanager
def receiving_tls(
    certificate: Path, *, busy: bool = False, handshake_s: float = 0, trickles_s: int = 0
) -> Iterator[str]:
    """Run a server that speaks TLS, give its URL: it shakes hands after so long, and lets headers trickle for so long.

    Where it is ``busy``, a caller's first packet is dropped, and the one that it sends a second later is taken.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    ended = threading.Event()

    def answer(plain: socket.socket) -> None:
        plain.settimeout(10)
        with suppress(OSError), closing(plain):
            if ended.wait(handshake_s) or not plain.recv(1, socket.MSG_PEEK):
                return
            with context.wrap_socket(plain, server_side=True) as secured:
                read = b""
                while not read.endswith(b"\r\n\r\n{}"):  # left unread, it would have the answer thrown away
                    more = secured.recv(65_536)
                    if not more:
                        return
                    read += more
                secured.sendall(b"HTTP/1.1 200 OK\r\n")
                for _ in range(trickles_s * 5):
                    secured.sendall(b"x-more: y\r\n")
                    ended.wait(0.2)
                secured.sendall(b"content-length: 0\r\n\r\n")

    def serve() -> None:
        ended.wait(0.5 if busy else 0)
        with suppress(OSError):
            while not ended.is_set():
                threads.append(threading.Thread(target=answer, args=(server.accept()[0],), daemon=True))
                threads[-1].start()

    threads: list[threading.Thread] = []
    with ExitStack() as opened:
        server = opened.enter_context(socket.socket())
        server.bind(("127.0.0.1", 0))
        server.listen(0 if busy else 8)
        server.settimeout(5)
        for _ in range(3 if busy else 0):  # more than it keeps
            waiting = opened.enter_context(socket.socket())
            waiting.settimeout(0)
            waiting.connect_ex(server.getsockname())
        threads.append(threading.Thread(target=serve, daemon=True))
        threads[0].start()
        try:
            yield f"https://127.0.0.1:{server.getsockname()[1]}/hook"
        finally:
            ended.set()
            with suppress(OSError):
                server.shutdown(socket.SHUT_RDWR)
            for thread in threads:
                thread.join()
