"""The tour of `make run`, on the deployed stack and on an edge that answers otherwise."""

from dataclasses import dataclass
from typing import Any

import pytest

from ops.commands.tour import Stop, take_tour
from ops.local.edge_client import Answer, Client
from ops.local.edge_rules import OPEN
from ops.local.signing_edge import OPERATOR, SigningEdge, Upstream
from ops.local.stack import LocalStack

OPERATOR_ID = str(OPERATOR["principalId"])


@pytest.fixture(scope="module")
def stops(stack: LocalStack) -> list[Stop]:
    """The tour as whoever runs the stack is shown it."""
    with SigningEdge(0) as server:
        server.start(Upstream(stack.api_url, credentials=stack.issuer, region=stack.region), access=OPEN)
        taken = list(take_tour(Client(server.url), trust_secret=stack.trust_secret, operator=OPERATOR_ID))
        server.shutdown()
    return taken


def test_every_stop_is_answered_as_the_tour_says(stops: list[Stop]) -> None:
    assert [stop for stop in stops if not stop.as_expected] == []


def test_it_shows_what_is_approved_once_executed_once_and_by_whom_it_is_ended(stops: list[Stop]) -> None:
    reasons = [stop.reason for stop in stops]

    for reason in (
        *("hitl_boundary_escalated", "hitl_approved", "security_decision_context_mismatch", "other_action"),
        *("verified", "succeeded", "security_grant_consumed", "stopped", "security_agent_stopped"),
    ):
        reasons = reasons[reasons.index(reason) :]  # in this order


@dataclass
class _Refusing:
    """Stands in for the edge of a stack that refuses everything, in one way."""

    answer: Answer

    def call(self, *_: Any, **__: Any) -> Answer:
        return self.answer


@pytest.mark.parametrize("body", [{}, {"reasonCode": "adapter_store_unavailable"}])
def test_a_stop_that_is_answered_otherwise_is_in_red(monkeypatch: pytest.MonkeyPatch, body: dict[str, Any]) -> None:
    monkeypatch.setattr("ops.commands.tour._PROJECTION_TIMEOUT_S", 0)
    edge: Any = _Refusing(Answer(503, body))

    stops = list(take_tour(edge, trust_secret="of-no-stack", operator=OPERATOR_ID))

    assert [stop.sent for stop in stops if stop.as_expected] == []
