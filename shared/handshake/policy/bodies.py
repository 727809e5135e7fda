"""The bodies and queries that callers send about policy (contract.md sections 4 and 15)."""

from typing import Annotated, Any, Final, Literal, NotRequired, TypedDict

from handshake.core.shapes import CONTROL, ID_PATTERN, Id, NewId, NewIdOrNone, PageQuery, Schema, closed, described
from handshake.policy import budgets
from handshake.policy.answers import Mode, ScopeKind, Unmatched, UnmatchedTools
from handshake.policy.members import MAX_CEDAR_BYTES, MEMBERS
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
from handshake.policy.tool_change import MAX_TOOLS, TOOL_NAME

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
ScopeId = Annotated[NewId | None, "The tenant or the agent; not read beside global scope."]
TenantId = Annotated[
    NewIdOrNone | None,
    "With agent scope: the one tenant in which the policy applies to the agent; in every tenant when left out.",
]


@closed
class Budget(TypedDict):
    """Bounds how much, or how often, within a UTC hour, day or month. What is allowed or escalated takes its share."""

    id: Annotated[NewId, "Distinct within its scope."]
    measure: Annotated[budgets.Measure, "Calls, or the sum of what ``of`` names."]
    of: NotRequired[
        Annotated[
            Annotated[str, Schema(pattern=budgets.OF_PATTERN, maxLength=budgets.MAX_PATH_LENGTH)] | None,
            "With ``sum``, and only then: ``amount``, or ``input.`` and a path into the arguments.",
        ]
    ]
    currency: NotRequired[
        Annotated[
            Annotated[str, Schema(minLength=1, maxLength=budgets.MAX_CURRENCY_LENGTH, pattern=ID_PATTERN)] | None,
            "Only calls in this currency count. Without it each currency counts by itself: none are added together.",
        ]
    ]
    per: Annotated[budgets.Per, "Whose calls are counted together; those of no tenant, or of no tool, are too."]
    window: budgets.WindowSize
    max: Annotated[float, Schema(minimum=0, maximum=int(MAX_AMOUNT)), "A whole number of calls, or the largest sum."]
    over: Annotated[budgets.Over, "What becomes of a call that it has no room for."]
    shards: NotRequired[
        Annotated[
            Annotated[int, Schema(minimum=1, maximum=budgets.MAX_SHARDS)] | None,
            "Spreads what counts over items, each of which may hold its share: never over, possibly early.",
        ]
    ]


Budgets = Annotated[list[Budget], Schema(maxItems=budgets.MAX_BUDGETS), "Budgets, each with an id of its own."]
Cedar = Annotated[
    Annotated[str, Schema(maxLength=MAX_CEDAR_BYTES)] | None,
    f"Cedar policies, at most {MAX_CEDAR_BYTES} bytes in UTF-8.",
]


class GivenMembers(TypedDict):
    """Members of a policy. One that is left out stays as it is; an empty text, an empty array or null removes it."""

    mode: NotRequired[
        Annotated[
            Mode | None,
            "``shadow``: judged beside the active policy, and never decides. An empty one, or one that holds what is\n"
            "active, ends the shadow.",
        ]
    ]
    rules: NotRequired[Rules | None]
    cedar: NotRequired[Cedar]
    budgets: NotRequired[Budgets | None]
    unmatched: NotRequired[
        Annotated[
            Unmatched | Literal[""] | None,
            "What becomes of a call that no Cedar policy of the scope matches; a set with a permit must name it.",
        ]
    ]
    unmatchedTools: NotRequired[
        Annotated[
            UnmatchedTools | Literal[""] | None,
            "With global scope: what becomes of a call of a tool that is not registered, where others of its type are.",
        ]
    ]


# Whose policy it is: an id where the scope has many of them, and a tenant beside an agent's alone. All conditions stand
# in ``allOf``, since generators take the alternatives of an object for types of their own.
_A_SCOPE: Final[list[dict[str, Any]]] = [
    {
        "if": {"properties": {"scope": {"enum": ["tenant", "agent"]}}},
        "then": {"required": ["scopeId"], "properties": {"scopeId": {"type": "string"}}},
    },
    {
        "if": {"properties": {"scope": {"const": "agent"}}},
        "else": {"properties": {"tenantId": {"enum": ["", None]}}},
    },
    {
        "if": {"properties": {"scope": {"const": "global"}}},
        "else": {"properties": {"unmatchedTools": {"enum": ["", None]}}},
    },
]
_SOME_MEMBER: Final = [{"required": [member]} for member in MEMBERS]
# As a condition: of alternatives that require it, generators make a member that is always required.
_MEMBERS_OR_A_VERSION: Final[dict[str, Any]] = {
    "if": {"required": ["policyVersion"], "properties": {"policyVersion": {"type": "string"}}},
    "then": {"not": {"anyOf": _SOME_MEMBER}},
    "else": {"anyOf": _SOME_MEMBER},
}


@described(allOf=[*_A_SCOPE, {"anyOf": _SOME_MEMBER}])
class PolicyProposal(GivenMembers):
    """Members of a policy for a scope, to see what they would change; others are as the active policy has them."""

    scope: ScopeKind
    scopeId: NotRequired[ScopeId]
    tenantId: NotRequired[TenantId]


@described(allOf=[*_A_SCOPE, {"anyOf": [*_SOME_MEMBER, {"required": ["policyVersion"]}]}, _MEMBERS_OR_A_VERSION])
class PolicyChange(GivenMembers):
    """Members to put in force for a scope, or an earlier version of its own to put in force again, all of it."""

    scope: ScopeKind
    scopeId: NotRequired[ScopeId]
    tenantId: NotRequired[TenantId]
    policyVersion: NotRequired[Annotated[str | None, "An earlier version, instead of members."]]
    expectedPolicyVersion: NotRequired[
        Annotated[str | None, "The version believed active; if another is, nothing changes."]
    ]


class GivenTool(TypedDict):
    """A tool as MCP's tools/list gives it; what else it says of itself is passed over."""

    name: Annotated[str, Schema(pattern=rf"^{TOOL_NAME.pattern}$")]
    version: NotRequired[NewId | None]
    inputSchema: Annotated[dict[str, Any], "A JSON Schema of an object. x-policy: false keeps a member from policy."]


class ToolList(TypedDict):
    """The tools of an action type, which replace those that it had. A name belongs to one type."""

    actionType: Annotated[Literal["payment", "data_access", "credential_use", "external_call", "other"], "Their type."]
    tools: Annotated[list[GivenTool], Schema(maxItems=MAX_TOOLS)]


class OwnerQuery(TypedDict):
    """Names whose policy, and of an agent's the tenant that it is for."""

    scopeId: NotRequired[Annotated[Id, "The tenant or the agent; required with their scopes, not read beside global."]]
    tenantId: NotRequired[Annotated[Id, "With agent scope: the policy that applies in this tenant only."]]


class ConfigQuery(OwnerQuery):
    """Whose policy, and which version of it."""

    scope: NotRequired[Annotated[ScopeKind, "Whose policy; global when left out."]]
    policyVersion: NotRequired[Annotated[Id, "One version of it; the active one when left out."]]


class ShadowQuery(OwnerQuery):
    """Whose shadow."""

    scope: Annotated[ScopeKind, "Whose policy."]


class VersionsQuery(OwnerQuery, PageQuery):
    """Names a scope, and a page of its policy's versions."""

    scope: Annotated[ScopeKind, "Whose policy."]
