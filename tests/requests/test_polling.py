"""How often who waits for a person asks: seldom enough for the service, and soon enough for who waits."""

from hypothesis import given
from hypothesis import strategies as st

from handshake.requests.polling import MAX_POLL_MS, MIN_POLL_MS, poll_after_ms
from handshake.requests.record import State
from tests.support.metrics_events import NOW_MS
from tests.support.workflow_requests import TTL_MS, a_record

WEEK_MS = 7 * 24 * 60 * 60 * 1000
TIMES = st.integers(0, WEEK_MS)


def _calls(deadline_ms: int) -> int:
    waited = calls = 0
    while waited < deadline_ms:
        waited += poll_after_ms(waited_ms=waited, left_ms=deadline_ms - waited)
        calls += 1
    return calls


@given(waited=TIMES, left=st.integers(-WEEK_MS, WEEK_MS))
def test_it_is_a_second_to_a_minute_and_never_past_the_deadline(waited: int, left: int) -> None:
    after = poll_after_ms(waited_ms=waited, left_ms=left)

    assert MIN_POLL_MS <= after <= MAX_POLL_MS
    assert after <= max(left, MIN_POLL_MS)


@given(waited=TIMES, decided_after=TIMES)
def test_nobody_learns_of_a_decision_more_than_a_quarter_or_a_second_late(waited: int, decided_after: int) -> None:
    after = poll_after_ms(waited_ms=waited, left_ms=WEEK_MS)
    decided_at = waited + decided_after % after

    assert waited + after - decided_at <= max(MIN_POLL_MS, decided_at / 4)


def test_the_calls_of_a_whole_wait_are_few() -> None:
    assert [_calls(minutes * 60_000) for minutes in (1, 5, 60)] == [17, 24, 79]


def test_what_is_decided_is_not_asked_for() -> None:
    pending = a_record()
    overdue_ms = NOW_MS + TTL_MS

    assert pending.result_view(NOW_MS + 40_000)["pollAfterMs"] == 10_000
    assert pending.status_view(NOW_MS + 40_000)["pollAfterMs"] == 10_000
    for closed in (
        pending.expired(overdue_ms),
        pending.as_of(overdue_ms),
        pending.resolved(State.APPROVED, pending.reason, now_ms=NOW_MS),
    ):
        assert "pollAfterMs" not in closed.result_view(overdue_ms)
        assert "pollAfterMs" not in closed.status_view(overdue_ms)
