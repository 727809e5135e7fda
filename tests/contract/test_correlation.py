"""One correlation id follows a call into its log line, its evidence and its metrics events."""

import uuid

import pytest

from tests.support.logs import lines_of, standard_output
from tests.support.service import (
    InProcess,
    Service,
    apply_policy,
    escalated,
    for_agent,
    get,
    human,
    own,
    post,
    reported_event,
    submission,
    unique,
)
from tests.support.store import events_about, kept


def _named() -> tuple[str, dict[str, str]]:
    name = uuid.uuid4().hex
    return name, {"x-correlation-id": name}


def _in_evidence(service: Service, request: dict[str, str]) -> list[str | None]:
    evidence = get(service, f"/workflow/evidence/{request['requestId']}", envelope=own(request)).body
    return [event["payload"].get("correlationId") for event in evidence if event["payload"]["source"] == "audit"]


def test_submit_refusal_and_approval_are_told_apart_in_evidence_and_events(service: Service) -> None:
    (submitted, by_agent), (refused, by_stranger), (approved, by_owner) = _named(), _named(), _named()
    request = submission(context={"amount": 150, "category": "ops"})
    action = {"requestId": request["requestId"], "action": "approve"}

    post(service, "/workflow/requests", request, headers=by_agent)
    post(service, "/workflow/decision-room/action", action, envelope=human("stranger"), headers=by_stranger)
    post(service, "/workflow/decision-room/action", action, envelope=own(request), headers=by_owner)

    assert _in_evidence(service, request) == [submitted, refused, approved]
    events = sorted(events_about(service, request["requestId"]), key=lambda event: event["appended_at"])
    assert [event["correlation_id"] for event in events] == [submitted, refused, approved]


def test_a_policy_change_is_traced_to_its_call(service: Service) -> None:
    name, headers = _named()
    agent = unique("agent")

    apply_policy(service, for_agent(agent, max_transaction=5), headers=headers)

    [audit] = kept(service, service.tables.policy, pk=f"SCOPE#agent#{agent}", sk="AUDIT#00000001")
    assert audit["correlation_id"] == name


def test_a_reported_event_keeps_the_call_that_reported_it(service: Service) -> None:
    name, headers = _named()
    event = reported_event()

    post(service, "/metrics/project", event, headers=headers)

    assert [kept["correlation_id"] for kept in events_about(service, event["requestId"])] == [name]


@pytest.mark.parametrize("decision", ["an answer", "a refusal"])
def test_the_log_line_has_the_id_and_the_callers_pseudonyms(in_process: InProcess, decision: str) -> None:
    name, headers = _named()
    request = escalated(in_process)
    envelope = own(request) if decision == "an answer" else human("stranger")

    with standard_output() as output:
        get(in_process, f"/workflow/requests/{request['requestId']}", envelope=envelope, headers=headers)

    [line] = lines_of(output)
    assert (line["correlation_id"], line["endpoint"]) == (name, "GET /workflow/requests/{requestId}")
    assert line["principal"]
    assert line["status"] == (200 if decision == "an answer" else 403)
