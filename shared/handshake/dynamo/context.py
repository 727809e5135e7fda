"""The context of one invocation: the store, the clock, a source of ids and the call it serves."""

from collections.abc import Callable
from typing import NamedTuple

from handshake.dynamo.client import Dynamo
from handshake.dynamo.tables import Tables


class Context(NamedTuple):
    """Given to every use case. ``now_ms`` is epoch ms; ``new_id`` gives a fresh unique id.

    ``correlation_id`` names the call or run that is served, in logs, evidence and events alike. What a
    ``synthetic`` call of the release gate does is real, and left out of metrics. ``signer`` is the ARN of the role that
    signed the call, and ``gateway_request_id`` what API Gateway calls it; both are "" where nobody called.
    ``environment`` is the stack's, ``believes_agents`` its AgentAssertions=believed.
    """

    dynamo: Dynamo
    tables: Tables
    now_ms: Callable[[], int]
    new_id: Callable[[], str]
    correlation_id: str = ""
    synthetic: bool = False
    signer: str = ""
    gateway_request_id: str = ""
    environment: str = ""
    believes_agents: bool = True

    def within(self, seconds: float) -> "Context":
        """Give the same context with ``seconds`` from now for the work ahead."""
        return self._replace(dynamo=self.dynamo.within(seconds))
