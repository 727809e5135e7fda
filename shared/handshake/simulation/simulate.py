"""Simulate a policy: replay what was recorded under the present rules and under the proposed ones."""

from collections.abc import Sequence
from typing import Final

from handshake.core.agents import Agent
from handshake.dynamo.context import Context
from handshake.policy import table as policies
from handshake.policy.change import StoredPolicy
from handshake.policy.members import Given, Mode
from handshake.policy.rules import PolicyInForce, Scope, ScopePolicy, scopes_of
from handshake.requests.decision import utc_day
from handshake.simulation import history
from handshake.simulation.simulation import Simulation, simulate

WINDOW_DAYS: Final = 7
# What fits a caller's patience: two replays of this many take a fraction of a second.
MAX_REPLAYED: Final = 2000
# One call reads 100 items: global scope's policy, and up to three for each agent.
_AGENTS_AT_ONCE: Final = 33
_MS_PER_DAY: Final = 24 * 60 * 60 * 1000


def simulate_policy(context: Context, scope: Scope, given: Given, *, mode: Mode = "active") -> Simulation:
    """Replay the newest recorded requests of the last WINDOW_DAYS days that ``scope`` covers; change nothing.

    ``given`` are members of a policy for ``scope``; of the others those count that its active policy has, or in
    ``mode`` shadow the shadow that there is.
    """
    now = context.now_ms()
    found, complete = history.recorded_since(
        context.dynamo,
        context.tables.workflow,
        days=[utc_day(now - age * _MS_PER_DAY) for age in range(WINDOW_DAYS)],
        limit=MAX_REPLAYED,
        agent_id=scope.scope_id if scope.kind == "agent" else None,
    )
    tenant_id = scope.scope_id if scope.kind == "tenant" else scope.tenant_id
    recorded = [
        submission
        for submission in history.submissions_of(context.dynamo, context.tables.workflow, found)
        if tenant_id in (None, submission.tenant_id)
    ]
    before = _policies_of(context, sorted({request.agent for request in recorded}, key=str))
    proposed = _proposed(context, scope, given, mode)
    return simulate(
        recorded,
        before=before.__getitem__,
        after=lambda agent: _with(before[agent], proposed),
        sampled=not complete,
    )


def _proposed(context: Context, scope: Scope, given: Given, mode: Mode) -> ScopePolicy:
    """Give the policy that ``scope`` would have."""
    dynamo, table = context.dynamo, context.tables.policy
    [item] = dynamo.batch_get([(table, policies.active_key(scope))])
    stored = policies.scope_from(item)
    base = stored.base(mode)
    if "cedar" not in given:
        base = policies.with_text(dynamo, table, scope, base)
    members = base.members.changed_by(given)
    proposed = StoredPolicy(stored.latest + 1, members, cedar_sha256=members.cedar_sha256)
    return policies.policy_of(scope, proposed)


def _policies_of(context: Context, agents: Sequence[Agent]) -> dict[Agent, PolicyInForce]:
    """Give the policy in force for each agent; the global one is read along with every batch."""
    table = context.tables.policy
    in_force: dict[Agent, PolicyInForce] = {}
    for start in range(0, len(agents), _AGENTS_AT_ONCE):
        scopes = {agent: scopes_of(agent) for agent in agents[start : start + _AGENTS_AT_ONCE]}
        wanted = dict.fromkeys(scope for of_agent in scopes.values() for scope in of_agent)
        keys = [(table, policies.active_key(scope)) for scope in wanted]
        items = dict(zip(wanted, context.dynamo.batch_get(keys), strict=True))
        in_force |= {agent: policies.in_force((scope, items[scope]) for scope in scopes[agent]) for agent in scopes}
    return in_force


def _with(policy: PolicyInForce, proposed: ScopePolicy) -> PolicyInForce:
    """Give ``policy`` with ``proposed`` in place of what its scope has."""
    others = [stored for stored in policy.scopes if stored.scope != proposed.scope]
    return PolicyInForce(tuple(sorted((*others, proposed), key=lambda stored: stored.scope.breadth)))
