"""One policy of a text, as the engine's JSON has it: its annotations, whom it is for and what it reads."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from handshake.core.text import id_fault
from handshake.policy.cedar.tools import Tools

ANNOTATIONS: Final = ("id", "decision", "tier", "message", "notify")
MAX_MESSAGE: Final = 500
ESCALATION_TIERS: Final = {"3": 3, "4": 4}

Path = tuple[str, ...]

_HOST: Final = re.compile(r"\.[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")


class AnnotationError(ValueError):
    """An annotation is missing or says what none may; the message is a whole reason."""


@dataclass(frozen=True)
class Policy:
    """What decides, beside the engine's answer. ``tier`` is that of an escalation.

    ``actions`` are the ids in its action constraint, None where it has none; ``reads`` the paths that it reads of
    ``context``, presence alone included; ``warnings`` what its author may not have meant.
    """

    id: str
    forbids: bool
    escalates: bool
    tier: int
    message: str | None
    notify: tuple[str, ...]
    actions: frozenset[str] | None
    reads: frozenset[Path]
    warnings: tuple[str, ...]

    def covers(self, action: str, tools: Tools) -> bool:
        """Tell whether its action constraint holds of an action type, or of a tool and thereby of its type."""
        tool = tools.by_name.get(action)
        return self.actions is None or action in self.actions or (tool is not None and tool.action_type in self.actions)

    @property
    def reads_input(self) -> Iterator[Path]:
        """Yield the paths that it reads of ``context.input``."""
        return (path[1:] for path in self.reads if path[0] == "input" and len(path) > 1)


def policy_from(parsed: Mapping[str, Any]) -> Policy:
    """Read a policy of the engine's JSON. Raises AnnotationError."""
    notes, forbids = parsed.get("annotations", {}), parsed["effect"] == "forbid"
    if unknown := sorted(notes.keys() - set(ANNOTATIONS)):
        raise AnnotationError(f"@{unknown[0]} is no annotation: there are @{', @'.join(ANNOTATIONS)}")
    if not notes.get("id"):
        raise AnnotationError("it has no @id")
    if fault := id_fault(notes["id"], max_length=128):
        raise AnnotationError(f"its @id {fault}")
    decision, tier, message = (notes.get(name) for name in ("decision", "tier", "message"))
    if decision is not None and not forbids:
        raise AnnotationError("@decision stands on a permit, which only ever allows")
    if decision not in (None, "escalate"):
        raise AnnotationError('@decision is "escalate" or is left out')
    if tier is not None and (decision is None or tier not in ESCALATION_TIERS):
        raise AnnotationError('@tier is "3" or "4", beside @decision("escalate")')
    if message is not None and (not message or len(message) > MAX_MESSAGE):
        raise AnnotationError(f"@message is a text of 1 to {MAX_MESSAGE} characters")
    notify = tuple(path.strip() for path in (notes.get("notify") or "").split(",") if path.strip())
    conditions = parsed.get("conditions", [])
    reads = frozenset(path for condition in conditions for path in _paths(condition["body"]))
    warnings = tuple(_warnings(conditions)) if forbids else ()
    return Policy(
        id=notes["id"],
        forbids=forbids,
        escalates=decision is not None,
        tier=ESCALATION_TIERS[tier or "3"],
        message=message,
        notify=notify,
        actions=_actions(parsed["action"]),
        reads=reads,
        warnings=warnings,
    )


def _actions(constraint: Mapping[str, Any]) -> frozenset[str] | None:
    if constraint["op"] == "All":
        return None
    entities = constraint["entities"] if "entities" in constraint else [constraint["entity"]]
    return frozenset(entity["id"] for entity in entities)


def _nodes(expression: Any) -> Iterator[tuple[str, Any]]:
    """Yield every operator of an expression with what it is applied to, without recursion."""
    waiting = [expression]
    while waiting:
        match waiting.pop():
            case {"Record": members}:  # whose names are its author's, and no operators
                waiting += members.values()
            case {"Value": _}:
                pass
            case dict() as node:
                yield from node.items()
                waiting += node.values()
            case list() as nodes:
                waiting += nodes


def _paths(expression: Any) -> Iterator[Path]:
    for operator, operand in _nodes(expression):
        if operator in (".", "has") and (path := _path(operand)):
            yield path


def _path(operand: Mapping[str, Any]) -> Path | None:
    """Give the names from ``context`` to what is read or looked for; None where it begins elsewhere."""
    names: list[str] = []
    while True:
        names.append(operand["attr"])
        left = operand["left"]
        if left == {"Var": "context"}:
            return tuple(reversed(names))
        if not (isinstance(left, dict) and "." in left):
            return None
        operand = left["."]


def _warnings(conditions: Any) -> Iterator[str]:
    for condition in conditions:
        for operator, operand in _nodes(condition["body"]):
            if operator == "has" and condition["kind"] == "when":
                yield (
                    f"a call that leaves {operand['attr']} out escapes it: a forbid asks for what may be missing"
                    " in unless, not in when"
                )
            if operator == "like" and _ends_like_a_host(operand["pattern"]):
                yield 'a pattern such as "*.host" matches any text that ends so, evil.com/.host too: ask context.hosts'


def _ends_like_a_host(pattern: list[Any]) -> bool:
    """Tell whether a pattern is a star and then, letter by letter, a host of two names or more."""
    literals = [part["Literal"] for part in pattern[1:] if isinstance(part, dict)]
    text = "".join(literals)
    return pattern[:1] == ["Wildcard"] and len(literals) == len(pattern) - 1 and bool(_HOST.fullmatch(text))
