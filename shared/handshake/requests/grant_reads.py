"""Reads for a claim: the request with pause and key, then what it names: its agent, policies and spend."""

from collections.abc import Mapping
from decimal import Decimal
from itertools import islice
from typing import Any

from handshake.agents.standing import AgentState
from handshake.agents.table import agent_keys, standing_from
from handshake.dynamo.context import Context
from handshake.dynamo.marshalling import Item, Key
from handshake.dynamo.runtime_kv import PAUSE_KEY, ensure_not_paused
from handshake.policy.budgets import counters_for
from handshake.policy.read_setting import setting_for
from handshake.policy.table import active_keys, active_tools_key, in_force
from handshake.replay_guards.table import stored_outcome
from handshake.requests.action_items import action_key, with_arguments
from handshake.requests.decision import call_of
from handshake.requests.evidence_items import evidence_from
from handshake.requests.grant import InForce
from handshake.requests.record import RequestRecord, State
from handshake.requests.table import budget_key, record_from, spend_key, spent, state_key, taken

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
    """Read, in one call, what holds at the claim of ``request``. Raises StoreUnavailableError.

    Texts of Cedar and tools that this process has not read yet take one more, once for each version, and so do budgets
    that came, or changed what they count, since the decision.
    """
    workflow, policy = context.tables.workflow, context.tables.policy
    agent = request.submission.agent
    standing, (scopes, active) = agent_keys(agent), active_keys(agent)
    counters = [reservation.counter for reservation in request.reservations]
    keys = [(policy, key) for key in (*standing, *active, active_tools_key())]
    keys += ((workflow, budget_key(counter)) for counter in counters)
    keys += [(workflow, action_key(request.request_id))] if request.submission.action else []
    keys += [(workflow, spend_key(agent, request.spend_day))] if request.spend else []
    asks_approver = request.state is State.APPROVED and request.approved_by is None
    keys += [(workflow, {**state_key(request.request_id), **_CLOSING})] if asks_approver else []
    found = iter(context.dynamo.batch_get(keys))
    stands = standing_from(list(islice(found, len(standing))))
    force = in_force(zip(scopes, islice(found, len(scopes)), strict=True))
    registry = next(found)
    taken_by = {counter: taken(item) for counter, item in zip(counters, islice(found, len(counters)), strict=True)}
    action = next(found) if request.submission.action else None
    submission = with_arguments(request.submission, action)
    total = spent(next(found)) if request.spend else Decimal(0)
    approver = _approver(next(found)) if asks_approver else request.approved_by
    if force.budgets:
        call = call_of(submission, now_ms=request.created_at_ms)
        new = [counter for counter in counters_for(force.budgets, call) if counter not in taken_by]
        if new:
            further = context.dynamo.batch_get([(workflow, budget_key(counter)) for counter in new])
            taken_by |= dict(zip(new, map(taken, further), strict=True))
    return InForce(
        standing=stands,
        policy=force,
        spent=total,
        approver=approver,
        unknown_agents=unknown_agents,
        taken=taken_by,
        setting=setting_for(context, [force], registry),
        submission=submission,
    )


def _approver(item: Item | None) -> str | None:
    """Give who approved, by the evidence that an earlier release kept of it."""
    *_, audit = evidence_from(item) if item else [None]
    return None if audit is None else audit.detail.get("actor")
