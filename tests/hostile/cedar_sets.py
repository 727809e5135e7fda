"""Sets of policies, tools and calls made at random, and what must hold of each: `python -m tests.hostile.cedar_sets`.

A call that is wrong in one member is never judged looser than it was; a further scope never widens; and a change of the
tool that takes what a set reads is refused. HANDSHAKE_SETS says how many, HANDSHAKE_SEED what they are drawn from. Each
processor takes batches of them, so which they are does not depend on how many there are.
"""

import os
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any, Final

from handshake.core.tiers import STRICTNESS
from handshake.policy.cedar.call import Call
from handshake.policy.cedar.engine import ScopeSet, judge, prepare_set
from handshake.policy.cedar.text import sha256_of
from handshake.policy.cedar.tools import Tool, Tools
from handshake.policy.cedar.validate import Faults, faults_after, validate
from handshake.policy.verdict import Judgement, Unmatched, join

_BATCH: Final = 500
SCALARS: Final = ("string", "integer", "number", "boolean", "array", "object")
WRONG: Final[Mapping[str, tuple[Any, ...]]] = {
    "string": (7, True, ["a"], {"fn": "decimal", "arg": "1.0"}),
    "integer": ("7", 1.5, True, 2**63, -(2**63) - 1),
    "number": ("7", True, 12.34567, 1e-9, 1e15, [1]),
    "boolean": ("true", 0, 1),
    "array": ("a", [1], [None], {"0": "a"}, ["a", ["b"]]),
    "object": ("a", [], {"n": "1"}, {"n": 1, "more": 1}, {"__entity": {"type": "Agent", "id": "a"}}),
}
SCHEMAS: Final[Mapping[str, Any]] = {
    "array": {"type": "array", "items": {"type": "string"}},
    "object": {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]},
}


@dataclass(frozen=True)
class Case:
    """A tool, two sets that are valid for it, and a call of it that fits."""

    tools: Tools
    members: Mapping[str, str]
    required: frozenset[str]
    texts: tuple[str, str]
    unmatched: Unmatched
    call: Call


@dataclass
class Counts:
    """How many cases and mutations were looked at, and each that broke what must hold."""

    sets: int = 0
    mutations: Counter[str] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)

    def add(self, other: "Counts") -> None:
        """Count what ``other`` counted too."""
        self.sets += other.sets
        self.mutations += other.mutations
        self.broken += other.broken


def run(count: int, seed: int | str) -> Counts:
    """Look at ``count`` cases drawn from ``seed``."""
    draw, counts = random.Random(seed), Counts()  # noqa: S311 - cases, not secrets
    for _ in range(count):
        case = a_case(draw)
        counts.sets += 1
        _hold(case, draw, counts)
    return counts


def a_case(draw: random.Random) -> Case:
    """Draw a tool, two sets in order for it, and a call."""
    members = {f"m{number}": draw.choice(SCALARS) for number in range(draw.randint(1, 4))}
    required = frozenset(name for name in members if draw.random() < 0.6)
    properties = {name: SCHEMAS.get(kind, {"type": kind}) for name, kind in members.items()}
    tool = Tool("tool", "other", {"type": "object", "properties": properties, "required": sorted(required)})
    given = {name: _value(draw, kind) for name, kind in members.items() if name in required or draw.random() < 0.7}
    return Case(
        Tools(1, {"tool": tool}),
        members,
        required,
        (_text(draw, members, required), _text(draw, members, required)),
        draw.choice(("allow", "escalate", "deny")),
        Call(
            action_type="other",
            agent_id="agent",
            principal_id="principal",
            payload_ref="ref",
            at_ms=draw.randrange(10**12, 2 * 10**12),
            environment="production",
            tenant_id=draw.choice((None, "tenant")),
            tool="tool",
            arguments=given,
        ),
    )


def _hold(case: Case, draw: random.Random, counts: Counts) -> None:
    prepared = [validate(text, case.tools, unmatched=case.unmatched) for text in case.texts]
    if any(isinstance(each, Faults) for each in prepared):
        counts.broken.append(f"it is not in order: {prepared}")
        return
    scopes = [
        ScopeSet(f"scope-{number}", "v1", prepare_set(sha256_of(text), text), case.unmatched)
        for number, text in enumerate(case.texts)
    ]

    def judged(*of: ScopeSet, call: Call = case.call) -> Judgement:
        return join(judge(call, of, case.tools))

    base, both = judged(scopes[0]), judged(*scopes)
    if STRICTNESS[both.outcome] < STRICTNESS[base.outcome]:
        counts.broken.append(f"a further scope made {base.outcome} {both.outcome}: {case}")
    for kind, arguments in _mutations(case, draw):
        counts.mutations[kind] += 1
        mutated = judged(scopes[0], call=replace(case.call, arguments=arguments))
        if mutated.outcome != "deny" or STRICTNESS[mutated.outcome] < STRICTNESS[base.outcome]:
            counts.broken.append(f"{kind} made {base.outcome} {mutated.outcome}: {arguments} in {case}")
    policies = scopes[0].policies.policies.values() if scopes[0].policies else ()
    read = sorted({path[0] for policy in policies for path in policy.reads_input})
    if read:
        counts.mutations["tool changed"] += 1
        name = draw.choice(read)
        if not faults_after(case.texts[0], case.tools, _changed(case, name, draw)):
            counts.broken.append(f"a change of {name} disarms {case}")


def _mutations(case: Case, draw: random.Random) -> Iterator[tuple[str, dict[str, Any]]]:
    given = dict(case.call.arguments or {})
    for name, kind in case.members.items():
        if name in case.required:
            yield "missing", {other: value for other, value in given.items() if other != name}
        yield "null", given | {name: None}
        yield "wrong", given | {name: draw.choice(WRONG[kind])}
    yield "unknown", given | {"unknown": 1}


def _changed(case: Case, name: str, draw: random.Random) -> Tools:
    tool = case.tools.by_name["tool"]
    properties = dict(tool.schema["properties"])
    required = set(case.required)
    if draw.random() < 0.5:
        del properties[name]
        required.discard(name)
    else:
        other = draw.choice([kind for kind in SCALARS if kind != case.members[name]])
        properties[name] = SCHEMAS.get(other, {"type": other})
    schema = {**tool.schema, "properties": properties, "required": sorted(required)}
    return case.tools.replaced("other", [replace(tool, schema=schema)])


def _value(draw: random.Random, kind: str) -> Any:
    match kind:
        case "string":
            return draw.choice(("", "a", "b", "ab"))
        case "integer":
            return draw.randint(-3, 3)
        case "number":
            return draw.choice((0, 0.5, 1, -1.25, 100, 3.0001))
        case "boolean":
            return draw.random() < 0.5
        case "array":
            return [draw.choice(("a", "b")) for _ in range(draw.randint(0, 2))]
        case _:
            return {"n": draw.randint(-3, 3)}


def _text(draw: random.Random, members: Mapping[str, str], required: frozenset[str]) -> str:
    return "\n".join(_policy(draw, f"p{number}", members, required) for number in range(draw.randint(1, 4)))


def _policy(draw: random.Random, name: str, members: Mapping[str, str], required: frozenset[str]) -> str:
    effect = draw.choice(("forbid", "forbid", "permit"))
    notes = ' @decision("escalate")' if effect == "forbid" and draw.random() < 0.4 else ""
    head = draw.choice(('action == Action::"tool"', 'action in [Action::"tool"]'))
    clauses = [_clause(draw, members, required) for _ in range(draw.randint(1, 2))]
    return f'@id("{name}"){notes}\n{effect} (principal, {head}, resource)\n{" ".join(clauses)};'


def _clause(draw: random.Random, members: Mapping[str, str], required: frozenset[str]) -> str:
    terms = [_term(draw, name, kind, required) for name, kind in draw.sample(sorted(members.items()), k=1)]
    terms += [draw.choice(("context.hour < 12", "context.weekday == 1", "true"))] if draw.random() < 0.3 else []
    return (
        f"{draw.choice(('when', 'unless'))} {{ {draw.choice((' && ', ' || ')).join(f'({term})' for term in terms)} }}"
    )


def _term(draw: random.Random, name: str, kind: str, required: frozenset[str]) -> str:
    at, decimal = f"context.input.{name}", draw.choice(("0.5", "1.0", "3.0001"))
    term = {
        "string": f'{at} like "{draw.choice(("a*", "*b", "*"))}"',
        "integer": f"{at} {draw.choice(('<', '>=', '=='))} {draw.randint(-2, 2)}",
        "number": f'{at}.{draw.choice(("lessThan", "greaterThan"))}(decimal("{decimal}"))',
        "boolean": at,
        "array": f'{at}.contains("{draw.choice("ab")}")',
        "object": f"{at}.n > {draw.randint(-2, 2)}",
    }[kind]
    term = f"!({term})" if draw.random() < 0.3 else term
    return term if name in required else f"context.input has {name} && {term}"


def main() -> int:
    """Look at many cases, and say what came of them."""
    count, seed = int(os.environ.get("HANDSHAKE_SETS", "100000")), int(os.environ.get("HANDSHAKE_SEED", "1"))
    started, counts = time.monotonic(), Counts()
    batches = [min(_BATCH, count - first) for first in range(0, count, _BATCH)]
    with ProcessPoolExecutor() as processes:
        for batch in processes.map(run, batches, (f"{seed}/{number}" for number in range(len(batches)))):
            counts.add(batch)
    mutations = ", ".join(f"{number:,} {kind}" for kind, number in sorted(counts.mutations.items()))
    print(f"{counts.sets:,} sets of Cedar, seed {seed}: {mutations}; {len(counts.broken)} broken")
    print(f"{time.monotonic() - started:.0f} s")
    for broken in counts.broken[:5]:
        print(broken)
    return int(bool(counts.broken))


if __name__ == "__main__":
    sys.exit(main())
