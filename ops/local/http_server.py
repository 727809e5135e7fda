"""Serve HTTP/1.1 on loopback within bounds: h11 reads it, asyncio waits, and a fixed number of threads work.

A caller that is slow, silent or many costs a connection until a deadline and never a thread.
"""

import asyncio
import json
import re
import socket
import uuid
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from http import HTTPStatus
from threading import Event, Thread
from typing import Final, Protocol, Self

import h11

from handshake.core.reasons import ReasonCode, describe

_CHUNK: Final = 64 * 1024
_LINGER_S: Final = 1.0
_VERSIONS: Final = (b"1.0", b"1.1")
_CONTENT_LENGTH: Final = re.compile(rb"^content-length[ \t]*:[ \t]*(.*?)[ \t]*\r?$", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds what callers may take: connections, threads, bytes, and seconds for a whole head or body."""

    connections: int = 128
    threads: int = 64
    head_bytes: int = 64 * 1024
    body_bytes: int = 1024 * 1024
    head_s: float = 30
    body_s: float = 30


LIMITS: Final = Limits()


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it was sent: names of headers in lower case, repeated ones included."""

    method: str
    target: str
    headers: Sequence[tuple[str, str]]
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Response:
    """An answer without the headers that frame it."""

    status: int
    headers: Sequence[tuple[str, str]]
    body: bytes


@dataclass(frozen=True, slots=True)
class Refusal:
    """Says why a request is refused, in the contract's terms."""

    code: ReasonCode
    message: str


class Application(Protocol):
    """Answers requests. ``refusal_of`` sees a request before its body is read; ``answer`` runs in a thread."""

    def refusal_of(self, request: Request) -> Refusal | None: ...

    def answer(self, request: Request) -> Response: ...


def refused(refusal: Refusal) -> Response:
    """Word ``refusal`` as the API words its own (contract section 1)."""
    reason = describe(refusal.code)
    body = {
        "status": "error",
        "error": reason.code,
        "reasonCode": reason.code,
        "responseClass": reason.response_class,
        "message": refusal.message,
    }
    retry = [("retry-after", "1")] if reason.status == HTTPStatus.SERVICE_UNAVAILABLE else []
    headers = [("content-type", "application/json"), ("x-correlation-id", str(uuid.uuid4())), *retry]
    return Response(reason.status, headers, json.dumps(body).encode())


class _ClosedError(Exception):
    """The caller went away, or asked for nothing more."""


class _RefusedError(Exception):
    """A request that cannot be read to its end."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal


class LoopbackServer:
    """A server on 127.0.0.1. The port is taken on creation, so that a taken one fails first (OSError)."""

    def __init__(self, port: int, *, limits: Limits = LIMITS) -> None:
        self._limits = limits
        self._thread: Thread | None = None
        self._connections = 0
        self._socket = socket.socket()
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._socket.bind(("127.0.0.1", port))
        except OSError:
            self._socket.close()
            raise
        self.server_port = int(self._socket.getsockname()[1])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.shutdown()
        self._socket.close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def serve(self, application: Application) -> None:
        """Answer from now on, in the background. Raises OSError where somebody else has taken the port meanwhile."""
        self._socket.listen(self._limits.connections)
        self._application = application
        ready = Event()
        self._thread = Thread(target=asyncio.run, args=(self._run(ready),), daemon=True)
        self._thread.start()
        ready.wait()

    def shutdown(self) -> None:
        """Answer nothing more, and let go of every connection."""
        if self._thread is not None:
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join()
            self._thread = None

    async def _run(self, ready: Event) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        self._threads = ThreadPoolExecutor(self._limits.threads)
        server = await asyncio.start_server(self._connected, sock=self._socket)
        ready.set()
        await self._stop.wait()
        server.close()
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections += 1
        crowded = self._connections > self._limits.connections
        try:
            if self._connections <= 2 * self._limits.connections:  # more are not even told why
                connection = _Connection(reader, writer, self._limits, crowded=crowded)
                await connection.serve(self._application, self._threads)
        except (ConnectionError, _ClosedError):
            pass  # nobody is there to be told
        except TimeoutError:
            writer.transport.abort()  # closing would wait for whoever does not read
        finally:
            self._connections -= 1
            writer.close()


class _Connection:
    """One connection, and the requests that come over it in turn."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, limits: Limits, *, crowded: bool
    ) -> None:
        self._reader, self._writer, self._limits, self._crowded = reader, writer, limits, crowded
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=limits.head_bytes)
        self._method = ""

    async def serve(self, application: Application, threads: ThreadPoolExecutor) -> None:
        """Answer each request. Raises ConnectionError, TimeoutError and _ClosedError where the caller is gone."""
        while True:
            self._method = ""
            try:
                if self._crowded:
                    raise _RefusedError(_CROWDED)
                request = await self._head()
                self._method = request.method
                if refusal := application.refusal_of(request):
                    raise _RefusedError(refusal)
                request = replace(request, body=await self._body())
            except _RefusedError as fault:
                await self._send(refused(fault.refusal), last=True)
                await self._linger()
                return
            loop = asyncio.get_running_loop()
            await self._send(await loop.run_in_executor(threads, application.answer, request))
            if self._http.our_state is not h11.DONE or self._http.their_state is not h11.DONE:
                return
            self._http.start_next_cycle()

    async def _head(self) -> Request:
        received = self._http.trailing_data[0]
        try:
            async with asyncio.timeout(self._limits.head_s):
                while (event := self._event()) is h11.NEED_DATA:
                    data = await self._reader.read(_CHUNK)
                    received += data
                    if not received:
                        raise _ClosedError
                    self._http.receive_data(data)
        except TimeoutError:
            if not received:
                raise  # an idle connection: no request that could be answered
            raise _RefusedError(_shape(f"the head did not arrive within {self._limits.head_s:g} s")) from None
        if not isinstance(event, h11.Request):
            raise _ClosedError
        # h11 hands over one content-length, however often the same was sent.
        head = received[: len(received) - len(self._http.trailing_data[0])]
        if len(head) > self._limits.head_bytes:
            raise _RefusedError(_shape(f"the head is over {self._limits.head_bytes} bytes"))
        if event.http_version not in _VERSIONS:
            raise _RefusedError(_shape("this server speaks HTTP/1.1"))
        lengths = _CONTENT_LENGTH.findall(head)
        if len(lengths) > 1 or any(b"," in length for length in lengths):
            raise _RefusedError(_shape("content-length is given twice"))
        headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in event.headers]
        return Request(event.method.decode(), event.target.decode(), headers)

    async def _body(self) -> bytes:
        body = bytearray()
        if self._http.they_are_waiting_for_100_continue:
            await self._write(self._http.send(h11.InformationalResponse(status_code=100, headers=[])))
        try:
            async with asyncio.timeout(self._limits.body_s):
                while not isinstance(event := self._event(), h11.EndOfMessage):
                    if isinstance(event, h11.Data):
                        body += event.data
                    elif event is h11.NEED_DATA:
                        self._http.receive_data(await self._reader.read(_CHUNK))
        except TimeoutError:
            raise _RefusedError(_shape(f"the body did not arrive within {self._limits.body_s:g} s")) from None
        return bytes(body)

    def _event(self) -> h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]:
        """Read the next event. Raises _RefusedError, which quotes nothing, for what is no HTTP."""
        try:
            return self._http.next_event()
        except h11.RemoteProtocolError as fault:
            if fault.error_status_hint == HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE:
                raise _RefusedError(_shape(f"the head is over {self._limits.head_bytes} bytes")) from None
            raise _RefusedError(_shape("this is no well-formed HTTP/1.1 request")) from None

    async def _send(self, response: Response, *, last: bool = False) -> None:
        framing = [("content-length", str(len(response.body))), *([("connection", "close")] if last else [])]
        reason = HTTPStatus(response.status).phrase if response.status in set(HTTPStatus) else ""
        head = h11.Response(
            status_code=response.status, headers=_encoded([*response.headers, *framing]), reason=reason.encode()
        )
        data = self._http.send(head)
        if response.body and self._method != "HEAD":
            data += self._http.send(h11.Data(data=response.body))
        await self._write(data + self._http.send(h11.EndOfMessage()))

    async def _write(self, data: bytes | None) -> None:
        async with asyncio.timeout(self._limits.body_s):
            self._writer.write(data or b"")
            await self._writer.drain()

    async def _linger(self) -> None:
        """Take what is still on its way for a moment: closing upon unread bytes would cost the caller the answer."""
        self._writer.write_eof()
        with suppress(TimeoutError):
            async with asyncio.timeout(_LINGER_S):
                while await self._reader.read(_CHUNK):
                    pass


_CROWDED: Final = Refusal(
    ReasonCode.ADAPTER_STORE_UNAVAILABLE, "the signing edge has as many connections as it takes; try again"
)


def _shape(message: str) -> Refusal:
    return Refusal(ReasonCode.TRUST_CONTEXT_INVALID_REQUEST_SHAPE, message)


def _encoded(headers: Iterable[tuple[str, str]]) -> list[tuple[bytes, bytes]]:
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
