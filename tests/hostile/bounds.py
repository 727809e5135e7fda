"""Gives how long and from where the hostile tests search: the same every time, unless somebody asks for more."""

import os
from collections.abc import Callable
from typing import Any, Final

from hypothesis import HealthCheck, given, seed, settings

EXAMPLES: Final = int(os.environ.get("HANDSHAKE_EXAMPLES", "4"))
SEED: Final = int(os.environ.get("HANDSHAKE_SEED", "1"))
# Seconds for one test: several times what it takes.
TIMEOUT: Final = 120 + 6 * EXAMPLES

_UNHURRIED: Final = settings(
    # A call of a handler takes a tenth of what Schemathesis makes of one.
    max_examples=5 * EXAMPLES,
    deadline=None,
    database=None,
    # Examples share a store on purpose: each brings names of its own.
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)


def fuzzed(**strategies: Any) -> Callable[[Any], Any]:
    """``given``, within these bounds."""
    return lambda test: seed(SEED)(_UNHURRIED(given(**strategies)(test)))
