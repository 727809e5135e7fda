"""What the state of an agent makes of what policy decided."""

from hypothesis import given
from hypothesis import strategies as st

from handshake.agents.standing import AgentState
from handshake.core.reasons import ReasonCode
from handshake.policy.rule_keys import Trigger
from handshake.requests.decision import Decision, restrict

CROSSED = Trigger("max_transaction", 100, 150)
DECISIONS = st.sampled_from(
    [
        Decision("allow", ReasonCode.POLICY_ALLOW, 1),
        Decision("escalate", ReasonCode.HITL_BOUNDARY_ESCALATED, 3, CROSSED),
        Decision("escalate", ReasonCode.HITL_BOUNDARY_ESCALATED, 4, CROSSED),
        Decision("deny", ReasonCode.POLICY_CATEGORY_NOT_ALLOWED, 4),
    ]
)


@given(DECISIONS)
def test_an_active_agent_gets_what_policy_decided(decision: Decision) -> None:
    assert restrict(decision, AgentState.ACTIVE) == decision


@given(DECISIONS)
def test_whatever_policy_says_a_stopped_agent_is_denied_as_stopped(decision: Decision) -> None:
    assert restrict(decision, AgentState.STOPPED) == Decision("deny", ReasonCode.SECURITY_AGENT_STOPPED, 4)


@given(DECISIONS)
def test_of_a_restricted_agent_nothing_is_allowed_and_what_policy_denies_stays_denied(decision: Decision) -> None:
    restricted = restrict(decision, AgentState.ESCALATE_ALL)

    if decision.outcome == "deny":
        assert restricted == decision
    else:
        assert restricted.outcome == "escalate"
        assert restricted.reason == ReasonCode.HITL_AGENT_RESTRICTED_ESCALATED
        assert restricted.tier == max(3, decision.tier)
        assert restricted.spend == decision.spend
        assert restricted.trigger == (decision.trigger or Trigger("agent_state", None, "escalate_all"))
