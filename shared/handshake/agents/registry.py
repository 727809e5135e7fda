"""The index of all agents' records, in the order of tenants and ids."""

from typing import Any, Final

from handshake.agents.standing import AgentRecord, AgentState
from handshake.agents.table import LANE, agent_from, index_place, record_key, tenant_place
from handshake.core.agents import Agent
from handshake.core.errors import HandshakeError
from handshake.core.paging import PageRequest, cursor_after
from handshake.core.reasons import ReasonCode
from handshake.core.text import is_label
from handshake.dynamo.context import Context
from handshake.dynamo.marshalling import Item

INDEX: Final = "agents"
# Looked at while a caller waits, where few of many records are in the state that is asked for.
_LOOKED_AT: Final = 500
_PAGES: Final = 8


def in_index(
    context: Context, tenant_id: str | None, state: AgentState | None, page: PageRequest
) -> tuple[list[AgentRecord], str | None]:
    """Give one page of a tenant's records, or of all, in ``state`` now where one is named; and the next page's cursor.

    A page may be short, or empty, and have a next one: of many records only so many are looked at. Raises
    HandshakeError trust_context_invalid_request_shape for a cursor of another list, StoreUnavailableError.
    """
    start = _resume(page, tenant_id)
    records: list[AgentRecord] = []
    last: AgentRecord | None = None
    for _ in range(_PAGES):
        found = context.dynamo.query(
            context.tables.policy,
            "agents_lane = :lane" + (" AND begins_with(agents_place, :place)" if tenant_id is not None else ""),
            {":lane": LANE, **({":place": tenant_place(tenant_id)} if tenant_id is not None else {})},
            start=start,
            IndexName=INDEX,
            Limit=page.limit if state is None else _LOOKED_AT,
        )
        now = context.now_ms()
        read = [record for record in map(agent_from, found.items) if record]
        records += [record for record in read if state in (None, record.state_at(now))]
        if len(records) > page.limit or (len(records) == page.limit and found.next_key):
            return records[: page.limit], _cursor(records[page.limit - 1])
        if found.next_key is None:
            return records, None
        start, last = found.next_key, read[-1] if read else last
    return records, _cursor(last) if last else None


def _cursor(record: AgentRecord) -> str:
    return cursor_after(record.agent_id, record.tenant_id or " ")


def _resume(page: PageRequest, tenant_id: str | None) -> Item | None:
    """Give the place to go on after, which the store takes only within the list that is asked for."""
    if not page.after:
        return None
    agent_id, named = map(str, page.after)
    agent = Agent(agent_id, named.strip() or None)
    if not is_label(agent_id) or (tenant_id is not None and agent.tenant_id != tenant_id):
        message = "cursor is not one this list gave."
        raise HandshakeError(ReasonCode.TRUST_CONTEXT_INVALID_REQUEST_SHAPE, message)
    start: dict[str, Any] = {**record_key(agent), "agents_lane": LANE, "agents_place": index_place(agent)}
    return start
