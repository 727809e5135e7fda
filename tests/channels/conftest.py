"""Gives what tests of channels share."""

import pytest

from tests.conftest import Engine
from tests.support.channels import World, build_world


@pytest.fixture
def world(dynamodb_local: Engine, dynamodb_local_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> World:
    """Give a service with channels, on a store of its own."""
    return build_world(dynamodb_local, dynamodb_local_endpoint, monkeypatch)
