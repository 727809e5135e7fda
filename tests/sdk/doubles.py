"""Gives what stands on the other side of a client in these tests."""

import asyncio
import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final, cast

import httpx

from handshake_rail import AsyncHandshake, Handshake
from tests.support.service import InProcess

Handler = Callable[[httpx.Request], httpx.Response]

BASE_URL: Final = "http://api.test/stage"
FACES: Final = ("blocking", "async")


@dataclass
class Clock:
    """Waits no time: only what was asked for passes, and what a test does to ``now``, in seconds."""

    waits: list[float] = field(default_factory=list)
    now: float = 0.0

    def sleep(self, seconds: float) -> None:
        """For the client that blocks."""
        self.waits.append(seconds)
        self.now += seconds

    async def asleep(self, seconds: float) -> None:
        """For the one that does not."""
        self.sleep(seconds)

    def time(self) -> float:
        """Give the time."""
        return self.now


@dataclass
class Script:
    """Answers in turn, the last one for good, and remembers what was asked."""

    answers: list[httpx.Response | Exception]
    requests: list[httpx.Request] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return httpx.Response(answer.status_code, headers=answer.headers, content=answer.content)

    def sent(self, header: str) -> list[str | None]:
        """The values of a header, attempt by attempt."""
        return [request.headers.get(header) for request in self.requests]


def ok(body: Any) -> httpx.Response:
    """A success."""
    return httpx.Response(200, json=body)


def refusal(code: str, status: int, *, headers: Mapping[str, str] | None = None, **fields: Any) -> httpx.Response:
    """A refusal as the API words it."""
    body = {"status": "error", "error": code, "reasonCode": code, "message": "No.", **fields}
    return httpx.Response(status, json=body, headers=headers)


def to_service(service: InProcess) -> Handler:
    """Hands a request to the handler of its route, as the API Gateway would after checking the signature."""

    def answer(request: httpx.Request) -> httpx.Response:
        target = request.url.raw_path.decode().removeprefix("/stage")
        body = request.content.decode() if request.content else None
        reply = service.send(request.method, target, headers=dict(request.headers), body=body)
        return httpx.Response(reply.status, json=reply.body, headers=dict(reply.headers))

    return answer


@contextmanager
def blocking_face(kind: str, handler: Handler, clock: Clock, **options: Any) -> Iterator[Handshake]:
    """Either client, called in the same way."""
    if kind == "blocking":
        transport = httpx.MockTransport(handler)
        with Handshake(BASE_URL, transport=transport, sleep=clock.sleep, clock=clock.time, **options) as client:
            yield client
        return
    with asyncio.Runner() as runner:
        transport = httpx.MockTransport(handler)
        client_ = AsyncHandshake(BASE_URL, transport=transport, sleep=clock.asleep, clock=clock.time, **options)
        yield cast("Handshake", _Run(client_, runner))
        runner.run(client_.aclose())


class _Run:
    """Runs each coroutine method of an async client to its end."""

    def __init__(self, client: AsyncHandshake, runner: asyncio.Runner) -> None:
        self._client = client
        self._runner = runner

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._client, name)
        assert inspect.iscoroutinefunction(method), name
        return lambda *arguments, **named: self._runner.run(method(*arguments, **named))
