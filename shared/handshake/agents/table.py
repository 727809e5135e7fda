"""Agents' records and the evidence of each change, in the policy table.

They stand there, and not beside requests, because of who may write: functions that serve submissions and approvals
read that table and check it, and no permission of theirs could lift a stop.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from handshake.agents.change import Changed
from handshake.agents.standing import AgentRecord, AgentStanding, AgentState
from handshake.core.agents import Agent
from handshake.core.jsonio import digest
from handshake.dynamo.changed_records import RECORD, ChangeTransaction, change_sort_key, evidence_digest
from handshake.dynamo.marshalling import Check, Item, Key
from handshake.dynamo.transaction import Step

PARTITION_PREFIX: Final = "AGENT"
# The one partition of the index of all records. Changes are rare, and no call waits for it but a list.
LANE: Final = "AGENTS"
# A key of an index has at most 1024 bytes, and need not be unique.
_PLACED_CHARACTERS: Final = 200


def record_key(agent: Agent) -> Key:
    """Give the key of an agent's record."""
    return {"pk": f"{PARTITION_PREFIX}{agent.key}", "sk": RECORD}


def is_record(key: Key) -> bool:
    """Say whether the item of ``key`` is an agent's record."""
    return key["pk"].startswith((f"{PARTITION_PREFIX}#", f"{PARTITION_PREFIX}@")) and key["sk"] == RECORD


def change_key(agent: Agent, version: int) -> Key:
    """Give the key of the evidence of one change of an agent's record."""
    return {"pk": f"{PARTITION_PREFIX}{agent.key}", "sk": change_sort_key(version)}


def agent_keys(agent: Agent) -> list[Key]:
    """Give the keys of the records that an agent stands by: that of its id, and its own in its tenant if it has one."""
    reaches = [Agent(agent.agent_id)]
    if agent.tenant_id is not None:
        reaches.append(agent)
    return [record_key(reach) for reach in reaches]


def agent_from(item: Item | None) -> AgentRecord | None:
    """Give the record that a RECORD item holds."""
    if item is None:
        return None
    until = item.get("until_ms")
    return AgentRecord(
        agent_id=item["agent_id"],
        tenant_id=item.get("tenant_id"),
        state=AgentState(item["state"]),
        owner=item.get("owner"),
        reason=item["reason"],
        until_ms=None if until is None else int(until),
        changed_at_ms=int(item["changed_at"]),
        changed_by=item["changed_by"],
        version=int(item["version"]),
        head=item["head"],
    )


def standing_from(items: Sequence[Item | None]) -> AgentStanding:
    """Give how an agent stands by the items of ``agent_keys``, in their order."""
    return AgentStanding(*map(agent_from, items))


def record_item(record: AgentRecord) -> Item:
    """Give the RECORD item of ``record``, with what the index of all records is ordered by."""
    return {
        **record_key(record.agent),
        "agent_id": record.agent_id,
        "tenant_id": record.tenant_id,
        "state": record.state.value,
        "owner": record.owner,
        "reason": record.reason,
        "until_ms": record.until_ms,
        "changed_at": record.changed_at_ms,
        "changed_by": record.changed_by,
        "version": record.version,
        "head": record.head,
        "agents_lane": LANE,
        "agents_place": index_place(record.agent),
    }


def tenant_place(tenant_id: str | None) -> str:
    """Give what the places of a tenant's records begin with in the index; those of all tenants begin alike too."""
    return f"{digest(tenant_id)[:32] if tenant_id is not None else ''}#"


def index_place(agent: Agent) -> str:
    """Give the place of an agent's record in the index."""
    return f"{tenant_place(agent.tenant_id)}{agent.agent_id[:_PLACED_CHARACTERS]}"


class AgentTransaction(ChangeTransaction):
    """Writes of agents' records, and checks of them for what must not happen once an agent is stopped."""

    def change_agent(self, changed: Changed) -> Step[AgentRecord | None]:
        """Put a record and the evidence of its change, if nobody changed it since; else the record is found."""
        record = changed.record
        evidence = {**change_key(record.agent, record.version), **changed.evidence}
        return self._change(record_item(replace(record, head=evidence_digest(evidence))), evidence, agent_from)

    def ensure_not_stopped(self, agent: Agent, *, now_ms: int) -> list[Step[AgentRecord | None]]:
        """Have the transaction fail while ``agent`` is stopped at ``now_ms``, in its tenant or in all."""
        table = self._context.tables.policy
        return [
            self._add(
                Check(
                    table,
                    key,
                    condition="attribute_not_exists(pk) OR #state <> :stopped OR until_ms <= :now",
                    values={":stopped": AgentState.STOPPED.value, ":now": now_ms},
                    names={"#state": "state"},
                ),
                agent_from,
            )
            for key in agent_keys(agent)
        ]
