"""Gives what all functions were seen to do, once for all tests."""

import pytest

from tests.aws.use_cases import Observed, observe


@pytest.fixture(scope="session")
def observed() -> Observed:
    """Collects what each function asks of AWS and logs, with every use case made once."""
    return observe()
