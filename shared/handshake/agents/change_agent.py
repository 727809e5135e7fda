"""Change an agent's record: stop it, have a person look at all that it asks for, or let it act again.

It goes on while privileged mutations are paused: a pause is when agents most need to be stopped.
"""

from typing import Final

from handshake.agents.change import Actor, AgentChange, decide_change
from handshake.agents.table import AgentTransaction, agent_from, record_key
from handshake.agents.views import Shown
from handshake.core.agents import Agent
from handshake.core.errors import StoreUnavailableError
from handshake.dynamo.context import Context
from handshake.metrics.agent_decisions import recent
from handshake.metrics.rollup_table import agent_decisions_key
from handshake.trust.identity import Envelope

# A lost race shows what the winner wrote, so each further try loses only to a further operator.
_TRIES: Final = 5


def change_agent(context: Context, change: AgentChange, agent: Agent, envelope: Envelope) -> Shown:
    """Carry out ``change`` for the principal of ``envelope``, and give the agent as it is then.

    It holds for whatever begins after the answer. Raises StoreUnavailableError.
    """
    actor = Actor(
        envelope.principal_id,
        envelope.subject_type,
        envelope.tenant_id or None,
        context.correlation_id,
        context.signer,
        context.gateway_request_id,
    )
    tables = context.tables
    keys = [(tables.policy, record_key(agent)), (tables.metrics, agent_decisions_key(agent.pseudonym))]
    item, counted = context.dynamo.batch_get(keys)
    stored = agent_from(item)
    for _ in range(_TRIES):
        changed = decide_change(change, agent, stored, actor, now_ms=context.now_ms())
        tx = AgentTransaction(context)
        put = tx.change_agent(changed)
        if tx.commit():
            return Shown(changed.record, recent(counted, now_ms=context.now_ms()))
        stored = put.found
    raise StoreUnavailableError
