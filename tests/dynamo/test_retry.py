"""Tests what the store is asked again after, and how long a caller waits in between."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handshake.dynamo.retry import ConflictError, TransientError, transient
from tests.support.clients import answer_of


def _cancelled(*codes: str) -> Any:
    reasons = [{"Code": code} for code in codes]
    return answer_of("TransactionCanceledException", 400, CancellationReasons=reasons)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (_cancelled("None", "TransactionConflict"), ConflictError),
        (answer_of("TransactionConflictException", 400), ConflictError),
        (_cancelled("ThrottlingError", "None"), TransientError),
        (_cancelled("TransactionConflict", "ProvisionedThroughputExceeded"), TransientError),
        (answer_of("ThrottlingException", 400), TransientError),
        (answer_of("InternalServerError", 500), TransientError),
    ],
)
def test_rivals_and_a_store_in_trouble_are_told_apart(error: Any, kind: type[TransientError]) -> None:
    assert type(transient(error)) is kind


@pytest.mark.parametrize(
    "error",
    [_cancelled("ValidationError"), answer_of("AccessDeniedException", 400), answer_of("ValidationException", 400)],
)
def test_what_would_end_alike_is_not_tried_again(error: Any) -> None:
    assert transient(error) is None


@given(tried=st.integers(1, 40), left_s=st.floats(0, 1.4))
def test_nobody_waits_among_rivals_for_more_than_a_quarter_of_the_time_left(tried: int, left_s: float) -> None:
    assert 0 <= ConflictError().longest_pause_s(tried, left_s=left_s) <= left_s / 4


def test_many_rivals_leave_each_other_more_and_more_room() -> None:
    pauses = [ConflictError().longest_pause_s(tried, left_s=10) for tried in range(1, 9)]

    assert pauses == sorted(pauses)
    assert pauses[0] < pauses[-1] == max(pauses) < 1


def test_a_store_in_trouble_is_pressed_less_often_than_rivals_are() -> None:
    assert TransientError.tries < ConflictError.tries
