"""Speaks to a server in bytes, as no HTTP library would."""

import json
import socket
from typing import Any, NamedTuple


class Answer(NamedTuple):
    """Status, headers by lower-case name, and the body's JSON (None where there is none)."""

    status: int
    headers: dict[str, str]
    body: Any


def say(port: int, data: bytes, *, timeout_s: float = 10) -> Answer:
    """Send ``data`` to a loopback port and read the one answer, until the server closes or the answer is complete."""
    with socket.create_connection(("127.0.0.1", port), timeout=timeout_s) as connection:
        connection.sendall(data)
        return hear(connection)


def hear(connection: socket.socket) -> Answer:
    """Read one answer from ``connection``."""
    with connection.makefile("rb") as stream:
        status = int(stream.readline().split(b" ", 2)[1])
        headers = {}
        while line := stream.readline().strip():
            name, _, value = line.decode("latin-1").partition(":")
            headers[name.lower()] = value.strip()
        content = stream.read(int(headers.get("content-length", 0)))
    return Answer(status, headers, json.loads(content) if content else None)


def request(port: int, method: str, target: str, *headers: tuple[str, str], body: bytes = b"") -> bytes:
    """Write a request with the host, a content-length where there is a body, and ``headers`` as they are."""
    framing = [("content-length", str(len(body)))] if body else []
    own = [] if any(name.lower() == "host" for name, _ in headers) else [("host", f"127.0.0.1:{port}")]
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in (*own, *headers, *framing))]
    return "\r\n".join([*lines, "", ""]).encode() + body
