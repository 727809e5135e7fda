"""Contract section 2: an idempotency key is good for one action, and what is checked before it."""

from collections.abc import Mapping
from typing import Any

import pytest

from tests.support.outcomes import APPROVED, IMMUTABLE, REPLAY, SHAPE, UNAUTHORIZED
from tests.support.service import Service, act, escalated, human, unique
from tests.support.store import state_of

# The order of section 2: envelope, body, request and authority, then key and state.
FAULTS: Mapping[str, tuple[Any, tuple[int, str]]] = {
    "envelope": (lambda call: call.update(envelope="{}"), (401, "security_invalid_identity_envelope")),
    "body": (lambda call: call.update(action="nonsense"), SHAPE),
    "authority": (lambda call: call.setdefault("envelope", human("stranger")), UNAUTHORIZED),
    "key": (lambda call: call.update(key="used"), REPLAY),
    "state": (lambda _: None, IMMUTABLE),
}


@pytest.mark.parametrize("first", range(len(FAULTS)), ids=list(FAULTS))
def test_of_several_faults_the_first_in_the_contracts_order_is_reported(service: Service, first: int) -> None:
    request = escalated(service)
    principal_used_it = act(service, request, key="used")
    call: dict[str, Any] = {"key": "unused"}
    for fault, _ in list(FAULTS.values())[first:]:
        fault(call)

    assert principal_used_it.status == 200
    assert act(service, request, **call).outcome == list(FAULTS.values())[first][1]


@pytest.mark.parametrize("length", [1, 256])
def test_an_idempotency_key_is_good_for_one_action(service: Service, length: int) -> None:
    request = escalated(service)
    key = ("k" * length)[:length]

    assert [act(service, request, key=key).outcome for _ in range(3)] == [APPROVED, REPLAY, REPLAY]


@pytest.mark.parametrize("key", ["", "k" * 257], ids=["empty", "257 long"])
def test_a_key_of_another_length_is_refused(service: Service, key: str) -> None:
    request = escalated(service)

    assert act(service, request, key=key).outcome == SHAPE
    assert state_of(service, request) == "escalated_pending"


def test_a_key_is_good_for_one_action_on_any_request(service: Service) -> None:
    principal, key = unique("principal"), unique("key")
    first, second = (escalated(service, principalId=principal) for _ in range(2))

    used = act(service, first, key=key)
    reused = act(service, second, key=key)

    assert (used.outcome, reused.outcome) == (APPROVED, REPLAY)
    assert reused.body["requestId"] == second["requestId"]
    assert reused.body["stored"]["artifact"] == used.body["artifact"]
    assert state_of(service, second) == "escalated_pending"


def test_a_replay_tells_its_own_principal_the_stored_outcome(service: Service) -> None:
    request, key = escalated(service), unique("key")
    first = act(service, request, key=key)

    replay = act(service, request, "reject", key=key)

    assert replay.outcome == REPLAY
    assert (replay.body["decision"], replay.body["artifact"]["reasonCode"]) == ("deny", "security_replay_detected")
    assert replay.body["stored"] == {"state": "escalated_approved_terminal", "artifact": first.body["artifact"]}


def test_without_a_key_an_action_is_guarded_by_the_state_alone(service: Service) -> None:
    request = escalated(service)

    assert [act(service, request, key=None).outcome for _ in range(2)] == [APPROVED, IMMUTABLE]
