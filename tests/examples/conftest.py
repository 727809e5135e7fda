"""The handlers that examples call, over HTTP."""

from collections.abc import Iterator

import pytest

from tests.sdk.serving import handlers_of, served
from tests.support import engines
from tests.support.service import InProcess


@pytest.fixture(scope="session")
def service(dynamodb_local_endpoint: str) -> InProcess:
    """The handlers on DynamoDB Local, in tables of their own."""
    client = engines.client_of("dynamodb", dynamodb_local_endpoint)
    return InProcess(client, engines.create_tables(client))


@pytest.fixture(scope="session")
def url(service: InProcess) -> Iterator[str]:
    """Say where they answer."""
    with served(handlers_of(service)) as where:
        yield where
