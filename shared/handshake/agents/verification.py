"""Verifies an agent's record: each change against the one before it, and the record against the last of them."""

from collections.abc import Sequence

from handshake.agents.change import Actor, evidence_of
from handshake.agents.standing import AgentRecord
from handshake.agents.table import agent_from, change_key, record_item
from handshake.dynamo.changed_records import verify_changes
from handshake.dynamo.marshalling import Item


def verify_agent(items: Sequence[Item]) -> list[str]:
    """Verify all that is kept of an agent: ``items``, in any order, are everything in its partition.

    The record's place in the index is held too.
    """
    return verify_changes(items, agent_from, _evidence_item, record_item)


def _evidence_item(record: AgentRecord, change: Item, before: AgentRecord | None) -> Item:
    actor = Actor(
        change["changed_by"],
        change["subject_type"],
        change.get("actor_tenant"),
        change["correlation_id"],
        change.get("signer", ""),
        change.get("gateway_request_id", ""),
    )
    return {**change_key(record.agent, record.version), **evidence_of(record, actor, before)}
