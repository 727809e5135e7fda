"""The escalation window: so many within ten minutes, by the same principal and agent; five by default."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from handshake.agents.standing import AgentState
from handshake.core.reasons import ReasonCode
from handshake.policy.rule_keys import ESCALATIONS_PER_WINDOW, NO_LIMITS, Limits
from handshake.policy.rules import PolicyInForce
from handshake.requests.decision import (
    Decision,
    Escalations,
    decide_in_window,
    throttle_escalation,
    within_window,
)
from tests.support.metrics_events import NOW_MS
from tests.support.workflow_requests import a_submission

WINDOW_MS = 10 * 60 * 1000
TIMES = st.lists(st.integers(NOW_MS - 2 * WINDOW_MS, NOW_MS), max_size=12)
THROTTLED = Decision("deny", ReasonCode.SECURITY_ESCALATION_FLOOD_THROTTLED, 4)
ESCALATION = Decision("escalate", ReasonCode.HITL_BOUNDARY_ESCALATED, 3)


@given(TIMES, st.integers(1, 12))
@example([NOW_MS - WINDOW_MS + 1] * 5, 5)
@example([NOW_MS - WINDOW_MS] + [NOW_MS] * 4, 5)
@example([NOW_MS] * 5, 5)
@example([NOW_MS] * 1000, 1000)
@example([NOW_MS] * 999, 1000)
def test_one_escalation_too_many_within_ten_minutes_is_denied_and_no_earlier_one(times: list[int], most: int) -> None:
    recent = [time for time in times if NOW_MS - time < WINDOW_MS]

    told = throttle_escalation(ESCALATION, times, most=most, now_ms=NOW_MS)

    assert told == (THROTTLED if len(recent) >= most else ESCALATION)
    assert within_window(times, now_ms=NOW_MS) == sorted(recent)


@pytest.mark.parametrize(
    "decision",
    [Decision("allow", ReasonCode.POLICY_ALLOW, 1), Decision("deny", ReasonCode.POLICY_CATEGORY_NOT_ALLOWED, 4)],
)
def test_only_escalations_are_throttled(decision: Decision) -> None:
    assert throttle_escalation(decision, [NOW_MS] * 50, most=1, now_ms=NOW_MS) is decision


def _decided(escalations: int, stored: PolicyInForce = PolicyInForce(), **facts: Any) -> Decision:  # noqa: B008 - immutable
    submission = (
        a_submission("data_access", context={"sensitivity": "ambiguous"}) if not facts else a_submission(**facts)
    )
    seen = Escalations((NOW_MS,) * escalations, 1)
    return decide_in_window(
        submission, policy=stored, agent=AgentState.ACTIVE, spent=Decimal(0), escalations=seen, now_ms=NOW_MS
    )


LIMITS = st.none() | st.integers(1, 1000)


def _limits(most: int | None) -> Limits:
    return NO_LIMITS if most is None else NO_LIMITS.narrowed(ESCALATIONS_PER_WINDOW, most)


@given(LIMITS, LIMITS, LIMITS)
def test_of_several_scopes_limits_the_smallest_wins_and_five_stand_in_for_what_global_scope_does_not_say(
    for_all: int | None, for_agent: int | None, for_agent_in_tenant: int | None
) -> None:
    policy = PolicyInForce(_limits(for_all), _limits(for_agent), _limits(for_agent_in_tenant))
    most = min(limit for limit in (for_all or 5, for_agent, for_agent_in_tenant) if limit is not None)

    for facts in ({}, {"context": {"amount": 150}}):
        assert _decided(most, policy, **facts) == THROTTLED
        assert _decided(most - 1, policy, **facts).outcome == "escalate"
