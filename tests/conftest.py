"""Fixtures for every test, and the marks that say what a test needs (README.md)."""

import os
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final

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
from tests.support.another_user import another_user_missing, try_as_another_user
from tests.support.chromium import chromium_missing, show
from tests.support.logs import RunLog
from tests.support.node import install, node_missing
from tests.support.service import TRUST_KEY

# Deadlines measure the machine, not the code.
settings.register_profile("handshake", deadline=None)
settings.register_profile("quick", deadline=None, max_examples=20)  # of `make unit`
settings.register_profile("cut", deadline=None, max_examples=35)  # of `make test`
settings.load_profile("handshake")

# What botocore knows of a service is read once, and not for every session: an operator's command makes one each time.
botocore.session.create_loader = cache(botocore.session.create_loader)

Engine = tuple[Any, Tables]

# Fixtures, the first two named by a test's parameter ``service``.
_ON_DYNAMODB_LOCAL: Final = {"in_process", "on_dynamodb_local", "dynamodb_local_home"}
# What else a machine may lack, by the fixture that needs it.
_MISSING: Final = {
    "chromium": chromium_missing,
    "as_another_user": another_user_missing,
    "typescript_client": node_missing,
    "axe": node_missing,
}
_STORES: Final = _ON_DYNAMODB_LOCAL | {"on_ministack", "ministack_endpoint", "moto_tables"}


@pytest.fixture(scope="session", autouse=True)
def run_log() -> RunLog:
    """Keep what the handlers log from the first test to the last."""
    log = RunLog(secrets={TRUST_KEY.decode()})
    telemetry.logger.addHandler(log)
    telemetry.logger.append_keys(service="handshake")  # as template.yaml does for every function
    return log


def pytest_itemcollected(item: pytest.Item) -> None:
    """Mark what needs the deployed stack or a store, so that each part of the suite can leave it to another."""
    needed = _needed_by(item)
    if not needed.isdisjoint({"stack", "deployed"}):
        item.add_marker("deployed")
    if not needed.isdisjoint(_STORES):
        item.add_marker("store")
    # The Makefile's parts do not collect what has no tests of theirs, so such a test would never run.
    room = item.path.relative_to(ROOT / "tests").parts[0]
    if item.get_closest_marker("deployed") and room in ("hostile", "faults"):
        raise pytest.UsageError(f"{item.nodeid}: make test looks for no test on the deployed stack here")
    if item.get_closest_marker("waits") and room not in ("alarms", "ops", "release", "trust"):
        raise pytest.UsageError(f"{item.nodeid}: make test looks for no test that waits here")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put what judges the whole run behind it."""
    items.sort(key=lambda item: item.path.name == "test_logs.py")


def pytest_collection_finish(session: pytest.Session) -> None:
    """End before the first test, with 69, where a test that is to run needs what this machine lacks."""
    needed = {name for item in session.items for name in _needed_by(item)}
    if session.config.getoption("collectonly"):
        return
    if needed & _ON_DYNAMODB_LOCAL:
        _ensure_dynamodb_local()
    for fixture, missing in _MISSING.items():
        if fixture in needed and (reason := missing()):
            pytest.exit(reason, returncode=os.EX_UNAVAILABLE)


def _needed_by(item: pytest.Item) -> set[str]:
    """Names of the fixtures that ``item`` asks for, through others too, and by its parameter ``service``."""
    parameters = getattr(item, "callspec", None)
    asked_for = {parameters.params["service"]} if parameters and "service" in parameters.params else set()
    return {*getattr(item, "fixturenames", ()), *filter(lambda name: isinstance(name, str), asked_for)}


def _ensure_dynamodb_local() -> None:
    if missing := engines.dynamodb_local_missing():
        pytest.exit(missing, returncode=os.EX_UNAVAILABLE)


@pytest.fixture
def moto_tables() -> Iterator[Engine]:
    """A DynamoDB client and fresh tables inside this process. Quick, and no judge of races."""
    with mock_aws():
        client = engines.client_of("dynamodb")
        yield client, engines.create_tables(client, streams=True)


@pytest.fixture(scope="session")
def dynamodb_local_home() -> Path:
    """Return the folder of DynamoDB Local. Ends the session with 69 where it is not, or cannot run."""
    _ensure_dynamodb_local()
    return engines.DYNAMODB_LOCAL


@pytest.fixture(scope="session")
def dynamodb_local_endpoint(tmp_path_factory: pytest.TempPathFactory, dynamodb_local_home: Path) -> Iterator[str]:
    """Start DynamoDB Local, once a session; yields its URL."""
    log = tmp_path_factory.mktemp("dynamodb-local") / "log"
    with dynamodb.dynamodb_local(log=log, home=dynamodb_local_home) as endpoint:
        yield endpoint


@pytest.fixture
def dynamodb_local(dynamodb_local_endpoint: str) -> Iterator[Engine]:
    """A DynamoDB client and fresh tables on DynamoDB Local, whose transactions isolate as Amazon's do."""
    client = engines.client_of("dynamodb", dynamodb_local_endpoint)
    tables = engines.create_tables(client)
    yield client, tables
    engines.delete_tables(client, tables)


@pytest.fixture(scope="session")
def chromium() -> Callable[..., str]:
    """Shows a page in Chromium (``tests.support.chromium.show``)."""
    return show


@pytest.fixture(scope="session")
def typescript_client() -> Path:
    """The folder of the TypeScript client, with what it depends on."""
    return install()


@pytest.fixture(scope="session")
def as_another_user() -> Callable[..., Any]:
    """Does something as another user of this machine (``tests.support.another_user.try_as_another_user``)."""
    return try_as_another_user


@pytest.fixture(scope="session")
def ministack_endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Start ministack by itself, without the stack; yields its URL."""
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


@pytest.fixture
def operated(stack: LocalStack, monkeypatch: pytest.MonkeyPatch) -> LocalStack:
    """The same stack, for an operator's commands, which find it by the environment."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", stack.endpoint_url)
    monkeypatch.setenv("AWS_DEFAULT_REGION", stack.region)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", ROOT_KEY[0])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", ROOT_KEY[1])
    return stack
