"""Verify what is stored: requests against their evidence and metrics, metrics against evidence, policies against audit,
agents and people against the evidence of their changes.

A table is read page by page, each partition whole, in bounded memory. Writes go on meanwhile, and nothing reads two
tables at one moment: what looks broken is read again before it is believed.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any, Final, Literal, NamedTuple

from handshake.agents.table import PARTITION_PREFIX as AGENTS
from handshake.agents.verification import verify_agent
from handshake.dynamo.context import Context
from handshake.dynamo.marshalling import Item, Key
from handshake.people.table import PARTITION_PREFIX as PEOPLE
from handshake.people.verification import verify_person
from handshake.policy.table import active_key
from handshake.policy.tools_table import PARTITION as TOOLS
from handshake.policy.tools_table import use_key
from handshake.policy.tools_verification import scopes_in, unknown_user, verify_tools, verify_use
from handshake.policy.verification import verify_scope
from handshake.requests.table import read_partition, state_key
from handshake.requests.verification import (
    Place,
    Verdict,
    evidence_place,
    verify_event,
    verify_events,
    verify_partition,
)

_READS: Final = 3
_BATCH: Final = 100  # keys of one call
_AT_ONCE: Final = 10  # as many calls as botocore keeps connections open
_REQUESTS: Final = state_key("")["pk"]


@dataclass(frozen=True)
class Finding:
    """Something that does not hold: of a request (``name`` is its id), a metrics event (its id), a policy, an agent
    or a person.

    The last three are named by the ends of their keys.
    """

    subject: Literal["request", "event", "policy", "agent", "person"]
    name: str
    problem: str


class Page(NamedTuple):
    """Says what one page of a table held; ``next_key`` goes on after it, and is None at the end."""

    checked: int
    findings: Sequence[Finding]
    next_key: Item | None


def verify_request(context: Context, request_id: str) -> list[Finding]:
    """Verify one request. That there is none is a finding too. Raises StoreUnavailableError."""
    problems: Sequence[str] = ()
    for _ in range(_READS):
        items = read_partition(context.dynamo, context.tables.workflow, request_id)
        [(_, problems)] = _hold(context, [verify_partition(state_key(request_id)["pk"], items)])
        if not problems:
            break
    return [Finding("request", request_id, problem) for problem in problems]


def verify_requests(context: Context, request_ids: Sequence[str]) -> list[Finding]:
    """Verify some hundred requests by their ids. Raises StoreUnavailableError."""
    read = partial(read_partition, context.dynamo, context.tables.workflow)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        partitions = list(pool.map(read, request_ids))
    pairs = zip(request_ids, partitions, strict=True)
    held = _hold(context, [verify_partition(state_key(request_id)["pk"], items) for request_id, items in pairs])
    return _verified_again(context, held)


def requests_page(context: Context, start: Item | None = None, **options: Any) -> Page:
    """Verify the requests of one page of the workflow table, after ``start``; ``options`` are Scan's own.

    Evidence of a request that is not there is a finding. Raises StoreUnavailableError.
    """
    groups, next_key = _partitions(context, context.tables.workflow, _REQUESTS, start, options)
    held = _hold(context, [verify_partition(pk, items) for pk, items in groups.items()])
    return Page(len(groups), _verified_again(context, held), next_key)


def policies_page(context: Context, start: Item | None = None, **options: Any) -> Page:
    """Verify the scopes of one page of the policy table, after ``start``, and the tools that they name.

    ``options`` are Scan's own. Raises StoreUnavailableError.
    """
    groups, findings, next_key = _policy_table_page(context, _POLICIES, start, options)
    return Page(len(groups), [*findings, *_tools_findings(context, groups)], next_key)


def agents_page(context: Context, start: Item | None = None, **options: Any) -> Page:
    """Verify the agents of one page of the policy table, after ``start``; ``options`` are Scan's own.

    Raises StoreUnavailableError.
    """
    groups, findings, next_key = _policy_table_page(context, _AGENTS, start, options)
    return Page(len(groups), findings, next_key)


def people_page(context: Context, start: Item | None = None, **options: Any) -> Page:
    """Verify the people of one page of the policy table, after ``start``; ``options`` are Scan's own.

    Raises StoreUnavailableError.
    """
    groups, findings, next_key = _policy_table_page(context, _PEOPLE, start, options)
    return Page(len(groups), findings, next_key)


class _Kept(NamedTuple):
    """Names what partitions of the policy table that begin with ``prefix`` hold, and what finds problems in one."""

    subject: Literal["policy", "agent", "person"]
    prefix: str
    verify: Callable[[Sequence[Item]], Sequence[str]]


_POLICIES: Final = _Kept("policy", "SCOPE#", verify_scope)
_AGENTS: Final = _Kept("agent", AGENTS, verify_agent)
_PEOPLE: Final = _Kept("person", PEOPLE, verify_person)


def _policy_table_page(
    context: Context, kept: _Kept, start: Item | None, options: Mapping[str, Any]
) -> tuple[Mapping[str, Sequence[Item]], list[Finding], Item | None]:
    """Give the partitions of one page, what does not hold in them, and where the next page begins."""
    table = context.tables.policy
    groups, next_key = _partitions(context, table, kept.prefix, start, options)
    findings: list[Finding] = []
    for pk, items in groups.items():
        problems = kept.verify(items)
        for _ in range(_READS):
            problems = problems and kept.verify(_whole(context, table, pk))
        findings += [Finding(kept.subject, pk.removeprefix(kept.prefix), problem) for problem in problems]
    return groups, findings, next_key


def _tools_findings(context: Context, groups: Mapping[str, Sequence[Item]]) -> list[Finding]:
    """Verify the registry of tools, what it says of those who use it, and that it knows those of ``groups`` who do."""
    problems: list[tuple[str, str]] = []
    for _ in range(_READS):
        items = _whole(context, context.tables.policy, TOOLS)
        problems = [("tools", problem) for problem in verify_tools(items)] + _use_problems(context, items)
        uses = {item["sk"]: item for item in items}
        told = ((pk, unknown_user(scope_items, uses)) for pk, scope_items in groups.items())
        problems += [(pk.removeprefix("SCOPE#"), problem) for pk, problem in told if problem]
        if not problems:
            break
    return [Finding("policy", name, problem) for name, problem in problems]


def _use_problems(context: Context, items: Sequence[Item]) -> list[tuple[str, str]]:
    """Hold each scope that the registry names against what that scope has in force."""
    uses = {item["sk"]: item for item in items}
    scopes = scopes_in(items)
    actives = _read(context, context.tables.policy, {_place(active_key(scope)) for scope in scopes})
    told = (
        (scope, verify_use(scope, actives[_place(active_key(scope))], uses[use_key(scope)["sk"]]))
        for scope in scopes
        if use_key(scope)["sk"] in uses
    )
    return [(scope.partition.removeprefix("SCOPE#"), problem) for scope, problem in told if problem]


def _place(key: Key) -> Place:
    return Place(key["pk"], key["sk"])


def events_page(context: Context, start: Item | None = None, **options: Any) -> Page:
    """Verify that the evidence is there which the metrics events of one page name, after ``start``.

    Those that name none are passed over: what callers report, what is refused at the door, and what earlier releases
    wrote. ``options`` are Scan's own. Raises StoreUnavailableError.
    """
    tables = context.tables
    page = context.dynamo.scan_page(
        tables.metrics, "attribute_type(evidence, :text)", {":text": "S"}, start=start, **options
    )
    doubtful, problems = page.items, []
    for _ in range(_READS):
        kept = _read(context, tables.workflow, {place for place in map(evidence_place, doubtful) if place})
        problems = [(event, problem) for event in doubtful if (problem := _event_problem(event, kept))]
        doubtful = [event for event, _ in problems]
    findings = [Finding("event", event["sk"], problem) for event, problem in problems]
    return Page(len(page.items), findings, page.next_key)


def _event_problem(event: Item, kept: Mapping[Place, Item | None]) -> str | None:
    place = evidence_place(event)
    return verify_event(event, kept[place] if place else None)


def _verified_again(context: Context, held: Sequence[tuple[str, Sequence[str]]]) -> list[Finding]:
    """Verify what has problems by itself, many at once: of a page that is broken throughout, too, it tells in time."""
    doubtful = [request_id for request_id, problems in held if problems]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return [finding for findings in pool.map(partial(verify_request, context), doubtful) for finding in findings]


def _hold(context: Context, verdicts: Sequence[Verdict]) -> list[tuple[str, list[str]]]:
    """Give each request's problems: those of its partition, and where it differs from metrics and policies."""
    tables = context.tables
    events = _read(context, tables.metrics, {place for verdict in verdicts for place in verdict.events})
    policies = _read(context, tables.policy, {place for verdict in verdicts for place in verdict.policies})
    now = context.now_ms()
    return [
        (
            verdict.request_id,
            [
                *verdict.problems,
                *verify_events(verdict, events, now_ms=now),
                *(
                    f"{place.sk} of {place.pk} decided it and is not there"
                    for place in sorted(verdict.policies)
                    if policies[place] is None
                ),
            ],
        )
        for verdict in verdicts
    ]


def _read(context: Context, table: str, places: Iterable[Place]) -> Mapping[Place, Item | None]:
    kept: dict[Place, Item | None] = {}
    wanted = iter(sorted(places))
    while batch := list(islice(wanted, _BATCH)):
        kept |= zip(batch, context.dynamo.batch_get([(table, place._asdict()) for place in batch]), strict=True)
    return kept


def _partitions(
    context: Context, table: str, prefix: str, start: Item | None, options: Mapping[str, Any]
) -> tuple[dict[str, list[Item]], Item | None]:
    """Give a page of a table as whole partitions: one that its end cuts is read by itself, and skipped in the next."""
    page = context.dynamo.scan_page(table, "begins_with(pk, :prefix)", {":prefix": prefix}, start=start, **options)
    groups: dict[str, list[Item]] = {}
    for item in page.items:
        groups.setdefault(item["pk"], []).append(item)
    if start:
        groups.pop(start["pk"], None)
    cut = page.next_key and page.next_key["pk"]
    if cut in groups:
        groups[cut] = _whole(context, table, cut)
    return groups, page.next_key


def _whole(context: Context, table: str, pk: str) -> list[Item]:
    return context.dynamo.query_all(table, "pk = :pk", {":pk": pk}, ConsistentRead=True)


ByPage = Callable[..., Page]
PAGES: Final[Mapping[str, ByPage]] = {
    "requests": requests_page,
    "events": events_page,
    "policies": policies_page,
    "agents": agents_page,
    "people": people_page,
}
"""Verify a whole stack, one after another: each table by its pages."""
