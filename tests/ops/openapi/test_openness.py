"""Answers may gain members and values that the document does not name; requests may not."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from copy import deepcopy
from typing import Any, Final
from urllib.parse import quote

import jsonschema_rs
import pytest

from ops.openapi.document import document, exact_document, routes
from ops.openapi.openness import opened
from ops.openapi.schemas import UndescribedError

EXACT: Final = exact_document(routes())
PUBLISHED: Final = document(routes())
ANSWERS: Final = [
    (path, method, status, name, example["value"])
    for path, methods in PUBLISHED["paths"].items()
    for method, operation in methods.items()
    for status, response in operation["responses"].items()
    for name, example in response["content"]["application/json"].get("examples", {}).items()
]
CHOICES: Final = {"decision", "state", "reasonCode", "riskTier", "actionType", "responseClass", "source", "scope"}
# What a refusal says of the decision, and an authorization of its reason, is one word for good.
CONSTANT_IN_REFUSALS: Final = {"decision", "state"}
CONSTANT_IN_AUTHORIZATIONS: Final = {"reasonCode", "responseClass"}


def _is_valid(described: Mapping[str, Any], steps: list[str], value: Any) -> bool:
    pointer = "/".join(quote(step.replace("/", "~1")) for step in [*steps, "content", "application/json", "schema"])
    return jsonschema_rs.Draft202012Validator({**described, "$ref": f"#/{pointer}"}).is_valid(value)


def _of_tomorrow(answer: Any, choices: AbstractSet[str]) -> Any:
    """Give ``answer`` as a later release might: a member more in each object, and another word for each of several."""
    if isinstance(answer, dict):
        later = {name: _of_tomorrow(value, choices) for name, value in answer.items()}
        words = {name: "of_tomorrow" for name in choices if isinstance(later.get(name), str)}
        return later | words | {"tomorrow": 1}
    return [_of_tomorrow(part, choices) for part in answer] if isinstance(answer, list) else answer


@pytest.mark.parametrize("case", ANSWERS, ids=lambda case: f"{case[1]} {case[0]} {case[3]}")
def test_tomorrows_answer_is_one_that_the_document_describes_and_todays_handler_may_not_give(
    case: tuple[str, str, str, str, Any],
) -> None:
    path, method, status, _, answer = case
    steps = ["paths", path, method, "responses", status]
    constant = CONSTANT_IN_REFUSALS if status != "200" else set()
    if path == "/workflow/authorize-execution" and status == "200":
        constant = CONSTANT_IN_AUTHORIZATIONS
    later = _of_tomorrow(answer, CHOICES - constant)

    assert _is_valid(PUBLISHED, steps, answer)
    assert _is_valid(PUBLISHED, steps, later)
    assert _is_valid(EXACT, steps, answer)
    assert not _is_valid(EXACT, steps, later)


def test_a_request_takes_no_more_than_it_names() -> None:
    schemas = PUBLISHED["components"]["schemas"]
    closed = {name for name, schema in schemas.items() if schema.get("additionalProperties") is False}

    assert closed == {
        "Action",
        "AgentChange",
        "Budget",
        "DecisionAction",
        "ExecutionOutcome",
        "Extension",
        "GrantClaim",
        "IdentityEnvelope",
        "Revocation",
    }
    assert schemas["Submission"]["properties"]["actionType"] == {"$ref": "#/components/schemas/ActionType"}


def test_a_shape_that_is_taken_and_answered_is_found() -> None:
    both = deepcopy(EXACT)
    both["components"]["schemas"]["Room"]["properties"]["action"] = {"$ref": "#/components/schemas/Action"}

    with pytest.raises(UndescribedError, match="Action: taken and answered alike"):
        opened(both)


def test_the_codes_of_a_refusal_are_listed_beside_it() -> None:
    refused = PUBLISHED["paths"]["/workflow/grants"]["post"]["responses"]["409"]

    assert refused["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/Refusal"}
    assert "security_grant_consumed" in refused["x-reason-codes"]


def test_an_identity_envelope_is_typed_where_it_is_sent() -> None:
    sent = PUBLISHED["components"]["parameters"]["identityEnvelope"]["schema"]
    takes = {
        operation["operationId"]
        for methods in PUBLISHED["paths"].values()
        for operation in methods.values()
        if {"$ref": "#/components/parameters/identityEnvelope"} in operation["parameters"]
    }
    needs = {
        operation["operationId"]
        for methods in PUBLISHED["paths"].values()
        for operation in methods.values()
        if any("identityEnvelope" in alternative for alternative in operation["security"])
    }

    assert sent["contentSchema"] == {"$ref": "#/components/schemas/IdentityEnvelope"}
    assert takes - needs == {"submitRequest", "authorizeExecution"}
    assert needs <= takes


def test_an_artifact_is_presented_as_it_was_answered() -> None:
    taken = set(PUBLISHED["components"]["schemas"]["PresentedArtifact"]["properties"])
    answered = PUBLISHED["components"]["schemas"]["Decided"]["properties"]

    assert taken == set(answered)
