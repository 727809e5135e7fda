"""Answers of the agents' endpoints (contract.md section 12)."""

from typing import Annotated, NotRequired, TypedDict

from handshake.agents.standing import AgentState
from handshake.core.shapes import Count, Cursor, EpochMs, Id, closed


@closed
class RecentDecisions(TypedDict):
    """Counts what was decided of an agent's submissions in the last 24 hours, up to a minute ago."""

    allow: Count
    deny: Count
    escalate: Count


@closed
class Agent(TypedDict):
    """An agent's record; without ``tenantId`` it is that of the id in all tenants."""

    agentId: Id
    tenantId: NotRequired[Id]
    state: Annotated[AgentState, "The state in force now: ``active`` once ``until`` has passed."]
    owner: NotRequired[Annotated[str, "Who answers for the agent."]]
    reason: NotRequired[Annotated[str, "Why it is in this state, in the words of whoever put it there."]]
    until: NotRequired[Annotated[EpochMs, "When the state ends as ``active``, or has ended."]]
    changedAt: EpochMs
    changedBy: Id
    lastDecisionAt: NotRequired[Annotated[EpochMs, "When a submission of the agent was last decided."]]
    decisions24h: RecentDecisions


@closed
class Agents(TypedDict):
    """Agents' records, in the order of tenants and ids."""

    agents: list[Agent]
    nextCursor: NotRequired[Cursor]
