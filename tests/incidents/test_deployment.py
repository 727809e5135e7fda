"""When the stack was last deployed, as CloudFormation tells it."""

from datetime import UTC, datetime
from typing import Any, Final

import pytest

from handshake.incidents.deployment import Deployed, Deployment

MADE: Final = datetime(2026, 11, 20, 8, 0, 0, 400_000, tzinfo=UTC)
UPDATED: Final = datetime(2026, 11, 24, 0, 30, 59, 999_600, tzinfo=UTC)


class CloudFormation:
    """Describes the one stack that may be asked for."""

    def __init__(self, **stack: Any) -> None:
        self._stack = stack

    def describe_stacks(self, *, StackName: str) -> dict[str, Any]:  # noqa: N803 - the client's own name
        """Describe the stack by its id."""
        assert StackName == "arn:stack"
        return {"Stacks": [self._stack]}


@pytest.mark.parametrize(
    ("times", "at_ms"),
    [
        ({"CreationTime": MADE}, 1_795_161_600_400),
        ({"CreationTime": MADE, "LastUpdatedTime": UPDATED}, 1_795_480_260_000),
    ],
    ids=["never updated", "updated"],
)
def test_a_stack_was_last_deployed_when_it_was_updated_or_else_made(times: dict[str, datetime], at_ms: int) -> None:
    client = CloudFormation(StackStatus="UPDATE_COMPLETE", **times)

    assert Deployment(client, "arn:stack", version="7").last() == Deployed(at_ms, "UPDATE_COMPLETE", "7")
