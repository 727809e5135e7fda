"""The context of one invocation: the store, the clock, a source of ids and the call it serves."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Self

from handshake.dynamo.client import Dynamo
from handshake.dynamo.tables import Tables


@dataclass(frozen=True)
class Context:
    """Given to every use case. ``now_ms`` is epoch ms; ``new_id`` gives a fresh unique id.

    ``correlation_id`` names the call or run that is served, in logs, evidence and events alike. What a
    ``synthetic`` call of the release gate does is real, and left out of metrics.
    """

    dynamo: Dynamo
    tables: Tables
    now_ms: Callable[[], int]
    new_id: Callable[[], str]
    correlation_id: str = ""
    synthetic: bool = False

    def within(self, seconds: float) -> Self:
        """The same context with ``seconds`` from now for the work ahead."""
        return replace(self, dynamo=self.dynamo.within(seconds))
