"""Answers of the policy endpoints (contract.md section 4)."""

from typing import Annotated, Any, Literal, NotRequired, TypedDict

from handshake.core.shapes import Cursor, EpochMs, Id, Schema, closed
from handshake.policy.rules import VERSION_DIGITS

ScopeKind = Annotated[Literal["global", "agent"], Schema("ScopeKind")]
PolicyVersion = Annotated[str, Schema("PolicyVersion", pattern=f"^v[1-9][0-9]{{0,{VERSION_DIGITS - 1}}}$")]


@closed
class StoredRule(TypedDict):
    """A rule as its operator wrote it."""

    id: Id
    key: str
    value: float | str | list[str]


class PolicyScope(TypedDict):
    """Names a scope; ``tenantId`` where an agent's policy is that of one tenant."""

    scope: ScopeKind
    scopeId: NotRequired[Id]
    tenantId: NotRequired[Id]


@closed
class PolicyConfig(PolicyScope):
    """Shows the rules that a scope stores, or the defaults that stand in for it."""

    rules: list[StoredRule]
    policyVersion: NotRequired[PolicyVersion]


@closed
class AppliedVersion(TypedDict):
    """One immutable version of a policy."""

    policyVersion: PolicyVersion
    rules: list[StoredRule]
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
    """The policy now in force."""

    status: Literal["ok"]
    policyVersion: PolicyVersion
    auditEventId: str
    message: str
