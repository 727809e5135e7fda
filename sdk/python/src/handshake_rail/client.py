"""The clients: one that blocks, one for async code, the same in all else."""

import inspect
import ipaddress
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Final, Self, assert_never, cast

import anyio
import httpx

from handshake_rail._call import SUBMITTING, Call, Envelope, Request, content_of, request_of
from handshake_rail._executing import Executed, Executing, Result, execute
from handshake_rail._generated.models import Decided, Submission
from handshake_rail._generated.operations import AsyncOperations, Operations
from handshake_rail._plan import Do, Send, Sleep, Step, run, run_async
from handshake_rail._waiting import TIMEOUT_S, Waiting, wait
from handshake_rail.errors import NO_ANSWER, UNKNOWN, HandshakeError
from handshake_rail.grant import AUDIENCE, Grant
from handshake_rail.replays import MemoryReplays, Replays
from handshake_rail.retry import Retry

TIMEOUT: Final = httpx.Timeout(30, connect=5)  # API Gateway itself gives up after 29 s
MAX_HEADERS_BYTES: Final = 10_240
"""API Gateway's own limit on all headers of a request, with names, separators, line ends and the signature."""

EnvelopeProvider = Callable[[], Envelope]
TokenProvider = Callable[[], str]
BoundTokenProvider = Callable[[bytes], str]
AsyncEnvelopeProvider = Callable[[], Awaitable[Envelope]]
AsyncTokenProvider = Callable[[], Awaitable[str]]
AsyncBoundTokenProvider = Callable[[bytes], Awaitable[str]]


class Handshake(Operations):
    """The API at ``base_url``. Thread-safe; close it, or use it as a context manager.

    ``envelope``, itself or asked for at each call, goes with calls that need one, and ``trust_token`` is asked for at
    each change of policy, for a token is good for one; either can be given to a call instead. ``bound_token`` is asked
    in place of ``trust_token``, with the body's bytes, so that the token can be bound to them. ``submitter`` goes with
    submissions and authorized executions, which a stack with SubmissionIdentity=envelope needs. ``auth`` signs: a
    ``SigV4`` for an API behind IAM, an ``EdgeToken`` for the signing edge of a deployed stack, nothing for that of a
    local one. ``sleep`` waits between attempts, ``clock`` gives seconds that only grow. No redirect is followed, and no
    proxy comes between on loopback.
    Every method raises HandshakeError where the call is refused or not answered, or its headers are too large to send.
    """

    def __init__(
        self,
        base_url: str,
        *,
        envelope: Envelope | EnvelopeProvider | None = None,
        trust_token: TokenProvider | None = None,
        bound_token: BoundTokenProvider | None = None,
        submitter: Envelope | EnvelopeProvider | None = None,
        auth: httpx.Auth | None = None,
        retry: Retry = Retry(),  # noqa: B008 - it is immutable
        timeout: httpx.Timeout | float = TIMEOUT,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._base_url = base_url
        self._envelope = envelope
        self._trust_token = trust_token
        self._bound_token = bound_token
        self._submitter = submitter
        self._retry = retry
        self._sleep = sleep
        self._clock = clock
        self._replays = MemoryReplays()
        self._http = httpx.Client(
            auth=auth,
            timeout=timeout,
            transport=transport,
            trust_env=not _is_loopback(base_url),
            event_hooks={"request": [_ensure_headers_fit]},
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Close every connection."""
        self._http.close()

    def wait_for_decision(self, request: Submission, timeout_s: float = TIMEOUT_S) -> Decided:
        """Submit ``request``, as often as it takes until it is decided or ``timeout_s`` is over.

        A repeat answers what is stored, so waiting for what was submitted earlier is right too, whenever that was.
        Where the time is over the answer is still ``escalate``, and the request can be waited for again. Outages are
        waited out, but for the first call.
        """
        return run(wait(Waiting(request, timeout_s, self._clock)), self._take)

    def execute(
        self,
        request: Submission,
        effect: Callable[[Grant], Result],
        *,
        timeout_s: float = TIMEOUT_S,
        envelope: Envelope | None = None,
        replays: Replays | None = None,
        audience: str = AUDIENCE,
        issuer: str | None = None,
    ) -> Executed[Result]:
        """Do ``effect`` once ``request`` is allowed: submit, wait, claim its grant, verify that, do it, report it.

        Never twice, whatever crashes and whoever else tries: a request has one grant, and ``effect`` is given it.
        ``envelope`` is whose claim it is, of the request's principal or agent or of who has ``workflow:execute``.
        ``replays``, ``audience`` and ``issuer`` are those of ``verify_grant``.
        What ``effect`` raises is reported as ``unknown`` and raised, a NotDoneError as ``failed``. Raises
        NotAllowedError where it is not allowed or, after ``timeout_s``, not decided; GrantError for a grant that is
        none; ActionError; and HandshakeError, with ``security_grant_consumed`` where it was, or is, being done.
        """
        waiting = Waiting(request, timeout_s, self._clock)
        return run(
            execute(Executing(waiting, effect, envelope, audience, issuer, replays or self._replays)), self._take
        )

    def _take(self, step: Step) -> Any:
        match step:
            case Send(call):
                return self._send(call)
            case Sleep(seconds):
                return self._sleep(seconds)
            case Do(effect):
                return effect()
            case _:
                assert_never(step)

    def _send(self, call: Call) -> Any:
        envelope, token = call.envelope, call.trust_token
        if call.operation.envelope and envelope is None:
            envelope = self._envelope() if callable(self._envelope) else self._envelope
        elif call.operation.id in SUBMITTING and envelope is None:
            envelope = self._submitter() if callable(self._submitter) else self._submitter
        if call.operation.token and token is None and self._bound_token is not None:
            token = self._bound_token(content_of(call) or b"")
        elif call.operation.token and token is None and self._trust_token is not None:
            token = self._trust_token()
        request = request_of(call, self._base_url, envelope=envelope, trust_token=token)
        attempts = 0
        while True:
            attempts += 1
            try:
                return _read(self._once(request, attempts), request, attempts)
            except HandshakeError as error:
                wait_s = self._retry.wait_s(error, repeatable=call.operation.repeatable)
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
    """As Handshake, for asyncio and trio. ``envelope`` and tokens may be asked for by coroutines."""

    def __init__(
        self,
        base_url: str,
        *,
        envelope: Envelope | EnvelopeProvider | AsyncEnvelopeProvider | None = None,
        trust_token: TokenProvider | AsyncTokenProvider | None = None,
        bound_token: BoundTokenProvider | AsyncBoundTokenProvider | None = None,
        submitter: Envelope | EnvelopeProvider | AsyncEnvelopeProvider | None = None,
        auth: httpx.Auth | None = None,
        retry: Retry = Retry(),  # noqa: B008 - it is immutable
        timeout: httpx.Timeout | float = TIMEOUT,
        transport: httpx.AsyncBaseTransport | None = None,
        sleep: Callable[[float], Awaitable[None]] = anyio.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._base_url = base_url
        self._envelope = envelope
        self._trust_token = trust_token
        self._bound_token = bound_token
        self._submitter = submitter
        self._retry = retry
        self._sleep = sleep
        self._clock = clock
        self._replays = MemoryReplays()
        self._http = httpx.AsyncClient(
            auth=auth,
            timeout=timeout,
            transport=transport,
            trust_env=not _is_loopback(base_url),
            event_hooks={"request": [_ensure_headers_fit_async]},
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close every connection."""
        await self._http.aclose()

    async def wait_for_decision(self, request: Submission, timeout_s: float = TIMEOUT_S) -> Decided:
        """See Handshake."""
        return await run_async(wait(Waiting(request, timeout_s, self._clock)), self._take)

    async def execute(
        self,
        request: Submission,
        effect: Callable[[Grant], Result | Awaitable[Result]],
        *,
        timeout_s: float = TIMEOUT_S,
        envelope: Envelope | None = None,
        replays: Replays | None = None,
        audience: str = AUDIENCE,
        issuer: str | None = None,
    ) -> Executed[Result]:
        """See Handshake. ``effect`` may be a coroutine function; one that is cancelled is not reported."""
        waiting = Waiting(request, timeout_s, self._clock)
        plan = execute(Executing(waiting, effect, envelope, audience, issuer, replays or self._replays))
        return cast("Executed[Result]", await run_async(plan, self._take))

    async def _take(self, step: Step) -> Any:
        match step:
            case Send(call):
                return await self._send(call)
            case Sleep(seconds):
                return await self._sleep(seconds)
            case Do(effect):
                return await _asked(effect)
            case _:
                assert_never(step)

    async def _send(self, call: Call) -> Any:
        envelope, token = call.envelope, call.trust_token
        if call.operation.envelope and envelope is None:
            envelope = await _asked(self._envelope)
        elif call.operation.id in SUBMITTING and envelope is None:
            envelope = await _asked(self._submitter)
        if call.operation.token and token is None and self._bound_token is not None:
            token = await _asked(partial(self._bound_token, content_of(call) or b""))
        elif call.operation.token and token is None:
            token = await _asked(self._trust_token)
        request = request_of(call, self._base_url, envelope=envelope, trust_token=token)
        attempts = 0
        while True:
            attempts += 1
            try:
                return _read(await self._once(request, attempts), request, attempts)
            except HandshakeError as error:
                wait_s = self._retry.wait_s(error, repeatable=call.operation.repeatable)
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


def _is_loopback(base_url: str) -> bool:
    """Say whether calls stay on this machine, so that a proxy of the environment must not see them."""
    host = httpx.URL(base_url).host
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


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
    """Give the body of a success. Raises HandshakeError for anything else."""
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
    """Give Retry-After in seconds, the only form this API sends."""
    return float(text) if text.isdecimal() else None
