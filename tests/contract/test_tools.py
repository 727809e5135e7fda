"""POST and GET /policy/tools: what a registry takes, refuses and shows (contract.md section 15)."""

from typing import Any

import pytest

from handshake.requests.verify import verify_request
from tests.conftest import Engine
from tests.support.service import (
    InProcess,
    claim,
    decided,
    get,
    human,
    own,
    post,
    register_tools,
    submit,
    token,
)

INVALID = (422, "policy_invalid_policy")
SHAPE = (400, "trust_context_invalid_request_shape")


def a_tool(name: str = "send-mail", **properties: Any) -> dict[str, Any]:
    return {"name": name, "description": "as MCP has it", "inputSchema": {"type": "object", "properties": properties}}


register = register_tools


def of(*tools: Any, action_type: str = "external_call") -> dict[str, Any]:
    return {"actionType": action_type, "tools": list(tools)}


@pytest.fixture
def service(moto_tables: Engine) -> InProcess:
    return InProcess(*moto_tables)


def test_a_list_replaces_that_of_its_type_and_is_shown_with_what_cedar_is_not_told(service: InProcess) -> None:
    """Every registration is a version of the whole; other types' lists stay as they are."""
    assert get(service, "/policy/tools").body == {"tools": []}
    mail = a_tool(to={"type": "string"}, body={"type": "object"}, key={"type": "string", "x-policy": False})
    first = register(service, of(mail, a_tool("a.b/c") | {"version": "2"}))
    assert (first.status, first.body["toolsVersion"]) == (200, "v1")
    assert register(service, of(a_tool("pay"), action_type="payment")).body["toolsVersion"] == "v2"
    assert register(service, of(mail)).body["toolsVersion"] == "v3"
    shown = get(service, "/policy/tools").body
    assert shown["toolsVersion"] == "v3"
    assert [(tool["name"], tool["actionType"], tool["unchecked"]) for tool in shown["tools"]] == [
        ("pay", "payment", []),
        ("send-mail", "external_call", ["body", "key"]),
    ]
    assert shown["tools"][1]["inputSchema"] == mail["inputSchema"]


@pytest.mark.parametrize(
    ("body", "outcome"),
    [
        ([], SHAPE),
        ({"actionType": "spell", "tools": []}, SHAPE),
        ({"actionType": "other"}, SHAPE),
        (of({"name": "a b", "inputSchema": {}}), SHAPE),
        (of({"name": "a", "inputSchema": []}), SHAPE),
        (of({"name": "a", "inputSchema": {"type": "string"}}), SHAPE),
        (of(a_tool() | {"version": "\u200b"}), SHAPE),
        (of(a_tool(), a_tool()), SHAPE),
        (of(*(a_tool(f"t{number}") for number in range(201))), SHAPE),
        (of(a_tool("payment")), INVALID),
        (of(a_tool("t", x={"type": "string", "description": "x" * 102_400})), INVALID),
    ],
)
def test_what_no_registry_may_hold_is_refused(service: InProcess, body: Any, outcome: tuple[int, str]) -> None:
    """What is malformed is refused by its shape; a list that no registry may hold as a policy that is invalid."""
    assert register(service, body).outcome == outcome
    assert get(service, "/policy/tools").body == {"tools": []}


def test_a_tool_belongs_to_one_type(service: InProcess) -> None:
    """Otherwise a call could choose which policies judge it."""
    assert register(service, of(a_tool())).status == 200
    refused = register(service, of(a_tool(), action_type="other"))
    assert refused.outcome == INVALID
    assert "external_call" in refused.body["message"]
    assert register(service, of()).status == 200
    assert register(service, of(a_tool(), action_type="other")).status == 200


def test_a_token_is_good_for_tools_or_for_policies_and_once(service: InProcess) -> None:
    """A token for applying policies registers no tools, and one for tools does so once."""
    invalid = (401, "security_invalid_internal_trust_context")
    assert register(service, of(), token=token(service)).outcome == invalid
    shown = token(service, subject="policy.tools")
    assert post(service, "/policy/apply", {}, envelope=human("operator"), token=shown).outcome == invalid
    assert register(service, of(a_tool()), token=shown).status == 200
    again = register(service, of(), token=shown)
    assert again.outcome == (409, "security_replay_detected")
    assert "v1" in again.body["message"]
    assert register(service, of(), token=shown, envelope=None).outcome == (401, "security_missing_identity_envelope")
    assert [tool["name"] for tool in get(service, "/policy/tools").body["tools"]] == ["send-mail"]


def test_evidence_names_the_tools_that_a_request_was_decided_and_claimed_by(service: InProcess) -> None:
    register(service, of(a_tool()))
    request = decided(service, "allow")
    digest = submit(service, request).body["actionDigest"]
    register(service, of(a_tool(to={"type": "string"})))
    assert claim(service, request, digest=digest).status == 200

    events = get(service, f"/workflow/evidence/{request['requestId']}", envelope=own(request)).body
    named = [event["payload"]["toolsVersion"] for event in events if "toolsVersion" in event["payload"]]
    assert named == ["v1", "v2"]
    assert verify_request(service.context, request["requestId"]) == []
