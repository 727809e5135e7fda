"""Policy: the rules a scope stores, and the one effective policy that several scopes make together.

Rules from contract.md sections 4 and 9. Policies only ever narrow: agent scope narrows global scope, and a
caller's own limits narrow both; the stricter value of each key wins.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from handshake.core.errors import HandshakeError
from handshake.core.reasons import ReasonCode
from handshake.core.text import is_absent, is_id
from handshake.policy.rule_keys import DEFAULT_RULES, KEY_OF, NO_LIMITS, RULE_KEYS, Limits

MAX_RULES: Final = 50


@dataclass(frozen=True)
class Scope:
    """Where a policy applies: everywhere (``global``), or to one agent (``agent`` with its id)."""

    kind: Literal["global", "agent"]
    scope_id: str | None = None


GLOBAL: Final = Scope("global")


@dataclass(frozen=True)
class PolicyInForce:
    """Stored limits of the two scopes and the versions they came from (None: nothing stored)."""

    global_limits: Limits = NO_LIMITS
    agent_limits: Limits = NO_LIMITS
    global_version: str | None = None
    agent_version: str | None = None


def parse_scope(fields: Mapping[str, Any]) -> Scope:
    """The scope named by ``scope`` and ``scopeId``.

    Raises HandshakeError: trust_context_invalid_request_shape for an unknown scope or a malformed id,
    trust_context_missing_binding for agent scope without ``scopeId``.
    """
    kind, scope_id = fields.get("scope"), fields.get("scopeId")
    if kind == "global":
        return GLOBAL
    if kind != "agent":
        raise HandshakeError(ReasonCode.TRUST_CONTEXT_INVALID_REQUEST_SHAPE, "scope must be global or agent.")
    if is_absent(scope_id):
        raise HandshakeError(ReasonCode.TRUST_CONTEXT_MISSING_BINDING, "Agent scope needs a scopeId.")
    if not is_id(scope_id):
        raise HandshakeError(
            ReasonCode.TRUST_CONTEXT_INVALID_REQUEST_SHAPE,
            "scopeId must be 1 to 256 characters without control characters.",
        )
    return Scope("agent", scope_id)


def parse_rules(value: Any) -> list[dict[str, Any]]:
    """Well-formed, meaningful rules, each reduced to ``{id, key, value}`` as the caller wrote them.

    Raises HandshakeError: trust_context_invalid_request_shape when ``value`` is not an array of at most
    MAX_RULES objects with a distinct ``id``, a ``key`` and a ``value``; policy_invalid_policy for an unknown key
    or a value of the wrong type or range.
    """
    if not isinstance(value, list) or len(value) > MAX_RULES:
        raise _bad_shape(f"rules must be an array of at most {MAX_RULES} rules.")
    rules: list[dict[str, Any]] = []
    for index, rule in enumerate(value):
        if not (isinstance(rule, dict) and is_id(rule.get("id")) and isinstance(rule.get("key"), str)):
            raise _bad_shape(f"rules[{index}] must be an object with an id, a key and a value.")
        if "value" not in rule:
            raise _bad_shape(f"rules[{index}] has no value.")
        rules.append({name: rule[name] for name in ("id", "key", "value")})
    if len({rule["id"] for rule in rules}) != len(rules):
        raise _bad_shape("Two rules share an id.")
    limits_of(rules)
    return rules


def limits_of(rules: Iterable[Mapping[str, Any]]) -> Limits:
    """What ``rules`` demand together; of two rules with one key the stricter wins.

    Raises HandshakeError policy_invalid_policy for an unknown key or a value of the wrong type or range.
    """
    limits = NO_LIMITS
    for index, rule in enumerate(rules):
        key = KEY_OF.get(rule["key"].strip().lower())
        demand = key.parse(rule["value"]) if key else None
        if key is None or demand is None:
            what = f"has a value that {key.name} does not take" if key else "names an unknown key"
            raise HandshakeError(ReasonCode.POLICY_INVALID_POLICY, f"rules[{index}] {what}.")
        limits = limits.narrowed(key, demand)
    return limits


def limits_in_context(context: Mapping[str, Any]) -> Limits | None:
    """The caller's own narrowing limits, or None when one of them cannot be understood."""
    limits = NO_LIMITS
    for key in RULE_KEYS:
        value = context.get(key.context_name)
        if value is None:
            continue
        demand = key.parse(value)
        if demand is None:
            return None
        limits = limits.narrowed(key, demand)
    return limits


def effective(global_limits: Limits, agent_limits: Limits, caller_limits: Limits) -> Limits:
    """One policy out of three scopes: every key has a demand, its default where global scope stores none."""
    return global_limits.or_else(DEFAULT_LIMITS).narrowed_by(agent_limits).narrowed_by(caller_limits)


def _bad_shape(message: str) -> HandshakeError:
    return HandshakeError(ReasonCode.TRUST_CONTEXT_INVALID_REQUEST_SHAPE, message)


DEFAULT_LIMITS: Final = limits_of(DEFAULT_RULES)
