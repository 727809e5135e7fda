"""Simulate a policy: replay what was recorded under the present rules and under the proposed ones."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from handshake.core.agents import Agent
from handshake.core.errors import HandshakeError, Refusal
from handshake.dynamo.context import Context
from handshake.dynamo.marshalling import Item
from handshake.policy import table as policies
from handshake.policy.cedar.tools import Tools
from handshake.policy.change import StoredPolicy
from handshake.policy.check import check_members
from handshake.policy.members import Given, Mode, sha256_of
from handshake.policy.rules import PolicyInForce, Scope, ScopePolicy, scopes_of
from handshake.policy.setting import Setting, with_cedar
from handshake.policy.tools_table import with_tools
from handshake.requests.decision import utc_day
from handshake.simulation import history
from handshake.simulation.simulation import Simulation, simulate

WINDOW_DAYS: Final = 7
# What fits a caller's patience: two replays of this many take a fraction of a second.
MAX_REPLAYED: Final = 2000
# One call reads 100 items: the tools, what the proposal is for, global scope's policy, and up to three for each agent.
_AGENTS_AT_ONCE: Final = 32
# Some hundred calls read that much, more than an invocation has the time for: with the last one's time-outs and two
# replays this ends within the function's ten seconds.
_READING_S: Final = 4.0
_MS_PER_DAY: Final = 24 * 60 * 60 * 1000


def simulate_policy(context: Context, scope: Scope, given: Given, *, mode: Mode = "active") -> Simulation:
    """Replay the newest recorded requests of the last WINDOW_DAYS days that ``scope`` covers; change nothing.

    Raises HandshakeError policy_invalid_policy for members that could not be applied either.

    ``given`` are members of a policy for ``scope``; of the others those count that its active policy has, or in
    ``mode`` shadow the shadow that there is.
    """
    context = context.within(_READING_S)
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
    agents = sorted({request.agent for request in recorded}, key=str)
    stored, active_tools = _stored(context, agents, scope)
    before = {agent: policies.in_force((of, stored[of]) for of in scopes_of(agent)) for agent in agents}
    registry = with_tools(context.dynamo, context.tables.policy, active_tools).tools
    proposed, text = _proposed(context, scope, policies.scope_from(stored[scope]).base(mode), given, registry)
    setting = _setting(context, before.values(), registry, text)
    if setting.tools or setting.sets:
        recorded = history.with_arguments(context.dynamo, context.tables.workflow, recorded)
    return simulate(
        recorded,
        setting=setting,
        before=before.__getitem__,
        after=lambda agent: before[agent].replaced(proposed),
        sampled=not complete,
    )


def _setting(context: Context, before: Iterable[PolicyInForce], registry: Tools, text: str) -> Setting:
    """Give the setting that both policies judge in: the tools in force, stored texts of Cedar and the proposed one."""
    stored = [each for policy in before for each in with_cedar(policy)]
    setting = Setting(context.environment, context.believes_agents, registry if registry.number else None)
    if not (stored or text):
        return setting
    from handshake.policy.cedar_table import load_sets, prepared  # noqa: PLC0415 - it brings the engine's library

    sets = load_sets(context, stored) | ({sha256_of(text): prepared(sha256_of(text), text)} if text else {})
    return replace(setting, sets=sets)


def _proposed(
    context: Context, scope: Scope, base: StoredPolicy, given: Given, registry: Tools
) -> tuple[ScopePolicy, str]:
    """Give the policy that ``scope`` would have, and its text of Cedar."""
    if "cedar" not in given:
        base = policies.with_text(context.dynamo, context.tables.policy, scope, base)
    members = base.members.changed_by(given)
    checked = check_members(scope, members, registry)
    if isinstance(checked, Refusal):
        raise HandshakeError.of(checked)
    proposed = StoredPolicy(base.number + 1, members, cedar_sha256=members.cedar_sha256)
    return policies.policy_of(scope, proposed), members.cedar


def _stored(context: Context, agents: Sequence[Agent], scope: Scope) -> tuple[dict[Scope, Item | None], Item | None]:
    """Give what is in force in ``scope`` and in each scope of ``agents``, and the active registry of tools.

    What is not an agent's is read along with every batch.
    """
    table = context.tables.policy
    items: dict[Scope, Item | None] = {}
    registry: Item | None = None
    for start in range(0, max(len(agents), 1), _AGENTS_AT_ONCE):
        scopes = [of for agent in agents[start : start + _AGENTS_AT_ONCE] for of in scopes_of(agent)]
        wanted = list(dict.fromkeys([scope, *scopes]))
        keys = [policies.active_tools_key(), *map(policies.active_key, wanted)]
        registry, *found = context.dynamo.batch_get([(table, key) for key in keys])
        items |= zip(wanted, found, strict=True)
    return items, registry
