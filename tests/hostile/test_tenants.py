"""No sequence of calls by one tenant learns or changes another's requests (contract.md section 3)."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handshake.core.errors import HandshakeError
from handshake.requests.access import ensure_may_read
from handshake.trust.identity import parse_envelope
from tests.support import engines
from tests.support.service import InProcess, act, decided, get, human, own, post, submission, unique

STEPS = st.lists(
    st.sampled_from(["read", "room", "evidence", "queue", "history", "approve", "reject", "resubmit", "authorize"]),
    min_size=1,
    max_size=8,
)
SCOPES = st.lists(st.sampled_from(["workflow:read:any", "workflow:read:tenant", "workflow:resolve"]), unique=True)
ROLES = st.lists(st.sampled_from(["approver", "reader"]), unique=True)


@pytest.fixture(scope="module")
def service(dynamodb_local_endpoint: str) -> InProcess:
    client = engines.client_of("dynamodb", dynamodb_local_endpoint)
    return InProcess(client, engines.create_tables(client))


def _take(service: InProcess, step: str, theirs: dict[str, Any], intruder: dict[str, Any]) -> Any:
    path = {"read": "requests", "room": "decision-room", "evidence": "evidence"}.get(step)
    if path:
        return get(service, f"/workflow/{path}/{theirs['requestId']}", envelope=intruder).body
    if step == "history":
        return get(service, "/workflow/decisions", envelope=intruder).body
    if step == "queue":
        return get(service, "/workflow/decision-room", envelope=intruder).body
    if step in ("approve", "reject"):
        return act(service, theirs, step, key=unique("key"), envelope=intruder).body
    if step == "resubmit":
        mine = submission(requestId=theirs["requestId"], tenantId=intruder["tenantId"])
        return post(service, "/workflow/requests", mine).body
    artifact = {"decision": "allow", "requestId": theirs["requestId"], "decisionContextHash": "ctx_" + "0" * 64}
    body = {"request": submission(requestId=theirs["requestId"]), "artifact": artifact}
    return post(service, "/workflow/authorize-execution", body).body


@settings(max_examples=40)
@given(steps=STEPS, scopes=SCOPES, roles=ROLES)
def test_another_tenant_neither_learns_nor_changes_a_request(
    service: InProcess, steps: list[str], scopes: list[str], roles: list[str]
) -> None:
    marker = unique("payload")
    theirs = decided(service, "escalate", tenantId=unique("tenant"), payloadRef=marker)
    intruder = human(unique("intruder"), tenantId=unique("tenant"), scopes=scopes, roles=roles)
    before = get(service, f"/workflow/requests/{theirs['requestId']}", envelope=own(theirs)).body

    learned = json.dumps([_take(service, step, theirs, intruder) for step in steps])

    assert marker not in learned
    assert before["decisionContextHash"] not in learned
    assert get(service, f"/workflow/requests/{theirs['requestId']}", envelope=own(theirs)).body == before


def _reads(scopes: list[str], roles: list[str], tenant: str, *, principal: str = "reader") -> bool:
    envelope = parse_envelope(json.dumps(human(principal, tenantId=tenant, scopes=scopes, roles=roles)))
    try:
        ensure_may_read(envelope, request_id="req-1", principal_id="owner", tenant_id="tenant-a")
    except HandshakeError:
        return False
    return True


@given(tenant=st.sampled_from(["tenant-a", "tenant-b"]), principal=st.sampled_from(["owner", "reader"]))
def test_scopes_only_widen_from_self_to_tenant_to_any(tenant: str, principal: str) -> None:
    myself = _reads([], [], tenant, principal=principal)
    of_tenant = _reads(["workflow:read:tenant"], [], tenant, principal=principal)
    of_any = _reads(["workflow:read:any"], ["admin"], tenant, principal=principal)

    assert myself <= of_tenant <= of_any
