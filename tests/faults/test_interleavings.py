"""Rivals that come at the worst moment: between two reads, between reading and writing, or as an answer is lost.

Races meet these moments by chance; here each is met every time.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import count
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError

from tests.conftest import Engine
from tests.support.audit import audit
from tests.support.service import (
    InProcess,
    Reply,
    act,
    apply_policy,
    escalated,
    for_agent,
    get,
    human,
    now_ms,
    own,
    submission,
    submit,
    token,
    unique,
)

REPLAYED = (409, "security_replay_detected")
TERMINAL = (409, "hitl_terminal_state_immutable")
APPROVED, REJECTED = "escalated_approved_terminal", "escalated_rejected_terminal"


class Interrupted:
    """A DynamoDB client that lets a rival act once, at a chosen moment."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self.between_reads: tuple[str, Callable[[], object]] | None = None
        self.before_write: Callable[[], object] | None = None
        self.lose_answer_of: str | None = None

    def __getattr__(self, operation: str) -> Any:
        return getattr(self._client, operation)

    def batch_get_item(self, *, RequestItems: Mapping[str, Any]) -> Any:  # noqa: N803 - the client's name
        """Read one table first, let the rival act, then read the others: no batch is one moment's state."""
        if self.between_reads is None:
            return self._client.batch_get_item(RequestItems=RequestItems)
        table, rival = self.between_reads
        self.between_reads = None
        first = self._client.batch_get_item(RequestItems={table: RequestItems[table]})
        rival()
        others = {name: keys for name, keys in RequestItems.items() if name != table}
        later = self._client.batch_get_item(RequestItems=others)
        return {"Responses": first["Responses"] | later["Responses"], "UnprocessedKeys": {}}

    def transact_write_items(self, **parameters: Any) -> Any:
        """Let the rival act, then write."""
        rival, self.before_write = self.before_write, None
        if rival:
            rival()
        return self._answer("transact_write_items", parameters)

    def put_item(self, **parameters: Any) -> Any:
        """Write."""
        return self._answer("put_item", parameters)

    def _answer(self, operation: str, parameters: Mapping[str, Any]) -> Any:
        answer = getattr(self._client, operation)(**parameters)
        if self.lose_answer_of == operation:
            self.lose_answer_of = None
            raise ReadTimeoutError(endpoint_url="http://nowhere")
        return answer


@pytest.fixture
def rival(moto_tables: Engine) -> InProcess:
    """The service as rivals meet it."""
    return InProcess(*moto_tables)


@pytest.fixture
def moment(rival: InProcess) -> Interrupted:
    """The moment at which a rival acts."""
    return Interrupted(rival.dynamodb)


@pytest.fixture
def service(rival: InProcess, moment: Interrupted) -> InProcess:
    """The service that is interrupted."""
    return InProcess(moment, rival.tables)


def _state(service: InProcess, request: Mapping[str, Any]) -> str:
    state: str = get(service, f"/workflow/requests/{request['requestId']}", envelope=own(request)).body["state"]
    return state


# -- between two reads ------------------------------------------------------------------------------------------


def test_a_key_used_between_reading_its_guard_and_its_request_is_told_as_replayed(
    service: InProcess, rival: InProcess, moment: Interrupted
) -> None:
    request, key = escalated(service), unique("key")
    moment.between_reads = service.tables.replay_guards, lambda: act(rival, request, key=key)

    reply = act(service, request, key=key)

    assert reply.outcome == REPLAYED
    assert reply.body["stored"]["artifact"]["decision"] == "allow"


def test_a_key_is_told_as_replayed_though_the_request_it_is_sent_with_was_closed_without_it(
    service: InProcess, rival: InProcess, moment: Interrupted
) -> None:
    principal, key = unique("principal"), unique("key")
    request, other = (escalated(service, principalId=principal) for _ in range(2))

    def use_the_key_elsewhere_and_close_the_request() -> None:
        assert act(rival, other, key=key).status == 200
        assert act(rival, request, "reject").status == 200

    moment.between_reads = service.tables.replay_guards, use_the_key_elsewhere_and_close_the_request

    assert act(service, request, key=key).outcome == REPLAYED


def test_a_jti_used_between_reading_its_guard_and_the_policy_is_told_as_replayed(
    service: InProcess, rival: InProcess, moment: Interrupted
) -> None:
    agent, trust = unique("agent"), token(service)
    assert apply_policy(rival, for_agent(agent, max_transaction=1)).status == 200
    change = for_agent(agent, max_transaction=2) | {"expectedPolicyVersion": "v1"}
    moment.between_reads = service.tables.replay_guards, lambda: apply_policy(rival, change, token=trust)

    assert apply_policy(service, change, token=trust).outcome == REPLAYED


def test_a_submit_whose_twin_spends_between_its_reads_is_given_the_twins_result(
    service: InProcess, rival: InProcess, moment: Interrupted
) -> None:
    body = submission(context={"amount": 90, "dailySpendLimit": 100, "category": "ops"})
    twins: list[Reply] = []
    moment.between_reads = service.tables.policy, lambda: twins.append(submit(rival, body))

    assert submit(service, body).body == twins[0].body
    assert twins[0].body["decision"] == "allow"


# -- between reading and writing --------------------------------------------------------------------------------


@pytest.mark.parametrize("amount", [150, 600])
@pytest.mark.parametrize(
    ("action", "rivals_action", "state"),
    [
        ("approve", "approve", APPROVED),
        ("reject", "approve", APPROVED),
        ("approve", "reject", REJECTED),
        ("reject", "reject", REJECTED),
    ],
)
def test_an_action_that_comes_second_finds_a_terminal_state_and_changes_nothing(
    rival: InProcess, moment: Interrupted, *, action: str, rivals_action: str, state: str, amount: int
) -> None:
    service = InProcess(moment, rival.tables)
    request = escalated(service, context={"amount": amount, "category": "ops"})
    moment.before_write = lambda: act(rival, request, rivals_action)

    reply = act(service, request, action)

    assert reply.outcome == TERMINAL
    assert _state(service, request) == state
    assert audit(rival.dynamodb, rival.tables) == []


def test_an_approval_that_no_longer_fits_the_day_leaves_the_request_pending_and_the_key_unused(
    service: InProcess, rival: InProcess, moment: Interrupted
) -> None:
    agent, key = unique("agent"), unique("key")
    request = escalated(service, agentId=agent, context={"amount": 950, "category": "ops"})
    spender = submission(agentId=agent, context={"amount": 60, "category": "ops"})
    moment.before_write = lambda: submit(rival, spender)

    assert act(service, request, key=key).outcome == (422, "policy_daily_limit_exceeded")
    assert _state(service, request) == "escalated_pending"
    assert act(service, request, "reject", key=key).status == 200
    assert audit(rival.dynamodb, rival.tables) == []


def test_a_key_used_on_another_request_before_the_write_is_told_as_replayed(
    service: InProcess, rival: InProcess, moment: Interrupted
) -> None:
    principal, key = unique("principal"), unique("key")
    request, other = (escalated(service, principalId=principal) for _ in range(2))
    moment.before_write = lambda: act(rival, other, "reject", key=key)

    reply = act(service, request, key=key)

    assert (reply.outcome, reply.body["requestId"], reply.body["decision"]) == (REPLAYED, request["requestId"], "deny")
    assert reply.body["stored"]["artifact"]["requestId"] == other["requestId"]
    assert _state(service, request) == "escalated_pending"


def test_a_policy_applied_before_the_write_is_not_lost_and_its_successor_not_refused(
    service: InProcess, rival: InProcess, moment: Interrupted
) -> None:
    agent = unique("agent")
    moment.before_write = lambda: apply_policy(rival, for_agent(agent, max_transaction=1))

    assert apply_policy(service, for_agent(agent, max_transaction=2)).body["policyVersion"] == "v2"
    assert audit(rival.dynamodb, rival.tables) == []


def test_a_policy_applied_before_the_write_conflicts_with_who_expected_another(
    service: InProcess, rival: InProcess, moment: Interrupted
) -> None:
    agent, trust = unique("agent"), token(service)
    assert apply_policy(rival, for_agent(agent, max_transaction=1)).status == 200
    change = for_agent(agent, max_transaction=2) | {"expectedPolicyVersion": "v1"}
    moment.before_write = lambda: apply_policy(rival, for_agent(agent, max_transaction=3))

    assert apply_policy(service, change, token=trust).outcome == (409, "policy_version_conflict")
    assert apply_policy(service, change | {"expectedPolicyVersion": "v2"}, token=trust).status == 200


@pytest.mark.parametrize("amount", [10, 150, 600, 1000])
def test_a_submit_whose_twin_comes_first_is_given_the_twins_result(
    service: InProcess, rival: InProcess, moment: Interrupted, amount: int
) -> None:
    body = submission(context={"amount": amount, "category": "ops"})
    twins: list[Reply] = []
    moment.before_write = lambda: twins.append(submit(rival, body))

    reply = submit(service, body)

    assert (reply.status, reply.body) == (200, twins[0].body)
    assert audit(rival.dynamodb, rival.tables) == []


def test_a_submit_with_other_facts_that_comes_second_gets_nobody_elses_result(
    service: InProcess, rival: InProcess, moment: Interrupted
) -> None:
    body = submission()
    moment.before_write = lambda: submit(rival, body | {"payloadRef": "tool:other"})

    reply = submit(service, body)

    assert reply.outcome == (409, "security_decision_context_mismatch")
    assert "decision" not in reply.body or reply.body["decision"] == "deny"


# -- lost answers -----------------------------------------------------------------------------------------------


def test_a_refusal_whose_metrics_event_was_written_and_not_answered_is_the_same_refusal_counted_once(
    service: InProcess, rival: InProcess, moment: Interrupted
) -> None:
    path = f"/workflow/requests/{escalated(service)['requestId']}"
    moment.lose_answer_of = "put_item"

    reply = get(service, path, envelope=human("stranger"))

    assert reply.outcome == (403, "security_read_scope_denied")
    reasons = [item["reason_code"]["S"] for item in rival.dynamodb.scan(TableName=rival.tables.metrics)["Items"]]
    assert sorted(reasons) == ["hitl_boundary_escalated", "security_read_scope_denied"]


@pytest.mark.parametrize("amount", [10, 150])
def test_a_submit_that_was_written_and_not_answered_is_repeated_with_the_same_result(
    service: InProcess, rival: InProcess, moment: Interrupted, amount: int
) -> None:
    body = submission(context={"amount": amount, "category": "ops"})
    moment.lose_answer_of = "transact_write_items"

    assert submit(service, body).body == submit(rival, body).body
    assert audit(rival.dynamodb, rival.tables) == []


# -- slow stores ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("started_ms", [0, 1, 999])
def test_a_tokens_guard_lives_300_seconds_from_when_it_is_made_however_long_its_making_took(
    rival: InProcess, started_ms: int
) -> None:
    ticks = count(now_ms() // 1000 * 1000 + started_ms, 150)
    slow = replace(rival, now_ms=lambda: next(ticks))
    trust = token(slow, lifetime_s=1)

    assert apply_policy(slow, for_agent(unique("agent"), max_transaction=1), token=trust).status == 200

    [guard] = rival.dynamodb.scan(TableName=rival.tables.replay_guards)["Items"]
    assert int(guard["expires_at"]["N"]) - int(guard["created_at"]["N"]) >= 300_000
