"""Clients of the deployed functions, and what the tests' own clients hold for them."""

from typing import Any

import pytest
from botocore.awsrequest import AWSPreparedRequest
from botocore.exceptions import ParamValidationError

from handshake.api.runtime import aws, client_config
from ops.local.settings import REGION
from tests.support import engines


class _SentError(Exception):
    """Raised in place of a request."""


def _sent_by(client: Any, **parameters: Any) -> AWSPreparedRequest:
    """The request that ``client`` would send to get an item by ``parameters``."""

    def stop(request: AWSPreparedRequest, **_: Any) -> None:
        raise _SentError(request)

    client.meta.events.register("before-send.dynamodb", stop)
    with pytest.raises(_SentError) as sent:
        client.get_item(**parameters)
    request: AWSPreparedRequest = sent.value.args[0]
    return request


@pytest.fixture
def deployed() -> Any:
    """A client as the functions have theirs."""
    config = client_config(connect_s=1, read_s=1, attempts=1)
    return aws().create_client(
        "dynamodb", region_name=REGION, config=config, aws_access_key_id="testing", aws_secret_access_key="testing"
    )


def test_a_functions_client_names_itself_the_same_way_every_time(deployed: Any) -> None:
    agents = {_sent_by(deployed, TableName="t", Key={}).headers["User-Agent"] for _ in range(2)}

    assert len(agents) == 1
    assert b"app/handshake" in agents.pop()


def test_requests_are_validated_in_tests_and_sent_as_they_are_by_functions(deployed: Any) -> None:
    assert _sent_by(deployed, TableName="t").body == b'{"TableName": "t"}'
    with pytest.raises(ParamValidationError, match="Key"):
        engines.client_of("dynamodb", "http://127.0.0.1:1").get_item(TableName="t")
