"""Policy: the rules a scope stores, and the one effective policy that several scopes make together.

Rules from contract.md sections 4 and 9. Policies only ever narrow: agent scope narrows global scope, and a
caller's own limits narrow both; the stricter value of each key wins.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from handshake.core.agents import Agent
from handshake.core.errors import HandshakeError
from handshake.core.reasons import ReasonCode
from handshake.core.text import id_fault, is_absent, is_label
from handshake.policy.rule_keys import NO_LIMITS, Limits, effective, limits_of

if TYPE_CHECKING:
    from handshake.policy.answers import StoredRule

MAX_RULES: Final = 50
VERSION_DIGITS: Final = 8


@dataclass(frozen=True)
class Scope:
    """The reach of a policy: everywhere (``global``), or one ``agent`` with its id, in every tenant or in one."""

    kind: Literal["global", "agent"]
    scope_id: str | None = None
    tenant_id: str | None = None

    @property
    def agent(self) -> Agent | None:
        """Name the agent that it reaches; None where it reaches everybody."""
        return Agent(self.scope_id, self.tenant_id) if self.scope_id is not None else None


GLOBAL: Final = Scope("global")


@dataclass(frozen=True)
class PolicyInForce:
    """Stored limits of the scopes that apply to an agent, and the versions they came from (None: nothing stored).

    An agent has a policy for every tenant (``agent``), and one for the tenant that it acts in (``agent_in_tenant``).
    """

    global_limits: Limits = NO_LIMITS
    agent_limits: Limits = NO_LIMITS
    agent_in_tenant_limits: Limits = NO_LIMITS
    global_version: str | None = None
    agent_version: str | None = None
    agent_in_tenant_version: str | None = None

    @cached_property
    def limits(self) -> Limits:
        """Make one policy of the scopes: of each key the strictest, its default where global scope stores none."""
        return effective(self.global_limits, self.agent_limits, self.agent_in_tenant_limits)

    @property
    def names_agent(self) -> bool:
        """Say whether the agent has a policy of its own, whatever it demands."""
        return self.agent_version is not None or self.agent_in_tenant_version is not None


class StoredRules(NamedTuple):
    """The rules of one version, as a scope stores them."""

    number: int
    rules: Sequence[Mapping[str, Any]]


def policy_in_force(
    for_all: StoredRules | None, for_agent: StoredRules | None, for_agent_in_tenant: StoredRules | None
) -> PolicyInForce:
    """Give the policy that global scope's rules and an agent's own make together; None where a scope stores none."""
    scopes = (for_all, for_agent, for_agent_in_tenant)
    global_limits, agent_limits, in_tenant_limits = (
        limits_of(stored.rules) if stored else NO_LIMITS for stored in scopes
    )
    versions = [version_name(stored.number) if stored else None for stored in scopes]
    return PolicyInForce(global_limits, agent_limits, in_tenant_limits, *versions)


def parse_scope(fields: Mapping[str, Any], *, stored: bool = False) -> Scope:
    """Give the scope named by ``scope``, ``scopeId`` and ``tenantId``, which an agent's policy may name.

    Of what is ``stored``, as an earlier release may have named it.

    Raises HandshakeError: trust_context_invalid_request_shape for an unknown scope or a malformed id,
    trust_context_missing_binding for agent scope without ``scopeId``.
    """
    kind, scope_id, tenant_id = fields.get("scope"), fields.get("scopeId"), fields.get("tenantId")
    # An empty tenantId is none in a body (section 3). A query that names a tenant means one.
    none = (None,) if stored else (None, "")
    if kind == "global":
        # Passed over, it would change everybody's policy where one tenant's was meant.
        if tenant_id not in none:
            raise _bad_shape("tenantId goes with agent scope only.")
        return GLOBAL
    if kind != "agent":
        raise HandshakeError(ReasonCode.TRUST_CONTEXT_INVALID_REQUEST_SHAPE, "scope must be global or agent.")
    if is_absent(scope_id):
        raise HandshakeError(ReasonCode.TRUST_CONTEXT_MISSING_BINDING, "Agent scope needs a scopeId.")
    tenant = () if tenant_id in none else (("tenantId", tenant_id),)
    for name, value in (("scopeId", scope_id), *tenant):
        if fault := None if stored and is_label(value) else id_fault(value):
            raise _bad_shape(f"{name} {fault}.")
    return Scope("agent", scope_id, tenant_id or None)


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
