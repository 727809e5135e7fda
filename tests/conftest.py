"""Fixtures every test may use."""

import os
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import settings
from moto import mock_aws

from handshake.store.tables import Tables
from ops.local import LocalStack, dynamodb
from tests import engines

# As template.yaml sets them for every function; Powertools reads them when it is first used.
os.environ |= {"POWERTOOLS_SERVICE_NAME": "handshake", "POWERTOOLS_METRICS_NAMESPACE": "Handshake"}

# Deadlines measure the machine, not the code.
settings.register_profile("handshake", deadline=None)
settings.load_profile("handshake")

Engine = tuple[Any, Tables]


@pytest.fixture
def moto_tables() -> Iterator[Engine]:
    """A DynamoDB client and fresh tables inside this process. Quick, and no judge of races."""
    with mock_aws():
        client = engines.client_of("dynamodb")
        yield client, engines.create_tables(client)


@pytest.fixture(scope="session")
def dynamodb_local_endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where DynamoDB Local listens, started once a session."""
    if not engines.DYNAMODB_LOCAL.exists():
        missing = "DynamoDB Local is not here: python -m ops.local.dynamodb fetches it"
        # A machine without Java may do without; CI may not.
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(missing)
    log = tmp_path_factory.mktemp("dynamodb-local") / "log"
    with dynamodb.dynamodb_local(log=log, home=engines.DYNAMODB_LOCAL) as endpoint:
        yield endpoint


@pytest.fixture
def dynamodb_local(dynamodb_local_endpoint: str) -> Iterator[Engine]:
    """A DynamoDB client and fresh tables on DynamoDB Local, whose transactions isolate as Amazon's do."""
    client = engines.client_of("dynamodb", dynamodb_local_endpoint)
    tables = engines.create_tables(client)
    yield client, tables
    engines.delete_tables(client, tables)


@pytest.fixture(scope="session")
def stack() -> Iterator[LocalStack]:
    """The whole of template.yaml, built and deployed by SAM to this machine, started once a session."""
    with LocalStack() as running:
        yield running
