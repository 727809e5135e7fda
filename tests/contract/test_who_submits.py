"""Contract section 9.15: who submits, and who asks to execute; and how logs name who signed a call."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import pytest

from tests.support.logs import lines_of, standard_output
from tests.support.service import (
    ISSUER_ARN,
    SIGNER_ARN,
    InProcess,
    Reply,
    Service,
    decided,
    get,
    human,
    post,
    submission,
    submit,
    unique,
)
from tests.support.store import everything

MISSING: Final = (401, "security_missing_identity_envelope")
INVALID: Final = (401, "security_invalid_identity_envelope")
MISMATCH: Final = (403, "security_identity_subject_mismatch")
OTHER_TENANT: Final = (403, "security_read_tenant_mismatch")
ALLOWED: Final = (200, "policy_allow")
AUTHORIZED: Final = (200, "security_artifact_authorized")


@pytest.fixture
def strict(in_process: InProcess) -> InProcess:
    """The service with SubmissionIdentity=envelope."""
    return replace(in_process, settings={"needs_submitter": True})


def envelopes(body: Mapping[str, Any]) -> dict[str, tuple[dict[str, Any], tuple[int, str] | None]]:
    """Envelopes for a submission of ``body``, each with what refuses it, None where it may submit."""
    principal, agent, tenant = body["principalId"], body["agentId"], body["tenantId"]
    as_agent = {"principalId": agent, "subjectType": "agent"}
    anyone = human("a-service", subjectType="service", scopes=["workflow:submit:any"])
    return {
        "the principal": (human(principal), None),
        "the principal, of its tenant": (human(principal, tenantId=tenant), None),
        "the principal of another tenant": (human(principal, tenantId="another"), OTHER_TENANT),
        "the agent": (as_agent, None),
        "the agent, of its tenant": (as_agent | {"tenantId": tenant}, None),
        "the agent of another tenant": (as_agent | {"tenantId": "another"}, OTHER_TENANT),
        "a person of the agent's name": (human(agent), MISMATCH),
        "a service of the agent's name": (human(agent, subjectType="service"), MISMATCH),
        "somebody else": (human("somebody-else"), MISMATCH),
        "another agent": ({"principalId": "another", "subjectType": "agent"}, MISMATCH),
        "who may submit for anyone": (anyone, None),
        "who may submit for anyone of another tenant": (anyone | {"tenantId": "another"}, OTHER_TENANT),
        "an administrator": (human("admin", roles=["admin"], scopes=["workflow:read:any"]), MISMATCH),
        "who may resolve": (human("resolver", tenantId=tenant, scopes=["workflow:resolve"]), MISMATCH),
    }


every_submitter = pytest.mark.parametrize("who", envelopes({"principalId": "", "agentId": "", "tenantId": ""}))


def _authorize(service: Service, body: Mapping[str, Any], decision: Any, envelope: Any) -> Reply:
    return post(service, "/workflow/authorize-execution", {"request": body, "artifact": decision}, envelope=envelope)


@pytest.mark.parametrize("required", [False, True], ids=["asserted", "envelope"])
@every_submitter
def test_who_may_submit_and_ask_to_execute(in_process: InProcess, who: str, required: bool) -> None:  # noqa: FBT001 - a case
    service = replace(in_process, settings={"needs_submitter": required})
    body = submission()
    envelope, refused = envelopes(body)[who]

    submitted = post(service, "/workflow/requests", body, envelope=envelope)

    assert submitted.outcome == (refused or ALLOWED)
    if refused:
        assert (submitted.body["requestId"], submitted.body["decision"]) == (body["requestId"], "deny")
        assert isinstance(submitted.body["decisionContextHash"], str)
    decision = submit(in_process, body).body
    executed = _authorize(service, body, decision, envelope)
    assert executed.outcome == (refused or AUTHORIZED)
    assert executed.body["allowed"] is not bool(refused)


def test_without_an_envelope_a_submission_is_believed_unless_one_is_required(
    in_process: InProcess, strict: InProcess
) -> None:
    body = submission()
    before = everything(strict)

    for nothing in (None, "", " "):
        assert post(strict, "/workflow/requests", body, envelope=nothing).outcome == MISSING
        assert post(strict, "/workflow/authorize-execution", {}, envelope=nothing).outcome == MISSING
    assert everything(strict) == before
    for nothing in (None, "", " "):
        assert post(in_process, "/workflow/requests", body, envelope=nothing).outcome == ALLOWED


def test_an_envelope_that_is_none_is_refused_where_an_issuer_signed(in_process: InProcess, strict: InProcess) -> None:
    for service in (in_process, strict):
        assert post(service, "/workflow/requests", submission(), envelope="{}").outcome == INVALID


def test_nobody_but_an_issuer_is_believed_about_who_submits(in_process: InProcess, strict: InProcess) -> None:
    body = submission()

    assert (
        post(strict.by_stranger(), "/workflow/requests", body, envelope=human(body["principalId"])).outcome == INVALID
    )
    # As before there was a rule: whoever may call may submit, and what it says of itself counts for nothing.
    for envelope in (human("somebody-else"), "{}"):
        assert post(in_process.by_stranger(), "/workflow/requests", body, envelope=envelope).outcome == ALLOWED


def test_ids_can_be_neither_squatted_nor_guessed_where_an_envelope_is_required(
    in_process: InProcess, strict: InProcess
) -> None:
    """A requestId told whoever was not its submitter whether it was taken, and by what facts."""
    taken = decided(in_process, "allow")
    stranger = human("stranger", tenantId="another")

    for body in (taken, submission(), taken | {"payloadRef": "guess"}):
        assert post(strict, "/workflow/requests", body, envelope=stranger).outcome == MISMATCH


def test_a_repeat_needs_the_submitters_envelope_where_one_is_required(strict: InProcess) -> None:
    body = submission()
    own = human(body["principalId"])
    first = post(strict, "/workflow/requests", body, envelope=own)

    again = post(strict, "/workflow/requests", body | {"timestamp": body["timestamp"] + 1000}, envelope=own)

    assert again.body["decisionContextHash"] == first.body["decisionContextHash"]
    assert post(strict, "/workflow/requests", body).outcome == MISSING
    assert post(strict, "/workflow/requests", body, envelope=human("another")).outcome == MISMATCH


def test_the_log_line_names_the_signers_role_and_the_gateways_id_and_never_an_envelope(in_process: InProcess) -> None:
    secret = unique("session")
    envelope = human(unique("principal"), sessionId=secret)
    calls = [
        ("GET", "/workflow/requests/nobody", None),
        ("POST", "/workflow/requests", "{}"),
        ("GET", "/metrics/summary", None),
        ("POST", "/policy/apply", "{}"),
    ]
    for method, path, body in calls:
        headers = {"x-identity-envelope": str(envelope), "x-internal-trust-context": secret}
        event, handler = in_process.event(method, path, headers=headers, body=body)
        event["requestContext"]["requestId"] = "gateway-1"
        with standard_output() as output:
            handler.using(in_process.runtime)(event, None)

        [line] = lines_of(output)
        assert line["signer"] == "arn:aws:iam::000000000000:role/handshake-edge"
        assert line["gateway_request_id"] == "gateway-1"
        assert secret not in output.getvalue()
        assert "session" not in line["signer"]
    assert SIGNER_ARN != ISSUER_ARN


def test_a_call_without_a_signer_is_logged_without_one(in_process: InProcess) -> None:
    event, handler = in_process.event("GET", "/metrics/summary", headers={}, body=None)
    event["requestContext"] = {}
    with standard_output() as output:
        handler.using(in_process.runtime)(event, None)

    [line] = lines_of(output)
    assert "signer" not in line or line["signer"] is None


def test_use_cases_are_given_who_signed(in_process: InProcess) -> None:
    with in_process.runtime.invocation("call", signer="arn", gateway_request_id="gateway") as context:
        assert (context.signer, context.gateway_request_id) == ("arn", "gateway")
    with in_process.runtime.invocation() as context:
        assert (context.signer, context.gateway_request_id) == ("", "")


@pytest.mark.parametrize("signer", ["", " ", None, "handshake-edge", "arn:aws:iam::000000000000:user/handshake-edge"])
def test_nobody_is_believed_whom_no_issuers_role_signed_for(in_process: InProcess, signer: Any) -> None:
    service = replace(in_process, signer_arn=signer)

    assert get(service, "/workflow/decision-room", envelope=human("p")).outcome == INVALID
