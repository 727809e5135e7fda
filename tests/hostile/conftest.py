"""The service that hostile callers meet: the handlers, on a database that judges what they store."""

import pytest

from tests.support import engines
from tests.support.service import InProcess


@pytest.fixture(scope="module")
def service(dynamodb_local_endpoint: str) -> InProcess:
    """The handlers on DynamoDB Local, with tables of the module's own."""
    client = engines.client_of("dynamodb", dynamodb_local_endpoint)
    return InProcess(client, engines.create_tables(client))
