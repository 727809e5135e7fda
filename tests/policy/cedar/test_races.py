"""Policies, tools and submissions at once: each finds the other, and one version judges a request (contract 15)."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

from tests.conftest import Engine
from tests.support.service import InProcess, Reply, apply_policy, get, own, register_tools, submission, submit, unique

MAIL = {"name": "send-mail", "inputSchema": {"properties": {"to": {"type": "string"}}, "required": ["to"]}}
LISTED = {"actionType": "external_call", "tools": [MAIL]}
EMPTIED: dict[str, Any] = {"actionType": "external_call", "tools": []}
NAMING = '@id("a") forbid (principal, action == Action::"send-mail", resource) when { context.input.to == "x" };'


@dataclass
class _Overtaken:
    """A client before whose first transaction another change is made."""

    service: InProcess
    other: Callable[[], Reply]
    answered: Reply | None = None

    def __getattr__(self, operation: str) -> Any:
        return getattr(self.service.dynamodb, operation)

    def transact_write_items(self, **parameters: Any) -> Any:
        if self.answered is None:
            self.answered = self.other()
        return self.service.dynamodb.transact_write_items(**parameters)


def test_a_policy_that_a_list_of_tools_overtakes_is_validated_anew(moto_tables: Engine) -> None:
    """What it names is gone by then, so it is refused; nothing is half of each."""
    service = InProcess(*moto_tables)
    assert register_tools(service, LISTED).status == 200
    client = _Overtaken(service, lambda: register_tools(service, EMPTIED))
    reply = apply_policy(replace(service, dynamodb=client), {"scope": "global", "cedar": NAMING})
    assert client.answered is not None
    assert (client.answered.status, reply.outcome) == (200, (422, "policy_invalid_policy"))
    assert "policyVersion" not in get(service, "/policy/config").body


def test_a_list_of_tools_that_a_policy_overtakes_is_held_against_it(moto_tables: Engine) -> None:
    """The policy names by then what the list would remove, so the list is refused."""
    service = InProcess(*moto_tables)
    assert register_tools(service, LISTED).status == 200
    client = _Overtaken(service, lambda: apply_policy(service, {"scope": "global", "cedar": NAMING}))
    reply = register_tools(replace(service, dynamodb=client), EMPTIED)
    assert client.answered is not None
    assert (client.answered.status, reply.outcome) == (200, (422, "policy_invalid_policy"))
    assert "global: policy a, names the tool send-mail" in reply.body["message"]
    assert get(service, "/policy/tools").body["toolsVersion"] == "v1"


def test_a_request_is_judged_by_one_version_whoever_changes_policies_and_tools(dynamodb_local: Engine) -> None:
    """Of each denial the policy that is named is the one that its version has, and nothing fails to be judged."""
    service = InProcess(*dynamodb_local)
    agent = unique("agent")
    assert register_tools(service, LISTED).status == 200
    numbers = count(1)

    def change() -> None:
        for _ in range(12):
            number = next(numbers)
            text = NAMING.replace('"a"', f'"p{number}"')
            applied = apply_policy(service.another(), {"scope": "agent", "scopeId": agent, "cedar": text})
            assert applied.body["policyVersion"] == f"v{number}"
            more = {"name": f"other-{number}", "inputSchema": {}}
            assert register_tools(service.another(), {**LISTED, "tools": [MAIL, more]}).status == 200

    def ask(number: int) -> dict[str, Any]:
        action = {"operation": "send", "tool": "send-mail", "arguments": {"to": "x"}}
        request = submission("external_call", agentId=agent, context={}, action=action)
        reply = submit(service.another(), request)
        assert reply.body["reasonCode"] in ("policy_denied", "policy_allow"), (number, reply.body)
        return request | {"decided": reply.body["reasonCode"]}

    with ThreadPoolExecutor(5) as pool:
        changing = pool.submit(change)
        asked = list(pool.map(ask, range(60)))
        changing.result()
    denied = [request for request in asked if request["decided"] == "policy_denied"]
    assert denied
    for request in denied:
        events = get(service, f"/workflow/evidence/{request['requestId']}", envelope=own(request)).body
        [named] = next(event["payload"]["decidedBy"] for event in events if "decidedBy" in event["payload"])
        assert named["policy"] == f"p{named['version'].removeprefix('v')}"
