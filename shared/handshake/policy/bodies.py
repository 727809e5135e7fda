"""The bodies and queries that callers send about policy (contract.md section 4)."""

from typing import Annotated, Any, Final, Literal, NotRequired, TypedDict

from handshake.core.shapes import CONTROL, ID_PATTERN, Id, NewId, PageQuery, Schema, described
from handshake.policy.answers import ScopeKind
from handshake.policy.rule_keys import HOURS_PATTERN as HOURS
from handshake.policy.rule_keys import (
    KEY_OF,
    MAX_AMOUNT,
    MAX_CATEGORIES,
    MAX_CATEGORY_LENGTH,
    MAX_ESCALATION_TTL_S,
    MAX_ESCALATIONS_PER_WINDOW,
    MIN_ESCALATION_TTL_S,
)
from handshake.policy.rules import MAX_RULES

# The characters of a category between commas.
_CATEGORY: Final = rf"[^,{CONTROL}]*[^\s,{CONTROL}][^,{CONTROL}]*"
CATEGORIES_PATTERN: Final = rf"^{_CATEGORY}(,{_CATEGORY}){{0,{MAX_CATEGORIES - 1}}}$"
# In schemas \d would let other scripts' digits in.
HOURS_PATTERN: Final = rf"^{HOURS}$".replace(r"\d", "[0-9]")

Category = Annotated[str, Schema(minLength=1, maxLength=MAX_CATEGORY_LENGTH, pattern=ID_PATTERN)]


def _words_for(*keys: str) -> Schema:
    return Schema(enum=[word for word, key in KEY_OF.items() if key.name in keys])


class AmountRule(TypedDict):
    """A limit on a payment, or on what an agent spends in a UTC day. Keys are read in any case."""

    id: NewId
    key: Annotated[str, _words_for("max_transaction", "daily_spend_limit")]
    value: Annotated[float, Schema(minimum=0, maximum=int(MAX_AMOUNT))]


class HoursRule(TypedDict):
    """Allows payments at these times only, UTC; an end before the start spans midnight."""

    id: NewId
    key: Annotated[str, _words_for("allowed_hours")]
    value: Annotated[str, Schema(pattern=HOURS_PATTERN)]


class CategoriesRule(TypedDict):
    """Allows payments of these categories only: names, or one text of names between commas."""

    id: NewId
    key: Annotated[str, _words_for("allowed_categories")]
    value: (
        Annotated[list[Category], Schema(maxItems=MAX_CATEGORIES)] | Annotated[str, Schema(pattern=CATEGORIES_PATTERN)]
    )


class CountRule(TypedDict):
    """A limit on the escalations of a principal and agent within ten minutes."""

    id: Id
    key: Annotated[str, _words_for("escalations_per_window")]
    value: Annotated[int, Schema(minimum=1, maximum=MAX_ESCALATIONS_PER_WINDOW)]


class DeadlineRule(TypedDict):
    """Gives people this many seconds to decide on an escalation, in place of the stack's own deadline."""

    id: Id
    key: Annotated[str, _words_for("escalation_ttl_seconds")]
    value: Annotated[int, Schema(minimum=MIN_ESCALATION_TTL_S, maximum=MAX_ESCALATION_TTL_S)]


Rules = Annotated[
    list[AmountRule | HoursRule | CategoriesRule | CountRule | DeadlineRule],
    Schema(maxItems=MAX_RULES),
    "Rules, each with an id of its own.",
]
ScopeId = Annotated[NewId | None, "The agent; not read beside global scope."]
TenantId = Annotated[
    NewId | Literal[""] | None,
    "With agent scope: the one tenant in which the policy applies to the agent; in every tenant when left out.",
]

_AGENT_SCOPE_HAS_AN_ID: Final[dict[str, Any]] = {
    "if": {"properties": {"scope": {"const": "agent"}}},
    "then": {"required": ["scopeId"], "properties": {"scopeId": {"type": "string"}}},
    "else": {"properties": {"tenantId": {"enum": ["", None]}}},
}
_RULES_OR_A_VERSION: Final = [
    {"required": ["rules"], "properties": {"policyVersion": {"type": "null"}}},
    {
        "required": ["policyVersion"],
        "properties": {"policyVersion": {"type": "string"}},
        "not": {"required": ["rules"]},
    },
]


@described(**_AGENT_SCOPE_HAS_AN_ID)
class PolicyProposal(TypedDict):
    """Rules for a scope, to see what they would change."""

    scope: ScopeKind
    scopeId: NotRequired[ScopeId]
    tenantId: NotRequired[TenantId]
    rules: Rules


@described(**_AGENT_SCOPE_HAS_AN_ID, oneOf=_RULES_OR_A_VERSION)
class PolicyChange(TypedDict):
    """Rules to put in force for a scope, or an earlier version of its own to put in force again."""

    scope: ScopeKind
    scopeId: NotRequired[ScopeId]
    tenantId: NotRequired[TenantId]
    rules: NotRequired[Rules]
    policyVersion: NotRequired[Annotated[str | None, "An earlier version, instead of rules."]]
    expectedPolicyVersion: NotRequired[
        Annotated[str | None, "The version believed active; if another is, nothing changes."]
    ]


class AgentQuery(TypedDict):
    """Names an agent's policy, and the tenant that it is for."""

    scopeId: NotRequired[Annotated[Id, "The agent; required with agent scope, not read beside global scope."]]
    tenantId: NotRequired[Annotated[Id, "With agent scope: the policy that applies in this tenant only."]]


class ConfigQuery(AgentQuery):
    """Whose policy."""

    scope: NotRequired[Annotated[ScopeKind, "Whose policy; global when left out."]]


class VersionsQuery(AgentQuery, PageQuery):
    """Names a scope, and a page of its policy's versions."""

    scope: Annotated[ScopeKind, "Whose policy."]
