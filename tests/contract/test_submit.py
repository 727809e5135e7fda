"""Contract section 3: what a submission must be, and what submitting answers."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from handshake.requests.submission import refused_hash
from tests.support.outcomes import BINDING, SHAPE
from tests.support.service import (
    InProcess,
    Reply,
    Service,
    act,
    decided,
    escalated,
    get,
    human,
    now_ms,
    submission,
    submit,
)
from tests.support.store import events_about, let_expire

TIMESTAMP = (400, "trust_context_invalid_timestamp")
SKEW = (400, "trust_context_timestamp_skew_fail_closed")
BYPASS = (403, "security_handshake_required_bypass_denied")
SIDE_CHANNEL = (403, "security_side_channel_denied")

MINUTE_MS = 60_000
ABSENT = object()


def _submission(**changes: Any) -> dict[str, Any]:
    """A submission, without the fields that are to be ABSENT."""
    return {name: value for name, value in submission(**changes).items() if value is not ABSENT}


def _stored(service: Service, body: Mapping[str, Any]) -> Reply:
    return get(service, f"/workflow/requests/{body['requestId']}", envelope=human(body["principalId"]))


NO_TIMES: list[Any] = [ABSENT, None, "", "1772720700000", "soon", True, [1], {"at": 1}]
NO_FLAGS: list[Any] = ["false", 0, []]
NO_OBJECTS: list[Any] = ["amount=1", [], 5, True]

# The checks in the contract's order, each with a fault that it finds.
CHECKS: Mapping[str, tuple[dict[str, Any], tuple[int, str]]] = {
    "action type": ({"actionType": "bribe"}, SHAPE),
    "agent": ({"agentId": ABSENT}, BINDING),
    "payload": ({"payloadRef": ABSENT}, SHAPE),
    "finite time": ({"timestamp": "now"}, TIMESTAMP),
    "present time": ({"timestamp": 1_000}, SKEW),
    "no bypass": ({"privilegedPath": False}, BYPASS),
    "no side channel": ({"context": {"sideChannelAttempt": True}}, SIDE_CHANNEL),
}


@pytest.mark.parametrize("first", range(len(CHECKS)), ids=list(CHECKS))
def test_of_several_faults_the_first_in_the_contracts_order_is_reported(service: Service, first: int) -> None:
    faults = list(CHECKS.values())[first:]
    body: dict[str, Any] = {}
    for changes, _ in reversed(faults):
        body |= changes

    assert submit(service, _submission(**body)).outcome == faults[0][1]


@pytest.mark.parametrize(
    ("changes", "outcome"),
    [
        *[({"actionType": value}, SHAPE) for value in (ABSENT, None, "", "Payment", 1, ["payment"], {})],
        *[
            ({name: value}, BINDING)
            for name in ("requestId", "agentId", "principalId")
            for value in (ABSENT, None, "", "  ")
        ],
        *[({"payloadRef": value}, SHAPE) for value in (ABSENT, None, "", " ", 7, ["tool:do"])],
        *[
            ({name: value}, SHAPE)
            for name in ("requestId", "agentId", "principalId", "payloadRef", "tenantId")
            for value in (
                "x" * (1025 if name == "payloadRef" else 257),
                "line\nbreak",
                "nul\u0000",
                "del\u007f",
                "next\u0085",
                12,
                ["x"],
                True,
            )
        ],
        ({"tenantId": " "}, SHAPE),
        *[({"timestamp": value}, TIMESTAMP) for value in NO_TIMES],
        *[({"timestamp": value}, SKEW) for value in (0.0, -1.0, 1e300, -1e300)],
        *[({"privilegedPath": value}, SHAPE) for value in NO_FLAGS],
        *[({"context": value}, SHAPE) for value in NO_OBJECTS],
        ({"privilegedPath": False}, BYPASS),
        ({"context": {"sideChannelAttempt": True}}, SIDE_CHANNEL),
        ({"context": {"directAdapterCall": True, "amount": 1}}, SIDE_CHANNEL),
        ({"context": {"directAdapterCall": True}, "actionType": "other"}, SIDE_CHANNEL),
    ],
    ids=lambda value: str(value)[:48].replace(str(ABSENT), "absent"),
)
def test_a_submission_with_a_fault_is_refused(
    service: Service, changes: dict[str, Any], outcome: tuple[int, str]
) -> None:
    assert submit(service, _submission(**changes)).outcome == outcome


@pytest.mark.parametrize("body", ["[]", '"payment"', "1", "null", "{", "", '{"a":1,"a":2}', "\ufeff{}"])
def test_a_body_that_is_no_object_is_refused(service: Service, body: str) -> None:
    assert submit(service, body).outcome == SHAPE


@pytest.mark.parametrize(
    ("literal", "outcome"), [("NaN", SHAPE), ("Infinity", SHAPE), ("-Infinity", SHAPE), ("1e999", TIMESTAMP)]
)
def test_a_time_that_is_not_finite_is_refused(service: Service, literal: str, outcome: tuple[int, str]) -> None:
    body = json.dumps(submission(timestamp=0)).replace('"timestamp": 0', f'"timestamp": {literal}')

    assert submit(service, body).outcome == outcome


@pytest.mark.parametrize(
    ("changes", "request_known", "hash_known"),
    [
        ({"actionType": "bribe"}, True, False),
        ({"requestId": ABSENT}, False, False),
        ({"requestId": "x" * 257}, False, False),
        ({"agentId": ABSENT}, True, False),
        ({"timestamp": "soon"}, True, False),
        ({"timestamp": 1}, True, True),
        ({"privilegedPath": False}, True, True),
        ({"context": {"directAdapterCall": True}}, True, True),
    ],
    ids=lambda value: str(value)[:32].replace(str(ABSENT), "absent"),
)
def test_a_refusal_says_of_which_request_and_that_it_is_denied(
    service: Service, changes: dict[str, Any], *, request_known: bool, hash_known: bool
) -> None:
    body = _submission(**changes)

    reply = submit(service, body).body

    assert (reply["decision"], reply["tier"], reply["state"]) == ("deny", 4, "denied_terminal")
    assert reply["requestId"] == (body["requestId"] if request_known else None)
    assert re.fullmatch("ctx_[0-9a-f]{64}", reply["decisionContextHash"])
    assert (reply["decisionContextHash"] != refused_hash(reply["requestId"])) is hash_known


@pytest.mark.parametrize("changes", [changes for changes, _ in CHECKS.values()], ids=list(CHECKS))
def test_a_refused_submission_leaves_its_request_id_free(service: Service, changes: dict[str, Any]) -> None:
    body = submission()
    refused = submit(service, {name: value for name, value in (body | changes).items() if value is not ABSENT})

    assert refused.status >= 400
    assert _stored(service, body).status == 404
    assert submit(service, body).outcome == (200, "policy_allow")


@pytest.mark.parametrize(
    "changes",
    [
        {"requestId": "r" * 200 + "{unique}"},
        {"requestId": "a/b?c=d#e%20f {unique}"},
        {"requestId": "漢字-é-🙂-{unique}"},
        {"tenantId": ABSENT},
        {"tenantId": None},
        {"privilegedPath": None},
        {"privilegedPath": True},
        {"context": ABSENT, "actionType": "other"},
        {"context": None, "actionType": "external_call"},
        {"context": {"sideChannelAttempt": False, "directAdapterCall": False}, "actionType": "other"},
        {"context": {"sideChannelAttempt": "true", "directAdapterCall": 1}, "actionType": "other"},
        {"anything": {"else": [1, 2]}, "principal": "ignored"},
    ],
    ids=lambda value: str(value)[:48].replace(str(ABSENT), "absent"),
)
def test_a_submission_may_say_this(service: Service, changes: dict[str, Any]) -> None:
    if "requestId" in changes:
        changes = {"requestId": changes["requestId"].replace("{unique}", submission()["requestId"])}

    reply = submit(service, _submission(**changes))

    assert (reply.outcome, reply.body["decision"]) == ((200, "policy_allow"), "allow")


@pytest.mark.parametrize("action_type", ["payment", "data_access", "credential_use", "external_call", "other"])
def test_every_action_type_is_decided(service: Service, action_type: str) -> None:
    assert submit(service, submission(action_type)).outcome == (200, "policy_allow")


@pytest.mark.parametrize(
    ("distance_ms", "outcome"),
    [(-5 * MINUTE_MS, 200), (5 * MINUTE_MS, 200), (-5 * MINUTE_MS - 1, 400), (5 * MINUTE_MS + 1, 400)],
)
def test_a_timestamp_lies_within_5_minutes_of_the_servers_clock(
    in_process: InProcess, distance_ms: int, outcome: int
) -> None:
    at_noon = replace(in_process, now_ms=lambda: 1_772_720_700_000)

    assert submit(at_noon, submission(timestamp=1_772_720_700_000 + distance_ms)).status == outcome


@pytest.mark.parametrize(("distance_ms", "outcome"), [(-270_000, 200), (270_000, 200), (-330_000, 400), (330_000, 400)])
def test_the_server_holds_a_timestamp_against_its_own_clock(service: Service, distance_ms: int, outcome: int) -> None:
    assert submit(service, submission(timestamp=now_ms() + distance_ms)).status == outcome


COMMON = {
    "requestId",
    "decision",
    "reasonCode",
    "tier",
    "timestamp",
    "decisionContextHash",
    "responseClass",
    "state",
    "requestTimestamp",
    "actionDigest",
}


@pytest.mark.parametrize(
    ("amount", "expected", "added"),
    [
        (10, ("allow", "allowed_terminal", "ok"), {"txnId"}),
        (5000, ("deny", "denied_terminal", "blocked"), set()),
        (150, ("escalate", "escalated_pending", "retryable"), {"hitlRequestId", "pollAfterMs"}),
    ],
    ids=["allow", "deny", "escalate"],
)
def test_a_decision_is_a_200_of_these_fields(
    service: Service, amount: int, expected: tuple[str, str, str], added: set[str]
) -> None:
    before = now_ms()
    body = submission(context={"amount": amount})

    reply = submit(service, body)

    assert reply.status == 200
    assert reply.body.keys() == COMMON | added
    assert reply.body["requestId"] == body["requestId"]
    assert (reply.body["decision"], reply.body["state"], reply.body["responseClass"]) == expected
    assert before <= reply.body["timestamp"] <= now_ms()
    assert re.fullmatch("ctx_[0-9a-f]{64}", reply.body["decisionContextHash"])


def test_an_allow_names_its_transaction(service: Service) -> None:
    body = submission()

    assert submit(service, body).body["txnId"] == f"txn_{body['requestId']}"


def test_submitting_again_answers_what_is_stored(service: Service) -> None:
    for amount in (10, 5000, 150):
        body = submission(context={"amount": amount})
        first = submit(service, body)

        again = [submit(service, body | {"timestamp": body["timestamp"] + later}) for later in (0, 1, MINUTE_MS)]

        assert [reply.body for reply in again] == [first.body] * 3


def test_submitting_again_decides_nothing_again(service: Service) -> None:
    body = decided(service, "allow")

    submit(service, body)

    assert len(events_about(service, body["requestId"])) == 1


def _approved(service: Service, request: Mapping[str, Any]) -> None:
    assert act(service, request, "approve").status == 200


def _rejected(service: Service, request: Mapping[str, Any]) -> None:
    assert act(service, request, "reject").status == 200


def _expired(service: Service, request: Mapping[str, Any]) -> None:
    let_expire(service, request)
    assert act(service, request, "approve").reason == "hitl_timeout_fail_closed"


@pytest.mark.parametrize(
    ("close", "state"),
    [
        (_approved, "escalated_approved_terminal"),
        (_rejected, "escalated_rejected_terminal"),
        (_expired, "escalated_expired_terminal"),
    ],
    ids=["approved", "rejected", "expired"],
)
def test_a_closed_escalation_stays_closed(
    service: Service, close: Callable[[Service, Mapping[str, Any]], None], state: str
) -> None:
    request = escalated(service)
    close(service, request)

    actions = [act(service, request, action) for action in ("approve", "reject")]
    again = submit(service, request)

    assert [action.outcome for action in actions] == [(409, "hitl_terminal_state_immutable")] * 2
    assert again.body["state"] == _stored(service, request).body["state"] == state
