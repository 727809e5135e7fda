"""Contract section 2: a write whose answer is lost happens once, and whoever asks again learns how it ended."""

from collections.abc import Mapping
from typing import Any

import pytest

from tests.support.clients import FAULTS
from tests.support.endpoints import MUTATIONS, WRITES, Endpoint, apply, change, failing
from tests.support.outcomes import GUARD, STORE
from tests.support.service import InProcess, act, escalated, get, own, submission, submit
from tests.support.store import everything

PASSING = {name: FAULTS[name] for name in ("no answer", "500", "throttled")}


@pytest.mark.parametrize("applied", [False, True], ids=["before it was applied", "after it was applied"])
@pytest.mark.parametrize("fault", PASSING.values(), ids=PASSING)
@pytest.mark.parametrize("endpoint", MUTATIONS.values(), ids=MUTATIONS)
def test_a_write_that_fails_once_happens_once(
    alone: InProcess, endpoint: Endpoint, fault: Exception, *, applied: bool
) -> None:
    given, twin = endpoint.prepare(alone), endpoint.prepare(alone)
    sizes = [_sizes(alone)]

    spared = endpoint.call(alone, twin)
    sizes.append(_sizes(alone))
    struck = endpoint.call(failing(alone, fault, operations=WRITES, applied=applied, times=1), given)
    sizes.append(_sizes(alone))

    assert struck.outcome == spared.outcome
    assert _grown(sizes[1], sizes[2]) == _grown(sizes[0], sizes[1])


def _sizes(service: InProcess) -> dict[str, int]:
    return {name: len(items) for name, items in everything(service).items()}


def _grown(before: dict[str, int], after: dict[str, int]) -> dict[str, int]:
    return {name: after[name] - before[name] for name in before}


def _lost(service: InProcess) -> InProcess:
    """A service that writes and never hears that it did."""
    return failing(service, FAULTS["no answer"], operations=WRITES, applied=True)


def _evidence(service: InProcess, request: Mapping[str, Any]) -> list[str]:
    events = get(service, f"/workflow/evidence/{request['requestId']}", envelope=own(request)).body
    return [event["reasonCode"] for event in events]


def test_a_submission_whose_answer_was_lost_is_settled_by_submitting_it_again(alone: InProcess) -> None:
    body = submission(context={"amount": 90})

    lost = submit(_lost(alone), body)
    again = submit(alone, body)
    next_one = submit(alone, submission(agentId=body["agentId"], context={"amount": 90}))

    assert (lost.outcome, again.outcome, next_one.outcome) == (STORE, (200, "policy_allow"), (200, "policy_allow"))
    assert _evidence(alone, body) == ["policy_allow"] * 2


def test_an_action_whose_answer_was_lost_is_settled_by_its_key(alone: InProcess) -> None:
    request = escalated(alone)

    lost = act(_lost(alone), request, key="k")
    again = act(alone, request, key="k")

    assert (lost.outcome, again.outcome) == (GUARD, (409, "security_replay_detected"))
    assert again.body["stored"]["artifact"]["reasonCode"] == "hitl_approved"
    assert _evidence(alone, request)[2:4] == ["hitl_approved"] * 2


def test_an_apply_whose_answer_was_lost_is_settled_by_its_token(alone: InProcess) -> None:
    given = change(alone)

    lost, again = apply(_lost(alone), given), apply(alone, given)

    assert (lost.outcome, again.outcome) == (GUARD, (409, "security_replay_detected"))
    scope = {"scope": "agent", "scopeId": given["body"]["scopeId"]}
    assert get(alone, "/policy/config", query=scope).body["policyVersion"] in again.body["message"]
    assert len(get(alone, "/policy/versions", query=scope).body["versions"]) == 1
