"""Contract section 3: the three reads, and who may read what."""

from dataclasses import replace
from itertools import combinations, product
from typing import Any
from urllib.parse import quote

import pytest

from tests.support.service import (
    InProcess,
    Service,
    act,
    artifact_in,
    decided,
    escalated,
    get,
    human,
    now_ms,
    own,
    submission,
    submit,
    unique,
)
from tests.support.store import let_expire

KINDS = ["requests", "evidence", "decision-room"]
SCOPE_DENIED = (403, "security_read_scope_denied")
TENANT_MISMATCH = (403, "security_read_tenant_mismatch")
READ = (200, None)

ANY, TENANT = "workflow:read:any", "workflow:read:tenant"


def _read(service: Service, kind: str, request_id: str, envelope: dict[str, Any]) -> Any:
    return get(service, f"/workflow/{kind}/{quote(request_id, safe='')}", envelope=envelope)


def _id_of(body: Any) -> Any:
    """Return which request an answer is about; evidence is a list of events."""
    return (body[0] if isinstance(body, list) else body)["requestId"]


def _outcome(service: Service, kind: str, request_id: str, envelope: dict[str, Any]) -> tuple[int, str | None]:
    reply = _read(service, kind, request_id, envelope)
    return reply.status, None if reply.status == 200 else reply.reason


@pytest.mark.parametrize("kind", KINDS)
def test_an_unknown_id_is_not_found(service: Service, kind: str) -> None:
    everywhere = human("anybody", roles=["admin"], scopes=[ANY])

    assert _outcome(service, kind, unique("req"), everywhere) == (404, "hitl_request_not_found")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["a/b", "a/../b", "%41", "%2F", "%", "A", "a b?c", "a+b", "ä"])
def test_an_id_is_read_as_it_was_given_whatever_is_in_it(service: Service, kind: str, name: str) -> None:
    request = decided(service, "escalate", requestId=f"{unique('req')}-{name}")

    reply = _read(service, kind, request["requestId"], own(request))

    assert (reply.status, _id_of(reply.body)) == (200, request["requestId"])


@pytest.mark.parametrize("kind", KINDS)
def test_no_id_is_read_in_place_of_another_that_it_encodes(service: Service, kind: str) -> None:
    name = unique("req")
    plain, encoded = (decided(service, "escalate", requestId=f"{name}{last}") for last in ("A", "%41"))

    for request in (plain, encoded):
        reply = _read(service, kind, request["requestId"], own(request))
        assert (reply.status, _id_of(reply.body)) == (200, request["requestId"])


@pytest.mark.parametrize("decision", ["allow", "deny", "escalate"])
def test_a_request_shows_its_state_and_its_artifact(service: Service, decision: str) -> None:
    body = decided(service, decision)
    result = submit(service, body).body

    reply = _read(service, "requests", body["requestId"], own(body))

    named = {name: body[name] for name in ("requestId", "principalId", "agentId", "actionType", "payloadRef")}
    room = {"hitlRequestId": result["hitlRequestId"], "pollAfterMs": 1000} if decision == "escalate" else {}
    assert reply.status == 200
    assert reply.body == named | room | {
        "requestTimestamp": body["timestamp"],
        "actionDigest": result["actionDigest"],
        "state": result["state"],
        "terminal": decision != "escalate",
        "decisionContextHash": result["decisionContextHash"],
        "artifact": artifact_in(result),
    }


def test_a_request_is_terminal_once_a_person_decided(service: Service) -> None:
    request = escalated(service)
    act(service, request, "reject")

    reply = _read(service, "requests", request["requestId"], own(request)).body

    assert (reply["state"], reply["terminal"], reply["artifact"]["decision"]) == (
        "escalated_rejected_terminal",
        True,
        "deny",
    )


@pytest.mark.parametrize(
    ("context", "risk_tier", "family", "kind"),
    [
        ({"amount": 10}, "low", "policy", "payment"),
        ({"amount": 150}, "high", "hitl", "payment"),
        ({"amount": 250}, "critical", "hitl", "payment"),
        ({"amount": 5000}, "critical", "policy", "payment"),
        ({"sensitivity": "ambiguous"}, "high", "hitl", "data_access"),
    ],
    ids=str,
)
def test_a_decision_room_shows_risk_and_reason(
    service: Service, context: dict[str, Any], risk_tier: str, family: str, kind: str
) -> None:
    body = submission(kind, context=context)
    result = submit(service, body).body

    room = _read(service, "decision-room", body["requestId"], own(body)).body

    assert {name: room[name] for name in ("requestId", "agentId", "principalId")} == {
        name: body[name] for name in ("requestId", "agentId", "principalId")
    }
    assert (room["riskTier"], room["reasonFamily"]) == (risk_tier, family)
    assert room["artifact"] == artifact_in(result)
    assert ("expiresAt" in room) is (result["decision"] == "escalate")


def test_a_decision_room_closes_5_minutes_after_the_escalation(service: Service) -> None:
    before = now_ms()
    body = escalated(service)
    after = now_ms()

    expires_at = _read(service, "decision-room", body["requestId"], own(body)).body["expiresAt"]

    assert before <= expires_at - 300_000 <= after


def test_when_a_decision_room_closes_is_configurable(in_process: InProcess) -> None:
    patient = replace(in_process, now_ms=lambda: 1_772_720_700_000)
    patient.runtime = replace(patient.runtime, escalation_ttl_ms=3_600_000)
    body = escalated(patient, timestamp=1_772_720_700_000)

    room = _read(patient, "decision-room", body["requestId"], own(body)).body

    assert room["expiresAt"] == 1_772_720_700_000 + 3_600_000


def test_a_decision_room_shows_what_is_to_be_approved_and_why(service: Service) -> None:
    body = escalated(service, context={"amount": 150.5, "category": "infra"}, payloadRef="invoice:7")

    room = _read(service, "decision-room", body["requestId"], own(body)).body

    shown = {name: room[name] for name in ("actionType", "payloadRef", "amount", "category", "escalatedBy")}
    assert shown == {
        "actionType": "payment",
        "payloadRef": "invoice:7",
        "amount": 150.5,
        "category": "infra",
        "escalatedBy": {"rule": "max_transaction", "limit": 100, "value": 150.5},
    }


def test_evidence_tells_the_whole_story_oldest_first(service: Service) -> None:
    body = escalated(service)
    act(service, body, "approve", envelope=own(body, subjectType="agent"))
    act(service, body, "reject", reason="too much")

    events = _read(service, "evidence", body["requestId"], own(body)).body

    assert all(event.keys() == {"id", "requestId", "timestamp", "reasonCode", "payload"} for event in events)
    assert [event["timestamp"] for event in events] == sorted(event["timestamp"] for event in events)
    assert {event["requestId"] for event in events} == {body["requestId"]}
    assert len({event["id"] for event in events}) == len(events)
    assert [(event["reasonCode"], event["payload"]["source"]) for event in events] == [
        ("hitl_boundary_escalated", "lineage"),
        ("hitl_boundary_escalated", "audit"),
        ("security_identity_subject_mismatch", "audit"),
        ("hitl_rejected", "lineage"),
        ("hitl_rejected", "audit"),
    ]


@pytest.mark.parametrize("decision", ["allow", "deny"])
def test_every_decision_has_audit_and_lineage_evidence(service: Service, decision: str) -> None:
    body = decided(service, decision)

    events = _read(service, "evidence", body["requestId"], own(body)).body

    assert {event["payload"]["source"] for event in events} == {"audit", "lineage"}
    assert {event["reasonCode"] for event in events} == {submit(service, body).body["reasonCode"]}


def test_evidence_that_is_there_never_changes(service: Service) -> None:
    body = escalated(service)
    before = _read(service, "evidence", body["requestId"], own(body)).body

    submit(service, body)
    act(service, body, "approve")
    after = _read(service, "evidence", body["requestId"], own(body)).body

    assert after[: len(before)] == before
    assert len(after) > len(before)


def test_an_expired_escalation_says_so_in_evidence(service: Service) -> None:
    body = escalated(service)
    let_expire(service, body)
    act(service, body)

    events = _read(service, "evidence", body["requestId"], own(body)).body

    assert "hitl_timeout_fail_closed" in {event["reasonCode"] for event in events}


# Section 3's read scope, row by row: roles, scopes, whether the reader is of the request's tenant.
SCOPES = {
    "nothing": ([], [], "same", SCOPE_DENIED),
    "only a role": (["admin"], [], "same", SCOPE_DENIED),
    "only the right to resolve": ([], ["workflow:resolve"], "same", SCOPE_DENIED),
    "a scope that merely looks alike": (["admin"], ["workflow:read", "WORKFLOW:READ:ANY"], "same", SCOPE_DENIED),
    "tenant, same": ([], [TENANT], "same", READ),
    "tenant, another": ([], [TENANT], "another", TENANT_MISMATCH),
    "tenant, none": ([], [TENANT], None, TENANT_MISMATCH),
    "tenant and admin, another": (["admin"], [TENANT], "another", TENANT_MISMATCH),
    "any, same": ([], [ANY], "same", READ),
    "any, another": ([], [ANY], "another", TENANT_MISMATCH),
    "any, none": ([], [ANY], None, TENANT_MISMATCH),
    "any and another role": (["administrator", "Admin"], [ANY], "another", TENANT_MISMATCH),
    "any and admin, same": (["admin"], [ANY], "same", READ),
    "any and admin, another": (["admin"], [ANY], "another", READ),
    "any and admin, none": (["admin"], [ANY], None, READ),
}


def _reader(principal_id: str, roles: Any, scopes: Any, tenant_id: str | None) -> dict[str, Any]:
    return human(principal_id, roles=list(roles), scopes=list(scopes)) | ({"tenantId": tenant_id} if tenant_id else {})


@pytest.mark.parametrize(("roles", "scopes", "tenant", "expected"), SCOPES.values(), ids=SCOPES)
def test_another_principal_reads_within_the_scope_it_has(
    service: Service, roles: list[str], scopes: list[str], tenant: str | None, expected: tuple[int, str]
) -> None:
    body = decided(service, "allow")
    tenant_id = {"same": body["tenantId"], "another": "tenant of others", None: None}[tenant]
    reader = _reader("somebody else", roles, scopes, tenant_id)

    outcomes = {kind: _outcome(service, kind, body["requestId"], reader) for kind in KINDS}

    assert outcomes == dict.fromkeys(KINDS, expected)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("named", "tenant"), [(True, None), (True, "its own"), (False, "any"), (False, None)])
def test_its_own_principal_always_reads_a_request(
    service: Service,
    kind: str,
    named: bool,  # noqa: FBT001 - a case, not a switch
    tenant: str | None,
) -> None:
    body = decided(service, "allow") if named else decided(service, "allow", tenantId=None)
    tenant = body["tenantId"] if tenant == "its own" else tenant

    assert _outcome(service, kind, body["requestId"], _reader(body["principalId"], [], [], tenant)) == READ


@pytest.mark.parametrize("scope", [TENANT, ANY])
def test_two_that_name_no_tenant_share_none(service: Service, scope: str) -> None:
    body = decided(service, "allow", tenantId=None)

    assert _outcome(service, "requests", body["requestId"], human("other", scopes=[scope])) == TENANT_MISMATCH


def test_a_wider_scope_never_reads_less(in_process: Service) -> None:
    requests = [decided(in_process, "allow", tenantId=tenant)["requestId"] for tenant in ("a", None)]

    def readable(granted: frozenset[str], tenant: str | None) -> frozenset[str]:
        roles, scopes = granted & {"admin"}, granted - {"admin"}
        reader = _reader("reader", roles, scopes, tenant)
        return frozenset(request for request in requests if _outcome(in_process, "requests", request, reader) == READ)

    grants = ["admin", TENANT, ANY, "workflow:resolve"]
    subsets = [frozenset(chosen) for size in range(len(grants) + 1) for chosen in combinations(grants, size)]
    for tenant in ("a", "b", None):
        reads = {granted: readable(granted, tenant) for granted in subsets}
        narrowed = [
            (fewer, more)
            for fewer, more in product(subsets, subsets)
            if fewer < more and not reads[fewer] <= reads[more]
        ]
        assert narrowed == []
        assert reads[frozenset({"admin", ANY})] == set(requests)


def test_a_refused_read_tells_nothing_of_the_request(service: Service) -> None:
    body = escalated(service)

    refused = [_read(service, kind, body["requestId"], human("somebody else")).body for kind in KINDS]

    assert not any(secret in str(refused) for secret in (body["agentId"], body["principalId"], body["tenantId"]))


@pytest.mark.parametrize("request_id", ["a b?c=d&e#f", "漢字-é", "..", "a+b", "a;b=c,d", "100%", "<&\"'>"], ids=str)
def test_an_id_of_any_characters_can_be_read_back(service: Service, request_id: str) -> None:
    body = decided(service, "allow", requestId=f"{request_id}-{unique('req')}")

    outcomes = {kind: _outcome(service, kind, body["requestId"], own(body)) for kind in KINDS}

    assert outcomes == dict.fromkeys(KINDS, READ)


# In process only: Amazon's REST APIs hand a path parameter over as it was encoded, the emulated one decodes it.
@pytest.mark.parametrize("request_id", ["a/b", "a%2Fb", "%00", "%"])
def test_an_id_is_decoded_once(in_process: Service, request_id: str) -> None:
    body = decided(in_process, "allow", requestId=f"{request_id}-{unique('req')}")

    assert _outcome(in_process, "requests", body["requestId"], own(body)) == READ
