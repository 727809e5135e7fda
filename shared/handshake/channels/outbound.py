"""Calls a registered address: of its host alone, at an address that was looked at, and for a bounded time.

A name is resolved once, every address that it has must be public, and the call goes to the one that was looked at: no
second answer of a name server, and no redirect, leads anywhere else.
"""

import http.client
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, Self
from urllib.parse import urlsplit

from handshake.channels.channel import ChannelKind, host_of, is_loopback, url_fault

CONNECT_S: Final = 3.0
TOTAL_S: Final = 10.0
"""From the look-up of the name to the answer's status, however slowly the other side sends."""
_MAX_ANSWER: Final = 4096
_LATE: Final = "too late"
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
    except (OSError, UnicodeError) as error:  # a name of another form than names have is the latter
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
        target = f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"
        with _Limit(self.total_s) as limit:
            address = self._pinned(host, port, limit)
            connection = http.client.HTTPConnection(address, port)
            try:
                # One that is there already is used as it is: the name is not looked up again.
                connection.sock = limit.connect(address, port, tls_name=host if parts.scheme == "https" else None)
                connection.request("POST", target, body, {"host": registered, "connection": "close", **headers})
                response = connection.getresponse()
                if limit.is_over:
                    raise UnansweredError(_LATE)  # what was read ended with our own hanging up
                response.read(_MAX_ANSWER)
            except (OSError, http.client.HTTPException, ValueError) as error:
                raise UnansweredError(_LATE if limit.is_over else type(error).__name__) from error
            return Answer(response.status, _retry_after_s(response.getheader("retry-after")))

    def _pinned(self, host: str, port: int, limit: "_Limit") -> str:
        """Give one address of a name all of whose addresses may be called."""
        addresses = self._addresses(host, port, limit)
        for address in addresses:
            if not (is_public(address) or (self.local and is_loopback(host))):
                raise RefusedAddressError("the name leads to an address that is not public")
        if not addresses:
            raise UnansweredError("the name has no address")
        return addresses[0]

    def _addresses(self, host: str, port: int, limit: "_Limit") -> list[str]:
        """Look a name up. No time-out reaches into the system's resolver, so it is asked beside, and left when late."""
        beside = ThreadPoolExecutor(max_workers=1)
        try:
            return beside.submit(self.resolve, host, port).result(limit.left_s())
        except TimeoutError as error:
            raise UnansweredError(_LATE) from error
        finally:
            beside.shutdown(wait=False)


class _Limit:
    """Bounds a call: when its time is over, what was opened is hung up, whatever is being waited for."""

    def __init__(self, total_s: float) -> None:
        self._ends_at = time.monotonic() + total_s
        self._opened: list[socket.socket] = []
        self._timer = threading.Timer(total_s, self._hang_up)
        self._timer.daemon = True

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        for one in self._opened:
            one.close()

    @property
    def is_over(self) -> bool:
        """Say whether the time is over. The timer hangs up no sooner."""
        return time.monotonic() >= self._ends_at

    def left_s(self) -> float:
        """Give how long there is yet, more than 0. Raises UnansweredError."""
        left = self._ends_at - time.monotonic()
        if left <= 0:
            raise UnansweredError(_LATE)
        return left

    def watch(self, opened: socket.socket) -> None:
        """Have ``opened`` hung up when the time is over, and wait for nothing longer. Raises UnansweredError."""
        self._opened.append(opened)
        # Asked after it stands among them: the timer looks once, and may have looked a moment ago.
        opened.settimeout(self.left_s())

    def connect(self, address: str, port: int, *, tls_name: str | None) -> socket.socket:
        """Connect, and shake hands where there is a name to verify. Raises OSError, UnansweredError."""
        plain = socket.create_connection((address, port), timeout=min(CONNECT_S, self.left_s()))
        self.watch(plain)
        if tls_name is None:
            return plain
        # It takes the descriptor over, so it is this one that is hung up from here on, and before hands are shaken.
        secured = _tls().wrap_socket(plain, server_hostname=tls_name, do_handshake_on_connect=False)
        self.watch(secured)
        secured.do_handshake()
        secured.settimeout(self.left_s())
        return secured

    def _hang_up(self) -> None:
        for one in list(self._opened):
            with suppress(OSError):
                # The socket's own, below TLS, whose state is the caller's to change.
                socket.socket.shutdown(one, socket.SHUT_RDWR)


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
        if found not in _UNICAST:
            return False
    elif found in _RELAYS:
        return False
    return found.is_global and not (found.is_multicast or found.is_reserved or found.is_unspecified)


# All that the Internet routes: outside of it are site-local addresses, and translators' to IPv4.
_UNICAST: Final = ipaddress.ip_network("2000::/3")
# Whoever is near answers there. The registry calls them global still, and RFC 7526 took them back.
_RELAYS: Final = ipaddress.ip_network("192.88.99.0/24")


def _tls() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _retry_after_s(value: str | None) -> float | None:
    """Give the seconds of Retry-After; a date, or what is none, is taken for no word at all."""
    if value is None or not (value.isascii() and value.isdecimal()) or len(value) > 9:
        return None
    return float(min(int(value), _MAX_RETRY_AFTER_S))
