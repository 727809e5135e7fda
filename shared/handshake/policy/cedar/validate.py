"""Validates the Cedar text of a scope: what may be applied, and what is wrong with what may not (contract.md 15).

It imports the engine's library, as ``engine`` does and for the same price: import it where Cedar is first needed.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import cedarpy

from handshake.policy.cedar.policy import AnnotationError, Policy, policy_from
from handshake.policy.cedar.schema import ACTION_TYPES, context_names, schema_of
from handshake.policy.cedar.text import Fault, PolicyText, sha256_of, split
from handshake.policy.cedar.tools import Fields, Member, Tool, Tools, member_at
from handshake.policy.verdict import Unmatched

# A text without meaning is looked at as far as its author will read.
_MAX_FAULTS: Final = 10
# One error for each action that a policy is for says little that the first few do not.
_REASONS_OF_A_POLICY: Final = 3


@dataclass(frozen=True)
class Faults:
    """Everything that was looked at and is wrong with a text, in its order; never empty."""

    faults: Sequence[Fault]

    @property
    def message(self) -> str:
        """Say the first few in one text, for the answer that refuses."""
        shown = "; ".join(map(str, self.faults[:5]))
        more = len(self.faults) - 5
        return f"{shown}; and {more} more" if more > 0 else shown


@dataclass(frozen=True)
class Prepared:
    """A text that may be applied. ``sha256`` (hex, of its UTF-8 bytes) is what stands for it in ACTIVE.

    ``policies`` are in its order; ``warnings`` keep nobody from applying it.
    """

    sha256: str
    policies: Sequence[Policy]
    warnings: Sequence[Fault] = ()

    def named_tools(self, tools: Tools) -> frozenset[str]:
        """List the registered tools that its policies name in their action constraints."""
        return frozenset(name for policy in self.policies for name in policy.actions or () if name in tools.by_name)


def validate(text: str, tools: Tools, *, unmatched: Unmatched | None) -> Prepared | Faults:
    """Say whether ``text`` may be applied in a scope with this ``unmatched`` (None: not named) while ``tools`` hold.

    An empty text has no policies and is in order: whoever stores none need not ask.
    """
    split_text = split(text)
    if isinstance(split_text, Fault):
        return Faults([split_text])
    schema = cedarpy.Schema.from_json_str(json.dumps(schema_of(tools)))
    policies: dict[str, Policy] = {}
    faults: list[Fault] = []
    warnings: list[Fault] = []
    for written in split_text.texts:
        policy = _parsed(written)
        if isinstance(policy, Fault):
            faults.append(policy)
        elif policy.id in policies:
            faults.append(Fault(policy.id, written.line, "another policy has the same @id"))
        else:
            policies[policy.id] = policy
            reasons = [*_strict_faults(written, schema), *_absent(policy, tools)][:_REASONS_OF_A_POLICY]
            if unmatched is None and not policy.forbids:
                reasons.append("it is a permit, and so the scope must say what becomes of what none matches: unmatched")
            faults += (Fault(policy.id, written.line, reason) for reason in dict.fromkeys(reasons))
            warnings += (Fault(policy.id, written.line, warning) for warning in dict.fromkeys(policy.warnings))
        if len(faults) >= _MAX_FAULTS:
            break
    return Faults(faults) if faults else Prepared(sha256_of(text), tuple(policies.values()), tuple(warnings))


def disarmed(stored: Prepared, before: Tools, after: Tools) -> list[Fault]:
    """Name each policy that reads of a tool's input what the tools ``after`` give no more, or of another type.

    Such a policy may be as valid as before and never hold again: of what is asked for with ``has``, no engine says so.
    A tool that is no more is another matter only where no policy names it or reads anything of it.
    """
    faults = []
    for policy in stored.policies:
        for tool in before.by_name.values():
            if not policy.covers(tool.name, before):
                continue
            now = after.by_name.get(tool.name)
            if policy.actions is not None and tool.name in policy.actions and (now is None or _moved(tool, now)):
                faults.append(Fault(policy.id, 0, f"names the tool {tool.name}, which would be removed or retyped"))
                continue
            lost = [path for path in policy.reads_input if _lost(path, tool, now)]
            faults += (
                Fault(policy.id, 0, f"reads input.{'.'.join(path)} of {tool.name}, which would be removed or retyped")
                for path in sorted(lost)
            )
    return faults


def faults_after(text: str, before: Tools, after: Tools) -> list[Fault]:
    """Say what a change of the tools takes from a stored text: it would be valid no more, or never hold again."""
    stored = validate(text, before, unmatched="deny")
    valid = validate(text, after, unmatched="deny")
    lost = disarmed(stored, before, after) if isinstance(stored, Prepared) else []
    return lost or (list(valid.faults) if isinstance(valid, Faults) else [])


def _moved(tool: Tool, now: Tool) -> bool:
    return tool.action_type != now.action_type


def _lost(path: Sequence[str], tool: Tool, now: Tool | None) -> bool:
    had = member_at(tool.input, path)
    if had is None or had.type is None:
        return False
    has = member_at(now.input, path) if now and not _moved(tool, now) else None
    return has is None or _known_as(has) != _known_as(had)


def _known_as(member: Member) -> tuple[Any, bool]:
    """Give what a policy knows of a member; of an object, that it is one: its members are paths of their own."""
    return "object" if isinstance(member.type, Fields) else member.type, member.always_there


def _parsed(written: PolicyText) -> Policy | Fault:
    try:
        [parsed] = json.loads(cedarpy.policies_to_json_str(written.text))["staticPolicies"].values()
        return policy_from(parsed)
    except AnnotationError as error:
        return Fault(written.name, written.line, str(error))
    except ValueError as error:
        return Fault(written.name, written.line, f"it cannot be read: {error}")


def _strict_faults(written: PolicyText, schema: cedarpy.Schema) -> list[str]:
    errors = cedarpy.validate_policies(written.text, schema).errors
    return sorted(error.error.removeprefix("for policy `policy0`, ") for error in errors)


def _absent(policy: Policy, tools: Tools) -> Iterator[str]:
    """Name what a policy reads and nothing that it is for has: a misspelt name behind ``has`` never holds."""
    names = frozenset[str]()
    inputs: list[Fields] = []
    for action in ACTION_TYPES:
        if policy.covers(action, tools):
            names |= context_names(action, tool=False)
    for tool in tools.by_name.values():
        if policy.covers(tool.name, tools):
            names |= context_names(tool.action_type, tool=True)
            inputs.append(tool.input)
    for path in sorted(policy.reads):
        if path[0] not in names:
            yield f"context.{path[0]} is nothing that an action which it is for has"
    for path in sorted(policy.reads_input):
        members = [member for fields in inputs if (member := member_at(fields, path))]
        if any(member.type is not None for member in members):
            continue
        why = "cannot be typed, or is kept from policy" if members else "is nothing that a tool which it is for takes"
        yield f"input.{'.'.join(path)} {why}"
