"""The escalation window: five within ten minutes, by the same principal and agent."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from handshake.core.reasons import ReasonCode
from handshake.requests.decision import Decision, throttle_escalation, within_window
from tests.support.metrics_events import NOW_MS

WINDOW_MS = 10 * 60 * 1000
TIMES = st.lists(st.integers(NOW_MS - 2 * WINDOW_MS, NOW_MS), max_size=12)
THROTTLED = Decision("deny", ReasonCode.SECURITY_ESCALATION_FLOOD_THROTTLED, 4)
ESCALATION = Decision("escalate", ReasonCode.HITL_BOUNDARY_ESCALATED, 3)


@given(TIMES)
@example([NOW_MS - WINDOW_MS + 1] * 5)
@example([NOW_MS - WINDOW_MS] + [NOW_MS] * 4)
@example([NOW_MS] * 5)
def test_a_sixth_escalation_within_ten_minutes_is_denied_and_no_earlier_one(times: list[int]) -> None:
    recent = [time for time in times if NOW_MS - time < WINDOW_MS]

    told = throttle_escalation(ESCALATION, times, now_ms=NOW_MS)

    assert told == (THROTTLED if len(recent) >= 5 else ESCALATION)
    assert within_window(times, now_ms=NOW_MS) == sorted(recent)


@pytest.mark.parametrize(
    "decision",
    [Decision("allow", ReasonCode.POLICY_ALLOW, 1), Decision("deny", ReasonCode.POLICY_CATEGORY_NOT_ALLOWED, 4)],
)
def test_only_escalations_are_throttled(decision: Decision) -> None:
    assert throttle_escalation(decision, [NOW_MS] * 50, now_ms=NOW_MS) is decision
