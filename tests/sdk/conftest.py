"""The client, talking to the handlers in this process or to answers that a test scripts."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from typing import Any

import httpx
import pytest

from handshake_rail import Handshake
from tests.sdk.doubles import FACES, Clock, blocking_face, to_service
from tests.support import engines
from tests.support.service import InProcess

Handler = Callable[[httpx.Request], httpx.Response]
Connect = Callable[..., Handshake]


@pytest.fixture(scope="session")
def service(dynamodb_local_endpoint: str) -> InProcess:
    """The handlers on DynamoDB Local, in tables of their own."""
    client = engines.client_of("dynamodb", dynamodb_local_endpoint)
    return InProcess(client, engines.create_tables(client))


@pytest.fixture
def clock() -> Clock:
    """Waits no time, and remembers how long was asked for."""
    return Clock()


@pytest.fixture(params=FACES)
def connect(request: pytest.FixtureRequest, clock: Clock) -> Iterator[Connect]:
    """A client, blocking and async in turn, of whatever answers."""
    with ExitStack() as open_clients:

        def connected(answers: Handler | InProcess, **options: Any) -> Handshake:
            handler = to_service(answers) if isinstance(answers, InProcess) else answers
            face: AbstractContextManager[Handshake] = blocking_face(request.param, handler, clock, **options)
            return open_clients.enter_context(face)

        yield connected
