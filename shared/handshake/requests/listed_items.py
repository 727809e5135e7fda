"""Escalations as items of the index of history: what is found there is small, and names what is kept of it.

Of each escalation there is an item for its agent and, where it has an action, for its operation, by when it was
submitted; once it is closed there is one for its principal and, where it has one, for its tenant, by when that was.
They stand in the request's partition under LISTED#, are written with what they tell of, and never change: so nothing
that is found in the index is a copy which could lag behind.
"""

from typing import Final

from handshake.core.agents import Agent
from handshake.core.jsonio import digest
from handshake.dynamo.marshalling import Item, Key
from handshake.requests.ending import Ending
from handshake.requests.record import RequestRecord

HISTORY: Final = "history"
"""The index of all of them."""
PROJECTED: Final = frozenset({"closing", "ended_as", "ended_by", "tenant_id"})
LISTED: Final = "LISTED"
_TENANT, _PRINCIPAL = f"{LISTED}#tenant", f"{LISTED}#principal"
_AGENT, _OPERATION = f"{LISTED}#agent", f"{LISTED}#operation"


def tenant_lane(tenant_id: str) -> tuple[str, str]:
    """Give the partition of the index that holds what a tenant has closed, and the sort key of its items."""
    return f"TENANT#{tenant_id}", _TENANT


def principal_lane(principal_id: str) -> tuple[str, str]:
    """Give the partition of the index that holds what was closed of a principal's, and the sort key of its items."""
    return f"PRINCIPAL#{principal_id}", _PRINCIPAL


def agent_lane(agent: Agent) -> str:
    """Give the partition of the index that holds an agent's escalations."""
    return f"AGENT{agent.key}"


def operation_lane(tenant_id: str | None, operation: str) -> str:
    """Give the partition of the index that holds the escalations of an operation in a tenant."""
    return f"OPERATION#{digest([tenant_id, operation])}"


def listed_key(request_id: str, sort_key: str) -> Key:
    """Give the key of an item that lists a request."""
    return {"pk": f"REQ#{request_id}", "sk": sort_key}


def escalated_items(record: RequestRecord) -> list[Item]:
    """Give the items that list an escalation as its agent's and, where it has an action, as one of its operation."""
    submission = record.submission
    lanes = {_AGENT: agent_lane(submission.agent)}
    if submission.action:
        lanes[_OPERATION] = operation_lane(submission.tenant_id, submission.action.operation)
    return [
        {**listed_key(record.request_id, sort_key), "history_lane": lane, "history_at": record.created_at_ms}
        for sort_key, lane in lanes.items()
    ]


def closed_items(record: RequestRecord, ending: Ending, *, closing: str) -> list[Item]:
    """Give the items that list a closed escalation; ``closing`` is the sort key of the evidence of its end."""
    submission = record.submission
    lanes = [principal_lane(submission.principal_id)]
    if submission.tenant_id is not None:
        lanes.append(tenant_lane(submission.tenant_id))
    return [
        {
            **listed_key(record.request_id, sort_key),
            "history_lane": lane,
            "history_at": record.decided_at_ms,
            "ended_as": ending.outcome,
            "ended_by": ending.actor,
            "closing": closing,
            "tenant_id": submission.tenant_id,
        }
        for lane, sort_key in lanes
    ]
