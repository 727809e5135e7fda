"""An agent's record, and how it stands by that and the record of its id in all tenants (contract.md section 12)."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum, auto
from typing import Final

from handshake.core.agents import Agent


class AgentState(StrEnum):
    """The states of an agent, from the most lenient to the strictest."""

    ACTIVE = auto()
    ESCALATE_ALL = auto()
    STOPPED = auto()


_STRICTNESS: Final = {state: place for place, state in enumerate(AgentState)}
# Values of the template's parameter UnknownAgents, and the state that each gives an agent that nobody has named.
UNKNOWN_AGENTS: Final[Mapping[str, AgentState]] = {
    "allow": AgentState.ACTIVE,
    "escalate": AgentState.ESCALATE_ALL,
    "deny": AgentState.STOPPED,
}


@dataclass(frozen=True)
class AgentRecord:
    """An agent's record as it is stored; without ``tenant_id`` it is that of the id in all tenants.

    Times are epoch ms. ``state`` holds until ``until_ms``, where there is one, and then the agent is active.
    ``changed_by`` is a principal. ``version`` counts the changes; ``head`` is the digest of the last one's evidence.
    """

    agent_id: str
    tenant_id: str | None
    state: AgentState
    owner: str | None
    reason: str
    until_ms: int | None
    changed_at_ms: int
    changed_by: str
    version: int
    head: str

    @property
    def agent(self) -> Agent:
        """Name whom the record is of."""
        return Agent(self.agent_id, self.tenant_id)

    def state_at(self, now_ms: int) -> AgentState:
        """Give the state in force at ``now_ms`` (epoch ms)."""
        ended = self.until_ms is not None and now_ms >= self.until_ms
        return AgentState.ACTIVE if ended else self.state


@dataclass(frozen=True)
class AgentStanding:
    """Holds what operators say of an agent: of its id in all tenants, and of it in its own; None where nobody does."""

    for_all: AgentRecord | None = None
    in_tenant: AgentRecord | None = None

    @property
    def versions(self) -> dict[str, int]:
        """Name the versions of its records as evidence does, by what each reaches; empty without a record."""
        records = {"agent": self.for_all, "agentInTenant": self.in_tenant}
        return {reach: record.version for reach, record in records.items() if record}

    def state_at(self, now_ms: int) -> AgentState:
        """Give the state in force at ``now_ms`` (epoch ms): the stricter of both records, active without one."""
        states = (record.state_at(now_ms) for record in (self.for_all, self.in_tenant) if record)
        return max(states, key=_STRICTNESS.__getitem__, default=AgentState.ACTIVE)

    def record_at(self, now_ms: int) -> AgentRecord | None:
        """Give the record that decides how it stands at ``now_ms``: the stricter, its own tenant's among equals."""
        records = [record for record in (self.in_tenant, self.for_all) if record]
        return max(records, key=lambda record: _STRICTNESS[record.state_at(now_ms)], default=None)

    def state_among(self, now_ms: int, *, has_policy: bool, unknown: AgentState) -> AgentState:
        """Give the state in force at ``now_ms``, where an agent with neither record nor policy of its own has another.

        That is ``unknown``, by parameter UnknownAgents; ``has_policy`` says that it has a policy.
        """
        known = has_policy or self.for_all is not None or self.in_tenant is not None
        return self.state_at(now_ms) if known else unknown


UNRECORDED: Final = AgentStanding()
