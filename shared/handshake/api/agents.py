"""Answers what is asked, and said, of agents, at whichever door that is (contract.md section 12)."""

from typing import TYPE_CHECKING, Final

from handshake.agents.change import managed_agent, parse_change
from handshake.agents.change_agent import change_agent
from handshake.agents.read import list_agents, read_agent
from handshake.agents.standing import AgentState
from handshake.api.http import Call
from handshake.core.errors import HandshakeError
from handshake.core.paging import parse_page
from handshake.core.reasons import ReasonCode

if TYPE_CHECKING:
    from handshake.agents.answers import Agent, Agents

_STATES: Final = {state.value: state for state in AgentState}


def get_agents(call: Call) -> "Agents":
    """List the agents' records of one's tenant; for an admin without a tenant, all."""
    envelope = call.envelope()
    page = parse_page(call.query("limit"), call.query("cursor"), parts=(str, str))
    named = call.query("state")
    if named is not None and named not in _STATES:
        message = f"state must be one of {', '.join(_STATES)}."
        raise HandshakeError(ReasonCode.TRUST_CONTEXT_INVALID_REQUEST_SHAPE, message)
    state = _STATES[named] if named is not None else None
    shown, cursor = list_agents(call.context, envelope, state, page)
    now = call.context.now_ms()
    answer: Agents = {"agents": [agent.view(now_ms=now) for agent in shown]}
    if cursor:
        answer["nextCursor"] = cursor
    return answer


def get_agent(call: Call) -> "Agent":
    """Show how an agent stands."""
    shown = read_agent(call.context, call.envelope(), call.path("agentId"), call.query("tenantId"))
    return shown.view(now_ms=call.context.now_ms())


def put_agent(call: Call) -> "Agent":
    """Stop an agent, have people look at all that it asks for, or let it act again."""
    envelope = call.envelope()
    agent = managed_agent(envelope, call.path("agentId"))
    change = parse_change(call.json_body(), now_ms=call.context.now_ms())
    return change_agent(call.context, change, agent, envelope).view(now_ms=call.context.now_ms())
