"""Verification of stored requests: by pages, while others write, and of what the release before wrote."""

import json
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from handshake.agents.standing import UNRECORDED
from handshake.agents.table import change_key, record_key
from handshake.core.agents import Agent
from handshake.core.reasons import ReasonCode
from handshake.dynamo.client import Page as StorePage
from handshake.dynamo.context import Context
from handshake.dynamo.marshalling import Item, marshal
from handshake.policy.rules import PolicyInForce, Scope, ScopePolicy
from handshake.policy.tools_table import PARTITION as TOOLS
from handshake.requests.decision import Decision
from handshake.requests.evidence_items import evidence_item
from handshake.requests.record import RequestRecord, State
from handshake.requests.recording import Origin, record_close, record_decision, record_revocation
from handshake.requests.submission import parse_recorded
from handshake.requests.table import record_from, state_item, state_key
from handshake.requests.transaction import RequestTransaction, origin
from handshake.requests.verification import verify_partition
from handshake.requests.verify import PAGES, ByPage, Finding, events_page, requests_page, verify_request
from tests.conftest import Engine
from tests.support import engines
from tests.support.agents import operator, put
from tests.support.service import InProcess, act, claim, decided, get, human, now_ms, submission
from tests.support.worlds import InMemory, Stored, a_world, load_earlier_release

EVERY_PAYLOAD = {"source", "event", "reasonCode", "timestamp", "decision", "state", "decisionContextHash"}


@pytest.fixture(scope="module")
def filled(dynamodb_local_endpoint: str) -> tuple[Stored, InProcess]:
    """A store with requests of every kind, for tests that only read, and the service on it."""
    client = engines.client_of("dynamodb", dynamodb_local_endpoint)
    tables = engines.create_tables(client)
    return a_world(client, tables, flood=3), InProcess(client, tables)


@pytest.fixture
def world(filled: tuple[Stored, InProcess]) -> Stored:
    """What that store holds."""
    return filled[0]


@pytest.fixture
def reading(filled: tuple[Stored, InProcess]) -> Context:
    """An operator's context on that store."""
    return filled[1].context


@pytest.fixture
def context(dynamodb_local: Engine) -> Context:
    """An operator's context on empty tables."""
    return InProcess(*dynamodb_local).context


def _pages(context: Context, page_of: ByPage, **options: Any) -> Iterator[tuple[int, list[Finding]]]:
    start = None
    for _ in range(1000):
        page = page_of(context, start, **options)
        # What goes on after it is kept by whoever does that in several runs.
        start = page.next_key and json.loads(json.dumps(page.next_key))
        yield page.checked, list(page.findings)
        if start is None:
            return
    raise AssertionError("the table has no end")


@pytest.mark.parametrize("limit", [1, 3, 7, 1000])
@pytest.mark.parametrize("name", sorted(PAGES))
def test_pages_of_any_size_take_everything_once_and_whole(
    world: Stored, reading: Context, name: str, limit: int
) -> None:
    pages = list(_pages(reading, PAGES[name], Limit=limit))

    assert [finding for _, findings in pages for finding in findings] == []
    assert sum(checked for checked, _ in pages) == _count(world)[name]


@pytest.mark.parametrize("name", sorted(PAGES))
def test_parts_of_a_table_together_take_everything_once(world: Stored, reading: Context, name: str) -> None:
    parts = [
        sum(checked for checked, _ in _pages(reading, PAGES[name], Segment=part, TotalSegments=4, Limit=5))
        for part in range(4)
    ]

    assert sum(parts) == _count(world)[name]


def _count(world: Stored) -> Counter[str]:
    return Counter(
        {
            "requests": len({at.pk for at in world.items if at.pk.startswith("REQ#")}),
            "events": sum(at.table == "metrics" and "evidence" in item for at, item in world.items.items()),
            "policies": len({at.pk for at in world.items if at.table == "policy" and at.pk.startswith("SCOPE#")}),
            "agents": len({at.pk for at in world.items if at.table == "policy" and at.pk.startswith("AGENT")}),
            "people": len({at.pk for at in world.items if at.table == "policy" and at.pk.startswith("PERSON#")}),
        }
    )


@dataclass
class Torn(InMemory):
    """Shows a scan, and the first ``stale`` queries, what was stored a moment ago."""

    before: Stored
    stale: int = 0
    queries: int = 0

    def scan_page(self, table: str, where: str, values: Any, **options: Any) -> StorePage:
        """Give the whole table as it was."""
        return InMemory(self.before).scan_page(table, where, values, **options)

    def query_all(self, table: str, condition: str, values: Any, **options: Any) -> list[Item]:
        """Give a partition as it was, or as it is; the registry of tools, which these writes do not touch, as it is."""
        if TOOLS in values.values():
            return super().query_all(table, condition, values, **options)
        self.queries += 1
        shown = InMemory(self.before if self.queries <= self.stale else self.stored)
        return shown.query_all(table, condition, values, **options)


@pytest.mark.parametrize(("stale", "reads", "broken"), [(0, 1, False), (2, 3, False), (3, 3, True)])
@pytest.mark.parametrize("name", ["requests", "policies"])
def test_what_is_seen_half_written_is_read_again_before_it_is_a_finding(
    world: Stored, name: str, stale: int, reads: int, *, broken: bool
) -> None:
    """A scan and a query see a transaction's items one by one; so what does not agree is read again, three times.

    What agrees is not read again, neither then nor among the others of the page.
    """
    half = world.copy()
    if name == "requests":
        state = next(at for at, item in world.items.items() if at.sk == "STATE" and "event" in _first(world, at.pk))
        half.items[state] = {**world.items[state], "chain_length": 1}
    else:
        del half.items[next(at for at in world.items if at.table == "policy" and at.sk.startswith("AUDIT#"))]
    torn = Torn(world, before=half, stale=stale)

    page = PAGES[name](torn.context())

    assert bool(page.findings) is broken
    assert torn.queries == reads


def _first(world: Stored, pk: str) -> str:
    detail: str = next(item["detail"] for at, item in world.items.items() if (at.pk, at.sk) == (pk, "EVT#000001"))
    return detail


@dataclass
class Late(InMemory):
    """Does not show evidence yet, the first ``late`` times that any is asked for by its key."""

    late: int = 0

    def batch_get(self, keys: Any) -> list[Item | None]:
        """Give items by their keys."""
        items = super().batch_get(keys)
        if any(table == "workflow" for table, _ in keys):
            self.late -= 1
            return [None] * len(items) if self.late >= 0 else items
        return items


def test_an_event_whose_evidence_is_not_seen_yet_is_looked_at_again(world: Stored) -> None:
    """A scan can show an event of a transaction before a batch shows the evidence that it wrote."""
    late = events_page(Late(world, late=1).context())

    assert late.checked > 0
    assert late.findings == []


def _made_up(*, agent_id: str) -> tuple[str, list[Item]]:
    """Give all that there is of a request, as whoever knows the code can write it."""
    submitted = parse_recorded(submission("external_call", tenantId=None))
    record = RequestRecord.decided(
        replace(submitted, agent_id=agent_id),
        Decision("allow", ReasonCode.POLICY_ALLOW, 1),
        now_ms=now_ms(),
        escalation_ttl_ms=1,
    )
    policy = PolicyInForce((ScopePolicy(Scope("agent", agent_id), 1),))
    recorded = record_decision(record, policy, UNRECORDED, Origin("call"))
    items = [state_item(recorded.record), evidence_item(recorded.evidence)]
    kept = [{name: value for name, value in item.items() if value is not None} for item in items]
    return kept[0]["pk"], kept


@pytest.mark.parametrize(("length", "broken"), [(256, False), (2048, True)])
def test_what_no_key_can_name_is_a_finding_and_is_not_asked_for(length: int, *, broken: bool) -> None:
    """The store would refuse the question, and with it whatever else a page asks: nothing there would be verified."""
    verdict = verify_partition(*_made_up(agent_id="a" * length))

    assert bool(verdict.problems) is broken
    assert len(verdict.policies) == (0 if broken else 1)


def test_a_request_has_one_state() -> None:
    pk, items = _made_up(agent_id="agent")

    assert verify_partition(pk, [*items, {**items[0], "sk": "STATE#another"}]).problems


@pytest.mark.parametrize("again", ["close", "decide"])
def test_what_evidence_says_happened_after_the_end_is_a_finding(again: str) -> None:
    submitted, origin = parse_recorded(submission("external_call", tenantId=None)), Origin("call")
    record = RequestRecord.decided(
        submitted, Decision("escalate", ReasonCode.HITL_BOUNDARY_ESCALATED, 2), now_ms=now_ms(), escalation_ttl_ms=9
    )
    actor = {"actor": "ana", "action": "reject"}
    decided = record_decision(record, PolicyInForce(), UNRECORDED, origin)
    rejected = decided.record.resolved(State.REJECTED, ReasonCode.HITL_REJECTED, now_ms=now_ms())
    closed = record_close(decided.record, rejected, actor, origin)
    approved = closed.record.resolved(State.APPROVED, ReasonCode.HITL_APPROVED, now_ms=now_ms())
    more = (
        record_close(closed.record, approved, actor, origin)
        if again == "close"
        else record_decision(closed.record, PolicyInForce(), UNRECORDED, origin)
    )
    items = [state_item(more.record), *(evidence_item(one.evidence) for one in (decided, closed, more))]
    kept = [{name: value for name, value in item.items() if value is not None} for item in items]

    verdict = verify_partition(kept[0]["pk"], kept)

    assert verdict.problems == ["event 6 cannot be: the request was escalated_rejected_terminal"]


def test_a_page_that_is_broken_throughout_is_read_again_by_many_at_once(world: Stored) -> None:
    """One after another they would outlast the time of a page, and nothing of it would ever be told."""
    broken = world.copy()
    for at, item in world.items.items():
        if at.sk == "STATE":
            broken.items[at] = {**item, "payload_ref": "another"}
    at_once = Crowded(broken)

    page = requests_page(at_once.context())

    assert len(page.findings) == page.checked > 10
    assert at_once.most > 1


@dataclass
class Crowded(InMemory):
    """Counts how many partitions were read at one time."""

    reading: int = 0
    most: int = 0

    def query_all(self, table: str, condition: str, values: Any, **options: Any) -> list[Item]:
        """Give a partition, after a while."""
        self.reading += 1
        self.most = max(self.most, self.reading)
        time.sleep(0.001)
        items = super().query_all(table, condition, values, **options)
        self.reading -= 1
        return items


def test_one_request_is_verified_by_its_id(world: Stored, reading: Context) -> None:
    ids = [item["request_id"] for at, item in world.items.items() if at.sk == "STATE"]

    assert [finding for request_id in ids for finding in verify_request(reading, request_id)] == []
    assert verify_request(reading, "no-such") == [Finding("request", "no-such", "there is no such request")]


# -- what the release before wrote ------------------------------------------------------------------------------


@pytest.fixture
def earlier(dynamodb_local: Engine) -> InProcess:
    """The service on what the release before it stored."""
    load_earlier_release(*dynamodb_local)
    return InProcess(*dynamodb_local)


def _own(state: Item) -> dict[str, Any]:
    """The envelope of a stored request's own principal."""
    return human(state["principal_id"], **({"tenantId": state["tenant_id"]} if "tenant_id" in state else {}))


def _states(service: InProcess) -> list[Item]:
    items = service.context.dynamo.scan(service.tables.workflow, "sk = :state", {":state": "STATE"})
    return list(items)


def test_what_the_release_before_wrote_is_no_finding(earlier: InProcess) -> None:
    pages = [page for page_of in PAGES.values() for page in _pages(earlier.context, page_of)]

    assert sum(checked for checked, _ in pages) > 15
    assert [findings for _, findings in pages if findings] == []


def test_what_waited_across_the_releases_is_decided_and_holds(earlier: InProcess) -> None:
    """Its first two events are the release before's, whatever follows is this one's."""
    waiting = [item for item in _states(earlier) if item["state"] == "escalated_pending"]
    assert waiting
    for item in waiting:
        request = {"requestId": item["request_id"], "principalId": item["principal_id"]}
        act(earlier, request, envelope=human("stranger"))
        closed = act(earlier, request, envelope=_own(item))
        assert closed.body["reasonCode"] in ("hitl_approved", "hitl_timeout_fail_closed")

    pages = [page for page_of in PAGES.values() for page in _pages(earlier.context, page_of)]

    assert [findings for _, findings in pages if findings] == []


def test_evidence_of_the_release_before_is_shown_with_what_every_payload_has(earlier: InProcess) -> None:
    for item in _states(earlier):
        request_id = item["request_id"]
        events = get(earlier, f"/workflow/evidence/{request_id}", envelope=_own(item)).body
        assert events
        for event in events:
            assert event["payload"].keys() >= EVERY_PAYLOAD
            assert ("hitlRequestId" in event["payload"]) == ("expires_at" in item)
            assert event["payload"]["state"]
        assert events[-1]["payload"]["state"] == item["state"]


def test_a_claim_names_what_its_agent_stood_by_and_that_is_missed(context: Context, dynamodb_local: Engine) -> None:
    service = InProcess(*dynamodb_local)
    request = decided(service, "allow")
    agent = Agent(request["agentId"], request["tenantId"])
    envelope = operator(request["tenantId"])
    assert put(service, request["agentId"], state="active", reason="it is known", envelope=envelope).status == 200
    assert claim(service, request).status == 200
    assert verify_request(context, request["requestId"]) == []

    for key in (record_key(agent), change_key(agent, 1)):
        service.dynamodb.delete_item(TableName=service.tables.policy, Key=marshal(key))

    [finding] = verify_request(context, request["requestId"])
    assert finding.problem.endswith("decided it and is not there")


def test_what_is_claimed_was_not_taken_back_afterwards(context: Context, dynamodb_local: Engine) -> None:
    """No writer of ours does that, whoever wrote it chained it, and the claim would read as refused in time."""
    service = InProcess(*dynamodb_local)
    request = decided(service, "allow")
    assert claim(service, request).status == 200
    [item] = context.dynamo.batch_get([(service.tables.workflow, state_key(request["requestId"]))])
    claimed = record_from(item)
    assert claimed is not None
    now = now_ms()
    forged = record_revocation(claimed.revoked(now_ms=now), {"actor": "eve"}, origin(context), now_ms=now)
    tx = RequestTransaction(context)
    tx.revoke_request(forged, seen=claimed)
    assert tx.commit()

    [finding] = verify_request(context, request["requestId"])
    assert "cannot be" in finding.problem
