"""Read, format, validate and test Cedar policies that lie in a folder, each file with its table of tests beside it.

All of it is done on this machine, by the code that decides in the service: what a table says here is what a stack
decides that has the same policy and tools.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from handshake.policy.cedar.tools import Tools
    from handshake.policy.cedar.validate import Faults, Prepared
    from handshake.policy.rules import PolicyInForce
    from handshake.policy.setting import Setting
    from handshake.requests.decision import Decision

SUFFIX: Final = ".cedar"
TABLE_SUFFIX: Final = ".test.json"
TOOLS_FILE: Final = "tools.json"
_MEMBERS: Final = frozenset(
    {
        "scope",
        "scopeId",
        "tenantId",
        "unmatched",
        "unmatchedTools",
        "rules",
        "tools",
        "environment",
        "unreached",
        "tests",
    }
)
_OF_A_TEST: Final = frozenset({"name", "request", "decision", "tier", "reasonCode", "policies"})
_ENGINE_TRIES: Final = 5


class UnreadableError(ValueError):
    """A file is not what it should be; the message names it."""


@dataclass(frozen=True)
class Source:
    """A file of Cedar policies, with the table of tests beside it; {} where there is none."""

    path: Path
    text: str
    table: Mapping[str, Any] = field(default_factory=dict)

    @property
    def unmatched(self) -> Any:
        """Give what its table says of calls that no policy matches."""
        return self.table.get("unmatched")

    def tools(self) -> "Tools":
        """Give the tools that its policies are validated by: its table's, or those of ``tools.json`` beside it."""
        given = self.table.get("tools", TOOLS_FILE)
        if isinstance(given, str):
            file = self.path.with_name(given)
            given = _json(file) if file.exists() or "tools" in self.table else []
        return tools_from_lists(given, self.path)


@dataclass(frozen=True)
class Failure:
    """A test that does not hold: what was expected, and what was decided."""

    name: str
    expected: str
    decided: str


@dataclass(frozen=True)
class Tested:
    """The outcome of a table: how many tests it has, which fail, and the policies that none of them reached."""

    count: int
    failures: Sequence[Failure]
    unreached: Sequence[str]


def sources_of(path: Path) -> list[Source]:
    """Give the files of Cedar at ``path``: itself, or those of a folder by their names. Raises UnreadableError."""
    files = sorted(path.glob(f"*{SUFFIX}")) if path.is_dir() else [path]
    if not files:
        raise UnreadableError(f"{path}: no file of it ends with {SUFFIX}")
    return [_source(file) for file in files]


def tools_from_lists(lists: Any, origin: Path) -> "Tools":
    """Give the registry that lists of tools make, each as ``POST /policy/tools`` takes it."""
    from handshake.core.errors import HandshakeError
    from handshake.policy.cedar.tools import Tools
    from handshake.policy.tool_change import parse_tools

    tools = Tools()
    try:
        for given in lists if isinstance(lists, list) else [lists]:
            change = parse_tools(given)
            tools = tools.replaced(change.action_type, change.tools)
    except HandshakeError as error:
        raise UnreadableError(f"{origin}: its tools: {error}") from None
    return tools


def formatted(source: Source) -> str:
    """Format a text as the engine does, as often as that changes it: so formatting again changes nothing.

    Raises UnreadableError.
    """
    import cedarpy

    from handshake.policy.cedar.text import Fault, split

    if isinstance(fault := split(source.text), Fault):
        raise UnreadableError(f"{source.path}: {fault}")
    text = source.text
    try:
        for _ in range(_ENGINE_TRIES):
            before, text = text, cedarpy.format_policies(text)
            if text == before:
                break
    except ValueError as error:
        raise UnreadableError(f"{source.path}: {error}") from None
    return text if text.endswith("\n") or not text else f"{text}\n"


def validated(source: Source) -> "Prepared | Faults":
    """Say whether a file may be applied with its own tools. Raises UnreadableError."""
    from handshake.policy.cedar.validate import validate

    return validate(source.text, source.tools(), unmatched=source.unmatched)


def tested(source: Source) -> Tested:
    """Decide each request of a file's table, and compare. Raises UnreadableError."""
    from handshake.policy.cedar.engine import prepare_set
    from handshake.policy.cedar.text import sha256_of
    from handshake.policy.cedar.validate import Faults
    from handshake.policy.setting import Setting

    prepared = validated(source)
    if isinstance(prepared, Faults):
        raise UnreadableError(f"{source.path}: {prepared.message}")
    tests = source.table.get("tests", [])
    sha256 = sha256_of(source.text)
    setting = Setting(
        environment=source.table.get("environment", "local"),
        tools=source.tools(),
        sets={sha256: prepare_set(sha256, source.text)},
    )
    policy = _policy(source, sha256)
    reached: set[str] = set()
    failures: list[Failure] = []
    for index, test in enumerate(tests):
        name = _named(test, index, source.path)
        decision = _decided(test, policy, setting, source.path)
        by = [named.policy for named in decision.policies]
        reached |= set(by)
        got = {
            "decision": decision.outcome,
            "tier": decision.tier,
            "reasonCode": decision.reason.value,
            "policies": sorted(by),
        }
        wanted = {member: test[member] for member in got if member in test}
        if "policies" in wanted:
            wanted["policies"] = sorted(wanted["policies"])
        if any(got[member] != value for member, value in wanted.items()):
            failures.append(Failure(name, json.dumps(wanted), json.dumps(got)))
    allowed = set(source.table.get("unreached", ()))
    return Tested(len(tests), failures, [each.id for each in prepared.policies if each.id not in reached | allowed])


def members_of(sources: Sequence[Source]) -> dict[str, Any]:
    """Give the members that a folder's files make together: their texts one after another, and what the tables say.

    Raises UnreadableError where two tables say different things.
    """
    members: dict[str, Any] = {"cedar": "\n".join(source.text.rstrip("\n") + "\n" for source in sources)}
    for name in ("unmatched", "unmatchedTools"):
        given = [source.table[name] for source in sources if name in source.table]
        if any(value != given[0] for value in given):
            raise UnreadableError(f"{sources[0].path.parent}: two tables give {name} different values")
        if given:
            members[name] = given[0]
    return members


def scope_of(sources: Sequence[Source]) -> dict[str, str]:
    """Give the scope that the tables name, {} where none does. Raises UnreadableError where they name several."""
    named = [_present(source.table, "scope", "scopeId", "tenantId") for source in sources]
    scopes = [scope for scope in named if scope]
    if any(scope != scopes[0] for scope in scopes):
        raise UnreadableError(f"{sources[0].path.parent}: two tables name different scopes")
    return scopes[0] if scopes else {}


def _source(file: Path) -> Source:
    table = file.with_name(f"{file.name.removesuffix(SUFFIX)}{TABLE_SUFFIX}")
    try:
        text = file.read_text("utf-8")
    except (OSError, UnicodeError) as fault:
        raise UnreadableError(f"{file}: {fault}") from None
    given = _json(table) if table.exists() else {}
    if not isinstance(given, dict):
        raise UnreadableError(f"{table}: it is no object")
    if unknown := sorted(given.keys() - _MEMBERS):
        raise UnreadableError(f"{table}: it has {', '.join(unknown)}, which no table has")
    return Source(file, text, given)


def _json(file: Path) -> Any:
    from handshake.core.jsonio import BadJsonError, parse

    try:
        return parse(file.read_text("utf-8"), max_bytes=2**20)
    except (OSError, UnicodeError) as fault:
        raise UnreadableError(f"{file}: {fault}") from None
    except BadJsonError as fault:
        raise UnreadableError(f"{file}: it {fault}") from None


def _policy(source: Source, sha256: str) -> "PolicyInForce":
    from handshake.core.errors import HandshakeError
    from handshake.policy.rule_keys import limits_of
    from handshake.policy.rules import PolicyInForce, ScopePolicy, parse_rules, parse_scope

    try:
        scope = parse_scope({"scope": "global", **_present(source.table, "scope", "scopeId", "tenantId")})
        limits = limits_of(parse_rules(source.table.get("rules", [])))
    except HandshakeError as error:
        raise UnreadableError(f"{source.path}: its table: {error}") from None
    return PolicyInForce(
        (
            ScopePolicy(
                scope,
                1,
                limits=limits,
                unmatched=source.unmatched,
                unmatched_tools=source.table.get("unmatchedTools"),
                cedar_sha256=sha256,
            ),
        )
    )


def _decided(test: Mapping[str, Any], policy: "PolicyInForce", setting: "Setting", origin: Path) -> "Decision":
    from handshake.core.errors import HandshakeError
    from handshake.requests.decision import decide
    from handshake.requests.submission import parse_recorded

    request = {
        "requestId": "request",
        "principalId": "principal",
        "agentId": "agent",
        "payloadRef": "payload",
        "timestamp": 0,
        **test["request"],
    }
    if isinstance(request["timestamp"], str):
        request["timestamp"] = _epoch_ms(request["timestamp"], origin)
    try:
        submission = parse_recorded(request)
    except HandshakeError as error:
        raise UnreadableError(f"{origin}: the request of {test['name']!r}: {error}") from None
    return decide(submission, policy=policy, spent=Decimal(0), setting=setting)


def _epoch_ms(text: str, origin: Path) -> int:
    from datetime import datetime

    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise UnreadableError(f"{origin}: {text} is no time with its zone, such as 2026-03-02T09:30Z")
    return int(at.timestamp() * 1000)


def _named(test: Any, index: int, origin: Path) -> str:
    known = isinstance(test, dict) and not test.keys() - _OF_A_TEST
    if not (
        known and isinstance(test.get("name"), str) and isinstance(test.get("request"), dict) and "decision" in test
    ):
        members = ", ".join(sorted(_OF_A_TEST))
        raise UnreadableError(f"{origin}: test {index + 1} of its table needs name, request and decision of {members}")
    name: str = test["name"]
    return name


def _present(table: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: table[name] for name in names if name in table}


def lines_of(tested_files: Mapping[Path, Tested]) -> Iterator[str]:
    """Say for people what tables came to, a line each; failures are told in full."""
    for path, outcome in tested_files.items():
        failed = len(outcome.failures)
        yield f"{path}: {outcome.count - failed} of {outcome.count} hold"
        for failure in outcome.failures:
            yield f"  {failure.name}: expected {failure.expected}, decided {failure.decided}"
        for policy in outcome.unreached:
            yield f"  policy {policy} decided none of them: test it, or name it in unreached"
