"""The action that a submission may carry, and the text whose digest binds a request (contract.md section 10)."""

import hashlib
import string
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import rfc8785

from handshake.core.jsonio import InexactNumber, depth_within, with_numbers_as_text
from handshake.core.text import id_fault

if TYPE_CHECKING:
    from handshake.requests import answers

MEMBERS: Final = ("operation", "tool", "toolVersion", "resource", "arguments")
MAX_NAME_LENGTH: Final = 128
MAX_BYTES: Final = 32 * 1024
MAX_LEVELS: Final = 16
# Beyond it, not every integer is a double of its own.
MAX_INTEGER: Final = 2**53 - 1
_NAME_CHARACTERS: Final = frozenset(string.ascii_letters + string.digits + "._:/-")
_VERSION: Final = 1


@dataclass(frozen=True)
class Action:
    """Says what is to be done, by its names, and with which arguments.

    Of a stored request the arguments are kept beside it, and are None here.
    """

    operation: str
    tool: str | None = None
    tool_version: str | None = None
    resource: str | None = None
    arguments: Mapping[str, Any] | None = None


def action_fault(value: Any) -> str | None:
    """Say what keeps ``value`` from being an action, as a sentence, or None for one."""
    if not isinstance(value, dict):
        return "action is not an object."
    if value.keys() - set(MEMBERS):
        return f"action has another member than {', '.join(MEMBERS)}."
    if not depth_within(value, MAX_LEVELS):
        return f"action nests deeper than {MAX_LEVELS} levels."
    members = {name: given for name in MEMBERS if (given := value.get(name)) is not None}
    for name in ("operation", "tool"):
        if (name in members or name == "operation") and not _is_name(members.get(name)):
            return f"action.{name} is not 1 to {MAX_NAME_LENGTH} characters of A-Z a-z 0-9 . _ : / -."
    for name in ("toolVersion", "resource"):
        if name in members and (fault := id_fault(members[name])):
            return f"action.{name} {fault}."
    if not isinstance(members.get("arguments", {}), dict):
        return "action.arguments is not an object."
    if not _is_exact(value):
        return "action holds a number that not every reader keeps as it is written; send it as a string."
    if len(rfc8785.dumps(members)) > MAX_BYTES:
        return f"action has more than {MAX_BYTES} bytes as canonical JSON."
    return None


def action_of(members: Mapping[str, Any]) -> Action:
    """Give the action that ``members``, which have no fault, say."""
    return Action(
        operation=members["operation"],
        tool=members.get("tool"),
        tool_version=members.get("toolVersion"),
        resource=members.get("resource"),
        arguments=members.get("arguments"),
    )


def named_members(action: Action) -> "answers.ShownAction":
    """Give the members of ``action`` on the wire, but for its arguments; absent ones are left out."""
    members: answers.ShownAction = {"operation": action.operation}
    if action.tool is not None:
        members["tool"] = action.tool
    if action.tool_version is not None:
        members["toolVersion"] = action.tool_version
    if action.resource is not None:
        members["resource"] = action.resource
    return members


def canonical_action(
    *,
    tenant_id: str | None,
    principal_id: str,
    agent_id: str,
    action_type: str,
    payload_ref: str,
    facts: Mapping[str, Any],
    action: Action | None,
) -> str:
    """Give the text that binds a request: RFC 8785 of everything that was decided on, absent members left out.

    ``facts`` are those of a submission; their numbers are written as text.
    """
    members = {
        "v": _VERSION,
        "tenantId": tenant_id,
        "principalId": principal_id,
        "agentId": agent_id,
        "actionType": action_type,
        "payloadRef": payload_ref,
        "facts": with_numbers_as_text(dict(facts)),
        "action": action and _present({**named_members(action), "arguments": action.arguments}),
    }
    return rfc8785.dumps(_present(members)).decode()


def digest_of(canonical: str) -> str:
    """Give the digest of a canonical action: ``sha256:`` and hex."""
    return f"sha256:{hashlib.sha256(canonical.encode()).hexdigest()}"


def _present(members: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and 1 <= len(value) <= MAX_NAME_LENGTH and _NAME_CHARACTERS.issuperset(value)


def _is_exact(value: Any) -> bool:
    """Say whether each number in ``value`` is a double, and no integer that shares its double with another."""
    if isinstance(value, dict):
        return all(map(_is_exact, value.values()))
    if isinstance(value, list):
        return all(map(_is_exact, value))
    if isinstance(value, InexactNumber):
        return False
    return not isinstance(value, int | float) or abs(value) <= MAX_INTEGER
