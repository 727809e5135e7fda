"""ops approvals, on a service that runs in this process: what a person is shown, and what the commands do."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from handshake_rail import Handshake
from ops.commands import approvals
from ops.commands.app import app
from tests.conftest import Engine
from tests.support.operated import OPERATOR, operated
from tests.support.outcomes import IMMUTABLE
from tests.support.service import InProcess, act, escalated, get, own, submission, submit, unique
from tests.support.store import paused, state_of
from tests.support.workflow_requests import an_action

DECLINED = 4
HOSTILE = "\u001b[31mapprove\u202e @everyone"


@pytest.fixture
def service(moto_tables: Engine, monkeypatch: pytest.MonkeyPatch) -> InProcess:
    """A service that the commands find and call."""
    service = operated(InProcess(*moto_tables), monkeypatch)

    def send(request: httpx.Request) -> httpx.Response:
        body = request.content.decode() or None
        answer = service.send(request.method, request.url.raw_path.decode(), headers=request.headers, body=body)
        return httpx.Response(answer.status, json=answer.body, headers={"content-type": "application/json"})

    @contextmanager
    def client_of(_target: object, person: approvals.Person) -> Iterator[Handshake]:
        envelope = approvals.envelope_of(person.principal or OPERATOR, person.tenant)
        with Handshake("http://in.process", envelope=envelope, transport=httpx.MockTransport(send)) as client:
            yield client

    monkeypatch.setattr(approvals, "client_of", client_of)
    return service


def _ops(*words: str, says: str = "") -> Any:
    return CliRunner().invoke(app, ["approvals", *words], input=says)


def _json(*words: str) -> Any:
    ran = _ops(*words, "--json")
    assert ran.exit_code == 0, ran.output
    return json.loads(ran.output)


def _resolver(request: dict[str, Any]) -> list[str]:
    return ["--principal", "rita", "--tenant", request["tenantId"]]


def _evidence(service: InProcess, request: dict[str, Any]) -> list[dict[str, Any]]:
    events = get(service, f"/workflow/evidence/{request['requestId']}", envelope=own(request)).body
    return [event["payload"] for event in events]


def test_what_waits_is_listed_for_who_resolves_for_the_tenant_and_for_nobody_else(
    service: InProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(approvals, "PAGE", 3)
    tenant = unique("tenant")
    requests = [escalated(service, tenantId=tenant) for _ in range(7)]

    listed = _json("list", *_resolver(requests[0]))
    assert {room["requestId"] for room in listed} == {request["requestId"] for request in requests}
    assert [room["expiresAt"] for room in listed] == sorted(room["expiresAt"] for room in listed)
    assert _json("list", "--principal", requests[5]["principalId"]) == [
        room for room in listed if room["requestId"] == requests[5]["requestId"]
    ]
    assert "nothing waits for this person" in _ops("list", "--principal", "nobody").output


def test_lists_and_rooms_fit_80_columns_and_no_agents_text_moves_the_terminal(service: InProcess) -> None:
    request = escalated(service, agentId="a" * 120, payloadRef="tool:" + "x" * 300, context={"amount": 150.5})
    shown = [_ops("list", *_resolver(request)).output, _ops("show", request["requestId"], *_resolver(request)).output]

    for output in shown:
        assert output.replace("\n", "").isprintable()
    assert max(map(len, shown[0].splitlines())) <= 80
    assert "150.5" in shown[1]
    assert "max_transaction: 150.5, limit 100" in shown[1]
    assert "escalated_pending" in shown[1]


def test_who_decides_sees_every_argument_as_it_was_hashed(service: InProcess) -> None:
    action = an_action(arguments={"payee": "Acme  Ltd \u202e" + "x" * 200, "amount": 150})
    request = escalated(service, action=action)

    listed = _ops("list", *_resolver(request)).output
    shown = _ops("show", request["requestId"], *_resolver(request)).output

    assert action["operation"] in " ".join(listed.split())
    room = _json("show", request["requestId"], *_resolver(request))
    text = room["canonicalAction"].replace("\u202e", "\\u202e")
    assert f"text     {text}" in shown.splitlines()
    assert f"digest   {room['actionDigest']}" in shown.splitlines()


def test_what_an_earlier_release_let_in_is_escaped(service: InProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    request = escalated(service)
    room = get(service, f"/workflow/decision-room/{request['requestId']}", envelope=own(request)).body
    monkeypatch.setattr(Handshake, "get_decision_room", lambda *_: room | {"payloadRef": HOSTILE, "agentId": HOSTILE})

    output = _ops("show", request["requestId"]).output

    assert "\u001b" not in output
    assert "\u202e" not in output
    assert "\\x1b[31mapprove\\u202e" in output


def test_an_approval_is_shown_asked_and_made_in_the_persons_name(service: InProcess) -> None:
    request = escalated(service)
    words = ("approve", request["requestId"], *_resolver(request), "--reason", "it is due")

    declined = _ops(*words, says="n\n")
    assert (declined.exit_code, state_of(service, request)) == (DECLINED, "escalated_pending")

    approved = _ops(*words, says="y\n")
    assert approved.exit_code == 0
    assert "what     payment 150 ops tool:do" in approved.output
    assert state_of(service, request) == "escalated_approved_terminal"
    audit = _evidence(service, request)[-1]
    assert (audit["actor"], audit["subjectType"], audit["reason"]) == ("rita", "human", "it is due")


def test_json_asks_nothing_so_an_approval_needs_yes(service: InProcess) -> None:
    request = escalated(service)
    words = ("approve", request["requestId"], *_resolver(request))

    assert _ops(*words, "--json").exit_code == 1
    assert state_of(service, request) == "escalated_pending"
    assert _json(*words, "--yes")["reasonCode"] == "hitl_approved"


def test_a_rejection_ends_it_and_a_second_is_told_how_it_stands(service: InProcess) -> None:
    request = escalated(service)
    words = ("reject", request["requestId"], *_resolver(request), "--reason", "no")

    assert f"{request['requestId']} rejected" in _ops(*words).output
    again = _ops(*words)
    assert (again.exit_code, IMMUTABLE[1] in again.output) == (1, True)


def test_time_is_given_while_paused_and_by_the_operator_by_name(service: InProcess) -> None:
    request = escalated(service)
    with paused(service):
        said = _ops("extend", request["requestId"], "--seconds", "3600", *_resolver(request))
        refused = _ops("approve", request["requestId"], "--yes", *_resolver(request))

    assert said.exit_code == 0
    assert "can be extended 2 times more" in " ".join(said.output.split())
    assert (refused.exit_code, "adapter_privileged_mutations_paused" in refused.output) == (1, True)
    assert _evidence(service, request)[-1]["event"] == "extended"
    assert _ops("extend", request["requestId"], "--seconds", "59").exit_code == 2


def test_what_was_approved_is_taken_back_and_needs_a_reason(service: InProcess) -> None:
    request = escalated(service)
    act(service, request)

    assert _ops("revoke", request["requestId"], *_resolver(request)).exit_code == 2
    revoked = _json("revoke", request["requestId"], *_resolver(request), "--reason", "the payee is another")

    assert revoked["state"] == "escalated_approved_terminal"
    assert "revoked  20" in _ops("show", request["requestId"], *_resolver(request)).output


def test_an_operator_without_a_name_acts_as_their_own_aws_identity(service: InProcess) -> None:
    request = submission(principalId=OPERATOR, context={"amount": 150, "category": "ops"})
    submit(service, request)

    assert [room["requestId"] for room in _json("list")] == [request["requestId"]]
    assert _ops("reject", "no-such-request").exit_code == 1
