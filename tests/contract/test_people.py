"""People who sign in: whom their door admits, as what, and from when on no more (contract.md section 13)."""

import json
import random
from dataclasses import replace
from typing import Any

import pytest

from functions.people.app import handler
from handshake.people.admit import Roster
from handshake.people.change import Grant
from handshake.people.change_person import change_person
from handshake.people.standing import SCOPES, Identity, PersonState
from handshake.requests.verify import verify_request
from handshake.trust.identity import SCOPE_AGENTS_READ, SCOPE_READ_TENANT, SCOPE_RESOLVE
from tests.hostile.id_tokens import forged
from tests.support.clients import Counting
from tests.support.people import (
    OPERATOR,
    POOL,
    ask,
    claims_of,
    let_in,
    signed,
    somebody,
    switch,
    token_of,
    with_people,
)
from tests.support.service import InProcess, escalated, human, now_ms, unique

ROUTES = sorted(handler.routes)
UNKNOWN, DISABLED = (403, "security_person_unknown"), (403, "security_person_disabled")


@pytest.fixture
def door(in_process: InProcess) -> InProcess:
    """The service with a door for people, in a process that remembers nobody."""
    return with_people(in_process)


def _path(resource: str, request: dict[str, Any]) -> str:
    return resource.removeprefix("/api").format(requestId=request["requestId"], agentId=request["agentId"])


def _bodies(request: dict[str, Any]) -> dict[str, Any]:
    request_id = request["requestId"]
    return {
        "/workflow/decision-room/action": {"requestId": request_id, "action": "approve"},
        "/workflow/decision-room/extend": {"requestId": request_id, "seconds": 600},
        "/workflow/decision-room/revoke": {"requestId": request_id, "reason": "a mistake"},
        f"/agents/{request['agentId']}": {"state": "stopped", "reason": "it pays strangers"},
    }


def _call(service: InProcess, method: str, resource: str, request: dict[str, Any], token: str | None) -> Any:
    path = _path(resource, request)
    body = None if method == "GET" else _bodies(request)[path]
    return ask(service, method, path, token, body=body)


def test_me_says_who_one_is_by_the_record_and_by_no_claim(door: InProcess) -> None:
    alice = somebody()
    let_in(door, alice, principal="alice@example.test", scopes=(SCOPE_READ_TENANT, SCOPE_RESOLVE))
    claims = claims_of(alice, principalId="mallory", scopes=["workflow:read:any"], roles=["admin"])

    me = ask(door, "GET", "/me", signed(claims))

    assert me.status == 200
    assert me.body == {
        "principalId": "alice@example.test",
        "tenantId": "acme",
        "scopes": [SCOPE_READ_TENANT, SCOPE_RESOLVE],
        "issuer": POOL.issuer,
        "subject": alice.subject,
        "signedInAt": claims["auth_time"] * 1000,
        "expiresAt": claims["exp"] * 1000,
    }


@pytest.mark.parametrize(("method", "resource"), ROUTES)
def test_every_route_admits_by_record_alone_and_from_the_next_call_on_no_more(
    door: InProcess, method: str, resource: str
) -> None:
    request = escalated(door, tenantId="acme")
    alice = somebody()
    token = token_of(alice)

    def outcome() -> Any:
        reply = _call(door, method, resource, request, token)
        return (reply.status, None) if isinstance(reply.body, list) else reply.outcome

    assert outcome() == UNKNOWN
    let_in(door, alice)
    admitted = outcome()
    switch(door, alice, PersonState.DISABLED)
    assert [outcome(), outcome()] == [DISABLED] * 2
    switch(door, alice, PersonState.ACTIVE)
    assert outcome() not in (UNKNOWN, DISABLED)
    switch(door, alice, PersonState.REMOVED)
    assert outcome() == UNKNOWN
    assert admitted[0] in (200, 404, 409), admitted


@pytest.mark.parametrize(("method", "resource"), ROUTES)
def test_no_route_takes_what_is_no_id_token_of_the_pool(door: InProcess, method: str, resource: str) -> None:
    request = escalated(door, tenantId="acme")
    alice = somebody()
    let_in(door, alice)
    good = claims_of(alice)
    bad = [
        None,
        "",
        "x",
        signed(good | {"token_use": "access"}),
        signed(good | {"aud": "another-client"}),
        signed(good | {"iss": f"{POOL.issuer}x"}),
        signed(good | {"exp": now_ms() // 1000 - 1}),
        signed(good, key="theirs", header={"kid": "id-key"}),
    ]
    for token in bad:
        assert _call(door, method, resource, request, token).outcome == (401, "security_token_invalid")


def test_an_envelope_is_believed_of_nobody_here(door: InProcess) -> None:
    request = escalated(door)
    header = {"x-identity-envelope": json.dumps(human(request["principalId"]))}

    alone = ask(door, "GET", f"/workflow/requests/{request['requestId']}", None, headers=header)
    alice = somebody()
    let_in(door, alice, tenant="another")
    beside = ask(door, "GET", f"/workflow/requests/{request['requestId']}", token_of(alice), headers=header)

    assert alone.outcome == (401, "security_token_invalid")
    assert beside.outcome == (403, "security_read_tenant_mismatch")


def test_a_token_that_is_given_twice_is_none(door: InProcess) -> None:
    alice = somebody()
    let_in(door, alice)
    event, people = door.event("GET", "/api/me", headers={"authorization": token_of(alice)}, body=None)
    once = people.using(door.runtime)(event, None)
    event["multiValueHeaders"]["Authorization"] = event["multiValueHeaders"]["authorization"]
    twice = people.using(door.runtime)(event, None)

    assert (once["statusCode"], twice["statusCode"]) == (200, 401)


def test_who_invokes_the_function_with_claims_of_their_own_making_is_nobody(door: InProcess) -> None:
    alice = somebody()
    let_in(door, alice)
    event, people = door.event("GET", "/api/me", headers={}, body=None)
    event["requestContext"] = {"authorizer": {"claims": claims_of(alice)}}

    assert people.using(door.runtime)(event, None)["statusCode"] == 401


def test_a_stack_without_a_pool_takes_no_token(in_process: InProcess) -> None:
    assert ask(in_process, "GET", "/me", token_of(somebody())).outcome == (401, "security_token_invalid")


def test_a_person_approves_and_evidence_says_who_signed_in(in_process: InProcess) -> None:
    door = with_people(replace(in_process, settings={"needs_sign_in": True}))
    tenant = unique("tenant")  # of which the first page of what waits is all
    request = escalated(door, tenantId=tenant)
    alice = somebody()
    let_in(door, alice, tenant=tenant, principal="alice", scopes=(SCOPE_RESOLVE, SCOPE_READ_TENANT))
    token = token_of(alice)

    queue = ask(door, "GET", "/workflow/decision-room", token)
    approved = ask(
        door,
        "POST",
        "/workflow/decision-room/action",
        token,
        body={"requestId": request["requestId"], "action": "approve", "reason": "known supplier"},
    )
    [*_, last] = ask(door, "GET", f"/workflow/evidence/{request['requestId']}", token).body

    assert request["requestId"] in [room["requestId"] for room in queue.body["requests"]]
    assert (approved.status, approved.body["reasonCode"]) == (200, "hitl_approved")
    assert last["payload"]["assurance"] == "oidc"
    assert last["payload"]["signIn"]["issuer"] == POOL.issuer
    assert last["payload"]["signIn"]["subject"] == alice.subject
    assert verify_request(door.context, request["requestId"]) == []


def test_nobody_of_one_tenant_sees_or_does_anything_in_another(door: InProcess) -> None:
    request = escalated(door, tenantId="acme")
    others = somebody()
    let_in(door, others, tenant="globex")
    token = token_of(others)

    for method, resource in ROUTES:
        if resource == "/api/me":
            continue
        reply = _call(door, method, resource, request, token)
        if reply.status == 200 and resource != "/api/agents/{agentId}":
            listed = reply.body.get("requests", reply.body.get("agents"))
            assert request["requestId"] not in json.dumps(listed)
            assert "acme" not in json.dumps(listed)
        elif method == "PUT":
            assert reply.body["tenantId"] == "globex"  # an agent of that id in their own tenant, and no other
        else:
            assert reply.status in (403, 404), (resource, reply)
        assert "acme" not in json.dumps(reply.body)


def test_scopes_hold_here_as_everywhere(door: InProcess) -> None:
    request = escalated(door, tenantId="acme")
    auditor = somebody()
    let_in(door, auditor, scopes=(SCOPE_AGENTS_READ, SCOPE_READ_TENANT))
    token = token_of(auditor)

    assert ask(door, "GET", f"/workflow/requests/{request['requestId']}", token).status == 200
    assert _call(door, "POST", "/api/workflow/decision-room/action", request, token).outcome == (
        403,
        "hitl_approval_unauthorized",
    )
    assert _call(door, "PUT", "/api/agents/{agentId}", request, token).outcome == (403, "security_scope_missing")


def test_what_a_changed_record_gives_or_takes_counts_in_the_same_call(door: InProcess) -> None:
    request = escalated(door, tenantId="acme")
    alice = somebody()
    token = token_of(alice)
    let_in(door, alice, principal="alice", scopes=())
    before = _call(door, "PUT", "/api/agents/{agentId}", request, token)
    change_person(door.context, Grant("alice", "acme", tuple(sorted(SCOPES)), "more"), alice, by=OPERATOR)
    given = _call(door, "PUT", "/api/agents/{agentId}", request, token)
    change_person(door.context, Grant("alice", "globex", tuple(sorted(SCOPES)), "moved"), alice, by=OPERATOR)
    moved = ask(door, "GET", f"/workflow/decision-room/{request['requestId']}", token)

    assert before.outcome == (403, "security_scope_missing")
    assert given.status == 200
    assert moved.outcome == (403, "security_read_tenant_mismatch")


def test_a_malformed_call_of_somebody_who_is_disabled_says_so_first(door: InProcess) -> None:
    alice = somebody()
    let_in(door, alice)
    token = token_of(alice)
    assert ask(door, "GET", "/me", token).status == 200
    switch(door, alice, PersonState.DISABLED)

    assert ask(door, "POST", "/workflow/decision-room/action", token, body=[]).outcome == DISABLED


def test_the_record_is_one_more_key_in_the_one_read(door: InProcess) -> None:
    request = escalated(door, tenantId="acme")
    alice = somebody()
    let_in(door, alice, scopes=(SCOPE_RESOLVE,))
    token = token_of(alice)
    ask(door, "GET", "/me", token)
    counting = Counting(door.dynamodb)
    counted = replace(door, dynamodb=counting)

    assert _call(counted, "POST", "/api/workflow/decision-room/action", request, token).status == 200
    assert counting.operations == ["batch_get_item", "transact_write_items"]


def test_of_forged_tokens_none_gets_past_the_door(door: InProcess) -> None:
    alice = Identity(POOL.issuer, "alice")
    let_in(door, alice)
    for kind, token in forged(random.Random(7), 140, now_s=now_ms() // 1000):  # noqa: S311 - draws attacks
        if token.isprintable():
            assert ask(door, "GET", "/me", token).outcome == (401, "security_token_invalid"), kind


def test_a_process_remembers_a_bounded_number_of_people(door: InProcess) -> None:
    roster = Roster(size=2)
    records = [let_in(door, somebody()) for _ in range(3)]
    for record in records:
        roster.keep(record)

    assert [roster.get(record.identity) for record in records] == [None, *records[1:]]
