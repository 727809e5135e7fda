"""Pages: how many at once, and cursors, the list's own and anybody else's."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handshake.core.paging import DEFAULT_LIMIT, MAX_LIMIT, PageRequest, cursor_after, parse_page
from tests.support.refusals import answer, reason
from tests.support.workflow_requests import ANY_JSON

SHAPE = "trust_context_invalid_request_shape"
QUEUE = (str, int)
VERSIONS = (int,)


def _cursor(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return base64.urlsafe_b64encode(text.encode()).decode()


@pytest.mark.parametrize(("limit", "read"), [(None, DEFAULT_LIMIT), ("1", 1), ("007", 7), (str(MAX_LIMIT), MAX_LIMIT)])
def test_a_limit_is_1_to_100(limit: str | None, read: int) -> None:
    assert parse_page(limit, None, parts=QUEUE) == PageRequest(read, [])


@pytest.mark.parametrize(
    "limit", ["", "0", "101", "-1", "+1", "1.0", "1e1", " 1", "ten", "\u0661", "\u00b2", "1" * 5000]
)
def test_any_other_limit_is_a_matter_of_shape(limit: str) -> None:
    assert reason(lambda: parse_page(limit, None, parts=QUEUE)) == SHAPE


@given(st.text(min_size=1, max_size=256), st.integers(-(10**16), 10**16))
def test_a_cursor_leads_back_to_the_item_it_was_made_of(request_id: str, deadline: int) -> None:
    assert parse_page(None, cursor_after(request_id, deadline), parts=QUEUE).after == [request_id, deadline]
    assert parse_page(None, cursor_after(deadline), parts=VERSIONS).after == [deadline]


@pytest.mark.parametrize("cursor", [None, ""])
def test_no_cursor_is_the_first_page(cursor: str | None) -> None:
    assert parse_page(None, cursor, parts=QUEUE).after == []


def test_a_cursor_of_another_list_is_refused() -> None:
    assert reason(lambda: parse_page(None, cursor_after(7), parts=QUEUE)) == SHAPE
    assert reason(lambda: parse_page(None, cursor_after("req-1", 7), parts=VERSIONS)) == SHAPE


@given(st.integers(1, 40), st.integers(0, 100))
def test_a_truncated_cursor_is_refused_or_leads_to_no_other_item(kept: int, deadline: int) -> None:
    whole = cursor_after("request-with-some-name", deadline)
    told = answer(lambda: parse_page(None, whole[:kept], parts=QUEUE))

    assert told == SHAPE or (isinstance(told, PageRequest) and told.after == ["request-with-some-name", deadline])


@pytest.mark.parametrize(
    "cursor",
    [
        "not base64!",
        "é",
        "\x00",
        "=",
        "====",
        "A",
        base64.urlsafe_b64encode(b"\xff\xfe").decode(),
        *map(
            _cursor,
            [
                "null",
                "[",
                '["a",NaN]',
                '["\\ud800",1]',
                {},
                [],
                ["a"],
                [1, "a"],
                ["a", "1"],
                ["a", True],
                ["a", None],
                ["a", 1.5],
                ["a", 10**30],
                ["", 1],
                ["a", 1, 2],
                [["a"], 1],
                ["a" * 3000, 1],
                "[" * 1000,
            ],
        ),
    ],
)
def test_a_hostile_cursor_is_a_matter_of_shape(cursor: str) -> None:
    assert reason(lambda: parse_page(None, cursor, parts=QUEUE)) == SHAPE


@given(st.text(max_size=40) | ANY_JSON.map(_cursor), st.sampled_from([QUEUE, VERSIONS]))
def test_any_cursor_is_read_as_what_the_list_identifies_items_by_or_refused(
    cursor: str, parts: tuple[type, ...]
) -> None:
    told = answer(lambda: parse_page(None, cursor, parts=parts))

    assert told == SHAPE or (
        isinstance(told, PageRequest) and (told.after == [] or tuple(map(type, told.after)) == parts)
    )
