"""What every use case is given from outside: the store, the clock and a source of ids."""

from collections.abc import Callable
from dataclasses import dataclass

from handshake.store.dynamo import Dynamo
from handshake.store.tables import Tables


@dataclass(frozen=True)
class Context:
    """Made once by the composition root. ``now_ms`` is epoch ms; ``new_id`` gives a fresh unique id."""

    dynamo: Dynamo
    tables: Tables
    now_ms: Callable[[], int]
    new_id: Callable[[], str]
