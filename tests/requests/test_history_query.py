"""What part of the history is asked for, whose it is, and what its cursors are good for."""

from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handshake.core.paging import cursor_after
from handshake.requests.ending import ENDS, EXPIRY, Ending, ending_of
from handshake.requests.history_query import MAX_TIME_MS, HistoryQuery, parse_history_query
from handshake.requests.record import State
from tests.support.refusals import answer, reason
from tests.support.workflow_requests import an_envelope

SHAPE = "trust_context_invalid_request_shape"
NAMES = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=12)
TIMES = st.integers(0, MAX_TIME_MS - 1)
QUERIES = st.builds(
    HistoryQuery,
    principal_id=NAMES,
    tenant_id=st.none() | NAMES,
    outcome=st.none() | st.sampled_from(ENDS),
    actor=st.none() | NAMES,
    from_ms=TIMES,
    to_ms=TIMES,
    limit=st.integers(1, 100),
)


def _whose(query: HistoryQuery) -> tuple[str, str | None]:
    """Give whose history it is: a principal's own, or a tenant's, whoever of it asks."""
    return ("", query.tenant_id) if query.tenant_id else (query.principal_id, None)


@given(QUERIES, QUERIES)
def test_two_queries_share_cursors_where_they_differ_in_their_page_alone(
    one: HistoryQuery, other: HistoryQuery
) -> None:
    same = _whose(one) == _whose(other) and all(
        getattr(one, name) == getattr(other, name) for name in ("outcome", "actor", "from_ms", "to_ms")
    )

    assert (one.bound == other.bound) == same
    assert replace(one, limit=101 - one.limit, after=("r", 1)).bound == one.bound


@given(QUERIES, st.sampled_from([field.name for field in fields(HistoryQuery)]), QUERIES)
def test_a_query_with_one_thing_changed_is_another(one: HistoryQuery, name: str, other: HistoryQuery) -> None:
    changed = replace(one, **{name: getattr(other, name)})
    of_the_page = name in ("limit", "after") or (name == "principal_id" and one.tenant_id is not None)

    assert (changed.bound == one.bound) == (of_the_page or changed == one)


@given(at=st.integers(-5, 105), first=st.integers(0, 100), last=st.integers(0, 100))
def test_a_cursor_lies_within_the_time_that_is_asked_for(at: int, first: int, last: int) -> None:
    """Else the store would refuse where the query is to begin, and the caller be told to try again for ever."""
    bound = HistoryQuery("alice", None, None, None, first, last, 25).bound
    asked = {"since": str(first), "until": str(last), "cursor": cursor_after("r", at, bound)}

    def parse() -> HistoryQuery:
        return parse_history_query(an_envelope(), **asked)

    if first <= at < last:
        assert parse().after == ("r", at)
    else:
        assert reason(parse) == SHAPE


@pytest.mark.parametrize(
    ("changes", "tenant"),
    [
        ({"scopes": ["workflow:read:tenant"]}, "tenant-a"),
        ({"scopes": ["workflow:read:any"]}, "tenant-a"),
        ({"scopes": ["workflow:resolve"]}, None),
        ({}, None),
        ({"scopes": ["workflow:read:tenant"], "tenantId": None}, None),
        ({"scopes": ["workflow:read:any"], "roles": ["admin"], "tenantId": None}, None),
    ],
)
def test_whose_it_is_follows_from_the_envelope(changes: dict[str, Any], tenant: str | None) -> None:
    asked = parse_history_query(an_envelope("alice", **changes))

    assert (asked.principal_id, asked.tenant_id) == ("alice", tenant)
    assert (asked.from_ms, asked.to_ms, asked.limit, asked.after) == (0, MAX_TIME_MS, 25, None)


@given(text=st.text(max_size=20), name=st.sampled_from(["since", "until", "outcome", "actor", "limit", "cursor"]))
def test_whatever_is_asked_is_a_query_or_refused(text: str, name: str) -> None:
    asked = answer(lambda: parse_history_query(an_envelope(), **{name: text}))

    if isinstance(asked, str):
        assert asked == SHAPE
    else:
        assert asked.outcome in (None, *ENDS)
        assert 0 <= asked.from_ms < asked.to_ms <= MAX_TIME_MS


@pytest.mark.parametrize(
    ("state", "detail", "ending"),
    [
        (State.APPROVED, {"actor": "ana", "reason": "due"}, Ending("approved", "ana", "due")),
        (State.REJECTED, {"actor": "ana"}, Ending("rejected", "ana")),
        (State.REJECTED, {"actor": "ana", "outcome": "withdrawn"}, Ending("withdrawn", "ana")),
        (State.EXPIRED, {"actor": "ana", "reason": "too late"}, Ending("expired", EXPIRY)),
        (State.EXPIRED, {"actor": EXPIRY, "action": "expire"}, Ending("expired", EXPIRY)),
    ],
)
def test_an_end_is_named_by_its_evidence(state: State, detail: dict[str, Any], ending: Ending) -> None:
    assert ending_of(state, detail) == ending
