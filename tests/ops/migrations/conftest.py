"""Fixtures of the migrations' tests."""

from collections.abc import Iterator
from typing import Any

import pytest

from ops.migrations import work
from tests.ops.migrations.stored import TABLES, World
from tests.support import engines


@pytest.fixture
def database(dynamodb_local_endpoint: str) -> Any:
    """A client of DynamoDB Local."""
    return engines.client_of("dynamodb", dynamodb_local_endpoint)


@pytest.fixture
def world(database: Any) -> Iterator[World]:
    """Empty tables of a stack."""
    tables = engines.create_tables(database, *TABLES)
    yield World(database, tables)
    engines.delete_tables(database, tables)


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a few items take several pages."""
    monkeypatch.setattr(work, "_PAGE", 2)
