"""All paths, and the codes that no path leads to: each with what sends it instead, or why nothing does."""

from collections.abc import Collection, Mapping
from typing import Final

from ops.gates.reason_codes import RESERVED
from tests.metrics.paths.agents import AGENTS
from tests.metrics.paths.grants import PATHS as GRANTS
from tests.metrics.paths.moves import MOVES
from tests.metrics.paths.others import (
    APPLIES,
    IDENTITIES,
    OUTAGES,
    QUESTIONS,
    READINGS,
    REGISTRATIONS,
    REPEATED,
    SUBMITTERS,
)
from tests.metrics.paths.path import Path
from tests.metrics.paths.people import PEOPLE
from tests.metrics.paths.workflow import ACTIONS, EXECUTIONS, SUBMISSIONS

PATHS: Final[Collection[Path]] = (
    *SUBMISSIONS,
    *IDENTITIES,
    *READINGS,
    *ACTIONS,
    *MOVES,
    *EXECUTIONS,
    *AGENTS,
    *PEOPLE,
    *GRANTS,
    *APPLIES,
    *REGISTRATIONS,
    *QUESTIONS,
    *REPEATED,
    *SUBMITTERS,
    *OUTAGES,
)

# template.yaml: these answers never reach a handler, so they are in the gateway's own metrics and in none of ours.
OF_THE_GATEWAY: Final[Mapping[str, str]] = {
    "security_missing_authorization_header": "a call that nobody signed, or an unknown route",
    "security_token_invalid": "a call that is badly signed, or not permitted",
}
__all__ = ["OF_THE_GATEWAY", "PATHS", "RESERVED"]
