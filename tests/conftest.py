"""Fixtures every test may use."""

import os
from collections.abc import Iterator
from functools import cache
from typing import Any

import botocore.session
import pytest
from hypothesis import settings
from moto import mock_aws

from handshake.api import telemetry
from handshake.dynamo.tables import Tables
from ops.local import dynamodb
from ops.local.emulator import emulator
from ops.local.settings import ROOT, ROOT_KEY
from ops.local.stack import LocalStack
from tests.support import engines
from tests.support.logs import RunLog
from tests.support.service import TRUST_KEY

# Deadlines measure the machine, not the code.
settings.register_profile("handshake", deadline=None)
settings.load_profile("handshake")

# What botocore knows of a service is read once, and not for every session: an operator's command makes one each time.
botocore.session.create_loader = cache(botocore.session.create_loader)

Engine = tuple[Any, Tables]


@pytest.fixture(scope="session", autouse=True)
def run_log() -> RunLog:
    """What the handlers log from the first test to the last."""
    log = RunLog(secrets={TRUST_KEY.decode()})
    telemetry.logger.addHandler(log)
    telemetry.logger.append_keys(service="handshake")  # as template.yaml does for every function
    return log


def pytest_itemcollected(item: pytest.Item) -> None:
    """Mark what needs the deployed stack, so that the two halves of the suite can run side by side."""
    parameters = getattr(item, "callspec", None)
    on_stack = parameters is not None and parameters.params.get("service") == "deployed"
    if on_stack or "stack" in getattr(item, "fixturenames", ()):
        item.add_marker("deployed")
    # The Makefile's parts do not collect what has no tests of theirs, so such a test would never run.
    room = item.path.relative_to(ROOT / "tests").parts[0]
    if item.get_closest_marker("deployed") and room in ("hostile", "faults"):
        raise pytest.UsageError(f"{item.nodeid}: make test looks for no test on the deployed stack here")
    if item.get_closest_marker("waits") and room not in ("ops", "release", "trust"):
        raise pytest.UsageError(f"{item.nodeid}: make test looks for no test that waits here")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What judges the whole run comes after it."""
    items.sort(key=lambda item: item.path.name == "test_logs.py")


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
def ministack_endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where a ministack listens that runs by itself, without the stack."""
    with emulator(log=tmp_path_factory.mktemp("ministack") / "log") as endpoint:
        yield endpoint


@pytest.fixture
def ministack(ministack_endpoint: str) -> Iterator[Engine]:
    """A DynamoDB client and fresh tables on ministack."""
    client = engines.client_of("dynamodb", ministack_endpoint, key=ROOT_KEY)
    tables = engines.create_tables(client)
    yield client, tables
    engines.delete_tables(client, tables)


@pytest.fixture(scope="session")
def stack() -> Iterator[LocalStack]:
    """The whole of template.yaml, built and deployed by SAM to this machine, started once a session."""
    with LocalStack() as running:
        yield running
