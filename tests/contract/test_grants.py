"""Contract section 11: a grant is claimed once, by who may, for what was decided, and its outcome is reported once."""

from collections.abc import Mapping
from dataclasses import replace
from itertools import chain, repeat
from typing import Any

import pytest

from handshake.requests.record import DEFAULT_EXECUTE_WITHIN_MS
from handshake.requests.verify import verify_request
from tests.support.grants import claims_of, header_of
from tests.support.service import (
    InProcess,
    Reply,
    Service,
    act,
    apply_policy,
    claim,
    decided,
    escalated,
    for_agent,
    get,
    human,
    own,
    post,
    report,
    revoke,
    rules,
    submission,
    submit,
    unique,
)
from tests.support.service import apply_policy as apply

CONSUMED = (409, "security_grant_consumed")
UNAUTHORIZED = (403, "security_grant_unauthorized")
MISMATCH = (409, "security_decision_context_mismatch")
EXPIRED = (409, "security_grant_expired")
CHANGED = (409, "security_policy_changed")
REPLAY = (409, "security_replay_detected")
SHAPE = (400, "trust_context_invalid_request_shape")
BINDING = (400, "trust_context_missing_binding")
OK = (200, None)


def _keys(service: Service) -> list[dict[str, Any]]:
    keys: list[dict[str, Any]] = get(service, "/.well-known/jwks.json").body["keys"]
    return keys


def _claims(service: Service, reply: Reply) -> dict[str, Any]:
    return claims_of(reply.body["grant"], _keys(service))


def _approved(service: Service, **changes: Any) -> dict[str, Any]:
    request = escalated(service, **changes)
    assert act(service, request).status == 200
    return request


def _evidence(service: Service, request: Mapping[str, Any]) -> list[dict[str, Any]]:
    shown: list[dict[str, Any]] = get(service, f"/workflow/evidence/{request['requestId']}", envelope=own(request)).body
    return shown


# -- the claim --------------------------------------------------------------------------------------------------


def test_an_allowed_request_is_claimed_and_its_grant_says_what_may_be_done(service: Service) -> None:
    request = decided(service, "allow")
    digest = submit(service, request).body["actionDigest"]

    reply = claim(service, request)

    assert reply.status == 200
    said = _claims(service, reply)
    assert reply.body == {
        "status": "ok",
        "requestId": request["requestId"],
        "grantId": f"grant_{request['requestId']}",
        "actionDigest": digest,
        "grant": reply.body["grant"],
        "executeBy": reply.body["executeBy"],
        "expiresAt": said["exp"] * 1000,
    }
    assert header_of(reply.body["grant"]) == {
        "alg": "ES256",
        "typ": "handshake-grant+jwt",
        "kid": header_of(reply.body["grant"])["kid"],
    }
    assert {name: value for name, value in said.items() if name not in ("iat", "nbf", "exp", "evh", "pol", "iss")} == {
        "aud": "handshake-executor",
        "sub": request["agentId"],
        "jti": reply.body["grantId"],
        "req": request["requestId"],
        "act": digest,
        "ten": request["tenantId"],
        "prn": request["principalId"],
    }
    assert said["iat"] == said["nbf"]
    assert said["iat"] < said["exp"] <= said["iat"] + 60
    assert said["iss"].startswith("handshake:")


def test_a_grant_names_who_approved_and_the_head_of_the_chain_with_the_claim_in_it(service: Service) -> None:
    request = escalated(service)
    boss = human(unique("boss"), tenantId=request["tenantId"], scopes=["workflow:resolve"])
    act(service, request, envelope=boss)

    said = _claims(service, claim(service, request, audience="payments"))

    assert (said["apr"], said["aud"]) == (boss["principalId"], "payments")
    *_, lineage, audit = _evidence(service, request)
    assert said["evh"] == audit["payload"]["hash"]
    assert (lineage["payload"]["event"], audit["payload"]["event"]) == ("claimed", "claimed")
    assert lineage["payload"]["grantId"] == said["jti"]
    assert lineage["payload"]["actionDigest"] == said["act"]
    assert audit["payload"]["actor"] == request["principalId"]


def test_a_grant_is_claimed_once_whoever_asks(service: Service) -> None:
    request = decided(service, "allow")
    first = claim(service, request)

    again = claim(service, request)
    by_agent = claim(service, request, envelope={"principalId": request["agentId"], "subjectType": "agent"})
    with_key = claim(service, request, key=unique("key"))

    assert first.status == 200
    assert [again.outcome, by_agent.outcome, with_key.outcome] == [CONSUMED] * 3
    assert "grant" not in again.body


WHO = {
    "its principal": (own, OK),
    "its principal, as a service": (lambda request: own(request, subjectType="service"), OK),
    "its agent": (lambda request: {"principalId": request["agentId"], "subjectType": "agent"}, OK),
    "a principal called as its agent": (lambda request: human(request["agentId"]), UNAUTHORIZED),
    "its principal, of another tenant": (lambda request: own(request, tenantId="elsewhere"), UNAUTHORIZED),
    "its agent, of another tenant": (
        lambda request: {"principalId": request["agentId"], "subjectType": "agent", "tenantId": "elsewhere"},
        UNAUTHORIZED,
    ),
    "an executor of its tenant": (
        lambda request: human("executor", tenantId=request["tenantId"], scopes=["workflow:execute"]),
        OK,
    ),
    "an executor of another tenant": (
        lambda _: human("executor", tenantId="elsewhere", scopes=["workflow:execute"]),
        UNAUTHORIZED,
    ),
    "an executor of no tenant": (lambda _: human("executor", scopes=["workflow:execute"]), UNAUTHORIZED),
    "an administrator": (
        lambda request: human("admin", tenantId=request["tenantId"], roles=["admin"], scopes=["workflow:read:any"]),
        UNAUTHORIZED,
    ),
    "who may resolve it": (
        lambda request: human("boss", tenantId=request["tenantId"], scopes=["workflow:resolve"]),
        UNAUTHORIZED,
    ),
}


@pytest.mark.parametrize(("who", "outcome"), WHO.values(), ids=WHO)
def test_who_may_claim(in_process: InProcess, who: Any, outcome: tuple[int, str | None]) -> None:
    request = decided(in_process, "allow")

    assert claim(in_process, request, envelope=who(request)).outcome == outcome


def test_another_digest_is_refused_before_anything_is_said_of_the_state(in_process: InProcess) -> None:
    pending, claimed = escalated(in_process), decided(in_process, "allow")
    claim(in_process, claimed)
    other = "sha256:" + "0" * 64

    assert claim(in_process, pending, digest=other).outcome == MISMATCH
    assert claim(in_process, claimed, digest=other).outcome == MISMATCH
    assert claim(in_process, pending, digest="é").outcome == MISMATCH


def test_a_request_that_does_not_exist_has_no_grant(service: Service) -> None:
    reply = claim(service, {"requestId": unique("req"), "principalId": "ana"}, digest="sha256:0")

    assert reply.outcome == (404, "security_artifact_request_not_found")


@pytest.mark.parametrize("action", ["pending", "reject", "withdraw", "deny by policy"])
def test_what_is_not_allowed_has_no_grant(in_process: InProcess, action: str) -> None:
    request = decided(in_process, "deny") if action == "deny by policy" else escalated(in_process)
    if action in ("reject", "withdraw"):
        assert act(in_process, request, action).status == 200

    assert claim(in_process, request).outcome == (409, "security_artifact_state_not_authorized")


def test_what_was_taken_back_has_no_grant_and_what_is_claimed_is_not_taken_back(service: Service) -> None:
    revoked, claimed = decided(service, "allow"), _approved(service)
    assert revoke(service, revoked).status == 200
    assert claim(service, claimed).status == 200

    assert claim(service, revoked).outcome == EXPIRED
    assert revoke(service, claimed).outcome == CONSUMED


def test_a_claim_whose_time_passes_while_it_reads_is_refused(in_process: InProcess) -> None:
    request = decided(in_process, "allow")
    decision = submit(in_process, request).body
    execute_by = decision["timestamp"] + DEFAULT_EXECUTE_WITHIN_MS
    clock = chain([execute_by - 1500], repeat(execute_by))

    late = claim(replace(in_process, now_ms=lambda: next(clock)), request, digest=decision["actionDigest"])

    assert late.outcome == EXPIRED
    assert verify_request(in_process.context, request["requestId"]) == []
    assert claim(in_process, request).status == 200


BODIES: dict[str, tuple[Any, tuple[int, str]]] = {
    "no object": ([], SHAPE),
    "no requestId": ({"actionDigest": "d"}, BINDING),
    "no digest": ({"requestId": "r"}, BINDING),
    "a blank digest": ({"requestId": "r", "actionDigest": " "}, BINDING),
    "a digest that is no text": ({"requestId": "r", "actionDigest": 5}, SHAPE),
    "a long digest": ({"requestId": "r", "actionDigest": "d" * 257}, SHAPE),
    "a requestId that is no text": ({"requestId": 5, "actionDigest": "d"}, SHAPE),
    "an audience that is none": ({"requestId": "r", "actionDigest": "d", "audience": ""}, SHAPE),
    "an audience that is no text": ({"requestId": "r", "actionDigest": "d", "audience": ["a"]}, SHAPE),
    "a long audience": ({"requestId": "r", "actionDigest": "d", "audience": "a" * 257}, SHAPE),
    "another member": ({"requestId": "r", "actionDigest": "d", "scope": "all"}, SHAPE),
}


@pytest.mark.parametrize(("body", "outcome"), BODIES.values(), ids=BODIES)
def test_a_body_that_is_no_claim_is_refused(in_process: InProcess, body: Any, outcome: tuple[int, str]) -> None:
    assert post(in_process, "/workflow/grants", body, envelope=human("ana")).outcome == outcome


def test_claims_and_outcomes_need_an_envelope_of_an_issuer(service: Service) -> None:
    request = decided(service, "allow")
    paths = ("/workflow/grants", "/workflow/grants/grant_x/outcome")

    assert [post(service, path, {}).outcome for path in paths] == [(401, "security_missing_identity_envelope")] * 2
    assert claim(service.by_stranger(), request, digest="d").outcome == (401, "security_invalid_identity_envelope")


@pytest.mark.parametrize("key", ["", "k" * 257])
def test_a_key_that_is_none_is_refused(in_process: InProcess, key: str) -> None:
    assert claim(in_process, decided(in_process, "allow"), key=key).outcome == SHAPE


# -- keys -------------------------------------------------------------------------------------------------------


def test_who_repeats_a_claim_under_its_key_is_told_the_same_grant(service: Service) -> None:
    request, key = _approved(service), unique("key")
    first = claim(service, request, key=key)

    again = claim(service, request, key=key)

    assert again.status == 200
    assert _claims(service, again) == _claims(service, first)
    assert {**again.body, "grant": ""} == {**first.body, "grant": ""}
    assert [event["payload"]["event"] for event in _evidence(service, request)].count("claimed") == 2


def test_a_key_is_its_principals_and_good_for_one_claim(service: Service) -> None:
    request, key = decided(service, "allow"), unique("key")
    envelope = human("executor", tenantId=request["tenantId"], scopes=["workflow:execute"])
    first = claim(service, request, key=key, envelope=envelope)

    by_principal = claim(service, request, key=key)
    to_others = claim(service, request, key=key, envelope=envelope, audience="elsewhere")

    assert first.status == 200
    assert by_principal.outcome == CONSUMED
    assert to_others.outcome == REPLAY


def test_a_key_that_claimed_another_request_is_a_replay(service: Service) -> None:
    request, key = decided(service, "allow"), unique("key")
    other = decided(service, "allow", principalId=request["principalId"], tenantId=request["tenantId"])
    claim(service, request, key=key)

    assert claim(service, other, key=key).outcome == REPLAY
    assert claim(service, other).status == 200


def test_a_refused_claim_does_not_use_its_key_up(in_process: InProcess) -> None:
    request, key = escalated(in_process), unique("key")
    assert claim(in_process, request, key=key).status == 409
    act(in_process, request, key=key)  # a decision's keys are others

    assert claim(in_process, request, key=key).status == 200


# -- policy -----------------------------------------------------------------------------------------------------


def test_policy_is_asked_again_without_the_requests_own_spend(service: Service) -> None:
    """All of the day's limit is this request's own: counted again, it would be over."""
    agent = unique("agent")
    apply(service, for_agent(agent, daily_spend_limit=90, max_transaction=100))
    request = decided(service, "allow", agentId=agent, context={"amount": 90, "category": "ops"})

    assert claim(service, request).status == 200


LATER = {
    "a limit that it is over": ({"max_transaction": 9}, CHANGED, OK),
    "a day's limit that it is over": ({"daily_spend_limit": 9}, CHANGED, CHANGED),
    "another category": ({"allowed_categories": "food"}, CHANGED, CHANGED),
    "a limit that it is within": ({"max_transaction": 10}, OK, OK),
}


@pytest.mark.parametrize(("values", "allowed", "approved"), LATER.values(), ids=LATER)
def test_what_policy_would_not_allow_by_now_is_refused(
    in_process: InProcess, values: Any, allowed: tuple[int, str | None], approved: tuple[int, str | None]
) -> None:
    """What now escalates is refused where no person approved it, and granted where one did."""
    agents = unique("agent"), unique("agent")
    of_policy = decided(in_process, "allow", agentId=agents[0])
    apply(in_process, for_agent(agents[1], max_transaction=5))
    of_person = submission(agentId=agents[1])
    submit(in_process, of_person)
    assert act(in_process, of_person).status == 200
    for agent in agents:
        apply(in_process, for_agent(agent, **values))

    assert claim(in_process, of_policy).outcome == allowed
    assert claim(in_process, of_person).outcome == approved


def test_a_claim_names_the_policy_that_was_in_force_at_it(in_process: InProcess) -> None:
    agent = unique("agent")
    request = decided(in_process, "allow", agentId=agent)
    apply(in_process, for_agent(agent, max_transaction=50))

    said = _claims(in_process, claim(in_process, request))

    assert said["pol"]["agent"] == "v1"
    assert _evidence(in_process, request)[-2]["payload"]["policyVersions"]["agent"] == "v1"


def test_sensitive_data_stays_granted_while_policy_says_nothing_of_it(in_process: InProcess) -> None:
    request = submission("data_access", context={"sensitivity": "high", "authorizedSensitiveScope": True})
    submit(in_process, request)
    apply(in_process, {"scope": "agent", "scopeId": request["agentId"], "rules": rules(max_transaction=1)})

    assert claim(in_process, request).status == 200


# -- outcomes ---------------------------------------------------------------------------------------------------


def test_an_outcome_is_reported_once_and_the_same_again_is_answered_alike(service: Service) -> None:
    request = decided(service, "allow")
    grant_id = claim(service, request).body["grantId"]
    said = {"status": "failed", "resultDigest": "sha256:9", "detail": "the bank said no"}

    first = report(service, grant_id, envelope=own(request), **said)
    again = report(service, grant_id, envelope=own(request), **said)
    others = [report(service, grant_id, envelope=own(request), **said | other) for other in OTHERS]

    assert first.status == 200
    assert first.body == {
        "status": "ok",
        "requestId": request["requestId"],
        "grantId": grant_id,
        "outcome": "failed",
        "reportedAt": first.body["reportedAt"],
    }
    assert again.body == first.body
    assert [other.outcome for other in others] == [(409, "security_outcome_already_reported")] * len(OTHERS)
    *_, lineage, _audit = _evidence(service, request)
    assert {name: lineage["payload"][name] for name in ("event", "outcome", "resultDigest", "detail")} == {
        "event": "reported",
        "outcome": "failed",
        "resultDigest": "sha256:9",
        "detail": "the bank said no",
    }


OTHERS: list[dict[str, Any]] = [{"status": "succeeded"}, {"resultDigest": None}, {"detail": "the bank said yes"}]


def test_an_outcome_is_for_who_claimed_to_report(service: Service) -> None:
    request = decided(service, "allow")
    executor = human(unique("executor"), tenantId=request["tenantId"], scopes=["workflow:execute"])
    grant_id = claim(service, request, envelope=executor).body["grantId"]

    assert report(service, grant_id, envelope=own(request)).outcome == UNAUTHORIZED
    assert report(service, grant_id, envelope=executor | {"tenantId": "elsewhere"}).outcome == UNAUTHORIZED
    assert report(service, grant_id, envelope=executor).status == 200


def test_an_outcome_of_a_tenants_request_is_not_for_a_namesake_in_another(in_process: InProcess) -> None:
    """Who claims in the name of no tenant leaves none to compare: it is the request's that keeps the other out."""
    request = decided(in_process, "allow")
    grant_id = claim(in_process, request, envelope=own(request)).body["grantId"]

    assert report(in_process, grant_id, envelope=own(request, tenantId="elsewhere")).outcome == UNAUTHORIZED
    assert report(in_process, grant_id, envelope=own(request)).status == 200


def test_what_was_never_claimed_has_no_outcome(service: Service) -> None:
    request = decided(service, "allow")

    names = (f"grant_{request['requestId']}", f"grant_{unique('req')}", request["requestId"], "grant_", "grant_ ")
    replies = [report(service, name, envelope=own(request)) for name in names]

    assert [reply.outcome for reply in replies] == [(404, "security_grant_not_found")] * len(names)


OUTCOMES: dict[str, Any] = {
    "no object": [],
    "no status": {},
    "another status": {"status": "maybe"},
    "a status that is no text": {"status": ["failed"]},
    "a digest that is no text": {"status": "failed", "resultDigest": 5},
    "a long digest": {"status": "failed", "resultDigest": "d" * 257},
    "a detail that is no text": {"status": "failed", "detail": {}},
    "a long detail": {"status": "failed", "detail": "d" * 501},
    "another member": {"status": "failed", "amount": 5},
}


@pytest.mark.parametrize("body", OUTCOMES.values(), ids=OUTCOMES)
def test_a_body_that_is_no_outcome_is_refused(in_process: InProcess, body: Any) -> None:
    request = decided(in_process, "allow")
    grant_id = claim(in_process, request).body["grantId"]

    assert post(in_process, f"/workflow/grants/{grant_id}/outcome", body, envelope=own(request)).outcome == SHAPE
    assert report(in_process, grant_id, envelope=own(request), detail="d" * 500).status == 200


# -- keys that verify -------------------------------------------------------------------------------------------


def test_the_keys_that_verify_grants_are_published_without_their_secrets(service: Service) -> None:
    keys = _keys(service)

    assert keys
    for key in keys:
        assert set(key) == {"kty", "crv", "x", "y", "kid", "use", "alg"}
        assert (key["kty"], key["crv"], key["use"], key["alg"]) == ("EC", "P-256", "sig", "ES256")


def test_a_budget_that_came_since_the_decision_is_asked_too(in_process: InProcess) -> None:
    first = decided(in_process, "allow")
    agent = {"agentId": first["agentId"], "tenantId": first["tenantId"]}
    scope = {"scope": "agent", "scopeId": first["agentId"]}
    one = {"id": "one", "measure": "count", "per": "agent", "window": "day", "max": 1, "over": "deny"}
    assert apply_policy(in_process, {**scope, "budgets": [one]}).status == 200

    alone = decided(in_process, "allow")
    assert claim(in_process, alone).status == 200
    decided(in_process, "allow", **agent)

    assert claim(in_process, first).outcome == (409, "security_policy_changed")
