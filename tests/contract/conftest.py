"""The implementations of the service that the contract is held against."""

import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from ops.local.stack import LocalStack
from tests.support import engines
from tests.support.service import Deployed, InProcess, Service
from tests.support.store import forget, forget_global_policy
from tests.support.tokens import NOW_S


@pytest.fixture(scope="module")
def in_process(dynamodb_local_endpoint: str) -> Iterator[InProcess]:
    """The handlers on DynamoDB Local. A file's tests share its tables, so each uses names of its own."""
    client = engines.client_of("dynamodb", dynamodb_local_endpoint)
    tables = engines.create_tables(client)
    yield InProcess(client, tables)
    engines.delete_tables(client, tables)


@pytest.fixture(scope="module")
def at_noon(in_process: InProcess) -> InProcess:
    """The same with a clock that stands still."""
    return replace(in_process, now_ms=lambda: NOW_S * 1000)


@pytest.fixture(scope="session")
def _tables_of_one_test(dynamodb_local_endpoint: str) -> InProcess:
    client = engines.client_of("dynamodb", dynamodb_local_endpoint)
    return InProcess(client, engines.create_tables(client), pause=lambda _: None, clock=time.monotonic)


@pytest.fixture
def alone(_tables_of_one_test: InProcess) -> InProcess:
    """A service that never waits, and in whose tables there is nothing but what the test puts there."""
    forget(_tables_of_one_test)
    return _tables_of_one_test


@pytest.fixture(scope="session")
def deployed(stack: LocalStack) -> Deployed:
    """The deployed stack, over HTTP."""
    return Deployed.on(stack)


@pytest.fixture(scope="module", params=["in_process", "deployed"])
def service(request: pytest.FixtureRequest) -> Service:
    """Every implementation in turn."""
    implementation: Service = request.getfixturevalue(request.param)
    return implementation


@pytest.fixture
def global_scope(service: Service) -> Iterator[Service]:
    """A service whose global policy the test may change; whoever comes next finds none again."""
    forget_global_policy(service)
    yield service
    forget_global_policy(service)
