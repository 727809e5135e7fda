"""Contract section 9.17: one principal id in two named tenants is two people."""

import base64
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import pytest

from handshake.core.jsonio import canonical
from handshake.replay_guards.table import GuardTransaction, guard_key
from tests.support.outcomes import APPROVED, REPLAY, UNAUTHORIZED
from tests.support.service import InProcess, Service, act, escalated, get, human, now_ms, post, submission, unique
from tests.support.store import state_of

MISMATCH: Final = (403, "security_read_tenant_mismatch")
KINDS: Final = ("requests", "decision-room", "evidence")


@pytest.fixture
def bound(in_process: InProcess) -> InProcess:
    """The service with TenantlessEnvelopes=refused."""
    return replace(in_process, settings={"binds_tenantless": True})


def _reads(service: Service, request: Mapping[str, Any], envelope: Any) -> set[tuple[int, str | None]]:
    replies = [get(service, f"/workflow/{kind}/{request['requestId']}", envelope=envelope) for kind in KINDS]
    return {(reply.status, None if reply.status == 200 else reply.reason) for reply in replies}


def _queued(service: Service, envelope: Any) -> set[str]:
    answer = get(service, "/workflow/decision-room", envelope=envelope)
    return {room["requestId"] for room in answer.body["requests"]}


def test_they_neither_read_nor_resolve_each_others_requests(service: Service) -> None:
    request = escalated(service)
    name, tenant = request["principalId"], request["tenantId"]
    namesake = human(name, tenantId=unique("tenant"))

    assert _reads(service, request, namesake) == {MISMATCH}
    assert request["requestId"] not in _queued(service, namesake)
    for action in ("approve", "reject"):
        refused = act(service, request, action, key=unique("key"), envelope=namesake)
        assert refused.outcome == UNAUTHORIZED
        assert "stored" not in refused.body
    assert state_of(service, request) == "escalated_pending"
    own = human(name, tenantId=tenant)
    assert _reads(service, request, own) == {(200, None)}
    assert request["requestId"] in _queued(service, own)
    assert act(service, request, envelope=own).outcome == APPROVED


def test_a_scope_reads_another_tenants_namesake_as_it_reads_anybody(service: Service) -> None:
    request = escalated(service)
    other = human(request["principalId"], tenantId=unique("tenant"))

    assert _reads(service, request, other | {"scopes": ["workflow:read:tenant"]}) == {MISMATCH}
    assert _reads(service, request, other | {"scopes": ["workflow:read:any"], "roles": ["admin"]}) == {(200, None)}


def test_their_idempotency_keys_never_collide(service: Service) -> None:
    name, key = unique("principal"), unique("key")
    tenants = [unique("tenant") for _ in range(2)]
    requests = [escalated(service, principalId=name, tenantId=tenant) for tenant in tenants]

    for request, tenant in zip(requests, tenants, strict=True):
        envelope = human(name, tenantId=tenant)
        assert act(service, request, key=key, envelope=envelope).outcome == APPROVED
        assert act(service, request, key=key, envelope=envelope).outcome == REPLAY


def test_without_a_tenant_a_principal_acts_in_every_one_as_before(service: Service) -> None:
    request = escalated(service)
    tenantless = human(request["principalId"])

    assert _reads(service, request, tenantless) == {(200, None)}
    assert request["requestId"] in _queued(service, tenantless)
    assert act(service, request, envelope=tenantless).outcome == APPROVED


def test_a_principal_of_a_tenant_acts_on_its_own_request_without_one(service: Service, bound: InProcess) -> None:
    for where in (service, bound):
        request = escalated(where, tenantId=None)
        own = human(request["principalId"], tenantId=unique("tenant"))

        assert _reads(where, request, own) == {(200, None)}
        assert act(where, request, envelope=own).outcome == APPROVED


def test_where_tenantless_envelopes_are_refused_they_act_on_requests_without_a_tenant_only(bound: InProcess) -> None:
    request, free = escalated(bound), escalated(bound, tenantId=None)
    tenantless = human(request["principalId"])

    assert _reads(bound, request, tenantless) == {MISMATCH}
    assert request["requestId"] not in _queued(bound, tenantless)
    assert act(bound, request, envelope=tenantless).outcome == UNAUTHORIZED
    submitted = submission()
    envelope = human(submitted["principalId"])
    assert post(bound, "/workflow/requests", submitted, envelope=envelope).outcome == MISMATCH
    assert post(bound, "/workflow/requests", submitted | {"tenantId": ""}, envelope=envelope).status == 200
    own = human(free["principalId"])
    assert _reads(bound, free, own) == {(200, None)}
    assert act(bound, free, envelope=own).outcome == APPROVED


@pytest.mark.parametrize("limit", [1, 2, 5])
def test_pages_of_the_queue_tell_nothing_of_a_namesake(service: Service, limit: int) -> None:
    name, tenants = unique("principal"), [unique("tenant") for _ in range(2)]
    theirs, ours, more_of_theirs = (
        [escalated(service, principalId=name, tenantId=tenant)["requestId"] for _ in range(3)]
        for tenant in (tenants[0], tenants[1], tenants[0])
    )
    queued, query = [], {"limit": str(limit)}
    for _ in range(10):
        answer = get(service, "/workflow/decision-room", envelope=human(name, tenantId=tenants[1]), query=query).body
        queued += [room["requestId"] for room in answer["requests"]]
        if "nextCursor" not in answer:
            break
        query["cursor"] = answer["nextCursor"]
        told = base64.urlsafe_b64decode(query["cursor"]).decode()
        assert [request_id for request_id in (*theirs, *more_of_theirs) if request_id in told] == []

    assert "nextCursor" not in answer
    assert queued == ours


# -- keys that earlier versions kept, by the principal alone ----------------------------------------------------


def _used_before(service: InProcess, principal: str, key: str, outcome: Mapping[str, Any]) -> None:
    """Keep the use of a key as earlier versions did."""
    with service.runtime.invocation() as context:
        tx = GuardTransaction(context)
        guard = guard_key("decision_action", principal, key)
        tx.claim_key(guard, now_ms=now_ms(), expires_at_ms=now_ms() + 60_000, outcome=outcome)
        assert tx.commit()


@pytest.mark.parametrize("tenant", ["of its tenant", "without one"])
def test_a_key_that_an_earlier_version_saw_used_is_used(in_process: InProcess, tenant: str) -> None:
    request, key = escalated(in_process), unique("key")
    envelope = human(request["principalId"]) | ({"tenantId": request["tenantId"]} if tenant == "of its tenant" else {})
    outcome = {"requestId": request["requestId"], "decision": "deny", "artifact": {"reasonCode": "hitl_rejected"}}
    _used_before(in_process, request["principalId"], key, outcome)

    again = act(in_process, request, key=key, envelope=envelope)

    assert again.outcome == REPLAY
    assert again.body["stored"] == {"state": "escalated_rejected_terminal", "artifact": outcome["artifact"]}
    assert state_of(in_process, request) == "escalated_pending"


def test_a_key_that_was_used_on_another_request_is_used_and_tells_nothing_of_it(in_process: InProcess) -> None:
    """It may have been another tenant's principal of the same name who used it."""
    request, key = escalated(in_process), unique("key")
    outcome: dict[str, Any] = {"requestId": unique("theirs"), "decision": "allow", "artifact": {"txnId": unique("txn")}}
    _used_before(in_process, request["principalId"], key, outcome)

    again = act(in_process, request, key=key)

    assert again.outcome == REPLAY
    assert outcome["requestId"] not in canonical(again.body)
    assert (again.body["decision"], "stored" in again.body) == ("deny", False)


def test_an_earlier_versions_key_is_free_once_it_has_expired(in_process: InProcess) -> None:
    request, key = escalated(in_process), unique("key")
    with in_process.runtime.invocation() as context:
        tx = GuardTransaction(context)
        guard = guard_key("decision_action", request["principalId"], key)
        tx.claim_key(guard, now_ms=1, expires_at_ms=2, outcome={"requestId": request["requestId"]})
        assert tx.commit()

    assert act(in_process, request, key=key).outcome == APPROVED
