"""The clients: one that blocks, one for async code, the same in all else."""

import inspect
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final, Self

import anyio
import httpx

from handshake_client._call import Call, Envelope, Request, request_of
from handshake_client._generated.operations import AsyncOperations, Operations
from handshake_client.errors import NO_ANSWER, UNKNOWN, HandshakeError
from handshake_client.retry import Retry

TIMEOUT: Final = httpx.Timeout(30, connect=5)  # API Gateway itself gives up after 29 s
MAX_HEADERS_BYTES: Final = 10_240
"""API Gateway's own limit on all headers of a request, with names, separators, line ends and the signature."""

# Called without a proxy, whatever the environment says: a proxy knows no loopback but its own.
_LOOPBACK: Final = ("all://127.0.0.1", "all://localhost", "all://[::1]")

EnvelopeProvider = Callable[[], Envelope]
TokenProvider = Callable[[], str]
AsyncEnvelopeProvider = Callable[[], Awaitable[Envelope]]
AsyncTokenProvider = Callable[[], Awaitable[str]]


class Handshake(Operations):
    """The API at ``base_url``. Thread-safe; close it, or use it as a context manager.

    ``envelope``, itself or asked for at each call, goes with calls that need one, and ``trust_token`` is asked for at
    each change of policy, for a token is good for one; either can be given to a call instead. ``auth`` signs: a
    ``SigV4`` for an API behind IAM, nothing for a signing edge. ``sleep`` waits between attempts.
    Every method raises HandshakeError where the call is refused or not answered, or its headers are too large to send.
    """

    def __init__(
        self,
        base_url: str,
        *,
        envelope: Envelope | EnvelopeProvider | None = None,
        trust_token: TokenProvider | None = None,
        auth: httpx.Auth | None = None,
        retry: Retry = Retry(),  # noqa: B008 - it is immutable
        timeout: httpx.Timeout | float = TIMEOUT,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._base_url = base_url
        self._envelope = envelope
        self._trust_token = trust_token
        self._retry = retry
        self._sleep = sleep
        self._http = httpx.Client(
            auth=auth,
            timeout=timeout,
            transport=transport,
            mounts=dict.fromkeys(_LOOPBACK),
            event_hooks={"request": [_ensure_headers_fit]},
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Close every connection."""
        self._http.close()

    def _send(self, call: Call) -> Any:
        envelope, token = call.envelope, call.trust_token
        if call.operation.envelope and envelope is None:
            envelope = self._envelope() if callable(self._envelope) else self._envelope
        if call.operation.token and token is None and self._trust_token is not None:
            token = self._trust_token()
        request = request_of(call, self._base_url, envelope=envelope, trust_token=token)
        attempts = 0
        while True:
            attempts += 1
            try:
                return _read(self._once(request, attempts), request, attempts)
            except HandshakeError as error:
                wait_s = self._retry.wait_s(error)
                if wait_s is None:
                    raise
            self._sleep(wait_s)

    def _once(self, request: Request, attempts: int) -> httpx.Response:
        try:
            return self._http.request(request.method, request.url, headers=request.headers, content=request.content)
        except _HeadersTooLargeError as fault:
            raise _not_sent(fault, request, attempts) from None
        except httpx.HTTPError as fault:
            raise _no_answer(fault, request, attempts) from fault


class AsyncHandshake(AsyncOperations):
    """As Handshake, for asyncio and trio. ``envelope`` and ``trust_token`` may be asked for by coroutines."""

    def __init__(
        self,
        base_url: str,
        *,
        envelope: Envelope | EnvelopeProvider | AsyncEnvelopeProvider | None = None,
        trust_token: TokenProvider | AsyncTokenProvider | None = None,
        auth: httpx.Auth | None = None,
        retry: Retry = Retry(),  # noqa: B008 - it is immutable
        timeout: httpx.Timeout | float = TIMEOUT,
        transport: httpx.AsyncBaseTransport | None = None,
        sleep: Callable[[float], Awaitable[None]] = anyio.sleep,
    ) -> None:
        self._base_url = base_url
        self._envelope = envelope
        self._trust_token = trust_token
        self._retry = retry
        self._sleep = sleep
        self._http = httpx.AsyncClient(
            auth=auth,
            timeout=timeout,
            transport=transport,
            mounts=dict.fromkeys(_LOOPBACK),
            event_hooks={"request": [_ensure_headers_fit_async]},
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close every connection."""
        await self._http.aclose()

    async def _send(self, call: Call) -> Any:
        envelope, token = call.envelope, call.trust_token
        if call.operation.envelope and envelope is None:
            envelope = await _asked(self._envelope)
        if call.operation.token and token is None:
            token = await _asked(self._trust_token)
        request = request_of(call, self._base_url, envelope=envelope, trust_token=token)
        attempts = 0
        while True:
            attempts += 1
            try:
                return _read(await self._once(request, attempts), request, attempts)
            except HandshakeError as error:
                wait_s = self._retry.wait_s(error)
                if wait_s is None:
                    raise
            await self._sleep(wait_s)

    async def _once(self, request: Request, attempts: int) -> httpx.Response:
        try:
            return await self._http.request(
                request.method, request.url, headers=request.headers, content=request.content
            )
        except _HeadersTooLargeError as fault:
            raise _not_sent(fault, request, attempts) from None
        except httpx.HTTPError as fault:
            raise _no_answer(fault, request, attempts) from fault


class _HeadersTooLargeError(Exception):
    """A signed request is not sent, because API Gateway would refuse it without a reason code."""


def _ensure_headers_fit(request: httpx.Request) -> None:
    """Raise _HeadersTooLargeError where all headers, signature included, are more than API Gateway takes."""
    sizes = {name.decode(): len(name) + len(value) + len(": \r\n") for name, value in request.headers.raw}
    if sum(sizes.values()) > MAX_HEADERS_BYTES:
        largest = sorted(sizes, key=lambda name: -sizes[name])[:3]
        raise _HeadersTooLargeError(
            f"the headers are {sum(sizes.values())} bytes together, over the {MAX_HEADERS_BYTES} allowed; the largest: "
            + ", ".join(f"{name} {sizes[name]}" for name in largest)
        )


async def _ensure_headers_fit_async(request: httpx.Request) -> None:
    _ensure_headers_fit(request)


async def _asked(source: Any) -> Any:
    """Give what ``source`` is, or what it says when it is asked, at once or later."""
    value = source() if callable(source) else source
    return await value if inspect.isawaitable(value) else value


def _read(response: httpx.Response, request: Request, attempts: int) -> Any:
    """The body of a success. Raises HandshakeError for anything else."""
    try:
        body = response.json()
    except ValueError:
        body = None
    if response.is_success and body is not None:
        return body
    fields = body if isinstance(body, dict) else {}
    raise HandshakeError(
        str(fields.get("reasonCode") or fields.get("error") or UNKNOWN),
        str(fields.get("message") or f"HTTP status {response.status_code} without an answer of the API"),
        status=response.status_code,
        correlation_id=response.headers.get("x-correlation-id", request.correlation_id),
        attempts=attempts,
        retry_after_s=_seconds(response.headers.get("retry-after", "")),
        body=fields,
    )


def _not_sent(fault: _HeadersTooLargeError, request: Request, attempts: int) -> HandshakeError:
    return HandshakeError(
        "trust_context_invalid_request_shape",
        str(fault),
        status=None,
        correlation_id=request.correlation_id,
        attempts=attempts - 1,
    )


def _no_answer(fault: httpx.HTTPError, request: Request, attempts: int) -> HandshakeError:
    return HandshakeError(
        NO_ANSWER,
        f"{type(fault).__name__}: {fault}",
        status=None,
        correlation_id=request.correlation_id,
        attempts=attempts,
    )


def _seconds(text: str) -> float | None:
    """Retry-After in seconds, the only form this API sends."""
    return float(text) if text.isdecimal() else None
