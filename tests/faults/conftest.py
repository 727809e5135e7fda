"""The engines that races run on. moto is none of them: on it two racing transactions can both win."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import pytest

from ops.local.settings import ROOT_KEY
from tests.support import engines
from tests.support.audit import audit
from tests.support.service import InProcess

# Many thousands of calls: a third of botocore's time for each goes into checking its parameters, which every other
# test has checked, and into composing a user agent.
_LEAN: Final[Mapping[str, Any]] = {"parameter_validation": False, "user_agent": "handshake-races"}


@pytest.fixture(scope="session")
def on_dynamodb_local(dynamodb_local_endpoint: str) -> Any:
    """A client of DynamoDB Local."""
    return engines.client_of("dynamodb", dynamodb_local_endpoint, **_LEAN)


@pytest.fixture(scope="session")
def on_ministack(ministack_endpoint: str) -> Any:
    """A client of ministack's DynamoDB."""
    return engines.client_of("dynamodb", ministack_endpoint, key=ROOT_KEY, **_LEAN)


@pytest.fixture(params=["on_dynamodb_local", "on_ministack"])
def service(request: pytest.FixtureRequest) -> Iterator[InProcess]:
    """The handlers on each engine in turn, with tables of the test's own."""
    client = request.getfixturevalue(request.param)
    tables = engines.create_tables(client)
    yield InProcess(client, tables)
    engines.delete_tables(client, tables)


@pytest.fixture
def everything_agrees(service: InProcess) -> Iterator[None]:
    """Read each table after a race, and hold it against the others."""
    yield
    assert audit(service.dynamodb, service.tables) == []
