"""Submissions judged by Cedar beside the rules: by tool, scope and setting (contract.md section 15)."""

from typing import Any

import pytest

from handshake.policy import cedar_table
from handshake.policy.cedar import engine
from handshake.policy.tools_table import tools_version_key
from tests.conftest import Engine
from tests.contract.test_tools import a_tool, of, register
from tests.support.service import InProcess, Reply, apply_policy, get, own, post, submission, submit, unique

SEND = 'action == Action::"send-mail"'


@pytest.fixture
def service(moto_tables: Engine) -> InProcess:
    return InProcess(*moto_tables, settings={"environment": "staging"})


def a_text(name: str, condition: str = "true", *, head: str = "action", notes: str = "") -> str:
    return f'@id("{name}") {notes}\nforbid (principal, {head}, resource)\nwhen {{ {condition} }};\n'


def put(service: InProcess, text: str, scope: Any = "global", **members: Any) -> Reply:
    named = {"scope": scope} if isinstance(scope, str) else scope
    return apply_policy(service, {**named, "cedar": text, **members})


def call(service: InProcess, arguments: Any = None, *, tool: str | None = "send-mail", **changes: Any) -> Reply:
    action: dict[str, Any] = {"operation": "send"}
    action |= {"tool": tool} if tool else {}
    action |= {"arguments": arguments} if arguments is not None else {}
    return submit(service, submission(**({"context": {}, "action": action} | changes), **_type(changes)))


def _type(changes: dict[str, Any]) -> dict[str, Any]:
    return {} if "actionType" in changes else {"actionType": "external_call"}


def told(reply: Reply) -> tuple[str, str, int]:
    assert reply.status == 200, reply
    return reply.body["decision"], reply.body["reasonCode"], reply.body["tier"]


def with_mail(service: InProcess) -> None:
    mail = a_tool(to={"type": "string"}, copies={"type": "integer"})
    mail["inputSchema"]["required"] = ["to"]
    assert register(service, of(mail)).status == 200


def test_a_call_of_any_type_is_governed_by_what_cedar_says_of_it(service: InProcess) -> None:
    """Before Cedar is stored, a call that is no payment is always allowed; from then on policy decides."""
    with_mail(service)
    assert told(call(service, {"to": "x"})) == ("allow", "policy_allow", 1)
    applied = put(service, a_text("not-x", 'context.input.to == "x"', head=SEND))
    assert applied.status == 200, applied
    assert told(call(service, {"to": "x"})) == ("deny", "policy_denied", 4)
    assert told(call(service, {"to": "y"})) == ("allow", "policy_allow", 1)
    assert told(call(service, {"to": "y"}, tool="Send-Mail")) == ("deny", "policy_unmatched_denied", 4)
    assert told(call(service, {"to": "y"}, tool=None)) == ("deny", "policy_unmatched_denied", 4)
    assert told(call(service, {})) == ("deny", "policy_invalid_request", 4)
    assert told(call(service, {"to": "y"}, actionType="other")) == ("deny", "policy_invalid_request", 4)
    assert apply_policy(service, {"scope": "global", "unmatchedTools": "allow"}).status == 200
    assert told(call(service, {"to": "y"}, tool=None)) == ("allow", "policy_allow", 1)


def test_an_escalation_waits_in_the_room_with_what_decided_it_and_its_message(service: InProcess) -> None:
    """Evidence and the room name the policy by its @id and version, and the room shows its message."""
    with_mail(service)
    notes = '@decision("escalate") @tier("4") @message("Mail leaves the house") @notify("to")'
    assert put(service, a_text("mail", head=SEND, notes=notes)).status == 200
    request = submission(
        "external_call", context={}, action={"operation": "o", "tool": "send-mail", "arguments": {"to": "x"}}
    )
    assert told(submit(service, request)) == ("escalate", "hitl_policy_escalated", 4)
    named = {"scope": "global", "version": "v1", "policy": "mail"}
    room = get(service, f"/workflow/decision-room/{request['requestId']}", envelope=own(request)).body
    assert (room["decidedBy"], room["policyMessage"]) == ([named], "Mail leaves the house")
    [audit] = [
        event["payload"]
        for event in get(service, f"/workflow/evidence/{request['requestId']}", envelope=own(request)).body
        if event["payload"]["source"] == "audit"
    ]
    assert (audit["decidedBy"], audit["policyMessage"], audit["notify"]) == ([named], room["policyMessage"], ["to"])
    # Submitted again, it is what was decided, whatever policy says by now.
    assert put(service, a_text("mail", head=SEND)).status == 200
    assert told(submit(service, request)) == ("escalate", "hitl_policy_escalated", 4)


def test_scopes_only_ever_narrow_and_the_widest_gives_the_code(service: InProcess) -> None:
    """A permit of a narrower scope lifts nothing, and each scope's unmatched is its own."""
    with_mail(service)
    agent, tenant = unique("agent"), unique("tenant")
    permit = '@id("all") permit (principal, action, resource);'
    assert put(service, permit, {"scope": "agent", "scopeId": agent}, unmatched="deny").status == 200
    asked = {"agentId": agent, "tenantId": tenant}
    assert told(call(service, {"to": "x"}, **asked))[0] == "allow"
    ask = a_text("ask", notes='@decision("escalate")')
    assert put(service, ask, {"scope": "tenant", "scopeId": tenant}).status == 200
    assert told(call(service, {"to": "x"}, **asked)) == ("escalate", "hitl_policy_escalated", 3)
    assert (
        put(service, '@id("none") permit (principal, action, resource) when { false };', unmatched="deny").status == 200
    )
    assert told(call(service, {"to": "x"}, **asked)) == ("deny", "policy_unmatched_denied", 4)
    assert told(call(service, {"to": "x"}, agentId=agent, tenantId=unique("tenant"))) == (
        "deny",
        "policy_unmatched_denied",
        4,
    )


def test_rules_give_the_code_before_cedar_where_both_demand_the_same(service: InProcess) -> None:
    """A payment over the limit stays the rules' escalation, with the higher tier of both."""
    ask = a_text(
        "ask",
        'context.amount.greaterThan(decimal("100.0"))',
        head='action == Action::"payment"',
        notes='@decision("escalate") @tier("4")',
    )
    assert put(service, ask).status == 200
    assert told(submit(service, submission(context={"amount": 150}))) == ("escalate", "hitl_boundary_escalated", 4)
    assert told(submit(service, submission(context={"amount": 99}))) == ("allow", "policy_allow", 1)
    assert told(submit(service, submission(context={"amount": 1.23456}))) == ("deny", "policy_invalid_request", 4)


def test_a_submission_stays_one_read_and_one_write_once_a_process_has_read_the_text(service: InProcess) -> None:
    """A text of Cedar and a list of tools are read once per version and process."""
    with_mail(service)
    assert put(service, a_text(unique("once"), "false", head=SEND)).status == 200
    engine._sets.clear()
    calls = []
    for _ in range(2):
        counted = _Counting(service.dynamodb)
        assert told(call(InProcess(counted, service.tables, settings=service.settings), {"to": "x"}))[0] == "allow"
        calls.append(counted.calls)
    assert calls == [
        ["batch_get_item", "batch_get_item", "transact_write_items"],
        ["batch_get_item", "transact_write_items"],
    ]


class _Counting:
    def __init__(self, client: Any) -> None:
        self._client, self.calls = client, list[str]()

    def __getattr__(self, operation: str) -> Any:
        self.calls.append(operation)
        return getattr(self._client, operation)


@pytest.mark.parametrize("attribute", ["cedar", "cedar_sha256"])
def test_a_text_that_was_exchanged_in_the_store_allows_nothing(service: InProcess, attribute: str) -> None:
    """What is stored must be what was applied, by its digest, or the scope denies."""
    with_mail(service)
    text = a_text(unique("exchanged"), head=SEND)
    assert put(service, text).status == 200
    engine._sets.clear()
    key = {"pk": {"S": "SCOPE#global"}, "sk": {"S": "VERSION#00000001" if attribute == "cedar" else "ACTIVE"}}
    service.dynamodb.update_item(
        TableName=service.tables.policy,
        Key=key,
        UpdateExpression="SET #it = :other",
        ExpressionAttributeNames={"#it": attribute},
        ExpressionAttributeValues={":other": {"S": a_text("other", "false", head=SEND)}},
    )
    assert told(call(service, {"to": "x"})) == ("deny", "policy_evaluation_failed", 4)


def test_what_an_agent_asserts_of_itself_counts_where_the_stack_believes_it(moto_tables: Engine) -> None:
    """Parameter AgentAssertions: by default as in v1, ``ignored`` it is as if it had not been said."""
    claimed = {"sensitivity": "confidential", "authorizedSensitiveScope": True}
    believing = InProcess(*moto_tables)
    assert told(submit(believing, submission("data_access", context=claimed)))[0] == "allow"
    ignoring = InProcess(*moto_tables, settings={"believes_agents": False})
    refused = submit(ignoring, submission("data_access", context=claimed))
    assert told(refused) == ("deny", "policy_sensitive_scope_denied", 4)


def test_where_and_when_a_call_is_made_is_the_services_word(service: InProcess) -> None:
    """The environment is the stack's, hosts are found in arguments, and nothing in ``context`` stands in for them."""
    with_mail(service)
    text = a_text(
        "hosts",
        'context.environment == "staging" && context has hosts && !["ok.example"].containsAll(context.hosts)',
        head=SEND,
    )
    assert put(service, text).status == 200
    assert told(call(service, {"to": "see https://ok.example/a"}))[0] == "allow"
    assert told(call(service, {"to": "see https://ok.example\\@evil.example/a"}))[0] == "deny"
    lied = {"environment": "production", "hosts": ["ok.example"]}
    assert told(call(service, {"to": "http://evil.example"}, context=lied))[0] == "deny"


def test_a_simulation_replays_calls_with_their_arguments_and_says_which_policy_changed_which(
    service: InProcess,
) -> None:
    """Recorded calls are judged by the proposed text as they were made, and the policy and some requests are named."""
    with_mail(service)
    agent = unique("agent")
    for to in ("x", "y", "y"):
        assert told(call(service, {"to": to}, agentId=agent))[0] == "allow"
    proposal = {"scope": "agent", "scopeId": agent, "cedar": a_text("not-y", 'context.input.to == "y"', head=SEND)}
    simulated = post(service, "/policy/simulate", proposal).body
    [change] = simulated["predictedChanges"]
    assert (change["before"], change["after"], change["policy"], change["count"]) == ("allow", "deny", "not-y", 2)
    assert len(change["examples"]) == 2
    # What is active is replayed too: the same text again changes nothing.
    assert put(service, proposal["cedar"], {"scope": "agent", "scopeId": agent}).status == 200
    assert post(service, "/policy/simulate", proposal).body["predictedChanges"] == []
    [change] = post(service, "/policy/simulate", proposal | {"cedar": ""}).body["predictedChanges"]
    assert (change["before"], change["after"], change["policy"]) == ("deny", "allow", "not-y")


@pytest.mark.parametrize("text", ["", "// nothing"])
@pytest.mark.parametrize(
    ("unmatched", "outcome"),
    [
        ("deny", ("deny", "policy_unmatched_denied", 4)),
        ("escalate", ("escalate", "hitl_policy_escalated", 3)),
        ("allow", ("allow", "policy_allow", 1)),
    ],
)
def test_what_nothing_matches_is_as_the_scope_says_also_where_it_stores_no_text(
    service: InProcess, text: str, unmatched: str, outcome: tuple[str, str, int]
) -> None:
    """Who removes the text of an allow-list opens nothing by it."""
    permit = '@id("only-payments") permit (principal, action == Action::"payment", resource);'
    assert put(service, permit, unmatched=unmatched).status == 200
    assert told(call(service, tool=None)) == outcome

    assert put(service, text).status == 200

    assert get(service, "/policy/config").body["unmatched"] == unmatched
    assert told(call(service, tool=None)) == outcome


def test_a_tool_whose_registry_was_exchanged_is_called_by_nobody(service: InProcess) -> None:
    """Also where no scope stores Cedar: its type and its members can be held to nothing."""
    with_mail(service)
    key = {"pk": {"S": "TOOLS"}, "sk": {"S": tools_version_key(1)["sk"]}}
    service.dynamodb.update_item(
        TableName=service.tables.policy,
        Key=key,
        UpdateExpression="SET tools = :none",
        ExpressionAttributeValues={":none": {"S": "[]"}},
    )
    cedar_table._tools.clear()

    assert told(call(service, {"to": "x", "colour": 1})) == ("deny", "policy_evaluation_failed", 4)
    assert told(call(service, tool=None)) == ("allow", "policy_allow", 1)
