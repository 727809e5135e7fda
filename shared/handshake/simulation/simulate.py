"""Simulate a policy: replay what was recorded under the present rules and under the proposed ones."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

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
_BATCH: Final = 100
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
    recorded = [history.recorded_submission(item) for item in found]
    before = _policies_of(context, sorted({request.agent_id for request in recorded}))
    proposed = limits_of(rules)
    return simulate(
        recorded,
        before=before.__getitem__,
        after=lambda agent_id: _with(before[agent_id], scope, proposed),
        sampled=not complete,
    )


def _policies_of(context: Context, agent_ids: Sequence[str]) -> dict[str, PolicyInForce]:
    """The policy in force for each agent; the global one is read along with every batch."""
    table = context.tables.policy
    in_force: dict[str, PolicyInForce] = {}
    for start in range(0, len(agent_ids), _BATCH - 1):
        batch = agent_ids[start : start + _BATCH - 1]
        keys = [policies.active_key(scope) for scope in (GLOBAL, *(Scope("agent", agent) for agent in batch))]
        for_all, *for_agents = context.dynamo.batch_get([(table, key) for key in keys])
        in_force |= {agent: policies.in_force(for_all, item) for agent, item in zip(batch, for_agents, strict=True)}
    return in_force


def _with(policy: PolicyInForce, scope: Scope, proposed: Limits) -> PolicyInForce:
    if scope == GLOBAL:
        return replace(policy, global_limits=proposed)
    return replace(policy, agent_limits=proposed)
