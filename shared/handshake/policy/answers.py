"""Answers of the policy endpoints (contract.md section 4)."""

from typing import Annotated, Any, Literal, NotRequired, TypedDict

from handshake.core.shapes import Count, Cursor, EpochMs, Id, Outcome, Schema, closed
from handshake.policy import budgets, members, rules
from handshake.policy.rules import VERSION_DIGITS

ScopeKind = Annotated[rules.ScopeKind, Schema("ScopeKind")]
Unmatched = Annotated[rules.Unmatched, Schema("Unmatched")]
UnmatchedTools = Annotated[rules.UnmatchedTools, Schema("UnmatchedTools")]
Mode = Annotated[members.Mode, Schema("Mode")]
PolicyVersion = Annotated[str, Schema("PolicyVersion", pattern=f"^v[1-9][0-9]{{0,{VERSION_DIGITS - 1}}}$")]


@closed
class StoredRule(TypedDict):
    """A rule as its operator wrote it."""

    id: Id
    key: str
    value: float | str | list[str]


@closed
class StoredBudget(TypedDict):
    """Bounds how much, or how often, within a window of UTC, as its operator wrote it."""

    id: Id
    measure: budgets.Measure
    of: NotRequired[Annotated[str | None, "What a sum is of: ``amount``, or ``input.`` and a path into arguments."]]
    currency: NotRequired[Annotated[str | None, "Only calls in this currency count; without it each by itself."]]
    per: Annotated[budgets.Per, "Whose calls are counted together."]
    window: budgets.WindowSize
    max: float
    over: Annotated[budgets.Over, "What becomes of a call that it has no room for."]
    shards: NotRequired[Annotated[int | None, "Spreads what counts; each shard may hold its share of ``max``."]]


class PolicyMembers(TypedDict):
    """Members of a policy beside its rules; absent where it has none."""

    budgets: NotRequired[list[StoredBudget]]
    unmatched: NotRequired[Annotated[Unmatched, "What becomes of a call that no Cedar policy matches."]]
    unmatchedTools: NotRequired[UnmatchedTools]


class PolicyScope(TypedDict):
    """Names a scope; ``tenantId`` where an agent's policy is that of one tenant."""

    scope: ScopeKind
    scopeId: NotRequired[Id]
    tenantId: NotRequired[Id]


@closed
class PolicyConfig(PolicyScope, PolicyMembers):
    """Shows the policy that a scope stores, or the defaults that stand in for its rules."""

    rules: list[StoredRule]
    policyVersion: NotRequired[PolicyVersion]
    cedar: NotRequired[Annotated[str, "The text of its Cedar policies."]]
    mode: NotRequired[Annotated[Mode, "``shadow`` of a version that was applied as one."]]


@closed
class AppliedVersion(PolicyMembers):
    """One immutable version of a policy."""

    policyVersion: PolicyVersion
    rules: list[StoredRule]
    cedarSha256: NotRequired[Annotated[str, Schema(pattern="^[0-9a-f]{64}$"), "Of its text of Cedar."]]
    mode: NotRequired[Annotated[Mode, "``shadow`` of a version that was applied as one."]]
    appliedAt: EpochMs
    auditEventId: str


@closed
class PolicyVersions(PolicyScope):
    """The versions of a scope, newest first."""

    versions: list[AppliedVersion]
    nextCursor: NotRequired[Cursor]


@closed
class RegisteredTool(TypedDict):
    """A tool that policies can name. ``unchecked`` are the paths of its input that Cedar is never told."""

    name: str
    version: NotRequired[Id]
    actionType: str
    inputSchema: dict[str, Any]
    unchecked: list[str]


@closed
class RegisteredTools(TypedDict):
    """Every registered tool, by type and then in the order of its list."""

    toolsVersion: NotRequired[PolicyVersion]
    tools: list[RegisteredTool]


@closed
class ToolsRegistered(TypedDict):
    """The list of tools that is now that of its type."""

    status: Literal["ok"]
    toolsVersion: PolicyVersion
    auditEventId: str
    message: str


@closed
class PolicyApplied(TypedDict):
    """The policy now in force, or in the shadow of the active one."""

    status: Literal["ok"]
    policyVersion: PolicyVersion
    auditEventId: str
    message: str
    warnings: NotRequired[Annotated[list[str], "What an operator may not expect of it."]]


ShadowChange = TypedDict(
    "ShadowChange",
    {
        "from": Outcome,
        "to": Annotated[Outcome, "What the shadow would have decided."],
        "policy": Annotated[str, "What of the shadow decided: a policy, rule or budget, or else a reason code."],
        "count": Count,
        "examples": Annotated[list[Id], "Some requests that it was so for."],
    },
)


@closed
class PolicyShadow(PolicyScope):
    """Tells what a shadow would have decided otherwise, some seconds late; without ``version`` there is none."""

    version: NotRequired[PolicyVersion]
    since: NotRequired[EpochMs]
    judged: Annotated[Count, "How many requests the shadow was judged on."]
    changes: list[ShadowChange]
