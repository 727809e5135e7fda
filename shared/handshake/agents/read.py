"""Read agents' records, with what was decided of each of late."""

from typing import Final

from handshake.agents.change import readable_tenant
from handshake.agents.registry import in_index
from handshake.agents.standing import AgentState
from handshake.agents.table import agent_from, record_key
from handshake.agents.views import Shown
from handshake.core.agents import Agent
from handshake.core.errors import HandshakeError
from handshake.core.paging import PageRequest
from handshake.core.reasons import ReasonCode
from handshake.core.text import is_label
from handshake.dynamo.context import Context
from handshake.metrics.agent_decisions import recent
from handshake.metrics.rollup_table import agent_decisions_key
from handshake.trust.identity import Envelope

_NOT_FOUND: Final = "No record that you may read has this agentId."


def read_agent(context: Context, envelope: Envelope, agent_id: str, tenant_id: str | None) -> Shown:
    """Give the record of ``agent_id`` that the envelope may read: its tenant's, or an admin's of ``tenant_id`` or all.

    Raises HandshakeError security_read_scope_denied, security_read_tenant_mismatch or security_agent_not_found.
    """
    readable = readable_tenant(envelope)
    if readable and tenant_id not in (None, readable):
        raise HandshakeError(ReasonCode.SECURITY_READ_TENANT_MISMATCH, "The envelope is of another tenant.")
    # The store would refuse what no key can be, and that would look like a fault of its own.
    if not all(map(is_label, (agent_id, tenant_id or readable or agent_id))):
        raise HandshakeError(ReasonCode.SECURITY_AGENT_NOT_FOUND, _NOT_FOUND)
    agent = Agent(agent_id, readable or tenant_id)
    keys = [
        (context.tables.policy, record_key(agent)),
        (context.tables.metrics, agent_decisions_key(agent.pseudonym)),
    ]
    item, counted = context.dynamo.batch_get(keys)
    record = agent_from(item)
    if record is None:
        raise HandshakeError(ReasonCode.SECURITY_AGENT_NOT_FOUND, _NOT_FOUND)
    return Shown(record, recent(counted, now_ms=context.now_ms()))


def list_agents(
    context: Context, envelope: Envelope, state: AgentState | None, page: PageRequest
) -> tuple[list[Shown], str | None]:
    """Give one page of the records that the envelope may read, of all states or of one, and the next page's cursor.

    Raises HandshakeError security_read_scope_denied.
    """
    tenant = readable_tenant(envelope)
    records, cursor = in_index(context, tenant, state, page)
    keys = [(context.tables.metrics, agent_decisions_key(record.agent.pseudonym)) for record in records]
    counted = context.dynamo.batch_get(keys) if keys else []
    now = context.now_ms()
    return [Shown(record, recent(item, now_ms=now)) for record, item in zip(records, counted, strict=True)], cursor
