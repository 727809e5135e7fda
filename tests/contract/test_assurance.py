"""What a decision rests on is kept with it: an issuer's word, or a person's own sign-in (contract.md section 13)."""

import json
from dataclasses import replace
from typing import Any

import pytest

from handshake.core.jsonio import canonical
from handshake.requests.act import act as act_on
from handshake.requests.action_bodies import parse_action
from handshake.requests.record import RequestRecord
from handshake.requests.verify import verify_request
from handshake.trust.identity import SignIn, parse_envelope
from tests.support.service import (
    InProcess,
    act,
    decided,
    escalated,
    extend,
    get,
    now_ms,
    own,
    post,
    revoke,
    submit,
)

INSUFFICIENT = (403, "security_identity_assurance_insufficient")
SIGN_IN = SignIn("https://login.example/pool", "5f1c-sub", 1_772_000_000)


@pytest.fixture
def strict(in_process: InProcess) -> InProcess:
    """A stack whose people sign in: HumanAssurance=oidc."""
    return replace(in_process, settings={"needs_sign_in": True})


def _state(service: InProcess, request: dict[str, Any]) -> dict[str, Any]:
    key = {"pk": {"S": f"REQ#{request['requestId']}"}, "sk": {"S": "STATE"}}
    item: dict[str, Any] = service.dynamodb.get_item(TableName=service.tables.workflow, Key=key)["Item"]
    return item


def _closing(service: InProcess, request: dict[str, Any]) -> dict[str, Any]:
    events = get(service, f"/workflow/evidence/{request['requestId']}", envelope=own(request)).body
    payload: dict[str, Any] = events[-1]["payload"]
    return payload


def _signed_in(service: InProcess, request: dict[str, Any], action: str = "approve") -> RequestRecord:
    """Act as a person who signed in: with the envelope that is made of their record."""
    envelope = replace(parse_envelope(json.dumps(own(request))), sign_in=SIGN_IN)
    body = parse_action({"requestId": request["requestId"], "action": action})
    done = act_on(service.context, body, envelope, needs_sign_in=service.runtime.needs_sign_in)
    assert isinstance(done, RequestRecord)
    return done


@pytest.mark.parametrize("action", ["approve", "reject", "withdraw"])
def test_an_issuers_word_is_kept_in_evidence_and_in_the_state(in_process: InProcess, action: str) -> None:
    request = escalated(in_process)
    act(in_process, request, action)

    assert _closing(in_process, request)["assurance"] == "issuer_asserted"
    assert _state(in_process, request)["assurance"] == {"S": "issuer_asserted"}
    assert "sign_in" not in _state(in_process, request)
    assert verify_request(in_process.context, request["requestId"]) == []


@pytest.mark.parametrize("action", ["approve", "reject"])
def test_a_sign_in_is_kept_with_its_provider_name_and_time(strict: InProcess, action: str) -> None:
    request = escalated(strict)
    _signed_in(strict, request, action)

    signed = {"issuer": SIGN_IN.issuer, "subject": SIGN_IN.subject, "authTime": SIGN_IN.auth_time_s}
    assert _closing(strict, request)["assurance"] == "oidc"
    assert _closing(strict, request)["signIn"] == signed
    assert _state(strict, request)["assurance"] == {"S": "oidc"}
    assert _state(strict, request)["sign_in"] == {"S": canonical(signed)}
    assert verify_request(strict.context, request["requestId"]) == []


def test_what_the_deadline_closed_rests_on_nobody(in_process: InProcess) -> None:
    request = escalated(in_process)
    late = replace(in_process, now_ms=lambda: now_ms() + 400_000)
    assert act(late, request).outcome == (409, "hitl_timeout_fail_closed")

    assert _closing(late, request)["assurance"] == "issuer_asserted"  # of who tried
    assert "assurance" not in _state(in_process, request)
    assert verify_request(in_process.context, request["requestId"]) == []


@pytest.mark.parametrize(
    ("attribute", "value"),
    [("assurance", "oidc"), ("sign_in", canonical({"issuer": "i", "subject": "s", "authTime": 1}))],
)
def test_another_assurance_in_the_state_is_found(in_process: InProcess, attribute: str, value: str) -> None:
    request = escalated(in_process)
    act(in_process, request)
    key = {"pk": {"S": f"REQ#{request['requestId']}"}, "sk": {"S": "STATE"}}
    in_process.dynamodb.update_item(
        TableName=in_process.tables.workflow,
        Key=key,
        UpdateExpression=f"SET {attribute} = :value",
        ExpressionAttributeValues={":value": {"S": value}},
    )

    [finding] = verify_request(in_process.context, request["requestId"])

    assert "is not what its evidence says" in finding.problem


def test_where_people_sign_in_an_issuers_envelope_reads_rejects_and_takes_back(strict: InProcess) -> None:
    request, other = escalated(strict), escalated(strict)

    assert get(strict, f"/workflow/decision-room/{request['requestId']}", envelope=own(request)).status == 200
    assert act(strict, request).outcome == INSUFFICIENT
    assert extend(strict, request).outcome == INSUFFICIENT
    assert submit(strict, request).body["state"] == "escalated_pending"
    assert act(strict, request, "reject").status == 200
    assert act(strict, other, "withdraw").status == 200
    assert revoke(strict, decided(strict, "allow")).status == 200
    assert _closing(strict, request)["assurance"] == "issuer_asserted"


def test_the_refusal_is_in_evidence_and_the_request_still_waits(strict: InProcess) -> None:
    request = escalated(strict)
    refused = act(strict, request, key="k")

    payload = _closing(strict, request)
    assert (payload["event"], payload["reasonCode"], payload["assurance"]) == (
        "refused",
        INSUFFICIENT[1],
        "issuer_asserted",
    )
    assert refused.body["stored"]["state"] == "escalated_pending"
    assert _signed_in(strict, request).state == "escalated_approved_terminal"


def test_no_field_of_the_header_says_that_somebody_signed_in(strict: InProcess) -> None:
    request = escalated(strict)

    for field, value in (("signIn", {"issuer": "i", "subject": "s", "authTime": 1}), ("assurance", "oidc")):
        body = {"requestId": request["requestId"], "action": "approve"}
        forged = post(strict, "/workflow/decision-room/action", body, envelope=own(request, **{field: value}))
        assert forged.outcome == (401, "security_invalid_identity_envelope")
    assert act(strict, request, envelope=own(request, issuer="https://login.example/pool")).outcome == INSUFFICIENT


def test_the_release_gates_own_approval_still_shows_that_approving_works(strict: InProcess) -> None:
    """Its calls reach requests of its own tenant alone, and nobody executes those."""
    request = escalated(strict)
    context = strict.context._replace(synthetic=True)
    body = parse_action({"requestId": request["requestId"], "action": "approve"})

    done = act_on(context, body, parse_envelope(json.dumps(own(request))), needs_sign_in=True)

    assert isinstance(done, RequestRecord)
    assert submit(strict, {**request, "timestamp": now_ms()}).body["decision"] == "allow"
