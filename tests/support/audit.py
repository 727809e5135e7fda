"""The auditor: reads every table and names whatever does not agree with the rest."""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any, Final

from handshake.agents.table import PARTITION_PREFIX as AGENTS
from handshake.agents.verification import verify_agent
from handshake.core.agents import Agent
from handshake.core.reasons import AGENT_STOPPED_DENIALS, SECURITY_DENIALS
from handshake.dynamo.marshalling import Item, unmarshal
from handshake.dynamo.tables import Tables
from handshake.people.table import PARTITION_PREFIX as PEOPLE
from handshake.people.verification import verify_person
from handshake.policy.rule_keys import DEFAULT_LIMITS, ESCALATIONS_PER_WINDOW
from handshake.policy.rules import version_name
from handshake.policy.verification import verify_scope
from handshake.replay_guards.table import guard_key
from handshake.requests import table
from handshake.requests.decision import ESCALATION_WINDOW_MS
from handshake.requests.evidence import EvidenceEvent, event_id_of
from handshake.requests.record import RequestRecord, State
from handshake.requests.recording import CLOSED, DECISIONS
from handshake.requests.table import split_partition
from handshake.requests.verification import verify_partition
from handshake.trust.token import MIN_GUARD_LIFETIME_S

_PER_WINDOW: Final = DEFAULT_LIMITS[ESCALATIONS_PER_WINDOW]

Counted = tuple[str, str]
Requests = dict[str, tuple[RequestRecord, list[EvidenceEvent], Item]]


def audit(dynamodb: Any, tables: Tables) -> list[str]:
    """List the faults of all that a service stored, while nobody writes; none, if it kept its promises.

    Every state is what its evidence, whole, says; every decision has exactly one metrics event, and every refused
    action; every guard matches a write; what agents spent is what was allowed or approved; nobody escalated past the
    window; every policy has its versions and its audit trail, and every agent and person the evidence of its changes.
    """
    partitions: defaultdict[str, list[Item]] = defaultdict(list)
    for item in _scan(dynamodb, tables.workflow):
        partitions[item["pk"]].append(item)
    events = [item for item in _scan(dynamodb, tables.metrics) if item["pk"].startswith("EVENT#")]
    guards = _scan(dynamodb, tables.replay_guards)
    policy = _scan(dynamodb, tables.policy)
    requests: Requests = {}
    faults: list[str] = []
    for pk, items in partitions.items():
        if pk.startswith("REQ#"):
            record, evidence = split_partition(items)
            if record is None:
                faults.append(f"{pk} has evidence and no state")
                continue
            faults += (f"{pk}: {problem}" for problem in verify_partition(pk, items).problems)
            requests[record.request_id] = record, evidence, next(item for item in items if item["sk"] == "STATE")
    records = [record for record, _, _ in requests.values()]
    for record, evidence, item in requests.values():
        faults += (f"{record.request_id}: {fault}" for fault in _request_faults(record, evidence, item))
    faults += _event_faults(requests, events)
    faults += _decision_guard_faults(requests, guards)
    faults += _spend_faults(records, partitions)
    faults += _budget_faults(records, partitions)
    faults += _window_faults(records, partitions)
    faults += _policy_faults([item for item in policy if item["pk"].startswith("SCOPE#")], guards)
    faults += _chain_faults([item for item in policy if item["pk"].startswith(AGENTS)], verify_agent)
    faults += _chain_faults([item for item in policy if item["pk"].startswith(PEOPLE)], verify_person)
    return faults


def _scan(dynamodb: Any, table: str) -> list[Item]:
    pages = dynamodb.get_paginator("scan").paginate(TableName=table, ConsistentRead=True)
    return [unmarshal(item) for page in pages for item in page["Items"]]


def _closed(record: RequestRecord) -> bool:
    return record.hitl_request_id is not None and record.state.terminal


def _request_faults(record: RequestRecord, evidence: list[EvidenceEvent], item: Item) -> Iterator[str]:
    chained = sorted((event for event in evidence if event.sequence), key=lambda event: event.sequence)
    decisions = [event for event in chained if event.detail.get("event", CLOSED) in DECISIONS]
    if [event.source for event in decisions] != ["lineage", "audit"] * (2 if _closed(record) else 1):
        yield f"{len(chained)} events do not tell how it became {record.state.value}"
        return
    said = chained[-1].detail
    if (said["state"], said["decision"], chained[-1].reason_code) != (record.state, record.outcome, record.reason):
        yield f"evidence says {said['state']}, the state {record.state.value}"
    if _closed(record) and decisions[-2].detail["from"] != State.PENDING:
        yield "it was closed though it was not pending"
    waits = {name for name in item if name.startswith("pending_")}
    unreported = record.claim is not None and record.report is None
    if bool(waits) != (record.state is State.PENDING or unreported):
        yield f"it is {record.state.value} and in the queues as {sorted(waits)}"


def _event_faults(requests: Requests, events: list[Item]) -> Iterator[str]:
    by_request: defaultdict[str, list[Item]] = defaultdict(list)
    at_the_door = SECURITY_DENIALS | AGENT_STOPPED_DENIALS
    for event in events:
        by_request[event["request_id"]].append(event)
    for request_id, (_, evidence, item) in requests.items():
        refused = {event_id_of(event): event.reason_code for event in evidence if not event.sequence}
        decided = Counter(
            (event.detail["decision"], event.reason_code)
            for event in evidence
            if event.sequence and event.source == "audit" and event.detail.get("event", CLOSED) in DECISIONS
        )
        counted = by_request.pop(request_id, [])
        of_refusals = {event["sk"]: event["reason_code"] for event in counted if event["sk"] in refused}
        if of_refusals != refused:
            yield f"{request_id}: {len(refused)} refused actions, {len(of_refusals)} of them counted"
        others = Counter((event["decision"], event["reason_code"]) for event in counted if event["sk"] not in refused)
        # A denial at the door names the request and leaves no evidence of it; of refused actions beyond those that
        # evidence keeps, there is a count.
        strays = sum(
            count for fact, count in (others - decided).items() if fact[1] not in at_the_door or fact in decided
        )
        if decided - others or strays > item.get("refusals_counted", 0):
            yield f"{request_id}: decided {dict(decided)}, counted {dict(others)}"
    for request_id, strays_of in by_request.items():
        if any(event["decision"] != "deny" for event in strays_of):
            yield f"{request_id}: counted and never stored"


def _decision_guard_faults(requests: Requests, guards: list[Item]) -> Iterator[str]:
    named: Counter[str] = Counter()
    for guard in guards:
        if not guard["guard_key"].startswith("decision_action#"):
            continue
        outcome = json.loads(guard["outcome"])
        request_id = outcome["requestId"]
        if outcome.get("state") == State.PENDING:
            if not requests[request_id][0].extensions:
                yield f"{request_id}: a guard was burned and nothing extended"
            continue
        named[request_id] += 1
        if request_id not in requests or outcome["artifact"] != requests[request_id][0].artifact():
            yield f"{request_id}: a guard tells an outcome that is not stored"
        elif not _closed(requests[request_id][0]):
            yield f"{request_id}: a guard was burned and nothing closed"
    yield from (f"{request_id}: {count} keys closed it" for request_id, count in named.items() if count > 1)


def _spend_faults(records: list[RequestRecord], partitions: dict[str, list[Item]]) -> Iterator[str]:
    spent: defaultdict[tuple[str, str], Decimal] = defaultdict(Decimal)
    limits: dict[tuple[str, str], Decimal] = {}
    for record in records:
        if record.spend and record.state.authorizes:
            key = table.spend_key(record.submission.agent, record.spend_day)
            day = key["pk"], key["sk"]
            spent[day] += record.spend.amount
            limits[day] = max(limits.get(day, Decimal(0)), record.spend.daily_limit)
    kept = {
        (pk, item["sk"]): item["spent"] for pk, items in partitions.items() if pk.startswith("SPEND") for item in items
    }
    for day in kept.keys() | spent.keys():
        if kept.get(day, 0) != spent[day]:
            yield f"{day}: {kept.get(day, 0)} is kept as spent, {spent[day]} was allowed"
        if spent[day] > limits.get(day, 0):
            yield f"{day}: {spent[day]} is over the limit of {limits.get(day, 0)}"


def _budget_faults(records: list[RequestRecord], partitions: dict[str, list[Item]]) -> Iterator[str]:
    """Each counter of a budget holds what requests hold of it; only what people approved may go past its limit."""
    taken: defaultdict[Counted, Decimal] = defaultdict(Decimal)
    in_time: defaultdict[Counted, Decimal] = defaultdict(Decimal)
    limits: dict[Counted, Decimal] = {}
    for record in records:
        for reservation in record.reservations:
            key = table.budget_key(reservation.counter)
            counter = key["pk"], key["sk"]
            limits[counter] = max(limits.get(counter, Decimal(0)), reservation.limit)
            waits = record.state is State.PENDING and reservation.held
            if waits or record.state.authorizes:
                taken[counter] += reservation.amount
                in_time[counter] += reservation.amount if reservation.held else 0
    kept = {
        (pk, item["sk"]): item["taken"]
        for pk, items in partitions.items()
        if pk.startswith("BUDGET#")
        for item in items
    }
    for counter in kept.keys() | taken.keys():
        if kept.get(counter, 0) != taken[counter]:
            yield f"{counter}: {kept.get(counter, 0)} is kept as taken, requests hold {taken[counter]}"
        if in_time[counter] > limits.get(counter, 0):
            yield f"{counter}: {in_time[counter]} is over the limit of {limits.get(counter, 0)}"


def _window_faults(records: list[RequestRecord], partitions: dict[str, list[Item]]) -> Iterator[str]:
    made: defaultdict[tuple[str, Agent], list[int]] = defaultdict(list)
    for record in records:
        if record.hitl_request_id is not None:
            made[record.submission.principal_id, record.submission.agent].append(record.created_at_ms)
    for pair, times in made.items():
        times.sort()
        for first, sixth in zip(times, times[_PER_WINDOW:], strict=False):
            if sixth - first < ESCALATION_WINDOW_MS:
                yield f"{pair} escalated more than {_PER_WINDOW} times in a window"
        key = table.escalations_key(*pair)
        items = [item for item in partitions[key["pk"]] if item["sk"] == key["sk"]]
        remembered = sorted(map(int, items[0]["times"])) if items else []
        if remembered != [time for time in times if time > times[-1] - ESCALATION_WINDOW_MS]:
            yield f"{pair} escalated {len(times)} times, {len(remembered)} are remembered"


def _chain_faults(kept: list[Item], verify: Callable[[list[Item]], list[str]]) -> Iterator[str]:
    chains: defaultdict[str, list[Item]] = defaultdict(list)
    for item in kept:
        chains[item["pk"]].append(item)
    for name, items in chains.items():
        yield from (f"{name}: {problem}" for problem in verify(items))


def _policy_faults(policy: list[Item], guards: list[Item]) -> Iterator[str]:
    scopes: defaultdict[str, dict[str, Item]] = defaultdict(dict)
    for item in (item for item in policy if item["pk"].startswith("SCOPE#")):
        scopes[item["pk"]][item["sk"]] = item
    tokens: dict[str, Item] = {}
    for scope, items in scopes.items():
        active = items.get("ACTIVE", {"number": 0})
        newest = int(active["latest"] if "latest" in active else active["number"])
        numbers = range(1, newest + 1)
        expected = {"ACTIVE", *(f"{kind}#{number:08d}" for kind in ("VERSION", "AUDIT") for number in numbers)}
        if items.keys() != expected:
            yield f"{scope}: version {newest} is the newest, and kept are {sorted(items)}"
            continue
        yield from (f"{scope}: {problem}" for problem in verify_scope(list(items.values())))
        for number in numbers:
            audited = items[f"AUDIT#{number:08d}"]
            if audited["audit_event_id"] != items[f"VERSION#{number:08d}"]["audit_event_id"]:
                yield f"{scope}: version {number} has another audit event"
            key = guard_key("policy_apply", audited["jti"])["guard_key"]
            if key in tokens:
                yield f"{scope}: the token of version {number} applied another version too"
            tokens[key] = audited
    kept = {guard["guard_key"]: guard for guard in guards if guard["guard_key"].startswith("policy_apply#")}
    for guard in kept.values():
        if guard["expires_at"] - guard["created_at"] < MIN_GUARD_LIFETIME_S * 1000:
            yield f"a token's guard lives {guard['expires_at'] - guard['created_at']} ms"
    for key in kept.keys() | tokens.keys():
        told = json.loads(kept[key]["outcome"])["policyVersion"] if key in kept else None
        done = version_name(int(tokens[key]["number"])) if key in tokens else None
        if told != done:
            yield f"a token's guard tells of {told}, and {done} was applied"
