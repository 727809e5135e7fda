"""A change of the registered tools: a type's new list, and what becomes of it (contract.md section 15)."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from handshake.core.errors import HandshakeError, Refusal, Refuse, Replay, refusal_of
from handshake.core.jsonio import canonical
from handshake.core.reasons import ReasonCode
from handshake.core.text import id_fault
from handshake.policy.cedar.schema import ACTION_TYPES
from handshake.policy.cedar.text import Fault
from handshake.policy.cedar.tools import NO_TOOLS, Tool, Tools
from handshake.policy.change import Authority
from handshake.policy.rules import Scope, version_name

MAX_TOOLS: Final = 200
MAX_SCHEMA_BYTES: Final = 100 * 1024
"""Of all schemas together, as canonical JSON in UTF-8."""
TOOL_NAME: Final = re.compile(r"[A-Za-z0-9._:/-]{1,128}", re.ASCII)
"""What a submission can name (section 10)."""
_SHOWN: Final = 3


@dataclass(frozen=True)
class ToolChange:
    """The list that becomes that of ``action_type``."""

    action_type: str
    tools: Sequence[Tool]


@dataclass(frozen=True)
class StoredTools:
    """Holds the registry as it is stored; ``audit_digest`` is that of its audit event, "" where there is none."""

    tools: Tools = NO_TOOLS
    audit_digest: str = ""


@dataclass(frozen=True)
class ToolsApplied:
    """One change of the registry, as its audit event names it; ``previous`` is the digest of the one before."""

    by: Authority
    action_type: str
    tools: Tools
    previous: str = ""

    @property
    def version(self) -> str:
        """Give the name of the version that it became."""
        return version_name(self.tools.number)


@dataclass(frozen=True)
class Register:
    """Put ``applied`` in force."""

    applied: ToolsApplied


@dataclass(frozen=True)
class Disarmed:
    """What a list would take from the policy of a scope that is stored."""

    scope: Scope
    faults: Sequence[Fault] = field(default_factory=tuple)


ToolDecision = Register | Refuse | Replay


def parse_tools(body: Any) -> ToolChange:
    """Check the body of a registration. Other members of a tool, which MCP gives it, are passed over.

    Raises HandshakeError: trust_context_invalid_request_shape, or policy_invalid_policy for a list that no registry
    may hold.
    """
    if not isinstance(body, dict):
        raise _bad_shape("The body must be a JSON object.")
    action_type, listed = body.get("actionType"), body.get("tools")
    if action_type not in ACTION_TYPES:
        raise _bad_shape(f"actionType must be one of {', '.join(ACTION_TYPES)}.")
    if not isinstance(listed, list):
        raise _bad_shape("tools must be an array.")
    if len(listed) > MAX_TOOLS:
        raise _bad_shape(f"There are at most {MAX_TOOLS} tools.")
    tools = [_tool(tool, f"tools[{index}]", action_type) for index, tool in enumerate(listed)]
    if len({tool.name for tool in tools}) != len(tools):
        raise _bad_shape("Two tools share a name.")
    return ToolChange(action_type, tools)


def decide_tools(
    change: ToolChange,
    stored: StoredTools,
    disarmed: Sequence[Disarmed],
    guard: Mapping[str, Any] | None,
    *,
    authority: Authority,
) -> ToolDecision:
    """Decide what becomes of ``change``, made by ``authority``, where ``stored`` is the registry.

    ``disarmed`` is what it would take from stored policies; ``guard`` the outcome of an earlier use of the token's jti.
    """
    if guard is not None:
        own = guard["principalId"] == authority.principal_id
        detail = f" It registered tools version {guard['policyVersion']}." if own else ""
        return Replay(refusal_of(ReasonCode.SECURITY_REPLAY_DETECTED, f"This trust token was already used.{detail}"))
    tools = stored.tools.replaced(change.action_type, change.tools)
    if fault := _fault_of(change, stored.tools, tools):
        return Refuse(_invalid(fault))
    if disarmed:
        shown = "; ".join(f"{_whose(one.scope)}: {fault}" for one in disarmed[:_SHOWN] for fault in one.faults[:_SHOWN])
        return Refuse(_invalid(f"A stored policy would be disarmed: {shown}."))
    return Register(
        ToolsApplied(
            by=authority,
            action_type=change.action_type,
            tools=tools,
            previous=stored.audit_digest,
        )
    )


def _tool(value: Any, where: str, action_type: str) -> Tool:
    if not isinstance(value, dict):
        raise _bad_shape(f"{where} must be an object.")
    name, version, schema = value.get("name"), value.get("version"), value.get("inputSchema")
    if not (isinstance(name, str) and TOOL_NAME.fullmatch(name)):
        raise _bad_shape(f"{where}.name must be 1 to 128 characters of A-Z a-z 0-9 . _ : / -")
    if version is not None and (fault := id_fault(version)):
        raise _bad_shape(f"{where}.version {fault}.")
    if not isinstance(schema, dict) or schema.get("type", "object") != "object":
        raise _bad_shape(f"{where}.inputSchema must be a JSON Schema of an object.")
    return Tool(name, action_type, schema, version)


def _fault_of(change: ToolChange, before: Tools, after: Tools) -> str | None:
    for tool in change.tools:
        if tool.name in ACTION_TYPES:
            return f"The tool {tool.name} bears the name of an action type."
        other = before.by_name.get(tool.name)
        if other and other.action_type != change.action_type:
            return f"The tool {tool.name} is registered under {other.action_type}: a tool belongs to one type."
    if len(after.by_name) > MAX_TOOLS:
        return f"There would be {len(after.by_name)} tools in all: at most {MAX_TOOLS} are kept."
    if sum(len(canonical(tool.schema).encode()) for tool in after.by_name.values()) > MAX_SCHEMA_BYTES:
        return f"All schemas together would be over {MAX_SCHEMA_BYTES} bytes."
    return None


def _whose(scope: Scope) -> str:
    return f"{scope.kind} {scope.scope_id}" if scope.scope_id else scope.kind


def _invalid(message: str) -> Refusal:
    return refusal_of(ReasonCode.POLICY_INVALID_POLICY, message)


def _bad_shape(message: str) -> HandshakeError:
    return HandshakeError(ReasonCode.TRUST_CONTEXT_INVALID_REQUEST_SHAPE, message)
