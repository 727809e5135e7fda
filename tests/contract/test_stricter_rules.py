"""Contract sections 9.16, 9.18 and 9.21 to 9.27: what is decided, and on what, item by item."""

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from handshake.api.telemetry import pseudonym
from tests.support.logs import lines_of, standard_output
from tests.support.outcomes import APPROVED, SHAPE
from tests.support.service import (
    PSEUDONYM_KEY,
    InProcess,
    Reply,
    Service,
    act,
    apply_policy,
    artifact_in,
    escalated,
    for_agent,
    get,
    now_ms,
    own,
    post,
    reported_event,
    rules,
    submission,
    submit,
    unique,
)
from tests.support.store import events_about, kept, let_expire, paused

MISMATCH = (409, "security_decision_context_mismatch")
PAUSED = (503, "adapter_privileged_mutations_paused")
OVER_LIMIT = "policy_daily_limit_exceeded"
THROTTLED = "security_escalation_flood_throttled"
EXPIRED = "escalated_expired_terminal"
MINUTE_MS = 60_000
DAY_MS = 24 * 60 * MINUTE_MS
MIDNIGHT_MS = 20_000 * DAY_MS


def _authorize(service: Service, request: Mapping[str, Any], artifact: Mapping[str, Any]) -> Reply:
    return post(service, "/workflow/authorize-execution", {"request": request, "artifact": artifact})


def _pay(service: Service, agent: str, tenant: str | None, amount: float, **changes: Any) -> str | None:
    body = submission(agentId=agent, tenantId=tenant, context={"amount": amount}, **changes)
    return submit(service, body).reason


@pytest.fixture
def agent() -> str:
    return unique("agent")


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


# -- 9.21 -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("category", ["food", " FOOD", "Food\u00a0"])
@pytest.mark.parametrize("allowed", ["Food, ops", ["FOOD "], " food"])
def test_21_categories_are_compared_trimmed_and_without_case(
    service: Service, agent: str, category: str, allowed: Any
) -> None:
    apply_policy(service, for_agent(agent, allowed_categories=allowed))

    def reason(**context: Any) -> str | None:
        return submit(service, submission(agentId=agent, context={"amount": 1, **context})).reason

    assert reason(category=category) == "policy_allow"
    assert reason(category=category, allowedCategories=["fOOd"]) == "policy_allow"
    assert reason(category=category, allowedCategories=["infra"]) == "policy_category_not_allowed"
    assert reason(category="infra") == "policy_category_not_allowed"


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


# -- 9.23 -------------------------------------------------------------------------------------------------------


def test_23_what_an_agent_spends_is_its_own_in_each_tenant_and_in_none(service: Service, agent: str) -> None:
    apply_policy(service, for_agent(agent, daily_spend_limit=100))
    tenants = [unique("tenant"), unique("tenant"), None]

    assert [_pay(service, agent, tenant, 90) for tenant in tenants] == ["policy_allow"] * 3
    assert [_pay(service, agent, tenant, 11) for tenant in tenants] == [OVER_LIMIT] * 3
    assert [_pay(service, agent, tenant, 10) for tenant in tenants] == ["policy_allow"] * 3


def test_23_an_approval_spends_in_the_tenant_of_its_request(service: Service, agent: str) -> None:
    apply_policy(service, for_agent(agent, daily_spend_limit=100, max_transaction=50))
    mine, other = unique("tenant"), unique("tenant")
    request = escalated(service, agentId=agent, tenantId=mine, context={"amount": 90})

    assert act(service, request).outcome == APPROVED
    assert [_pay(service, agent, tenant, 11) for tenant in (mine, other)] == [OVER_LIMIT, "policy_allow"]


def test_23_what_a_bare_id_has_spent_stays_where_it_is(service: Service, agent: str) -> None:
    _pay(service, agent, None, 40)

    [spent] = kept(service, service.tables.workflow, pk=f"SPEND#{agent}")
    assert spent["spent"] == 40


def test_23_a_flood_in_one_tenant_throttles_nobody_in_another(service: Service, agent: str) -> None:
    principal, tenants = unique("principal"), [unique("tenant"), unique("tenant"), None]

    def escalate(tenant: str | None) -> str | None:
        return _pay(service, agent, tenant, 150, principalId=principal)

    assert [escalate(tenants[0]) for _ in range(6)] == ["hitl_boundary_escalated"] * 5 + [THROTTLED]
    assert [escalate(tenant) for tenant in tenants] == [THROTTLED, *["hitl_boundary_escalated"] * 2]


def test_23_an_agents_policy_applies_in_every_tenant_and_that_of_one_tenant_in_it(service: Service, agent: str) -> None:
    mine, other = unique("tenant"), unique("tenant")
    in_mine = {**for_agent(agent, max_transaction=20), "tenantId": mine}

    assert apply_policy(service, for_agent(agent, max_transaction=50)).body["policyVersion"] == "v1"
    assert apply_policy(service, in_mine).body["policyVersion"] == "v1"

    def escalates(tenant: str | None, amount: float) -> bool:
        return _pay(service, agent, tenant, amount) == "hitl_boundary_escalated"

    assert [escalates(tenant, 30) for tenant in (mine, other, None)] == [True, False, False]
    assert [escalates(tenant, 60) for tenant in (mine, other, None)] == [True, True, True]
    apply_policy(service, {**for_agent(agent, max_transaction=90), "tenantId": mine})
    assert [escalates(tenant, 60) for tenant in (mine, other)] == [True, True]


def test_23_a_policy_of_one_tenant_is_read_back_and_listed_by_it(service: Service, agent: str) -> None:
    tenant = unique("tenant")
    named = {"scope": "agent", "scopeId": agent, "tenantId": tenant}
    for limit in (20, 30):
        apply_policy(service, {**named, "rules": rules(max_transaction=limit)})

    config = get(service, "/policy/config", query=named).body
    versions = get(service, "/policy/versions", query=named).body
    everywhere = get(service, "/policy/config", query={"scope": "agent", "scopeId": agent}).body

    assert config == {**named, "rules": rules(max_transaction=30), "policyVersion": "v2"}
    assert {name: versions[name] for name in named} == named
    assert [version["policyVersion"] for version in versions["versions"]] == ["v2", "v1"]
    assert everywhere == {"scope": "agent", "scopeId": agent, "rules": []}
    assert apply_policy(service, {**named, "policyVersion": "v1"}).body["policyVersion"] == "v3"


def test_23_a_policy_for_a_tenant_that_names_no_agent_is_refused(service: Service) -> None:
    body = {"scope": "global", "tenantId": "acme", "rules": []}

    assert apply_policy(service, body).outcome == SHAPE
    assert post(service, "/policy/simulate", body).outcome == SHAPE


def test_23_a_simulation_replays_what_the_agent_did_in_the_tenant_named_or_in_all(service: Service, agent: str) -> None:
    tenants = [unique("tenant") for _ in range(2)]
    for tenant in tenants:
        _pay(service, agent, tenant, 30)

    def simulated(limits: dict[str, Any], **tenant: str) -> dict[str, Any]:
        answer: dict[str, Any] = post(service, "/policy/simulate", {**for_agent(agent, **limits), **tenant}).body
        return answer

    tighter = {"max_transaction": 20}
    assert simulated(tighter)["blastRadius"]["affectedAgents"] == 2
    assert simulated(tighter, tenantId=tenants[0])["blastRadius"]["affectedAgents"] == 1
    assert simulated(tighter, tenantId=unique("tenant"))["blastRadius"]["affectedAgents"] == 0
    # Each tenant's agent has a day of its own to spend.
    assert simulated({"daily_spend_limit": 40})["predictedChanges"] == []


# -- 9.24 -------------------------------------------------------------------------------------------------------


def test_24_a_timestamp_of_tomorrow_opens_no_new_limit(in_process: InProcess, agent: str) -> None:
    apply_policy(in_process, for_agent(agent, daily_spend_limit=100))

    def pay(server_ms: int, timestamp_ms: int) -> str | None:
        then = replace(in_process, now_ms=lambda: MIDNIGHT_MS + server_ms)
        return _pay(then, agent, None, 60, timestamp=MIDNIGHT_MS + timestamp_ms)

    before_midnight = -2 * MINUTE_MS
    assert pay(before_midnight, before_midnight) == "policy_allow"
    assert pay(before_midnight, MINUTE_MS) == OVER_LIMIT
    assert pay(MINUTE_MS, before_midnight) == OVER_LIMIT
    assert pay(MINUTE_MS, MINUTE_MS) == "policy_allow"


@pytest.mark.parametrize("ahead_ms", [0, 4 * MINUTE_MS], ids=["of today", "of tomorrow"])
def test_24_an_approval_after_midnight_spends_on_the_day_of_its_request(
    in_process: InProcess, agent: str, ahead_ms: int
) -> None:
    apply_policy(in_process, for_agent(agent, daily_spend_limit=100, max_transaction=50))
    evening = replace(in_process, now_ms=lambda: MIDNIGHT_MS - MINUTE_MS)
    morning = replace(in_process, now_ms=lambda: MIDNIGHT_MS + MINUTE_MS)
    timestamp = MIDNIGHT_MS - MINUTE_MS + ahead_ms
    request = escalated(evening, agentId=agent, tenantId=None, timestamp=timestamp, context={"amount": 60})

    assert act(morning, request).outcome == APPROVED

    spent = {item["sk"]: item["spent"] for item in kept(in_process, in_process.tables.workflow, pk=f"SPEND#{agent}")}
    assert spent == {"2024-10-03": 60}


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


# -- 9.26 -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("for_all", "for_one", "most"),
    [(None, None, 5), (7, None, 7), (None, 7, 5), (7, 6, 6), (6, 7, 6), (1, None, 1)],
)
def test_26_how_many_escalations_fit_the_window_is_a_rule(
    global_scope: Service, agent: str, for_all: int | None, for_one: int | None, most: int
) -> None:
    for limit, scope in ((for_all, {"scope": "global"}), (for_one, {"scope": "agent", "scopeId": agent})):
        if limit:
            apply_policy(global_scope, {**scope, "rules": rules(escalations_per_window=limit)})
    principal = unique("principal")

    def escalate() -> str | None:
        body = submission("data_access", principalId=principal, agentId=agent, context={"sensitivity": "ambiguous"})
        return submit(global_scope, body).reason

    told = [escalate() for _ in range(most + 1)]
    assert told == ["hitl_sensitive_ambiguous_escalated"] * most + [THROTTLED]
    assert _pay(global_scope, agent, None, 5000, principalId=principal) == OVER_LIMIT


@pytest.mark.parametrize("value", [0, 1001, 2.5, "5", None, True, [5]])
def test_26_the_limit_is_a_whole_number_up_to_a_thousand(service: Service, agent: str, value: Any) -> None:
    assert apply_policy(service, for_agent(agent, escalations_per_window=value)).outcome == (
        422,
        "policy_invalid_policy",
    )


def test_26_counters_and_keys_outlive_the_longest_deadline(in_process: InProcess, agent: str) -> None:
    body = escalated(in_process, agentId=agent, tenantId=None)
    act(in_process, body, key=unique("key"))
    workflow = in_process.tables.workflow
    [spent] = kept(in_process, workflow, pk=f"SPEND#{agent}")
    [window] = kept(in_process, workflow, pk=f"ESC#{body['principalId']}")
    guards = [
        guard
        for guard in kept(in_process, in_process.tables.replay_guards)
        if json.loads(guard["outcome"]).get("requestId") == body["requestId"]
    ]

    longest_ms = now_ms() + 14 * DAY_MS
    assert min(int(spent["ttl"]), int(window["ttl"])) * 1000 > longest_ms
    assert [guard["expires_at"] > longest_ms for guard in guards] == [True]


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
