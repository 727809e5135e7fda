"""Simulate a policy: replay what was recorded under the present rules and under the proposed ones."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from handshake.core.agents import Agent
from handshake.dynamo.context import Context
from handshake.policy import table as policies
from handshake.policy.rule_keys import Limits, limits_of
from handshake.policy.rules import GLOBAL, PolicyInForce, Scope
from handshake.requests.decision import utc_day
from handshake.simulation import history
from handshake.simulation.simulation import Simulation, simulate

WINDOW_DAYS: Final = 7
# What fits a caller's patience: two replays of this many take a fraction of a second.
MAX_REPLAYED: Final = 2000
# One call reads 100 items: global scope's policy, and up to two of each agent.
_AGENTS_AT_ONCE: Final = 49
_MS_PER_DAY: Final = 24 * 60 * 60 * 1000


def simulate_policy(context: Context, scope: Scope, rules: Sequence[Mapping[str, Any]]) -> Simulation:
    """Replay the newest recorded requests of the last WINDOW_DAYS days that ``scope`` covers; change nothing."""
    now = context.now_ms()
    found, complete = history.recorded_since(
        context.dynamo,
        context.tables.workflow,
        days=[utc_day(now - age * _MS_PER_DAY) for age in range(WINDOW_DAYS)],
        limit=MAX_REPLAYED,
        agent_id=scope.scope_id,
    )
    recorded = [
        submission
        for submission in history.submissions_of(context.dynamo, context.tables.workflow, found)
        if scope.tenant_id in (None, submission.tenant_id)
    ]
    before = _policies_of(context, sorted({request.agent for request in recorded}, key=str))
    proposed = limits_of(rules)
    return simulate(
        recorded,
        before=before.__getitem__,
        after=lambda agent: _with(before[agent], scope, proposed),
        sampled=not complete,
    )


def _policies_of(context: Context, agents: Sequence[Agent]) -> dict[Agent, PolicyInForce]:
    """Give the policy in force for each agent; the global one is read along with every batch."""
    table = context.tables.policy
    in_force: dict[Agent, PolicyInForce] = {}
    for start in range(0, len(agents), _AGENTS_AT_ONCE):
        keys = {agent: policies.active_keys(agent) for agent in agents[start : start + _AGENTS_AT_ONCE]}
        wanted = {key["pk"]: (table, key) for of_agent in keys.values() for key in of_agent}
        items = dict(zip(wanted, context.dynamo.batch_get(list(wanted.values())), strict=True))
        in_force |= {agent: policies.in_force(*(items[key["pk"]] for key in keys[agent])) for agent in keys}
    return in_force


def _with(policy: PolicyInForce, scope: Scope, proposed: Limits) -> PolicyInForce:
    if scope == GLOBAL:
        return replace(policy, global_limits=proposed)
    if scope.tenant_id is None:
        return replace(policy, agent_limits=proposed)
    return replace(policy, agent_in_tenant_limits=proposed)
