"""The queues of pending requests: whose they are, in which order, and page by page."""

from collections.abc import Iterable
from typing import Any

import pytest

from handshake.core.paging import MAX_LIMIT, PageRequest, cursor_after, parse_page
from handshake.core.reasons import ReasonCode
from handshake.dynamo.context import Context
from handshake.requests import queue
from handshake.requests.record import RequestRecord, State
from tests.conftest import Engine
from tests.support.metrics_events import NOW_MS
from tests.support.workflow_requests import a_record, a_submission, closing, context_on, created

FIRST_PAGE = PageRequest(25, [])
OWNERS = [(queue.PENDING_BY_TENANT, "tenant-a"), (queue.PENDING_BY_PRINCIPAL, "alice")]


@pytest.fixture
def store(moto_tables: Engine) -> Context:
    return context_on(moto_tables)


def _pending(request_id: str, *, ttl_ms: int = 1000, **changes: Any) -> RequestRecord:
    record = a_record(submission=a_submission(requestId=request_id, context={"amount": 150}, **changes))
    return RequestRecord(**{**vars(record), "expires_at_ms": NOW_MS + ttl_ms})


def _store(store: Context, records: Iterable[RequestRecord]) -> list[RequestRecord]:
    return [created(store, record) for record in records]


def _close(store: Context, seen: RequestRecord) -> None:
    tx, _ = closing(store, seen, State.REJECTED, ReasonCode.HITL_REJECTED)
    assert tx.commit()


def _ids(
    store: Context, owner: tuple[str, str] = OWNERS[0], page: PageRequest = FIRST_PAGE, *, now_ms: int = NOW_MS
) -> tuple[list[str], str | None]:
    records, more = queue.pending(store.dynamo, store.tables.workflow, *owner, page, now_ms=now_ms)
    cursor = cursor_after(*queue.place_of(records[-1])) if more else None
    return [record.request_id for record in records], cursor


def _all_pages(store: Context, owner: tuple[str, str], limit: int) -> list[str]:
    listed, cursor, seen = list[str](), None, 0
    while cursor is not None or not seen:
        page = parse_page(str(limit), cursor, parts=(str, int))
        ids, cursor = _ids(store, owner, page)
        assert len(ids) <= limit
        listed += ids
        seen += 1
        assert seen < 20
    return listed


@pytest.mark.parametrize("owner", OWNERS)
def test_a_queue_is_its_owners_soonest_deadline_first(store: Context, owner: tuple[str, str]) -> None:
    _store(store, [_pending(f"req-{ttl_ms}", ttl_ms=ttl_ms) for ttl_ms in (3000, 1000, 20_000, 2000)])
    _store(store, [_pending("other", ttl_ms=1, tenantId="tenant-b", principalId="bob")])

    assert _ids(store, owner) == (["req-1000", "req-2000", "req-3000", "req-20000"], None)


def test_what_a_queue_holds_is_the_whole_request(store: Context) -> None:
    records = _store(store, [_pending("req-1")])

    assert queue.pending(store.dynamo, store.tables.workflow, *OWNERS[0], FIRST_PAGE, now_ms=NOW_MS)[0] == records


@pytest.mark.parametrize(("offset_ms", "waiting"), [(-1, ["req-1"]), (0, []), (1, [])])
def test_a_request_waits_until_its_deadline(store: Context, offset_ms: int, waiting: list[str]) -> None:
    _store(store, [_pending("req-1", ttl_ms=1000)])

    assert _ids(store, now_ms=NOW_MS + 1000 + offset_ms)[0] == waiting


def test_what_was_decided_or_closed_waits_no_more(store: Context) -> None:
    [pending] = _store(store, [_pending("req-1")])

    _close(store, pending)

    assert [_ids(store, owner) for owner in OWNERS] == [([], None), ([], None)]


def test_a_request_without_a_tenant_waits_in_its_principals_queue_only(store: Context) -> None:
    _store(store, [_pending("req-1", tenantId=None)])

    assert [_ids(store, owner)[0] for owner in OWNERS] == [[], ["req-1"]]


@pytest.mark.parametrize("owner", OWNERS)
@pytest.mark.parametrize("limit", [1, 2, 3, 6, 7, MAX_LIMIT])
def test_pages_of_any_size_make_up_the_whole_queue(store: Context, owner: tuple[str, str], limit: int) -> None:
    _store(store, [_pending(f"req-{number}", ttl_ms=1000 + number // 2) for number in range(6)])

    listed = _all_pages(store, owner, limit)

    assert sorted(listed) == [f"req-{number}" for number in range(6)]
    assert [int(name[4:]) // 2 for name in listed] == [0, 0, 1, 1, 2, 2]


def test_a_page_goes_on_where_the_last_ended_though_its_last_request_was_closed_since(store: Context) -> None:
    records = _store(store, [_pending(f"req-{number}", ttl_ms=1000 + number) for number in range(4)])
    shown, cursor = _ids(store, page=PageRequest(2, []))
    _close(store, records[1])

    following = _ids(store, page=parse_page("2", cursor, parts=(str, int)))[0]

    assert (shown, following) == (["req-0", "req-1"], ["req-2", "req-3"])


def test_a_cursor_whose_deadline_has_passed_starts_at_what_still_waits(store: Context) -> None:
    _store(store, [_pending(f"req-{number}", ttl_ms=1000 * (number + 1)) for number in range(3)])
    _, cursor = _ids(store, page=PageRequest(1, []))

    page = parse_page("25", cursor, parts=(str, int))

    assert _ids(store, page=page, now_ms=NOW_MS + 1500)[0] == ["req-1", "req-2"]


def test_somebody_elses_cursor_shows_nothing_of_theirs(store: Context) -> None:
    _store(store, [_pending(f"mine-{n}", ttl_ms=1000 + n) for n in range(3)])
    _store(store, [_pending(f"theirs-{n}", ttl_ms=1000 + n, tenantId="tenant-b", principalId="bob") for n in range(3)])
    _, theirs = _ids(store, (queue.PENDING_BY_TENANT, "tenant-b"), PageRequest(1, []))

    shown = _ids(store, page=parse_page("25", theirs, parts=(str, int)))[0]

    assert set(shown) <= {"mine-0", "mine-1", "mine-2"}


@pytest.fixture
def strict_store(dynamodb_local: Engine) -> Context:
    """A store that checks where a query is to start, as Amazon's does; moto does not."""
    store = context_on(dynamodb_local)
    _store(store, [_pending(f"mine-{n}", ttl_ms=1000 + n) for n in range(3)])
    _store(store, [_pending("theirs", tenantId="tenant-b", principalId="bob")])
    return store


@pytest.mark.parametrize("deadline", [-(10**16), 0, NOW_MS, NOW_MS + 1, NOW_MS + 1001, 10**17])
def test_a_cursor_this_queue_never_gave_shows_only_what_is_the_callers(strict_store: Context, deadline: int) -> None:
    for request_id in ("mine-1", "theirs", "nobody", "x" * 1024, "\x00", "#", "\U0001f600"):
        page = parse_page("25", cursor_after(request_id, deadline), parts=(str, int))

        assert set(_ids(strict_store, page=page)[0]) <= {"mine-0", "mine-1", "mine-2"}
