"""Reads for a claim: the request with pause and key, then what it names: its agent, policies and spend."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from handshake.agents.standing import AgentState
from handshake.agents.table import agent_keys, standing_from
from handshake.dynamo.context import Context
from handshake.dynamo.marshalling import Item, Key
from handshake.dynamo.runtime_kv import PAUSE_KEY, ensure_not_paused
from handshake.policy.table import active_keys, in_force
from handshake.replay_guards.table import stored_outcome
from handshake.requests.evidence_items import evidence_from
from handshake.requests.grant import InForce
from handshake.requests.record import RequestRecord, State
from handshake.requests.table import record_from, spend_key, spent, state_key

# An approval that an earlier release kept says in evidence alone who gave it, right after the decision's two events.
_CLOSING: Key = {"sk": "EVT#000003"}


def read_for_claim(
    context: Context, request_id: str, guard: Key | None
) -> tuple[RequestRecord | None, Mapping[str, Any] | None]:
    """Read, in one call, the request that is claimed, and what an earlier use of the claim's key left.

    Raises HandshakeError adapter_privileged_mutations_paused, StoreUnavailableError.
    """
    tables = context.tables
    keys = [(tables.workflow, state_key(request_id)), (tables.runtime_kv, PAUSE_KEY)]
    keys += [(tables.replay_guards, guard)] if guard else []
    state, pause, *used = context.dynamo.batch_get(keys)
    ensure_not_paused(pause)
    return record_from(state), stored_outcome(used[0], now_ms=context.now_ms()) if used else None


def read_for_outcome(context: Context, request_id: str) -> RequestRecord | None:
    """Read the request whose grant an outcome is reported of. Raises StoreUnavailableError."""
    [state] = context.dynamo.batch_get([(context.tables.workflow, state_key(request_id))])
    return record_from(state)


def read_in_force(context: Context, request: RequestRecord, *, unknown_agents: AgentState) -> InForce:
    """Read, in one call, what holds at the claim of ``request``. Raises StoreUnavailableError."""
    workflow, policy = context.tables.workflow, context.tables.policy
    agent = request.submission.agent
    standing, active = agent_keys(agent), active_keys(agent)
    keys = [(policy, key) for key in (*standing, *active)]
    if request.spend:
        keys.append((workflow, spend_key(agent, request.spend_day)))
    asks_approver = request.state is State.APPROVED and request.approved_by is None
    if asks_approver:
        keys.append((workflow, {**state_key(request.request_id), **_CLOSING}))
    items = context.dynamo.batch_get(keys)
    approver = _approver(items.pop()) if asks_approver else request.approved_by
    total = spent(items.pop()) if request.spend else Decimal(0)
    policies = items[len(standing) :]
    return InForce(standing_from(items[: len(standing)]), in_force(*policies), total, approver, unknown_agents)


def _approver(item: Item | None) -> str | None:
    """Give who approved, by the evidence that an earlier release kept of it."""
    *_, audit = evidence_from(item) if item else [None]
    return None if audit is None else audit.detail.get("actor")
