"""What is decided after a try: when the next one is, and when there is none."""

import pytest

from handshake.channels.delivery import MIN_LIFE_MS, Delivered, GiveUp, TryAgain, decide_answer, decide_failure


@pytest.mark.parametrize("status", [200, 201, 204])
def test_a_status_of_success_is_delivery(status: int) -> None:
    assert decide_answer(status, None, tried=1, left_ms=1) == Delivered()


def test_retry_after_is_honoured_and_what_outlives_the_message_is_given_up() -> None:
    assert decide_answer(429, 30.0, tried=1, left_ms=60_000) == TryAgain(31, "status 429")
    assert decide_answer(429, 3600.0, tried=1, left_ms=60_000) == GiveUp("status 429")


def test_the_other_side_can_ask_for_more_time_and_never_for_less() -> None:
    """One that says ``Retry-After: 0`` each time would be called for ever, and others wait."""
    for tried in range(1, 12):
        asked = decide_answer(503, 0.0, tried=tried, left_ms=10**9)
        assert asked == decide_answer(503, None, tried=tried, left_ms=10**9)
    assert decide_answer(503, 20.0, tried=9, left_ms=10**9) == TryAgain(900, "status 503")
    assert decide_answer(503, 3600.0, tried=9, left_ms=10**9) == TryAgain(3601, "status 503")


def test_pauses_grow_and_the_last_try_is_late() -> None:
    left, tried, pauses = MIN_LIFE_MS, 0, list[int]()
    while isinstance(decided := decide_failure("x", tried=(tried := tried + 1), left_ms=left), TryAgain):
        pauses.append(decided.in_s)
        left -= decided.in_s * 1000

    assert pauses[:5] == [5, 10, 20, 40, 80]
    assert left <= 2000
    assert decided == GiveUp("x")
    assert len(pauses) < 20


def test_a_week_of_tries_is_fewer_than_a_queue_counts() -> None:
    left, tried = 7 * 24 * 60 * 60 * 1000, 0
    while isinstance(decided := decide_failure("x", tried=(tried := tried + 1), left_ms=left), TryAgain):
        left -= decided.in_s * 1000

    assert tried < 1000
