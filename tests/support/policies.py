"""Policies in force, for tests of what decides by them."""

from collections.abc import Sequence
from typing import Any, Final

from handshake.policy.budgets import budgets_of
from handshake.policy.rule_keys import NO_LIMITS, Limits
from handshake.policy.rules import GLOBAL, PolicyInForce, Scope, ScopePolicy

TENANT: Final = Scope("tenant", "tenant-a")
AGENT: Final = Scope("agent", "agent-1")
AGENT_IN_TENANT: Final = Scope("agent", "agent-1", "tenant-a")


def in_force(
    for_all: Limits = NO_LIMITS,
    for_agent: Limits = NO_LIMITS,
    for_agent_in_tenant: Limits = NO_LIMITS,
    *,
    for_tenant: Limits = NO_LIMITS,
) -> PolicyInForce:
    """Give what the limits of these scopes make together, each the first version of its scope."""
    scopes = ((GLOBAL, for_all), (TENANT, for_tenant), (AGENT, for_agent), (AGENT_IN_TENANT, for_agent_in_tenant))
    return PolicyInForce(tuple(ScopePolicy(scope, 1, limits=limits) for scope, limits in scopes))


def with_budgets(*budgets: dict[str, Any], scope: Scope = GLOBAL, limits: Limits = NO_LIMITS) -> PolicyInForce:
    """Give a policy of one scope with these budgets."""
    return PolicyInForce((ScopePolicy(scope, 1, limits=limits, budgets=budgets_of(scope, "v1", budgets)),))


def a_budget(**changes: Any) -> dict[str, Any]:
    """Give a well-formed budget, changed as asked: 5000 a day of each agent's payments, and then denied."""
    budget = {
        "id": "day",
        "measure": "sum",
        "of": "amount",
        "per": "agent",
        "window": "day",
        "max": 5000,
        "over": "deny",
    }
    return {name: value for name, value in (budget | changes).items() if value is not None}


def a_count(**changes: Any) -> dict[str, Any]:
    """Give a well-formed budget of calls, changed as asked: three an hour of each agent's, and then denied."""
    return a_budget(**({"id": "calls", "measure": "count", "of": None, "window": "hour", "max": 3} | changes))


def budgets_in(*scopes: Sequence[Any]) -> PolicyInForce:
    """Give what scopes with budgets make together: each is a scope and its budgets."""
    return PolicyInForce(
        tuple(ScopePolicy(scope, 1, budgets=budgets_of(scope, "v1", budgets)) for scope, *budgets in scopes)
    )
