"""Answer a client over TLS, from a process of its own, with what the store answered before."""

import datetime as dt
import ipaddress
import itertools
import multiprocessing
import socket
import ssl
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.bench.wire import Exchange

_HOST: Final = "127.0.0.1"
_END_OF_HEADERS: Final = b"\r\n\r\n"


@dataclass(frozen=True)
class Playback:
    """A running server. ``endpoint`` is its URL, ``authority`` the file of the certificate to verify it by."""

    endpoint: str
    authority: str
    _commands: Connection

    def play(self, exchanges: Sequence[Exchange], *, delay_s: float = 0.0) -> None:
        """From now on answer by ``exchanges``, in turn and over again, ``delay_s`` after each request."""
        self._commands.send(([_on_wire(one) for one in exchanges], delay_s))
        self._commands.recv()


@contextmanager
def playback() -> Iterator[Playback]:
    """Yields a server in a process of its own, so that its CPU is not counted, and it shares no interpreter lock."""
    # Spawned, because a fork would share the caller's connections and its collected garbage.
    context = multiprocessing.get_context("spawn")
    commands, theirs = context.Pipe()
    with tempfile.TemporaryDirectory() as scratch:
        certificate = Path(scratch) / "certificate.pem"
        certificate.write_bytes(_self_signed())
        server = context.Process(target=_serve, args=(theirs, str(certificate)), daemon=True)
        server.start()
        try:
            yield Playback(f"https://{_HOST}:{commands.recv()}", str(certificate), commands)
        finally:
            server.terminate()
            server.join()


class _Answers:
    """Keep what to answer next, whichever connection asks."""

    def __init__(self) -> None:
        self.play([b""], 0.0)

    def play(self, answers: Sequence[bytes], delay_s: float) -> None:
        self._next, self._delay_s = itertools.cycle(answers), delay_s

    def next(self) -> bytes:
        time.sleep(self._delay_s)
        return next(self._next)


def _serve(commands: Connection, certificate: str) -> None:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate)
    answers = _Answers()
    with socket.create_server((_HOST, 0)) as listening:
        threading.Thread(target=_accept, args=(listening, tls, answers), daemon=True).start()
        commands.send(listening.getsockname()[1])
        with suppress(EOFError):
            while True:
                answers.play(*commands.recv())
                commands.send(None)


def _accept(listening: socket.socket, tls: ssl.SSLContext, answers: _Answers) -> None:
    while True:
        connection, _ = listening.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=_converse, args=(tls, connection, answers), daemon=True).start()


def _converse(tls: ssl.SSLContext, connection: socket.socket, answers: _Answers) -> None:
    with tls.wrap_socket(connection, server_side=True) as secure:
        request = b""
        while part := secure.recv(65536):
            request += part
            headers, end, body = request.partition(_END_OF_HEADERS)
            if end and len(body) == _length_of(headers):
                secure.sendall(answers.next())
                request = b""


def _length_of(headers: bytes) -> int:
    lengths = (line.partition(b":")[2] for line in headers.splitlines() if line.lower().startswith(b"content-length:"))
    return int(next(lengths))


def _on_wire(exchange: Exchange) -> bytes:
    headers = {name: value for name, value in exchange.headers.items() if name.lower() != "content-length"}
    headers["Content-Length"] = str(len(exchange.content))
    lines = [f"HTTP/1.1 {exchange.status} {HTTPStatus(exchange.status).phrase}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + _END_OF_HEADERS + exchange.content


def _self_signed() -> bytes:
    """A key and its certificate for this host, PEM, valid for a day."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, _HOST)])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(_HOST))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM) + key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
