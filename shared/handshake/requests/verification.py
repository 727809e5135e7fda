"""Verifies a request: what decides it, STATE, against the evidence of how it came to be so, and that against metrics.

The events of a chain say what sets each field. So they are played through, STATE is made anew from them, and the item
that is stored must be that one, indexes included.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, NamedTuple

from handshake.agents.table import change_key
from handshake.core.agents import Agent
from handshake.core.jsonio import canonical
from handshake.dynamo.marshalling import UNREADABLE, Item
from handshake.metrics.event_table import SYNTHETIC_PREFIX, event_item
from handshake.policy.rules import scopes_of, version_number
from handshake.policy.table import version_key
from handshake.policy.tools_table import tools_version_key
from handshake.requests.action import action_of, named_members
from handshake.requests.action_items import action_item, action_key
from handshake.requests.ending import ending_of
from handshake.requests.evidence import Chain, EvidenceEvent, broken_link, event_id_of
from handshake.requests.evidence_items import evidence_from, evidence_item, evidence_sort_key
from handshake.requests.listed_items import LISTED, closed_items, escalated_items
from handshake.requests.reconstruction import BrokenEvidenceError, Step, rebuilt
from handshake.requests.record import RequestRecord, State
from handshake.requests.recording import (
    CLAIMED,
    CLOSED,
    DECIDED,
    DECISIONS,
    actor_named,
    decision_event,
    refusal_metrics,
)
from handshake.requests.table import record_from, refusals_key, state_item, state_key

# Bytes of a key, as DynamoDB has them.
_MAX_PK: Final = 2048
_MAX_SK: Final = 1024
_ABSENT: Final = object()


class Place(NamedTuple):
    """The key of an item."""

    pk: str
    sk: str


@dataclass(frozen=True)
class Verdict:
    """Says what verification saw of a request.

    ``events`` are the metrics events that its evidence says were written, as they must be stored; ``policies`` the
    versions of policies and of its agent's records that decided it, or that its grant was claimed under.
    """

    request_id: str
    problems: Sequence[str] = ()
    events: Mapping[Place, Item] = field(default_factory=dict)
    policies: frozenset[Place] = frozenset()


def verify_partition(pk: str, items: Sequence[Item]) -> Verdict:
    """Verify all that is kept of a request: ``items``, in any order, are everything in its partition ``pk``."""
    request_id = pk.removeprefix(state_key("")["pk"])
    try:
        return _verify(request_id, items)
    except BrokenEvidenceError as broken:
        return Verdict(request_id, [str(broken)])
    except UNREADABLE:
        return Verdict(request_id, ["what is kept of it cannot be read"])


def verify_events(verdict: Verdict, kept: Mapping[Place, Item | None], *, now_ms: int) -> list[str]:
    """Hold the metrics events of a verified request against those ``kept``; synthetic ones may have expired."""
    problems: list[str] = []
    for place, expected in verdict.events.items():
        stored = kept.get(place)
        if stored is None:
            expired = place.pk.startswith(SYNTHETIC_PREFIX) and expected["ttl"] * 1000 <= now_ms
            problems += [] if expired else [f"its metrics event {place.sk} is not there"]
        # What a shadow would have decided is no evidence: it decides nothing.
        elif others := _differences(expected, {name: stored[name] for name in stored if name != "shadows"}):
            problems.append(f"its metrics event {place.sk} is not what evidence says at {others}")
    return problems


def verify_event(event: Item, evidence: Item | None) -> str | None:
    """Verify that the evidence which a metrics event names is there: in words what is wrong, None where it is.

    ``evidence`` is the item of that sort key in the partition of the event's request.
    """
    if evidence is None:
        return f"it counts evidence of {event.get('request_id')} that is not there"
    try:
        known = {event_id_of(kept) for kept in evidence_from(evidence)}
    except UNREADABLE:
        return f"it counts evidence of {event.get('request_id')} that cannot be read"
    return None if event["sk"] in known else f"it counts other evidence of {event.get('request_id')} than is there"


def evidence_place(event: Item) -> Place | None:
    """Give the key of the evidence that a metrics event names; None where it names none, or nothing that is a key."""
    request_id, sort_key = event.get("request_id"), event.get("evidence")
    if not (isinstance(request_id, str) and isinstance(sort_key, str) and sort_key):
        return None
    place = Place(state_key(request_id)["pk"], sort_key)
    return place if _is_key(place) else None


def _is_key(place: Place) -> bool:
    """Say whether something can be kept there: the store refuses longer keys, and whatever is asked for beside them."""
    return len(place.pk.encode()) <= _MAX_PK and len(place.sk.encode()) <= _MAX_SK


def _verify(request_id: str, items: Sequence[Item]) -> Verdict:
    by_kind: dict[str, list[Item]] = {"STATE": [], "ACTION": [], "EVT": [], "REF": [], "REFC": [], LISTED: []}
    for item in items:
        kind = item["sk"].partition("#")[0]
        if kind not in by_kind:
            raise BrokenEvidenceError(f"{item['sk']} is no part of a request")
        by_kind[kind].append(item)
    if len(by_kind["STATE"]) > 1:
        raise BrokenEvidenceError(f"{len(by_kind['STATE'])} items say what it is")
    evidence = [*by_kind["EVT"], *by_kind["REF"]]
    events = [event for item in evidence for event in _events_of(request_id, item)]
    stored = record_from(by_kind["STATE"][0]) if by_kind["STATE"] else None
    if stored is None:
        raise BrokenEvidenceError("there is evidence of it and no request" if items else "there is no such request")
    if broken := broken_link(stored.chain, events):
        raise BrokenEvidenceError(broken)
    chained = sorted((event for event in events if event.sequence), key=lambda event: event.sequence)
    refusals = [event for event in events if not event.sequence]
    steps = list(rebuilt(stored, chained))
    counted = _counted(request_id, refusals, by_kind["REFC"])
    _ensure_state_is(_expected_state(steps[-1].record, stored.chain, counted, by_kind["STATE"][0]), by_kind["STATE"][0])
    _ensure_action_is(steps[-1].record, by_kind["ACTION"])
    _ensure_listed(steps, by_kind[LISTED])
    counting = [*map(_counted_by, steps), *map(_refusal_counted, refusals)]
    return Verdict(
        request_id,
        events={Place(event["pk"], event["sk"]): event for event in counting if event},
        policies=frozenset(place for step in steps if _is_judged(step) for place in _policies(step)),
    )


def _events_of(request_id: str, item: Item) -> list[EvidenceEvent]:
    """Read an item of evidence, which must be as it was written."""
    events = list(evidence_from(item))
    written = evidence_item(events)
    if not all("event" in event.detail for event in events):  # an earlier release spelled it in its own way
        written |= {name: canonical(json.loads(item[name])) for name in ("detail", "then") if name in item}
    if events[0].request_id != request_id or _differences(written, item):
        raise BrokenEvidenceError(f"{item['sk']} is not evidence as it is written")
    return events


def _counted_by(step: Step) -> Item | None:
    """Give the metrics event of a step; None of one that an earlier release wrote, whose event has another id."""
    detail = step.audit.detail
    if "event" not in detail:
        return None
    at_ms, kind = step.audit.timestamp_ms, detail["event"]
    event = decision_event(step.record, kind, event_id=event_id_of(step.audit), now_ms=at_ms)
    # An earlier release counted for no agent, and named none in evidence.
    return event_item(
        replace(event, agent=event.agent if "agentVersions" in step.lineage.detail else None),
        correlation_id=detail["correlationId"],
        now_ms=at_ms,
        synthetic=detail.get("synthetic", False),
        witness=kind not in DECISIONS,
        evidence=evidence_sort_key(step.lineage),
    )


def _refusal_counted(refusal: EvidenceEvent) -> Item | None:
    """Give the metrics event of a refused action; None of one that an earlier release wrote."""
    if "event" not in refusal.detail:
        return None
    return event_item(
        refusal_metrics(refusal),
        correlation_id=refusal.detail["correlationId"],
        now_ms=refusal.timestamp_ms,
        synthetic=refusal.detail.get("synthetic", False),
        evidence=evidence_sort_key(refusal),
    )


def _ensure_action_is(record: RequestRecord, items: Sequence[Item]) -> None:
    """Hold the action that is kept whole against the digest, names and facts that were decided on.

    Of one whose erasure is in evidence nothing may be kept but its place.
    """
    submission = record.submission
    if submission.action is None:
        if items:
            raise BrokenEvidenceError("an action is kept of it that it does not have")
        return
    if len(items) != 1:
        raise BrokenEvidenceError("its action is not there")
    if record.arguments_erased_at_ms is not None:
        if _differences(action_key(record.request_id), items[0]):
            raise BrokenEvidenceError("its action was erased and is there")
        return
    text = items[0]["canonical"]
    whole = replace(submission, action=action_of(json.loads(text)["action"]), kept_digest=None)
    named = whole.action and named_members(whole.action)
    is_bound = whole.canonical_action == text and whole.action_digest == submission.action_digest
    kept = action_item(replace(record, submission=whole))
    if not is_bound or named != named_members(submission.action) or _differences(kept, items[0]):
        raise BrokenEvidenceError("its action is not the one that was decided on")


def _ensure_listed(steps: Sequence[Step], items: Sequence[Item]) -> None:
    """Hold the items of the index of history against what was escalated and closed.

    What an earlier release wrote need not be listed.
    """
    expected: dict[str, tuple[Item, bool]] = {}
    for step in steps:
        detail = step.audit.detail
        kind = detail.get("event", DECIDED if step.lineage.sequence == 1 else CLOSED)
        listed: list[Item] = []
        if kind == DECIDED and step.record.state is State.PENDING:
            listed = escalated_items(step.record)
        elif kind == CLOSED:
            closing = evidence_sort_key(step.lineage)
            listed = closed_items(step.record, ending_of(step.record.state, detail), closing=closing)
        expected |= {item["sk"]: (item, "listed" in detail) for item in listed}
    for item in items:
        known, _ = expected.pop(item["sk"], (None, False))
        if known is None or _differences(known, item):
            raise BrokenEvidenceError(f"{item['sk']} lists it as what it is not")
    if missing := [sort_key for sort_key, (_, needed) in expected.items() if needed]:
        raise BrokenEvidenceError(f"it is not listed under {', '.join(missing)}")


def _is_judged(step: Step) -> bool:
    """Say whether policy and the agent's records were asked: when it was decided, and when it was claimed."""
    return step.lineage.sequence == 1 or step.audit.detail.get("event") == CLAIMED


def _policies(step: Step) -> Iterator[Place]:
    """Give the versions of policies and tools that a decision or a claim names, and the changes its agent stood by."""
    named = step.lineage.detail["policyVersions"]
    agent = step.record.submission.agent
    for scope in scopes_of(agent):
        kind = scope.name
        number = version_number(named[kind]) if named.get(kind) is not None else None
        if number is not None:
            key = version_key(scope, number)
            place = Place(key["pk"], key["sk"])
            if not _is_key(place):
                raise BrokenEvidenceError("it was decided by the policy of an agent that can have none")
            yield place
    if (tools := step.lineage.detail.get("toolsVersion")) is not None:
        yield Place(**tools_version_key(version_number(tools) or 0))
    records = {"agent": Agent(agent.agent_id), "agentInTenant": agent}
    # An earlier release wrote none.
    for reach, version in step.lineage.detail.get("agentVersions", {}).items():
        yield Place(**change_key(records[reach], version))


class _Refusals(NamedTuple):
    """Counts the refused actions that evidence keeps, and those that were only counted."""

    kept: int
    beyond: int


def _counted(request_id: str, refusals: Sequence[EvidenceEvent], counters: Sequence[Item]) -> _Refusals:
    """Hold what each principal's counter says against the refused actions that are kept of it."""
    times: dict[tuple[str, str], list[int]] = {}
    for refusal in refusals:
        if "event" in refusal.detail:
            times.setdefault(actor_named(refusal.detail), []).append(refusal.timestamp_ms)
    beyond = 0
    for counter in counters:
        actor, tenant = counter["principal_id"], counter["tenant_id"]
        kept = times.pop((actor, tenant), [])
        more = counter.get("beyond", 0)
        first, last = counter["first_at"], counter["last_at"]
        own = {**refusals_key(request_id, actor, tenant), "principal_id": actor, "tenant_id": tenant}
        whole = {**own, "first_at": first, "last_at": last, "kept": len(kept) or None, "beyond": more or None}
        times_hold = (not kept or first in kept) and (more or last in kept) and (len(kept) + more > 1 or first == last)
        if _differences(whole, counter) or not times_hold:
            raise BrokenEvidenceError(f"{counter['sk']} does not count what was refused")
        beyond += int(more)
    if times:
        raise BrokenEvidenceError(f"nothing counts refused actions of {len(times)} principals")
    return _Refusals(len(refusals), beyond)


def _expected_state(record: RequestRecord, chain: Chain, refused: _Refusals, stored: Item) -> Item:
    """Make the STATE item that evidence says, with what only counts taken from the counters."""
    counted = {
        "refusals": refused.kept or None,
        "refusal_tally": chain.refusal_tally if refused.kept else None,
        "refusals_counted": refused.beyond or None,
        "refusals_beyond": stored.get("refusals_beyond"),  # of an earlier release, which nothing else counts
    }
    return state_item(replace(record, chain=chain)) | counted


def _ensure_state_is(expected: Item, stored: Item) -> None:
    if others := _differences(expected, stored):
        raise BrokenEvidenceError(f"the request is not what its evidence says at {others}")


def _differences(expected: Mapping[str, Any], stored: Mapping[str, Any]) -> str:
    """Name the attributes by which two items differ; "" where they are the same. None is no attribute."""
    given = {name: value for name, value in expected.items() if value is not None}
    names = {
        name for name in given.keys() | stored.keys() if not _same(given.get(name, _ABSENT), stored.get(name, _ABSENT))
    }
    return ", ".join(sorted(names))


def _same(value: Any, other: Any) -> bool:
    return value == other and isinstance(value, bool) == isinstance(other, bool)
