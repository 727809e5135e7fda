"""Tests that an escalation's messages show what a tool's schema marks, and that its evidence says so."""

from dataclasses import replace
from typing import Any

from handshake.requests.table import record_from, state_key
from handshake.requests.verify import verify_request
from tests.conftest import Engine
from tests.support.service import InProcess, escalated, register_tools, submit
from tests.support.workflow_requests import an_action

TOOLS: Any = [
    {
        "name": "bank/transfers",
        "inputSchema": {
            "type": "object",
            "additionalProperties": True,
            "properties": {
                "payee": {"type": "string", "x-notify": True},
                "currency": {"type": "string"},
            },
        },
    }
]


def test_an_escalation_keeps_which_arguments_its_tools_schema_marks(moto_tables: Engine) -> None:
    service = InProcess(*moto_tables)
    assert register_tools(service, {"actionType": "payment", "tools": TOOLS}).status == 200
    action = an_action(arguments={"payee": "ACME Ltd", "currency": "EUR"})

    marked, bare = escalated(service, action=action), escalated(service)

    keys = [(service.tables.workflow, state_key(request["requestId"])) for request in (marked, bare)]
    records = [record_from(item) for item in service.context.dynamo.batch_get(keys)]
    assert [record and record.notify for record in records] == [("payee",), ()]
    assert verify_request(service.context, marked["requestId"]) == []


def test_what_is_allowed_at_once_keeps_none(moto_tables: Engine) -> None:
    service = InProcess(*moto_tables)
    register_tools(service, {"actionType": "payment", "tools": TOOLS})
    body = {
        **escalated(service),
        "requestId": "small",
        "context": {"amount": 1},
        "action": an_action(arguments={"payee": "x"}),
    }

    assert submit(replace(service), body).body["decision"] == "allow"

    [item] = service.context.dynamo.batch_get([(service.tables.workflow, state_key("small"))])
    assert item is not None
    assert "notify" not in item
