"""Policy's bodies (contract.md section 4)."""

from typing import Annotated, Any, Final, Literal, NotRequired

from pydantic import ConfigDict, Field, with_config
from typing_extensions import TypeAliasType, TypedDict

from handshake.policy.rule_keys import HOURS_PATTERN as HOURS
from handshake.policy.rule_keys import KEY_OF, MAX_AMOUNT, MAX_CATEGORIES, MAX_CATEGORY_LENGTH
from handshake.policy.rules import MAX_RULES
from ops.openapi.models.common import (
    CONTROL,
    Count,
    Cursor,
    EpochMs,
    Id,
    Outcome,
    PageQuery,
    Tier,
    at_most,
    closed_object,
    one_of,
    open_object,
)

# The characters of a category between commas.
_CATEGORY: Final = rf"[^,{CONTROL}]*[^\s,{CONTROL}][^,{CONTROL}]*"
CATEGORIES_PATTERN: Final = rf"^{_CATEGORY}(,{_CATEGORY}){{0,{MAX_CATEGORIES - 1}}}$"
# In schemas \d would let other scripts' digits in.
HOURS_PATTERN: Final = rf"^{HOURS}$".replace(r"\d", "[0-9]")

Amount = Annotated[float, Field(ge=0, le=int(MAX_AMOUNT))]
ScopeKind = TypeAliasType("ScopeKind", Literal["global", "agent"])
PolicyVersion = TypeAliasType("PolicyVersion", Annotated[str, Field(pattern="^v[1-9][0-9]{0,7}$")])


def _keys_of(*keys: str) -> Any:
    return one_of(alias for alias, key in KEY_OF.items() if key.name in keys)


@open_object
class AmountRule(TypedDict):
    """A limit on a payment, or on what an agent spends in a UTC day. Keys are read in any case."""

    id: Id
    key: Annotated[str, _keys_of("max_transaction", "daily_spend_limit")]
    value: Amount


@open_object
class HoursRule(TypedDict):
    """When payments are allowed, UTC; an end before the start spans midnight."""

    id: Id
    key: Annotated[str, _keys_of("allowed_hours")]
    value: Annotated[str, Field(pattern=HOURS_PATTERN)]


@open_object
class CategoriesRule(TypedDict):
    """What may be paid for: names, or one text of names between commas."""

    id: Id
    key: Annotated[str, _keys_of("allowed_categories")]
    value: (
        Annotated[
            list[Annotated[str, at_most(MAX_CATEGORY_LENGTH)]],
            Field(max_length=MAX_CATEGORIES),
        ]
        | Annotated[str, Field(pattern=CATEGORIES_PATTERN)]
    )


Rules = Annotated[
    list[AmountRule | HoursRule | CategoriesRule],
    Field(max_length=MAX_RULES, description="Rules, each with an id of its own."),
]

_AGENT_SCOPE_HAS_AN_ID: Final[dict[str, Any]] = {
    "if": {"properties": {"scope": {"const": "agent"}}},
    "then": {"required": ["scopeId"], "properties": {"scopeId": {"type": "string"}}},
}


@with_config(ConfigDict(use_attribute_docstrings=True, json_schema_extra=_AGENT_SCOPE_HAS_AN_ID))
class PolicyProposal(TypedDict):
    """Rules for a scope, to see what they would change."""

    scope: ScopeKind
    scopeId: NotRequired[Id | None]
    """The agent; not read beside global scope."""
    rules: Rules


@with_config(
    ConfigDict(
        use_attribute_docstrings=True,
        json_schema_extra=_AGENT_SCOPE_HAS_AN_ID
        | {
            "oneOf": [
                {"required": ["rules"], "properties": {"policyVersion": {"type": "null"}}},
                {
                    "required": ["policyVersion"],
                    "properties": {"policyVersion": {"type": "string"}},
                    "not": {"required": ["rules"]},
                },
            ]
        },
    )
)
class PolicyChange(TypedDict):
    """Rules to put in force for a scope, or an earlier version of its own to put in force again."""

    scope: ScopeKind
    scopeId: NotRequired[Id | None]
    """The agent; not read beside global scope."""
    rules: NotRequired[Rules]
    policyVersion: NotRequired[str | None]
    """An earlier version, instead of rules."""
    expectedPolicyVersion: NotRequired[str | None]
    """The version believed active; if another is, nothing changes."""


@open_object
class ScopeQuery(TypedDict):
    """Whose policy."""

    scope: ScopeKind
    scopeId: NotRequired[Id]
    """The agent; required with agent scope, not read beside global scope."""


@open_object
class VersionsQuery(ScopeQuery, PageQuery):
    """Which versions of whose policy."""


@closed_object
class StoredRule(TypedDict):
    """A rule as its operator wrote it."""

    id: Id
    key: str
    value: float | str | list[str]


@closed_object
class PolicyConfig(TypedDict):
    """What a scope stores, or the defaults that stand in for it."""

    scope: ScopeKind
    scopeId: NotRequired[Id]
    rules: list[StoredRule]
    policyVersion: NotRequired[PolicyVersion]


@closed_object
class AppliedVersion(TypedDict):
    """One immutable version of a policy."""

    policyVersion: PolicyVersion
    rules: list[StoredRule]
    appliedAt: EpochMs
    auditEventId: str


@closed_object
class PolicyVersions(TypedDict):
    """The versions of a scope, newest first."""

    scope: ScopeKind
    scopeId: NotRequired[Id]
    versions: list[AppliedVersion]
    nextCursor: NotRequired[Cursor]


@closed_object
class BlastRadius(TypedDict):
    """How many agents a policy would decide otherwise for."""

    affectedAgents: Count
    highRiskAgents: Count


@closed_object
class PredictedChange(TypedDict):
    """A kind of request that would be decided otherwise."""

    requestClass: str
    before: Outcome
    after: Outcome


@closed_object
class Simulated(TypedDict):
    """What the recorded requests say of a proposal."""

    status: Literal["ok"]
    blastRadius: BlastRadius
    predictedChanges: list[PredictedChange]
    decision: Outcome
    tier: Tier
    reasons: list[str]


@closed_object
class PolicyApplied(TypedDict):
    """The policy now in force."""

    status: Literal["ok"]
    policyVersion: PolicyVersion
    auditEventId: str
    message: str
