"""Reads when the stack was last deployed."""

from dataclasses import dataclass
from typing import Any

from handshake.incidents.sources import asking


@dataclass(frozen=True)
class Deployed:
    """``at_ms`` is when the stack was made or last changed, ``version`` that of the function that asks."""

    at_ms: int
    status: str
    version: str


class Deployment:
    """Reads one stack through a botocore CloudFormation client."""

    def __init__(self, client: Any, stack_id: str, *, version: str) -> None:
        self._client = client
        self._stack_id = stack_id
        self._version = version

    def last(self) -> Deployed:
        """Give the last change to the stack. Raises SourceUnavailableError."""
        with asking("CloudFormation"):
            [stack] = self._client.describe_stacks(StackName=self._stack_id)["Stacks"]
        at = stack.get("LastUpdatedTime") or stack["CreationTime"]
        return Deployed(round(at.timestamp() * 1000), stack["StackStatus"], self._version)
