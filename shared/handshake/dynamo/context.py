"""What every use case is given from outside: the store, the clock, a source of ids and the call it serves."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Self

from handshake.dynamo.client import Dynamo
from handshake.dynamo.tables import Tables


@dataclass(frozen=True)
class Context:
    """Made once by the composition root. ``now_ms`` is epoch ms; ``new_id`` gives a fresh unique id.

    ``correlation_id`` names the call or run that is served, in logs, evidence and events alike. What a
    ``synthetic`` call of the release gate does is real, and left out of metrics.
    """

    dynamo: Dynamo
    tables: Tables
    now_ms: Callable[[], int]
    new_id: Callable[[], str]
    correlation_id: str = ""
    synthetic: bool = False

    def serving(self, correlation_id: str, *, synthetic: bool = False) -> Self:
        """The same context for one call or run."""
        return replace(self, correlation_id=correlation_id, synthetic=synthetic)
