"""The nightly verification: goes on where it was cut off, leaves nothing out, and tells of what was changed."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import count
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.evidence_verification import app
from handshake.agents.table import record_key
from handshake.core.agents import Agent
from handshake.core.errors import StoreUnavailableError
from handshake.dynamo.context import Context
from handshake.dynamo.marshalling import Item
from handshake.people.table import record_key as person_key
from handshake.requests import verify_nightly as nightly
from handshake.requests.table import RECORDED_SHARDS, recorded_partition, recorded_shard
from handshake.requests.verification_progress import (
    KEY_PREFIX,
    LANES,
    MAX_NAMED_LENGTH,
    NAMED,
    NIGHTS,
    PARTS,
    Lane,
    Progress,
    ProgressTransaction,
    day_before,
    night_of,
    read_progress,
    segment,
)
from handshake.requests.verify import Finding, Page
from handshake.requests.verify_nightly import Verification, verify_nightly
from tests.conftest import Engine
from tests.support.agents import put
from tests.support.logs import lines_of, standard_output
from tests.support.people import let_in, somebody
from tests.support.service import InProcess, apply_policy, decided, now_ms, rules
from tests.support.store import kept

DAY_MS: Final = 24 * 60 * 60 * 1000
MORNING: Final = night_of(now_ms()) * DAY_MS + 2 * 60 * 60 * 1000
"""Two in the morning (UTC) of the night that is due."""


@pytest.fixture
def service(dynamodb_local: Engine) -> InProcess:
    """The service on a store of its own."""
    return InProcess(*dynamodb_local)


def nights_later(service: InProcess, nights: int, *, at_ms: int = MORNING) -> Context:
    """Give what a run is given that many nights after this one."""
    return replace(service, now_ms=lambda: at_ms + nights * DAY_MS).context


class Reported(list[Finding]):
    """Records what a run told of."""

    def __call__(self, findings: Sequence[Finding]) -> None:
        """Remember."""
        self.extend(findings)

    @property
    def names(self) -> set[str]:
        """Of what."""
        return {finding.name for finding in self}


def _change(service: InProcess, request: dict[str, Any], **attributes: str) -> None:
    for name, value in attributes.items():
        service.dynamodb.update_item(
            TableName=service.tables.workflow,
            Key={"pk": {"S": f"REQ#{request['requestId']}"}, "sk": {"S": "STATE"}},
            UpdateExpression="SET #name = :value",
            ExpressionAttributeNames={"#name": name},
            ExpressionAttributeValues={":value": {"S": value}},
        )


def test_what_was_recorded_today_is_verified_the_night_after(service: InProcess) -> None:
    requests = [decided(service, "allow") for _ in range(3)]
    _change(service, requests[1], principal_id="somebody else")
    first, second = Reported(), Reported()
    verify_nightly(nights_later(service, 0), first)
    lanes = [lane for lane in read_progress(nights_later(service, 1)) if lane.lane.kind == "recorded"]

    verify_nightly(nights_later(service, 1), second)

    assert all(lane.checked == 0 and lane.night == night_of(MORNING) + 1 for lane in lanes)
    assert second.names == {requests[1]["requestId"]}


def test_a_night_that_is_done_asks_for_no_more(service: InProcess) -> None:
    decided(service, "allow")
    done = verify_nightly(nights_later(service, 0), Reported())
    again = nights_later(service, 0)

    assert (done.lanes_left, done.nights_behind, done.unfinished) == (0, 0, 0)
    assert verify_nightly(again, Reported()) == Verification()
    assert again.dynamo.calls == ["batch_get_item"]


def test_in_thirty_nights_all_that_is_stored_is_verified_whenever_it_was_recorded(service: InProcess) -> None:
    # It arrives dated a day that was verified long ago, and so is in no night's index.
    requests = [decided(service, "allow") for _ in range(40)]
    for request in requests:
        _change(service, request, recorded_lane=recorded_partition("2001-01-01", 0), principal_id="somebody else")
    reported, counted = Reported(), Verification()
    for night in range(NIGHTS):
        done = verify_nightly(nights_later(service, night), reported)
        counted = replace(counted, requests_verified=counted.requests_verified + done.requests_verified)

    assert {f for f in reported.names if f in {r["requestId"] for r in requests}} == {r["requestId"] for r in requests}
    assert counted.requests_verified == len(requests)


def test_policies_are_verified_whole_every_night(service: InProcess) -> None:
    apply_policy(service, {"scope": "global", "rules": rules(max_transaction=100)})
    [active] = kept(service, service.tables.policy, pk="SCOPE#global", sk="ACTIVE")
    service.dynamodb.update_item(
        TableName=service.tables.policy,
        Key={"pk": {"S": active["pk"]}, "sk": {"S": active["sk"]}},
        UpdateExpression="SET #rules = :rules",
        ExpressionAttributeNames={"#rules": "rules"},
        ExpressionAttributeValues={":rules": {"S": "{}"}},
    )
    for night in range(3):
        reported = Reported()
        done = verify_nightly(nights_later(service, night), reported)

        assert done.policies_verified == 1
        assert {finding.subject for finding in reported} == {"policy"}


def test_agents_are_verified_whole_every_night(service: InProcess) -> None:
    for agent in ("one", "other"):
        assert put(service, agent).status == 200
    key = {name: {"S": value} for name, value in record_key(Agent("one", "acme")).items()}
    service.dynamodb.update_item(
        TableName=service.tables.policy,
        Key=key,
        UpdateExpression="SET #state = :state",
        ExpressionAttributeNames={"#state": "state"},
        ExpressionAttributeValues={":state": {"S": "active"}},
    )
    for night in range(3):
        reported = Reported()
        done = verify_nightly(nights_later(service, night), reported)

        assert (done.agents_verified, done.findings) == (2, 1)
        assert [finding.problem for finding in reported] == ["the record is not what change 1 made of it"]


def test_people_are_verified_whole_every_night(service: InProcess) -> None:
    one, _ = let_in(service, somebody()), let_in(service, somebody())
    service.dynamodb.update_item(
        TableName=service.tables.policy,
        Key={name: {"S": value} for name, value in person_key(one.identity).items()},
        UpdateExpression="SET tenant_id = :tenant",
        ExpressionAttributeValues={":tenant": {"S": "globex"}},
    )
    for night in range(3):
        reported = Reported()
        done = verify_nightly(nights_later(service, night), reported)

        assert (done.people_verified, done.findings) == (2, 1)
        assert [(finding.subject, finding.problem) for finding in reported] == [
            ("person", "the record is not what change 1 made of it")
        ]


def test_the_handler_says_what_does_not_hold_and_names_nobody(
    service: InProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    requests = [decided(service, "allow") for _ in range(2)]
    _change(service, requests[0], payload_ref="another")
    at = replace(service, now_ms=lambda: MORNING)
    verify_nightly(at.context, Reported())
    monkeypatch.setattr(app, "process_runtime", lambda: replace(service, now_ms=lambda: MORNING + DAY_MS).runtime)

    with standard_output() as output:
        done = app.handler(None, None)
    *all_broken, ran = lines_of(output)
    broken = all_broken[0]

    assert done["findings"] >= 1
    # Two where the night's thirtieth meets it too.
    assert (broken["message"], broken["level"]) == ("evidence broken", "ERROR")
    assert sum(line["BrokenEvidence"] for line in all_broken) == done["findings"]
    assert broken["subjects"] == {"request": broken["BrokenEvidence"]}
    assert (ran["job"], ran["Findings"], ran["NightsBehind"]) == ("evidence_verification", done["findings"], 0)
    assert requests[0]["requestId"] not in output.getvalue()


def test_a_run_whose_time_is_up_leaves_the_rest_to_the_next(service: InProcess) -> None:
    ticking = count(MORNING, 1000)
    for _ in range(5):
        decided(service, "allow")
    short = replace(service, now_ms=lambda: next(ticking)).context

    first = verify_nightly(short, Reported(), run_ms=10_000)
    second = verify_nightly(nights_later(service, 0, at_ms=MORNING + 600_000), Reported())

    assert first.unfinished == 1
    assert 0 < first.lanes_left < len(LANES)
    assert (second.unfinished, second.lanes_left) == (0, 0)


def test_a_run_that_dies_before_it_has_moved_on_has_the_page_verified_again(
    service: InProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = decided(service, "allow")
    _change(service, broken, principal_id="somebody else")
    verify_nightly(nights_later(service, 0), Reported())
    died, repeated = Reported(), Reported()
    commit = ProgressTransaction.commit

    def dies(tx: ProgressTransaction) -> bool:
        if died:
            raise StoreUnavailableError
        return commit(tx)

    with monkeypatch.context() as patch:
        patch.setattr(ProgressTransaction, "commit", dies)
        with pytest.raises(StoreUnavailableError):
            verify_nightly(nights_later(service, 1), died)
    verify_nightly(nights_later(service, 1, at_ms=MORNING + 180_000), repeated)

    assert broken["requestId"] in died.names
    assert broken["requestId"] in repeated.names
    # What the first night's thirtieth met stands in the count of that night.
    lanes = [lane for lane in read_progress(nights_later(service, 1)) if lane.broken_night == night_of(MORNING) + 1]
    assert sum(lane.broken for lane in lanes) == len(repeated)


def test_a_lane_that_a_run_is_at_is_left_alone(service: InProcess) -> None:
    context = nights_later(service, 0)
    for progress in read_progress(context):
        tx = ProgressTransaction(context)
        tx.move(progress, replace(progress, version=1, leased_until_ms=MORNING + 60_000))
        assert tx.commit()

    while_held = verify_nightly(context, Reported())
    later = verify_nightly(nights_later(service, 0, at_ms=MORNING + 60_000), Reported())

    assert (while_held.lanes_left, while_held.unfinished) == (len(LANES), 0)
    assert later.lanes_left == 0


def test_a_run_that_lost_its_lane_moves_it_no_further(service: InProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    context = nights_later(service, 0)
    page = nightly._page
    taken: list[Progress] = []

    def slow(slow_context: Context, lane: Lane, progress: Progress) -> Page:
        checked = page(slow_context, lane, progress)
        if not taken:
            taken.append(replace(progress, version=progress.version + 1, checked=77))
            tx = ProgressTransaction(context)
            tx.move(progress, taken[0])
            assert tx.commit()
        return checked

    monkeypatch.setattr(nightly, "_page", slow)
    verify_nightly(context, Reported())
    [standing] = [one for one in read_progress(context) if one.lane == taken[0].lane]

    assert standing == taken[0]


def test_a_lane_that_fell_behind_goes_through_every_night_it_missed(
    service: InProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    verify_nightly(nights_later(service, 0), Reported())
    seen: list[tuple[Lane, int]] = []
    page = nightly._page

    def noting(page_context: Context, lane: Lane, progress: Progress) -> Page:
        seen.append((lane, progress.night))
        return page(page_context, lane, progress)

    monkeypatch.setattr(nightly, "_page", noting)
    behind = verify_nightly(nights_later(service, 3), Reported(), run_ms=0)
    verify_nightly(nights_later(service, 3), Reported())

    assert (behind.nights_behind, behind.unfinished, behind.lanes_left) == (2, 1, len(LANES))
    tonight = night_of(MORNING)
    assert sorted(seen, key=str) == sorted(((lane, tonight + night) for lane in LANES for night in (1, 2, 3)), key=str)


@given(first=st.integers(0, 10**6))
def test_any_thirty_nights_in_a_row_scan_every_segment_once(first: int) -> None:
    for kind in ("requests", "events"):
        parts = [segment(lane, night) for lane in LANES if lane.kind == kind for night in range(first, first + NIGHTS)]

        assert sorted(part["Segment"] for part in parts) == list(range(NIGHTS * PARTS))
        assert {part["TotalSegments"] for part in parts} == {NIGHTS * PARTS}


@given(at_ms=st.integers(DAY_MS, 10**14), agent=st.text(min_size=1))
def test_each_day_is_over_for_an_hour_before_it_is_verified_and_each_has_its_night(at_ms: int, agent: str) -> None:
    night = night_of(at_ms)
    midnight = night * DAY_MS

    assert midnight + 3_600_000 <= at_ms < midnight + DAY_MS + 3_600_000
    assert day_before(night + 1) > day_before(night)
    assert Lane("recorded", recorded_shard(agent)) in LANES
    assert sum(lane.kind == "recorded" for lane in LANES) == RECORDED_SHARDS


PAGES: Final = st.lists(st.tuples(st.integers(0, 50), st.integers(0, NAMED)), min_size=1, max_size=8)


@given(nights=st.lists(PAGES, min_size=1, max_size=4))
def test_a_lane_counts_a_nights_pages_and_keeps_the_last_findings(nights: list[list[tuple[int, int]]]) -> None:
    progress = Progress(Lane("requests", 1), night=100)
    for pages in nights:
        night, checked = progress.night, 0
        for place, (items, findings) in enumerate(pages, start=1):
            key: Item | None = {"pk": "REQ#x", "sk": "STATE"} if place < len(pages) else None
            progress = progress.after(items, [f"request {place}"] * findings, key)
            checked += items
            assert (progress.start, progress.checked) == (key, checked if key else 0)
        assert progress.night == night + 1
        total = sum(findings for _, findings in pages)
        if total:
            assert (progress.broken, progress.broken_night) == (total, night)
            assert len(progress.named) == min(total, NAMED)


@pytest.mark.parametrize("nights", [1, 3650])
def test_a_lane_put_ahead_is_verified_tonight_all_the_same(service: InProcess, nights: int) -> None:
    """Otherwise a table-writer could end verification, and every count would say that all is done."""
    context = nights_later(service, 0)
    verify_nightly(context, Reported())
    for progress in read_progress(context):
        tx = ProgressTransaction(context)
        ahead = replace(progress, night=progress.night + nights, start={"pk": "no such"}, version=progress.version + 1)
        tx.move(progress, ahead)
        assert tx.commit()

    lanes = read_progress(context)
    done = verify_nightly(context, Reported())

    assert {(lane.night, lane.start) for lane in lanes} == {(night_of(MORNING), None)}
    assert (done.lanes_left, done.nights_behind) == (0, 0)
    assert {lane.night for lane in read_progress(context)} == {night_of(MORNING) + 1}


def test_findings_of_any_length_still_fit_a_lane(service: InProcess) -> None:
    """Their text has names in it that whoever writes the tables chose."""
    context = nights_later(service, 0)
    [progress, *_] = read_progress(context)
    tx = ProgressTransaction(context)
    tx.move(progress, replace(progress.after(NAMED, ["x" * 65_536] * NAMED, None), version=1))

    assert tx.commit()
    [moved, *_] = read_progress(context)
    assert {len(name) for name in moved.named} == {MAX_NAMED_LENGTH}


def test_where_a_lane_stands_is_read_as_it_was_written(service: InProcess) -> None:
    context = nights_later(service, 0)
    lane = LANES[-1]
    unwritten = next(one for one in read_progress(context) if one.lane == lane)
    moved = Progress(lane, 7, {"pk": "EVENT#1", "sk": "x"}, 5, 1, 6, ("request r: problem",), 9, 8, version=1)
    tx = ProgressTransaction(context)
    tx.move(unwritten, moved)
    assert tx.commit()

    assert next(one for one in read_progress(context) if one.lane == lane) == moved
    assert lane.key["kv_key"].startswith(KEY_PREFIX)
