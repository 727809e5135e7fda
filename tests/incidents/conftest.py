"""Fixture of this folder."""

import pytest

from tests.conftest import Engine
from tests.incidents.desk import Aws, aws_with_denials


@pytest.fixture
def aws(moto_tables: Engine) -> Aws:
    """An AWS of one's own, with forty refused reads by one tenant in its metrics and logs."""
    return aws_with_denials(moto_tables)
