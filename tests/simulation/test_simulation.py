"""Simulation: what a replay reports equals deciding everything again by hand."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handshake.policy.rule_keys import limits_of
from handshake.requests.decision import Decision, decide, utc_day
from handshake.requests.submission import Submission
from handshake.simulation.answers import Simulated
from handshake.simulation.simulation import simulate
from tests.support.metrics_events import DAY_MS, NOW_MS
from tests.support.policies import in_force
from tests.support.workflow_requests import a_submission, rules

Rules = list[dict[str, Any]]
STRICTNESS = ["allow", "escalate", "deny"]
AGENTS = ("agent-1", "agent-2", "agent-3")


@st.composite
def _requests(draw: st.DrawFn) -> list[Submission]:
    def one() -> Submission:
        kind = draw(st.sampled_from(["payment", "payment", "payment", "data_access", "other"]))
        context: dict[str, Any] = {
            "amount": draw(st.integers(0, 700)),
            "category": draw(st.sampled_from(["ops", "food"])),
        }
        if kind == "data_access":
            context = {"sensitivity": draw(st.sampled_from(["low", "high", "ambiguous"]))}
        at_ms = NOW_MS - draw(st.integers(0, 2)) * DAY_MS - draw(st.integers(0, 1439)) * 60_000
        return a_submission(kind, context=context, timestamp=at_ms, agentId=draw(st.sampled_from(AGENTS)))

    return [one() for _ in range(draw(st.integers(0, 12)))]


def _by_hand(ordered: Sequence[Submission], stored: Rules) -> list[Decision]:
    """Each decided on its own, what was spent before it added up from the start every time."""
    policy, decisions = in_force(limits_of(stored)), list[Decision]()
    for request in ordered:
        earlier = [
            Decimal(str(other.facts["amount"]))
            for other, decision in zip(ordered, decisions, strict=False)
            if other.action_type == "payment"
            and decision.outcome == "allow"
            and (other.agent_id, utc_day(other.timestamp_ms)) == (request.agent_id, utc_day(request.timestamp_ms))
        ]
        decisions.append(decide(request, policy=policy, spent=sum(earlier, Decimal(0))))
    return decisions


def _simulated(requests: Sequence[Submission], before: Rules, after: Rules, *, sampled: bool = False) -> Simulated:
    policies = in_force(limits_of(before)), in_force(limits_of(after))
    return simulate(requests, before=lambda _: policies[0], after=lambda _: policies[1], sampled=sampled).view()


@settings(max_examples=150)
@given(_requests(), rules(max_size=3), rules(max_size=3))
def test_a_replay_equals_deciding_everything_again_by_hand(
    requests: list[Submission], before: Rules, after: Rules
) -> None:
    ordered = sorted(requests, key=lambda request: request.timestamp_ms)
    triples = list(zip(ordered, _by_hand(ordered, before), _by_hand(ordered, after), strict=True))
    changed = [triple for triple in triples if triple[1].outcome != triple[2].outcome]
    risky = [triple for triple in changed if triple[1].tier >= 3 or triple[2].tier >= 3]
    looser = [t for t in changed if STRICTNESS.index(t[2].outcome) < STRICTNESS.index(t[1].outcome)]

    view = _simulated(requests, before, after)

    assert view["blastRadius"] == {
        "affectedAgents": len({request.agent_id for request, _, _ in changed}),
        "highRiskAgents": len({request.agent_id for request, _, _ in risky}),
    }
    assert {(c["requestClass"], c["before"], c["after"]) for c in view["predictedChanges"]} == {
        (f"payment:{request.facts['category']}", one.outcome, other.outcome) for request, one, other in changed
    }
    assert view["decision"] == ("escalate" if looser else "allow")
    assert (view["tier"] == 1) == (not changed)
    assert (view["tier"] >= 3) == bool(looser)
    assert (view["tier"] == 4) == any(triple in risky for triple in looser)


@given(_requests(), rules(max_size=3))
def test_the_policy_in_force_changes_nothing(requests: list[Submission], stored: Rules) -> None:
    view = _simulated(requests, stored, stored)

    assert view["blastRadius"] == {"affectedAgents": 0, "highRiskAgents": 0}
    assert (view["predictedChanges"], view["decision"], view["tier"]) == ([], "allow", 1)


@given(_requests(), st.randoms(use_true_random=False))
def test_the_order_in_which_requests_were_found_does_not_matter(requests: list[Submission], random: Any) -> None:
    distinct = list({request.timestamp_ms: request for request in requests}.values())
    shuffled = random.sample(distinct, len(distinct))
    proposed = [{"id": "r", "key": "daily_spend_limit", "value": 500}]

    assert _simulated(shuffled, [], proposed) == _simulated(distinct, [], proposed)


def test_without_history_nothing_is_predicted() -> None:
    view = _simulated([], [], [{"id": "r", "key": "max_transaction", "value": 0}])

    assert view["blastRadius"] == {"affectedAgents": 0, "highRiskAgents": 0}
    assert view["predictedChanges"] == []
    assert view["reasons"] == ["Replayed 0 requests: all recorded requests of the window."]


@pytest.mark.parametrize(
    ("limit", "told"),
    [
        (100, ("allow", 1)),
        # 150 was escalated and would be allowed.
        (200, ("escalate", 4)),
        # 50 was allowed and would be escalated.
        (40, ("allow", 2)),
    ],
)
def test_a_change_that_loosens_is_escalated_and_one_that_only_tightens_is_not(
    limit: int, told: tuple[str, int]
) -> None:
    requests = [a_submission(context={"amount": amount}, timestamp=NOW_MS + amount) for amount in (50, 150)]

    view = _simulated(requests, [], [{"id": "r", "key": "max_transaction", "value": limit}])

    assert (view["decision"], view["tier"]) == told


def test_a_replay_says_how_much_it_replayed_and_whether_that_was_all() -> None:
    view = _simulated([a_submission()], [], [{"id": "r", "key": "max_transaction", "value": 1}], sampled=True)

    assert view["reasons"] == [
        "Replayed 1 requests: the newest recorded requests.",
        "1 would be decided otherwise: 0 looser, 1 stricter.",
    ]
