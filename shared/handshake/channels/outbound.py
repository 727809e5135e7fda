"""Calls a registered address: of its host alone, at an address that was looked at, and for a bounded time.

A name is resolved once, every address that it has must be public, and the call goes to the one that was looked at: no
second answer of a name server, and no redirect, leads anywhere else.
"""

import http.client
import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from handshake.channels.channel import ChannelKind, host_of, is_loopback, url_fault

CONNECT_S: Final = 3.0
TOTAL_S: Final = 10.0
"""From the first packet to the answer's status, however slowly the other side sends."""
_MAX_ANSWER: Final = 4096
_MAX_RETRY_AFTER_S: Final = 3600

Resolve = Callable[[str, int], list[str]]


class RefusedAddressError(Exception):
    """The address may not be called. Says why, and quotes none of it."""


class UnansweredError(Exception):
    """Nobody answered in time, or not in HTTP. Says how, and quotes nothing."""


@dataclass(frozen=True)
class Answer:
    """Says what came back: its status, and after how many seconds the other side wants to be called again, if any."""

    status: int
    retry_after_s: float | None = None


def resolve(host: str, port: int) -> list[str]:
    """Give the addresses of a name. Raises UnansweredError."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise UnansweredError("the name is not known") from error
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


@dataclass(frozen=True)
class Outbound:
    """Calls out. In the environment ``local``, and there alone, this machine itself may be called."""

    local: bool = False
    resolve: Resolve = resolve
    total_s: float = TOTAL_S

    def post(self, url: str, kind: ChannelKind, *, registered: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Post ``body``, whose ``url`` must be at the ``registered`` host.

        Raises RefusedAddressError, UnansweredError.
        """
        if fault := url_fault(url, kind, local=self.local):
            raise RefusedAddressError(f"the URL {fault}")
        if host_of(url) != registered:
            raise RefusedAddressError("the URL is at another host than is registered")
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
        address = self._pinned(host, port)
        target = f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"
        with self._connected(address, port, tls_name=host if parts.scheme == "https" else None) as (connection, late):
            # One that is there already is used as it is: the name is not looked up again.
            connection.request("POST", target, body, {"host": registered, "connection": "close", **headers})
            response = connection.getresponse()
            if late.is_set():
                raise UnansweredError("too late")  # what was read ended with our own hanging up
            response.read(_MAX_ANSWER)
            return Answer(response.status, _retry_after_s(response.getheader("retry-after")))

    def _pinned(self, host: str, port: int) -> str:
        """Give one address of a name all of whose addresses may be called."""
        addresses = self.resolve(host, port)
        for address in addresses:
            if not (is_public(address) or (self.local and is_loopback(host))):
                raise RefusedAddressError("the name leads to an address that is not public")
        if not addresses:
            raise UnansweredError("the name has no address")
        return addresses[0]

    @contextmanager
    def _connected(
        self, address: str, port: int, *, tls_name: str | None
    ) -> Iterator[tuple[http.client.HTTPConnection, threading.Event]]:
        """Connect, and hang up when the time is over, whatever is being waited for; the event says that it was."""
        opened: list[Any] = []
        late = threading.Event()

        def hang_up() -> None:
            late.set()
            for one in opened:
                with suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)

        timer = threading.Timer(self.total_s, hang_up)
        timer.daemon = True
        timer.start()
        try:
            with socket.create_connection((address, port), timeout=CONNECT_S) as plain:
                opened.append(plain)
                plain.settimeout(self.total_s)
                used = _tls().wrap_socket(plain, server_hostname=tls_name) if tls_name else plain
                opened.append(used)
                connection = http.client.HTTPConnection(address, port)
                connection.sock = used
                yield connection, late
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise UnansweredError("too late" if late.is_set() else type(error).__name__) from error
        finally:
            timer.cancel()
            for one in opened:
                one.close()


def is_public(address: str) -> bool:
    """Say whether an address is one of the public Internet: not private, local, shared, reserved or of a machine's own.

    That of IPv4 inside one of IPv6 counts as itself.
    """
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv6Address):
        inner = found.ipv4_mapped or found.sixtofour or (found.teredo or (None, None))[1]
        if inner is not None:
            return is_public(str(inner)) and found.ipv4_mapped is None
        if found in _NAT64:
            return False
    return found.is_global and not (found.is_multicast or found.is_reserved or found.is_unspecified)


_NAT64: Final = ipaddress.ip_network("64:ff9b::/96")


def _tls() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _retry_after_s(value: str | None) -> float | None:
    """Give the seconds of Retry-After; a date, or what is none, is taken for no word at all."""
    if value is None or not (value.isascii() and value.isdecimal()) or len(value) > 9:
        return None
    return float(min(int(value), _MAX_RETRY_AFTER_S))
