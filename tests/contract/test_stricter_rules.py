"""Contract sections 9.16, 9.18, 9.22, 9.25 and 9.27: what is decided, and on what, item by item."""

import json
import re
from collections.abc import Mapping
from typing import Any

import pytest

from handshake.api.telemetry import pseudonym
from tests.support.logs import lines_of, standard_output
from tests.support.service import (
    PSEUDONYM_KEY,
    InProcess,
    Reply,
    Service,
    act,
    artifact_in,
    escalated,
    get,
    now_ms,
    own,
    post,
    reported_event,
    submission,
    submit,
)
from tests.support.store import events_about, kept, let_expire, paused

MISMATCH = (409, "security_decision_context_mismatch")
PAUSED = (503, "adapter_privileged_mutations_paused")
EXPIRED = "escalated_expired_terminal"
MINUTE_MS = 60_000


def _authorize(service: Service, request: Mapping[str, Any], artifact: Mapping[str, Any]) -> Reply:
    return post(service, "/workflow/authorize-execution", {"request": request, "artifact": artifact})


# -- 9.16 -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tenant", ["another tenant", None])
def test_16_an_execution_is_authorized_in_the_tenant_it_was_decided_for(service: Service, tenant: str | None) -> None:
    request = submission()
    artifact = submit(service, request).body

    reply = _authorize(service, request | {"tenantId": tenant}, artifact)

    assert (reply.outcome, reply.body["allowed"]) == (MISMATCH, False)
    assert _authorize(service, request, artifact).status == 200


@pytest.mark.parametrize(
    ("declared", "code"),
    [
        ({"privilegedPath": False}, "security_handshake_required_bypass_denied"),
        ({"context": {"amount": 10, "sideChannelAttempt": True}}, "security_side_channel_denied"),
        ({"context": {"amount": 10, "directAdapterCall": True}}, "security_side_channel_denied"),
    ],
    ids=str,
)
def test_16_an_execution_that_declares_a_way_around_is_refused(
    service: Service, declared: dict[str, Any], code: str
) -> None:
    request = submission(context={"amount": 10})
    artifact = submit(service, request).body

    reply = _authorize(service, request | declared, artifact)

    assert (reply.outcome, reply.body["allowed"]) == ((403, code), False)


def test_16_nothing_is_authorized_while_operators_have_paused(in_process: InProcess) -> None:
    request = submission()
    artifact = submit(in_process, request).body

    with paused(in_process):
        reply = _authorize(in_process, request, artifact)

    assert (reply.outcome, reply.body["allowed"], reply.headers["retry-after"]) == (PAUSED, False, "2")
    assert _authorize(in_process, request, artifact).status == 200


def test_16_the_log_line_names_the_request_by_its_pseudonym(in_process: InProcess) -> None:
    request = submission()
    artifact = submit(in_process, request).body

    with standard_output() as output:
        _authorize(in_process, request, artifact)
        _authorize(in_process, request | {"tenantId": "another"}, artifact)

    allowed, refused = lines_of(output)
    assert allowed["request"] == refused["request"] == pseudonym(request["requestId"], PSEUDONYM_KEY)
    assert (allowed["principal"], allowed["tenant"]) == (
        pseudonym(request["principalId"], PSEUDONYM_KEY),
        pseudonym(request["tenantId"], PSEUDONYM_KEY),
    )
    assert (allowed["reason_code"], refused["reason_code"]) == ("security_artifact_authorized", MISMATCH[1])


# -- a retry with a fresh timestamp -----------------------------------------------------------------------------


def test_a_retry_with_a_fresh_timestamp_is_told_which_one_to_execute_with(service: Service) -> None:
    first = submission(timestamp=now_ms() - 2 * MINUTE_MS)
    submit(service, first)
    retry = first | {"timestamp": now_ms()}

    told = submit(service, retry).body

    assert told["requestTimestamp"] == first["timestamp"]
    assert _authorize(service, retry, told).outcome == MISMATCH
    assert _authorize(service, retry | {"timestamp": told["requestTimestamp"]}, told).status == 200


def test_every_read_says_what_the_timestamp_of_the_first_submission_was(service: Service) -> None:
    request = escalated(service, timestamp=now_ms() - MINUTE_MS)

    status, room = (
        get(service, f"/workflow/{kind}/{request['requestId']}", envelope=own(request)).body
        for kind in ("requests", "decision-room")
    )
    [queued] = get(service, "/workflow/decision-room", envelope=own(request)).body["requests"]

    assert {view["requestTimestamp"] for view in (status, room, queued)} == {request["timestamp"]}


# -- 9.18 -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("field", ["timestampMs", "incidentDetectedTsMs", "terminalDecisionTsMs"])
@pytest.mark.parametrize("at", ["6 minutes ahead", "1999", "epoch"])
def test_18_a_time_that_cannot_be_is_refused(service: Service, field: str, at: str) -> None:
    times = {"6 minutes ahead": now_ms() + 6 * MINUTE_MS, "1999": 946_684_799_000, "epoch": 0}

    reply = post(service, "/metrics/project", reported_event(**{field: times[at]}))

    assert (reply.status, reply.body["error"]) == (400, "invalid_metrics_event")


def test_18_a_terminal_decision_before_its_incident_is_refused(service: Service) -> None:
    at = now_ms()

    reply = post(service, "/metrics/project", reported_event(incidentDetectedTsMs=at, terminalDecisionTsMs=at - 1))

    assert (reply.status, reply.body["error"]) == (400, "invalid_metrics_event")


def test_18_a_report_says_what_it_was_kept_as_and_may_not_know_the_risk(service: Service) -> None:
    event = reported_event(riskTier="unknown", timestampMs=now_ms() + 4 * MINUTE_MS)

    told = [post(service, "/metrics/project", event) for _ in range(2)]

    assert [reply.body for reply in told] == [
        {
            "status": "ok",
            "eventId": event["eventId"],
            "duplicate": duplicate,
            "schemaVersion": "v1",
            "projectorVersion": "v1",
        }
        for duplicate in (False, True)
    ]
    [stored] = events_about(service, event["requestId"])
    assert (stored["reported"], stored["risk_tier"]) == (True, "unknown")


def test_18_no_alert_hears_of_what_is_reported(in_process: InProcess) -> None:
    codes = ("security_replay_guard_unavailable", "security_read_tenant_mismatch", "security_token_invalid")

    with standard_output() as output:
        for code in codes:
            post(in_process, "/metrics/project", reported_event(reasonCode=code))

    signals = ("SecurityDenied", "TenantMismatchDenied", "ReplayGuardUnavailable")
    assert [[line[signal] for signal in signals] for line in lines_of(output)] == [[0, 0, 0]] * 3
    assert not any(code in json.dumps(line) for line in lines_of(output) for code in codes)


# -- 9.22 -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    ["{", "[]", "null", {}, {"requestId": "r"}, {"requestId": 7, "actionType": "payment"}, {"actionType": "bribe"}],
    ids=str,
)
def test_22_the_hash_in_a_refused_submission_is_a_string_that_is_no_decisions(service: Service, body: Any) -> None:
    reply = submit(service, body)

    assert reply.status == 400
    assert re.fullmatch("ctx_[0-9a-f]{64}", reply.body["decisionContextHash"])


def test_22_a_refused_submission_is_counted_and_logged_and_not_stored(in_process: InProcess) -> None:
    body = submission()

    with standard_output() as output:
        refused = submit(in_process, body | {"timestamp": "soon"})

    [line] = lines_of(output)
    assert refused.status == 400
    assert (line["status"], line["request"]) == (400, pseudonym(body["requestId"], PSEUDONYM_KEY))
    assert [event["reason_code"] for event in events_about(in_process, body["requestId"])] == [refused.reason]
    assert kept(in_process, in_process.tables.workflow, pk=f"REQ#{body['requestId']}") == []
    assert submit(in_process, body).status == 200


# -- 9.25 -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sensitivity", "reason"),
    [
        *[(word, "policy_allow") for word in ("low", "medium", "public", "internal", None, " LOW ")],
        *[
            (word, "policy_sensitive_scope_denied")
            for word in ("high", "confidential", "secret", "restricted", "pii", "PII", " Secret")
        ],
        *[
            (word, "hitl_sensitive_ambiguous_escalated")
            for word in ("ambiguous", "", "none", "topsecret", "p i i", 3, ["low"], {"is": "low"}, False)
        ],
    ],
    ids=str,
)
def test_25_data_that_is_not_known_to_be_harmless_is_not_let_through(
    service: Service, sensitivity: Any, reason: str
) -> None:
    body = submission("data_access", context={"sensitivity": sensitivity})

    assert submit(service, body).reason == reason
    authorized = submission("data_access", context={"sensitivity": sensitivity, "authorizedSensitiveScope": True})
    expected = "policy_allow" if reason == "policy_sensitive_scope_denied" else reason
    assert submit(service, authorized).reason == expected


# -- 9.27 -------------------------------------------------------------------------------------------------------


def test_27_past_the_deadline_every_read_says_expired_and_writes_nothing(service: Service) -> None:
    request = escalated(service)
    let_expire(service, request)
    before = kept(service, service.tables.workflow, pk=f"REQ#{request['requestId']}")

    status, room = (
        get(service, f"/workflow/{kind}/{request['requestId']}", envelope=own(request)).body
        for kind in ("requests", "decision-room")
    )
    again = submit(service, request).body
    queue = get(service, "/workflow/decision-room", envelope=own(request)).body["requests"]

    assert [view["state"] for view in (status, room, again)] == [EXPIRED] * 3
    assert status["terminal"] is True
    assert status["artifact"] == room["artifact"] == artifact_in(again)
    assert (again["decision"], again["reasonCode"], again["responseClass"]) == (
        "deny",
        "hitl_timeout_fail_closed",
        "blocked",
    )
    assert queue == []
    assert kept(service, service.tables.workflow, pk=f"REQ#{request['requestId']}") == before


def test_27_a_refused_action_past_the_deadline_is_told_so(service: Service) -> None:
    request = escalated(service)
    let_expire(service, request)

    reply = act(service, request, hitlRequestId="another")

    assert reply.outcome == (409, "hitl_request_mismatch")
    assert reply.body["stored"]["state"] == EXPIRED
