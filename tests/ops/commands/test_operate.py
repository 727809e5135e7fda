"""The operator's commands on a deployed stack."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from typer.testing import CliRunner

from handshake.replay_guards.table import guard_key
from ops.commands.app import app
from ops.commands.common import UNREACHABLE
from ops.local.settings import STACK_NAME
from ops.local.stack import LocalStack
from tests.support.service import Deployed, act, apply_policy, decided, for_agent, get, own, token, unique
from tests.support.store import let_guard_expire


@pytest.fixture
def service(operated: LocalStack) -> Iterator[Deployed]:
    """The deployed service, with an operator's credentials in the environment."""
    yield Deployed.on(operated)
    _ops("resume")


def _ops(*words: str) -> Any:
    return CliRunner().invoke(app, [*words, "--stack", STACK_NAME])


def _event_key(request: dict[str, Any], sequence: int) -> dict[str, Any]:
    """Of the item that begins with event ``sequence``: a decision leaves two events in one."""
    return {"pk": {"S": f"REQ#{request['requestId']}"}, "sk": {"S": f"EVT#{sequence:06d}"}}


def _drop(service: Deployed, request: dict[str, Any], sequence: int) -> None:
    service.dynamodb.delete_item(TableName=service.tables.workflow, Key=_event_key(request, sequence))


def _edit(service: Deployed, request: dict[str, Any], sequence: int, attribute: str, value: Any) -> None:
    service.dynamodb.update_item(
        TableName=service.tables.workflow,
        Key=_event_key(request, sequence),
        UpdateExpression="SET #attribute = :value",
        ExpressionAttributeNames={"#attribute": attribute},
        ExpressionAttributeValues={":value": value},
    )


def _exchange(service: Deployed, request: dict[str, Any]) -> None:
    _edit(service, request, 1, "sequence", {"N": "3"})
    _edit(service, request, 3, "sequence", {"N": "1"})


def test_pausing_refuses_privileged_mutations_until_resumed_while_reads_go_on(service: Deployed) -> None:
    request, used = decided(service, "escalate"), token(service)

    assert _ops("pause").exit_code == 0
    refused = [act(service, request), apply_policy(service, for_agent(unique("agent"), max_transaction=1), token=used)]
    assert [(reply.status, reply.reason) for reply in refused] == [(503, "adapter_privileged_mutations_paused")] * 2
    assert all("retry-after" in reply.headers for reply in refused)
    assert get(service, f"/workflow/requests/{request['requestId']}", envelope=own(request)).status == 200

    assert _ops("resume").exit_code == 0
    assert act(service, request).status == 200
    assert apply_policy(service, for_agent(unique("agent"), max_transaction=1), token=used).status == 200


def _would_remove() -> list[str]:
    first: list[str] = json.loads(_ops("retention", "--json").output)["first"]
    return first


def test_untouched_evidence_holds(service: Deployed) -> None:
    request = decided(service, "escalate")
    act(service, request, envelope=own(request, subjectType="agent"))
    act(service, request)

    verified = _ops("evidence", "verify", request["requestId"], "--json")

    assert (verified.exit_code, json.loads(verified.output)) == (0, {"checked": {"requests": 1}, "broken": []})


@pytest.mark.parametrize(
    ("tamper", "says"),
    [
        (lambda service, request: _edit(service, request, 1, "detail", {"S": '{"decision":"allow"}'}), "event 3"),
        (lambda service, request: _drop(service, request, 1), "event 1 of 4 is missing"),
        (_exchange, "EVT#000001 is not evidence as it is written"),
        (lambda service, request: _drop(service, request, 3), "remembers 4 events"),
    ],
    ids=["edited", "dropped", "reordered", "truncated"],
)
def test_the_first_broken_link_is_named(service: Deployed, tamper: Any, says: str) -> None:
    request = decided(service, "escalate")
    act(service, request)
    tamper(service, request)

    verified = _ops("evidence", "verify", request["requestId"], "--json")

    assert verified.exit_code == 1
    [finding] = json.loads(verified.output)["broken"]
    assert says in finding["problem"]


@pytest.mark.usefixtures("service")
def test_evidence_of_an_unknown_request_is_a_finding() -> None:
    verified = _ops("evidence", "verify", unique("req"))

    assert verified.exit_code == 1
    assert "no such request" in verified.output


def test_retention_says_what_it_would_delete_and_deletes_it_only_when_told(service: Deployed) -> None:
    _ops("retention", "--apply")
    jti = unique("jti-of-a-token")
    apply_policy(service, for_agent(unique("agent"), max_transaction=1), token=token(service, jti=jti))
    let_guard_expire(service, jti)
    key = guard_key("policy_apply", jti)["guard_key"]

    # Other tests' guards may expire meanwhile.
    assert key in _would_remove()
    assert key in _would_remove()
    assert json.loads(_ops("retention", "--apply", "--json").output)["removed"] >= 1
    assert key not in _would_remove()


@pytest.mark.usefixtures("service")
def test_a_stack_that_is_not_there_is_named() -> None:
    answer = CliRunner().invoke(app, ["pause", "--stack", "no-such-stack"])

    assert answer.exit_code == UNREACHABLE
    assert "no-such-stack" in answer.output
