"""People on the deployed stack: made by `ops people`, signed in at the pool's page, admitted by their record alone."""

import json
import re
from collections.abc import Iterator
from typing import Any, Final

import pytest
import urllib3
from typer.testing import CliRunner, Result

from ops.commands.app import app
from ops.local.pool_users import one_time_password
from ops.local.running import running_here
from ops.local.signing_edge import Upstream
from ops.local.stack import LocalStack
from tests.support.service import Deployed, escalated, submission, submit, unique
from tests.support.sign_in import call_people, sign_in

NEW_PASSWORD: Final = "A-password-0f-their-0wn"
UNKNOWN, DISABLED = (403, "security_person_unknown"), (403, "security_person_disabled")


@pytest.fixture(autouse=True)
def running(stack: LocalStack) -> Iterator[None]:
    """The stack, found as commands on this machine find it."""
    with running_here(stack.endpoint_url):
        yield


def ops(*words: str) -> Result:
    return CliRunner().invoke(app, ["people", *words])


def add(stack: LocalStack, username: str, *words: str) -> str:
    """Let ``username`` in, and give the ID token that they get by signing in."""
    added = ops("add", username, "--reason", "they approve payments", *words)
    assert added.exit_code == 0, added.output
    [password] = re.findall(r"one-time password of \S+: (\S+)", " ".join(added.output.split()))
    return sign_in(stack, username, password, new_password=NEW_PASSWORD)["id_token"]


def listed(username: str) -> dict[str, Any]:
    [person] = [one for one in json.loads(ops("list", "--json").stdout) if one["principalId"] == username]
    found: dict[str, Any] = person
    return found


def test_an_operator_lets_somebody_in_who_signs_in_and_approves(stack: LocalStack) -> None:
    name = unique("ada")
    token = add(stack, name, "--role", "approver", "--tenant", "acme")
    request = escalated(Deployed.on(stack), tenantId="acme")
    room = f"/workflow/decision-room/{request['requestId']}"

    me = call_people(stack, "GET", "/me", token)
    body = {"requestId": request["requestId"], "action": "approve", "reason": "known supplier"}
    extended = call_people(
        stack, "POST", "/workflow/decision-room/extend", token, body={"requestId": request["requestId"], "seconds": 60}
    )
    seen = call_people(stack, "GET", room, token)
    approved = call_people(stack, "POST", "/workflow/decision-room/action", token, body=body)
    evidence = call_people(stack, "GET", f"/workflow/evidence/{request['requestId']}", token)

    assert (me.body["principalId"], me.body["tenantId"]) == (name, "acme")
    assert (extended.status, seen.status) == (200, 200)
    assert approved.outcome == (200, "hitl_approved")
    assert evidence.body[-1]["payload"]["signIn"]["subject"] == me.body["subject"]
    revoked = {"requestId": request["requestId"], "reason": "a mistake"}
    assert call_people(stack, "POST", "/workflow/decision-room/revoke", token, body=revoked).status == 200
    assert CliRunner().invoke(app, ["evidence", "verify", request["requestId"]]).exit_code == 0


def test_the_functions_role_has_what_every_route_needs(stack: LocalStack) -> None:
    """Each answer is a use case's own: a store that refused the role would be an outage."""
    token = add(stack, unique("ada"), "--role", "approver", "--tenant", "acme")
    request = escalated(Deployed.on(stack), tenantId="acme")
    agent = f"/agents/{request['agentId']}"

    change = {"state": "stopped", "reason": "it pays strangers"}
    assert call_people(stack, "PUT", agent, token, body=change).status == 200
    assert call_people(stack, "GET", agent, token).body["state"] == "stopped"
    assert call_people(stack, "GET", "/agents", token).status == 200
    assert call_people(stack, "GET", "/workflow/decision-room", token).status == 200
    assert call_people(stack, "GET", f"/workflow/requests/{request['requestId']}", token).status == 200
    action = {"requestId": request["requestId"], "action": "approve"}
    stopped = call_people(stack, "POST", "/workflow/decision-room/action", token, body=action)
    assert stopped.outcome == (403, "security_agent_stopped")
    rejected = call_people(stack, "POST", "/workflow/decision-room/action", token, body=action | {"action": "reject"})
    assert rejected.outcome == (200, "hitl_rejected")
    assert submit(Deployed.on(stack), submission(agentId=request["agentId"], tenantId="acme")).reason == (
        "security_agent_stopped"
    )


def test_a_token_is_worth_what_the_record_says_at_each_call(stack: LocalStack) -> None:
    name = unique("bob")
    token = add(stack, name, "--role", "auditor", "--tenant", "acme")

    def me() -> Any:
        return call_people(stack, "GET", "/me", token).outcome

    assert me() == (200, None)
    assert ops("disable", name, "--reason", "on leave").exit_code == 0
    assert me() == DISABLED
    assert ops("enable", name, "--reason", "back").exit_code == 0
    assert me() == (200, None)
    assert ops("remove", name, "--reason", "they left").exit_code == 0
    assert me() == UNKNOWN
    person = listed(name)
    assert (person["state"], person["tenantId"], person["reason"]) == ("removed", "acme", "they left")
    by_subject = ops("enable", person["subject"], "--subject", "--reason", "back")
    assert by_subject.exit_code == 1
    assert ops("add", name, "--reason", "back", "--scope", "workflow:read:tenant", "--tenant", "acme").exit_code == 0
    assert call_people(stack, "GET", "/me", token).body["scopes"] == ["workflow:read:tenant"]


def test_a_user_of_the_pool_without_a_record_is_nobody(stack: LocalStack) -> None:
    name, password = unique("eve"), one_time_password()
    stack.client("cognito-idp").admin_create_user(
        UserPoolId=stack.outputs["UserPoolId"],
        Username=name,
        TemporaryPassword=password,
        MessageAction="SUPPRESS",
    )
    tokens = sign_in(stack, name, password, new_password=NEW_PASSWORD)

    assert call_people(stack, "GET", "/me", tokens["id_token"]).outcome == UNKNOWN


def test_an_access_token_opens_nothing_and_no_token_nothing_either(stack: LocalStack) -> None:
    name = unique("ada")
    add(stack, name, "--role", "approver")
    tokens = sign_in(stack, name, NEW_PASSWORD)

    refused = (401, "security_token_invalid")
    assert call_people(stack, "GET", "/me", tokens["access_token"]).outcome == refused
    assert call_people(stack, "GET", "/me", tokens["refresh_token"]).outcome == refused
    assert call_people(stack, "GET", "/me", None).outcome == refused
    assert call_people(stack, "GET", "/me", tokens["id_token"] + "A").outcome == refused


def test_callers_api_takes_no_id_token_and_peoples_no_signature(stack: LocalStack) -> None:
    token = add(stack, unique("ada"), "--role", "approver", "--tenant", "acme")

    bearer = {"authorization": f"Bearer {token}"}
    assert urllib3.request("GET", f"{stack.api_url}/agents", headers=bearer, retries=False).status == 401
    signed = Upstream(stack.people_url, credentials=stack.issuer, region=stack.region)
    assert signed.send("GET", "/api/me", headers={}, body=b"").status == 401


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["disable", "nobody-of-that-name", "--reason", "r"], "the user pool has no user"),
        (["disable", "a-subject", "--subject", "--reason", "r"], "This person has no record."),
        (["add", "mallory", "--reason", "r", "--scope", "workflow:read:any"], "no scope of people's"),
        (["add", "mallory", "--reason", "r", "--role", "admin"], "--role is approver or auditor"),
    ],
)
def test_what_cannot_be_done_is_said_in_words(words: list[str], problem: str) -> None:
    done = ops(*words)

    assert done.exit_code in (1, 2)
    assert problem in " ".join(done.output.split())
