"""Policy: the rules a scope stores, and the one effective policy that several scopes make together.

Rules from contract.md sections 4, 9 and 15. Policies only ever narrow: a tenant's narrows the global one, an agent's
both, and a caller's own limits narrow all of them; the stricter value of each key wins.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

from handshake.core.agents import Agent
from handshake.core.errors import HandshakeError
from handshake.core.reasons import ReasonCode
from handshake.core.text import id_fault, is_absent, is_label
from handshake.policy.rule_keys import NO_LIMITS, Limits, effective, limits_of

if TYPE_CHECKING:
    from handshake.policy.answers import StoredRule
    from handshake.policy.budgets import Budget

MAX_RULES: Final = 50
VERSION_DIGITS: Final = 8


ScopeKind = Literal["global", "tenant", "agent"]
Unmatched = Literal["allow", "escalate", "deny"]
UnmatchedTools = Literal["allow", "deny"]


@dataclass(frozen=True)
class Scope:
    """The reach of a policy: everywhere (``global``), one ``tenant`` or one ``agent`` by its id.

    An agent's policy holds in every tenant, or in one (``tenant_id``).
    """

    kind: ScopeKind
    scope_id: str | None = None
    tenant_id: str | None = None

    @property
    def agent(self) -> Agent | None:
        """Name the agent that it reaches; None where it reaches more than one."""
        return Agent(self.scope_id, self.tenant_id) if self.kind == "agent" and self.scope_id is not None else None

    @property
    def name(self) -> str:
        """Give the name that evidence has for it beside the other scopes of one agent."""
        return "agentInTenant" if self.tenant_id is not None else self.kind

    @property
    def partition(self) -> str:
        """Give the name that the store has for it, which no other scope has."""
        if self.agent:
            return f"SCOPE#agent{self.agent.key}"
        return "SCOPE#global" if self.scope_id is None else f"SCOPE#{self.kind}#{self.scope_id}"

    @property
    def breadth(self) -> int:
        """Give the place that it has among the scopes of one agent, the widest first."""
        return _BY_BREADTH.index(self.name)


_BY_BREADTH: Final = ("global", "tenant", "agent", "agentInTenant")
GLOBAL: Final = Scope("global")


def scopes_of(agent: Agent) -> list[Scope]:
    """Give the scopes that apply to ``agent``, the widest first: global, its tenant's, its own, its own there."""
    scopes = [GLOBAL, Scope("agent", agent.agent_id)]
    if agent.tenant_id is not None:
        scopes.insert(1, Scope("tenant", agent.tenant_id))
        scopes.append(Scope("agent", agent.agent_id, agent.tenant_id))
    return scopes


def partitions_of(agent: Agent) -> tuple[list[Scope], list[str]]:
    """Give the scopes that apply to ``agent``, the widest first, and the names that the store has for them."""
    bare = f"SCOPE#agent#{agent.agent_id}"
    if agent.tenant_id is None:
        return scopes_of(agent), ["SCOPE#global", bare]
    return scopes_of(agent), ["SCOPE#global", f"SCOPE#tenant#{agent.tenant_id}", bare, f"SCOPE#agent{agent.key}"]


@dataclass(frozen=True)
class ScopePolicy:
    """The policy that a scope stores, as far as it decides: ``number`` and ``digest`` name its version.

    ``digest`` is that of the version's audit event, "" where an earlier release applied it. Cedar's text stands in the
    version; here is its SHA-256, "" without one. ``shadow`` is judged beside it and never decides.
    """

    scope: Scope
    number: int = 0
    digest: str = ""
    limits: Limits = NO_LIMITS
    budgets: "tuple[Budget, ...]" = ()
    unmatched: Unmatched | None = None
    unmatched_tools: UnmatchedTools | None = None
    cedar_sha256: str = ""
    shadow: "ScopePolicy | None" = None

    @property
    def version(self) -> str | None:
        """Give the ``policyVersion`` callers see; None with no active policy."""
        return version_name(self.number) if self.number else None


@dataclass(frozen=True)
class PolicyInForce:
    """The policies that the scopes of one agent store, the widest first (see scopes_of); some may store none."""

    scopes: tuple[ScopePolicy, ...] = ()

    @cached_property
    def limits(self) -> Limits:
        """Make one policy of the scopes: of each key the strictest, its default where global scope stores none."""
        for_all, narrower = NO_LIMITS, list[Limits]()
        for stored in self.scopes:
            if stored.scope == GLOBAL:
                for_all = stored.limits
            else:
                narrower.append(stored.limits)
        return effective(for_all, *narrower)

    @property
    def names_agent(self) -> bool:
        """Say whether the agent has a policy of its own, whatever it demands."""
        return any(policy.scope.kind == "agent" for policy in self.applies)

    @property
    def versions(self) -> dict[str, str | None]:
        """Name the version of each scope, as evidence does: global and agent always, None where nothing is stored."""
        stored = {policy.scope.name: policy.version for policy in self.scopes if policy.version}
        return {"global": None, "agent": None, **stored}

    def replaced(self, proposed: ScopePolicy) -> "PolicyInForce":
        """Give the same with ``proposed`` in place of what its scope has in force."""
        others = [stored for stored in self.scopes if stored.scope != proposed.scope]
        return PolicyInForce(tuple(sorted((*others, proposed), key=lambda stored: stored.scope.breadth)))

    @property
    def applies(self) -> tuple[ScopePolicy, ...]:
        """Give the policies of the scopes that have an active one."""
        return tuple(policy for policy in self.scopes if policy.number)

    @property
    def judging(self) -> tuple[ScopePolicy, ...]:
        """Give those that say more than rules and budgets: Cedar, or what becomes of what none of it matches."""
        return tuple(policy for policy in self.applies if policy.cedar_sha256 or policy.unmatched)

    @cached_property
    def budgets(self) -> "tuple[Budget, ...]":
        """Give the budgets of all scopes, the widest first."""
        return tuple(budget for policy in self.scopes for budget in policy.budgets)

    @property
    def shadows(self) -> tuple[ScopePolicy, ...]:
        """Give the shadows that are judged beside them."""
        return tuple(policy.shadow for policy in self.scopes if policy.shadow)


def parse_scope(fields: Mapping[str, Any], *, stored: bool = False) -> Scope:
    """Give the scope named by ``scope``, ``scopeId`` and ``tenantId``, which an agent's policy may name.

    Of what is ``stored``, as an earlier release may have named it.

    Raises HandshakeError: trust_context_invalid_request_shape for an unknown scope or a malformed id,
    trust_context_missing_binding for tenant or agent scope without ``scopeId``.
    """
    scope_id, tenant_id = fields.get("scopeId"), fields.get("tenantId")
    kind: ScopeKind | None = next((kind for kind in get_args(ScopeKind) if kind == fields.get("scope")), None)
    if kind is None:
        raise _bad_shape("scope must be global, tenant or agent.")
    # An empty tenantId is none in a body (section 3). A query that names a tenant means one.
    none = (None,) if stored else (None, "")
    if kind != "agent" and tenant_id not in none:
        # Passed over, it would change everybody's policy where one tenant's was meant.
        raise _bad_shape("tenantId goes with agent scope only.")
    if kind == "global":
        return GLOBAL
    if is_absent(scope_id):
        raise HandshakeError(ReasonCode.TRUST_CONTEXT_MISSING_BINDING, f"{kind.capitalize()} scope needs a scopeId.")
    tenant = () if tenant_id in none else (("tenantId", tenant_id),)
    for name, value in (("scopeId", scope_id), *tenant):
        if fault := None if stored and is_label(value) else id_fault(value):
            raise _bad_shape(f"{name} {fault}.")
    return Scope(kind, scope_id, tenant_id or None)


def parse_rules(value: Any) -> "list[StoredRule]":
    """Give well-formed, meaningful rules, each reduced to ``{id, key, value}`` as the caller wrote them.

    Raises HandshakeError: trust_context_invalid_request_shape when ``value`` is not an array of at most
    MAX_RULES objects with a distinct ``id``, a ``key`` and a ``value``; policy_invalid_policy for an unknown key
    or a value of the wrong type or range.
    """
    if not isinstance(value, list) or len(value) > MAX_RULES:
        raise _bad_shape(f"rules must be an array of at most {MAX_RULES} rules.")
    rules: list[StoredRule] = []
    for index, rule in enumerate(value):
        if not (isinstance(rule, dict) and isinstance(rule.get("key"), str)):
            raise _bad_shape(f"rules[{index}] must be an object with an id, a key and a value.")
        if fault := id_fault(rule.get("id")):
            raise _bad_shape(f"rules[{index}].id {fault}.")
        if "value" not in rule:
            raise _bad_shape(f"rules[{index}] has no value.")
        rules.append({"id": rule["id"], "key": rule["key"], "value": rule["value"]})
    if len({rule["id"] for rule in rules}) != len(rules):
        raise _bad_shape("Two rules share an id.")
    limits_of(rules)
    return rules


def version_name(number: int) -> str:
    """Give the name that callers have for a version."""
    return f"v{number}"


def version_number(name: str) -> int | None:
    """Give the number of a version callers name, or None for a name no version has."""
    digits = name.removeprefix("v")
    is_number = digits.isascii() and digits.isdigit() and len(digits) <= VERSION_DIGITS
    return int(digits) if is_number and name == version_name(int(digits)) else None


def _bad_shape(message: str) -> HandshakeError:
    return HandshakeError(ReasonCode.TRUST_CONTEXT_INVALID_REQUEST_SHAPE, message)
