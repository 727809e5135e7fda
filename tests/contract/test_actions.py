"""Actions: what a submission carries, what people are shown of it, and what it binds (contract.md section 10)."""

import hashlib
import json
from dataclasses import replace
from typing import Any

import pytest

from tests.support.outcomes import SHAPE
from tests.support.service import InProcess, Service, act, escalated, get, own, post, submission, submit
from tests.support.workflow_requests import an_action

BINDING = (400, "trust_context_missing_binding")
MISMATCH = (409, "security_decision_context_mismatch")


def _room(service: Service, request: dict[str, Any]) -> Any:
    return get(service, f"/workflow/decision-room/{request['requestId']}", envelope=own(request))


def _authorize(service: Service, request: dict[str, Any], shown: Any) -> Any:
    artifact = {name: shown[name] for name in ("requestId", "decision", "decisionContextHash")}
    return post(service, "/workflow/authorize-execution", {"request": request, "artifact": artifact})


def test_the_room_shows_the_very_text_that_was_hashed(service: Service) -> None:
    request = escalated(service, action=an_action(arguments={"payee": "Ümläut 😀", "note": "\u202etxt.exe\x00"}))

    room = _room(service, request).body

    text = room["canonicalAction"]
    assert room["actionDigest"] == f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"
    assert room["action"] == request["action"] == json.loads(text)["action"]
    assert json.loads(text)["facts"] == {"amount": "150", "category": "ops"}


def test_every_answer_has_the_digest_and_it_stays(service: Service) -> None:
    for changes in ({}, {"action": an_action()}):
        request = escalated(service, **changes)
        status = get(service, f"/workflow/requests/{request['requestId']}", envelope=own(request)).body
        again = submit(service, request | {"timestamp": request["timestamp"] + 1}).body

        act(service, request)

        after = get(service, f"/workflow/requests/{request['requestId']}", envelope=own(request)).body
        room = _room(service, request).body
        assert len({shown["actionDigest"] for shown in (status, again, after, room)}) == 1


@pytest.mark.parametrize(
    "changed",
    [
        an_action(arguments=an_action()["arguments"] | {"payee": "Mallory"}),
        an_action(arguments=an_action()["arguments"] | {"currency": "USD"}),
        an_action(arguments=None),
        an_action(tool="bank/other"),
        an_action(toolVersion=None),
        None,
    ],
)
def test_what_was_approved_is_no_approval_of_anything_else(service: Service, changed: Any) -> None:
    request = escalated(service, action=an_action())
    act(service, request)
    approved = submit(service, request).body
    exchanged = request | {"action": changed}

    assert submit(service, exchanged).outcome == MISMATCH
    assert _authorize(service, exchanged, approved).outcome == MISMATCH
    # A hash that agrees with what is presented opens nothing either.
    borrowed = submit(service, exchanged | {"requestId": f"{request['requestId']}-twin"}).body
    forged = borrowed | {"requestId": request["requestId"], "decision": "allow"}
    assert _authorize(service, exchanged, forged).outcome == MISMATCH
    assert _authorize(service, request, approved).status == 200


def test_a_tenant_is_bound_as_everything_else_is(service: Service) -> None:
    request = escalated(service, action=an_action())
    act(service, request)

    assert _authorize(service, request | {"tenantId": "other"}, submit(service, request).body).outcome == MISMATCH


def test_an_action_that_is_not_whole_is_refused_and_its_request_id_stays_free(service: Service) -> None:
    request = submission("external_call", action={"operation": "mail send"})

    refused = submit(service, request)

    assert refused.outcome == SHAPE
    assert submit(service, request | {"action": {"operation": "mail.send"}}).status == 200


def test_numbers_are_taken_as_they_were_written(service: Service) -> None:
    body = json.dumps(submission("external_call", action=an_action(arguments={"n": 0.5})))

    assert post(service, "/workflow/requests", body.replace("0.5", "0.50")).status == 200
    assert post(service, "/workflow/requests", body.replace("0.5", "0.50000000000000000001")).outcome == SHAPE


def test_evidence_names_the_action_and_its_digest_and_none_of_its_arguments(service: Service) -> None:
    request = escalated(service, action=an_action(arguments={"payee": "Secret Ltd"}))

    events = get(service, f"/workflow/evidence/{request['requestId']}", envelope=own(request)).body

    lineage = events[0]["payload"]
    named = {name: value for name, value in an_action().items() if name != "arguments"}
    assert {name: lineage[name] for name in named} == named
    assert lineage["actionDigest"] == submit(service, request).body["actionDigest"]
    assert "Secret Ltd" not in json.dumps(events)


def test_nobody_decides_on_a_text_that_has_another_digest(moto_tables: Any) -> None:
    service = InProcess(*moto_tables)
    request = escalated(service, action=an_action())
    client, tables = moto_tables
    key = {"pk": {"S": f"REQ#{request['requestId']}"}, "sk": {"S": "ACTION"}}
    kept = client.get_item(TableName=tables.workflow, Key=key)["Item"]
    forged = {"S": kept["canonical"]["S"].replace("ACME", "Evil")}
    client.put_item(TableName=tables.workflow, Item=kept | {"canonical": forged})

    assert _room(service, request).outcome == (503, "adapter_store_unavailable")


# -- ActionBinding=required -----------------------------------------------------------------------------------------


@pytest.fixture
def strict(in_process: InProcess) -> InProcess:
    """The service with ActionBinding=required."""
    return replace(in_process, settings={"binds_actions": True})


@pytest.mark.parametrize("action", [None, "absent"])
def test_a_submission_must_carry_its_action_where_that_is_required(strict: InProcess, action: Any) -> None:
    request = submission("external_call", **({} if action == "absent" else {"action": action}))

    assert submit(strict, request).outcome == BINDING
    assert submit(strict, request | {"action": an_action()}).outcome == (200, "policy_allow")


def test_of_two_faults_an_action_that_is_missing_comes_after_the_ids_that_are(strict: InProcess) -> None:
    assert "agentId" in submit(strict, submission(agentId=None)).body["message"]
    assert "action" in submit(strict, submission(timestamp="x")).body["message"]
    assert submit(strict, submission(actionType="x")).outcome == SHAPE


def test_no_execution_is_authorized_without_a_grant_where_actions_are_bound(
    in_process: InProcess, strict: InProcess
) -> None:
    with_action = escalated(in_process, action=an_action())
    without = escalated(in_process)
    for request in (with_action, without):
        act(in_process, request)
        approved = submit(in_process, request).body

        refused = _authorize(strict, request, approved)

        assert refused.outcome == (409, "security_grant_required")
        assert refused.body["allowed"] is False
        assert _authorize(in_process, request, approved).status == 200


def test_what_was_decided_before_actions_were_required_is_told_and_resolved_still(
    in_process: InProcess, strict: InProcess
) -> None:
    request = escalated(in_process)

    assert _room(strict, request).status == 200
    assert act(strict, request).outcome == (200, "hitl_approved")
