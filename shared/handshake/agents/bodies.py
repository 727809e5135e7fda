"""The body and the query that callers send about agents (contract.md section 12)."""

from typing import Annotated, Literal, NotRequired, TypedDict

from handshake.agents.change import MAX_REASON_LENGTH, MAX_UNTIL_MS
from handshake.agents.standing import AgentState
from handshake.core.shapes import ID_PATTERN, PageQuery, Schema, closed
from handshake.core.text import MAX_ID_LENGTH


@closed
class AgentChange(TypedDict):
    """Says in which state an agent is to be, and why."""

    state: Annotated[
        AgentState, "``escalate_all``: what would be allowed waits for a person. ``stopped``: all is denied."
    ]
    reason: Annotated[str, Schema(minLength=1, maxLength=MAX_REASON_LENGTH), "Kept in evidence. Not blank."]
    owner: NotRequired[
        Annotated[
            Annotated[str, Schema(minLength=1, maxLength=MAX_ID_LENGTH, pattern=ID_PATTERN)] | Literal[""] | None,
            'Who answers for the agent. Left out or null, it stays as it is; "" is nobody.',
        ]
    ]
    until: NotRequired[
        Annotated[
            Annotated[int, Schema(minimum=0, maximum=MAX_UNTIL_MS)] | None,
            "A time ahead, epoch ms, at which the state ends as ``active``.",
        ]
    ]


class AgentsQuery(PageQuery):
    """Names a page of agents, of all states or of one."""

    state: NotRequired[Annotated[AgentState, "The state in force now."]]


class AgentQuery(TypedDict):
    """Names one of several records of an agent's id."""

    tenantId: NotRequired[
        Annotated[str, "Whose record: for an admin without a tenant, who is shown that of all tenants without it."]
    ]
