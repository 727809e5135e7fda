"""An upgrade, played: what the release before grants left pending, allowed, approved and used up, under this one.

`support/before_grants.json` is what that release stored through its own API, keys of its actions included; the clock
stands where that release stopped.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import pytest

from handshake.requests.expire_overdue import expire_overdue
from handshake.requests.verify import PAGES, verify_request
from tests.conftest import Engine
from tests.support.service import (
    InProcess,
    act,
    apply_policy,
    claim,
    escalated,
    extend,
    get,
    own,
    post,
    report,
    revoke,
    rules,
    submission,
    submit,
)
from tests.support.worlds import BEFORE_GRANTS, load_earlier_release

OK: Final = (200, None)
APPROVED: Final = (200, "hitl_approved")
REPLAY: Final = (409, "security_replay_detected")
EXPIRED: Final = (409, "security_grant_expired")
NOT_ALLOWED: Final = (409, "security_artifact_state_not_authorized")
_A_MINUTE_MS: Final = 60_000

Upgraded = tuple[InProcess, Mapping[str, list[dict[str, Any]]]]


@pytest.fixture
def upgraded(dynamodb_local: Engine) -> Upgraded:
    """This release on what the one before stored, and its requests as they would be submitted again, by state."""
    client, tables = dynamodb_local
    stored = load_earlier_release(client, tables, BEFORE_GRANTS)
    states = [item for at, item in stored.items() if at.sk == "STATE"]
    stopped_at = max(int(item["decided_at"]) for item in states if item["state"] != "escalated_expired_terminal")
    by_state: dict[str, list[dict[str, Any]]] = {}
    for item in states:
        request = {
            "requestId": item["request_id"],
            "principalId": item["principal_id"],
            "agentId": item["agent_id"],
            "tenantId": item.get("tenant_id"),
            "actionType": item["action_type"],
            "payloadRef": item["payload_ref"],
            "timestamp": int(item["timestamp_ms"]),
            "context": json.loads(item["facts"]),
        }
        by_state.setdefault(item["state"], []).append(request)
    return InProcess(client, tables, now_ms=lambda: stopped_at + 1), by_state


def _later(service: InProcess, ms: int) -> InProcess:
    now = service.now_ms() + ms
    return replace(service, now_ms=lambda: now)


def _claim(service: InProcess, request: Mapping[str, Any], **changes: Any) -> Any:
    room = get(service, f"/workflow/decision-room/{request['requestId']}", envelope=own(request)).body
    return claim(service, request, digest=room["actionDigest"], **changes)


def _kinds(service: InProcess, request: Mapping[str, Any]) -> list[str]:
    events = get(service, f"/workflow/evidence/{request['requestId']}", envelope=own(request)).body
    return [event["payload"]["event"] for event in events if event["payload"]["source"] == "audit"]


def _verified(service: InProcess) -> list[Any]:
    return [finding for page_of in PAGES.values() for finding in page_of(service.context).findings]


def test_what_was_stored_is_no_finding(upgraded: Upgraded) -> None:
    service, _ = upgraded

    assert _verified(service) == []


def test_what_was_pending_is_extended_approved_claimed_and_reported(upgraded: Upgraded) -> None:
    service, by_state = upgraded

    assert len(by_state["escalated_pending"]) >= 3
    for request in by_state["escalated_pending"]:
        assert extend(service, request, 60).status == 200
        assert act(service, request, key="after the upgrade").outcome == APPROVED
        granted = _claim(service, request, key="claiming")
        assert granted.status == 200
        assert _claim(service, request, key="claiming").body["grantId"] == granted.body["grantId"]
        assert report(service, granted.body["grantId"], envelope=own(request)).status == 200
        assert _kinds(service, request) == ["decided", "extended", "closed", "claimed", "reported"]
    assert _verified(service) == []


@pytest.mark.parametrize("state", ["allowed_terminal", "escalated_approved_terminal"])
def test_what_was_allowed_or_approved_is_claimed_once_within_its_time(upgraded: Upgraded, state: str) -> None:
    service, by_state = upgraded

    for request in by_state[state]:
        assert _claim(service, request).outcome == OK
        assert _claim(service, request).outcome == (409, "security_grant_consumed")
        assert report(service, f"grant_{request['requestId']}", envelope=own(request)).status == 200
    assert _verified(service) == []


@pytest.mark.parametrize("state", ["allowed_terminal", "escalated_approved_terminal"])
def test_nothing_that_was_allowed_is_claimed_after_its_time(upgraded: Upgraded, state: str) -> None:
    service, by_state = upgraded
    late = _later(service, 6 * _A_MINUTE_MS)

    assert {_claim(late, request).outcome for request in by_state[state]} == {EXPIRED}
    assert _verified(service) == []


def test_what_was_allowed_or_approved_is_revoked(upgraded: Upgraded) -> None:
    service, by_state = upgraded

    for request in [*by_state["allowed_terminal"], *by_state["escalated_approved_terminal"]]:
        assert revoke(service, request).status == 200
        assert _claim(service, request).outcome == EXPIRED
    assert _verified(service) == []


def test_what_was_pending_is_withdrawn_or_expires_by_the_deadline_it_had(upgraded: Upgraded) -> None:
    service, by_state = upgraded
    withdrawn, *waiting = by_state["escalated_pending"]

    assert act(service, withdrawn, "withdraw").status == 200
    assert expire_overdue(_later(service, 6 * _A_MINUTE_MS).context).expired == len(waiting)
    assert {_claim(service, request).outcome for request in by_state["escalated_pending"]} == {NOT_ALLOWED}
    assert _verified(service) == []


@pytest.mark.parametrize("state", ["denied_terminal", "escalated_rejected_terminal", "escalated_expired_terminal"])
def test_what_was_not_allowed_stays_so(upgraded: Upgraded, state: str) -> None:
    service, by_state = upgraded

    for request in by_state[state]:
        assert _claim(service, request).outcome == NOT_ALLOWED
        assert revoke(service, request).outcome == NOT_ALLOWED
    assert _verified(service) == []


def test_a_key_that_was_used_stays_used_and_its_replay_is_told_what_came_of_it(upgraded: Upgraded) -> None:
    """The one key that was used belongs to the principal of an approval; whose, only the guard's digest knows."""
    service, by_state = upgraded
    replays = [(request, act(service, request, key="approving")) for request in by_state["escalated_approved_terminal"]]

    [(request, told)] = [(request, reply) for request, reply in replays if reply.outcome == REPLAY]
    assert told.body["stored"]["state"] == "escalated_approved_terminal"
    another = escalated(
        service, principalId=request["principalId"], tenantId=request["tenantId"], timestamp=service.now_ms()
    )
    assert act(service, another, key="approving").outcome == REPLAY
    assert act(service, another, key="another").outcome == APPROVED


def test_what_was_decided_is_told_again_to_who_submits_it_again(upgraded: Upgraded) -> None:
    service, by_state = upgraded

    for state, requests in by_state.items():
        for request in requests:
            again = submit(service, request | {"timestamp": service.now_ms()})
            assert (again.status, again.body["state"]) == (200, state)
            assert again.body["requestTimestamp"] == request["timestamp"]
            assert verify_request(service.context, request["requestId"]) == []


def test_what_was_kept_under_a_folded_word_is_repeated_and_executed_as_it_was_sent(dynamodb_local: Engine) -> None:
    """The release before grants kept the category "Straße" as "strasse"."""
    service = InProcess(*dynamodb_local)
    sent = submission(context={"amount": 10, "category": "Straße"}, tenantId=None)
    apply_policy(service, {"scope": "global", "rules": rules(allowed_categories="straße")})
    kept_then = sent | {"context": {"amount": 10, "category": "strasse"}}
    decided = submit(service, kept_then).body
    assert decided["decision"] == "allow"

    again = submit(service, sent)
    executed = post(service, "/workflow/authorize-execution", {"request": sent, "artifact": decided})

    assert again.body == decided
    assert executed.body["allowed"]
    other = sent | {"context": {"amount": 10, "category": "Strase"}}
    assert submit(service, other).outcome == (409, "security_decision_context_mismatch")
