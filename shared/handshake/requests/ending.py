"""How an escalation ended, by the evidence of its end: as what, by whom, and why (contract.md section 13)."""

from collections.abc import Mapping
from typing import Any, Final, Literal, NamedTuple, get_args

from handshake.requests.record import State

EndedAs = Literal["approved", "rejected", "withdrawn", "expired"]
ENDS: Final = get_args(EndedAs)
EXPIRY: Final = "hitl_expiry"
"""Names the deadline among actors, whether a sweep or an action that came too late met it."""
WITHDRAWN: Final = "withdrawn"
_ENDS: Final[Mapping[State, EndedAs]] = {
    State.APPROVED: "approved",
    State.REJECTED: "rejected",
    State.EXPIRED: "expired",
}


class Ending(NamedTuple):
    """Says as what an escalation ended, by which principal or EXPIRY, and why in that person's own words."""

    outcome: EndedAs
    actor: str
    reason: str | None = None


def ending_of(state: State, detail: Mapping[str, Any]) -> Ending:
    """Give how an escalation came to be in a terminal ``state``, by the ``detail`` of the evidence of that."""
    if state is State.EXPIRED:
        return Ending("expired", EXPIRY)  # whoever is named came too late
    outcome: EndedAs = "withdrawn" if detail.get("outcome") == WITHDRAWN else _ENDS[state]
    return Ending(outcome, detail["actor"], detail.get("reason"))
