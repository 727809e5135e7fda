"""The document's examples: each is a call that is made, in order, and answered as it is shown."""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

import jsonschema_rs
import pytest

from ops.openapi.document import document, exact_document, routes
from ops.openapi.examples import load_examples
from ops.openapi.operations import OPERATIONS
from tests.contract.examples import in_order
from tests.support.examples import shown
from tests.support.service import InProcess

CALLS: Final = load_examples()
EXACT: Final = exact_document(routes())
PUBLISHED: Final = document(routes())
# What refuses these is the API Gateway, or that no key can be read.
NEVER_REFUSED: Final = {"getGrantKeys", "getTools"}


def _schema(place: str, document: Mapping[str, Any] = EXACT) -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator({**document, "$ref": place})


def _place(call: Mapping[str, Any], *steps: str) -> str:
    [(method, resource)] = [route for route, operation in OPERATIONS.items() if operation.id == call["operation"]]
    path = ["paths", resource, method.lower(), *steps, "content", "application/json", "schema"]
    return "#/" + "/".join(quote(step.replace("/", "~1")) for step in path)


def test_every_example_is_answered_as_it_is_shown(alone: InProcess) -> None:
    answered = [(call, {"status": reply.status, "answer": shown(reply.body)}) for call, reply in in_order(alone, CALLS)]

    for call, reply in answered:
        expected = {"status": call["status"], "answer": call["answer"]}
        assert reply == expected, f"{call['operation']} {call['name']}: python -m tests.contract.examples"


def test_every_operation_has_a_call_that_it_carries_out_and_one_that_it_refuses() -> None:
    carried_out = {call["operation"] for call in CALLS if call["status"] == 200}
    refused = {call["operation"] for call in CALLS if call["status"] != 200}

    named = {operation.id for operation in OPERATIONS.values()}
    assert named - carried_out == set(), "add a call to openapi/examples.json"
    assert named - refused == NEVER_REFUSED


@pytest.mark.parametrize("call", CALLS, ids=lambda call: f"{call['operation']}-{call['name']}")
def test_an_example_is_what_the_document_describes(call: Mapping[str, Any]) -> None:
    answer = _schema(_place(call, "responses", str(call["status"])))

    assert answer.is_valid(call["answer"]), [error.message for error in answer.iter_errors(call["answer"])]
    if call["status"] == 200:
        if "body" in call:
            _schema(_place(call, "requestBody")).validate(call["body"])
        if "envelope" in call:
            _schema("#/components/schemas/IdentityEnvelope").validate(call["envelope"])


def test_the_document_shows_every_example_where_it_is_of() -> None:
    shown_there = [
        (operation["operationId"], name)
        for methods in PUBLISHED["paths"].values()
        for operation in methods.values()
        for response in operation["responses"].values()
        for name in response["content"]["application/json"].get("examples", ())
    ]
    bodies = [
        (operation["operationId"], name, example["value"])
        for methods in PUBLISHED["paths"].values()
        for operation in methods.values()
        if "requestBody" in operation
        for name, example in operation["requestBody"]["content"]["application/json"]["examples"].items()
    ]

    assert sorted(shown_there) == sorted((call["operation"], call["name"]) for call in CALLS)
    assert len(bodies) == len([call for call in CALLS if call["status"] == 200 and "body" in call])
    parameters = PUBLISHED["components"]["parameters"]
    assert {name for name, parameter in parameters.items() if "example" in parameter} == set(parameters) - {
        "correlationId",
        "internalTrustContext",  # a token in a public file is a token
    }
