"""Tests which changes of the OpenAPI document break a caller: one test a rule, beside those that break nobody."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from ops.gates.breaking import breaking_changes

RELEASED: dict[str, Any] = {
    "paths": {
        "/things": {
            "post": {
                "operationId": "makeThing",
                "security": [{"sigv4": []}],
                "parameters": [
                    {"$ref": "#/components/parameters/page"},
                    {"in": "query", "name": "sort", "schema": {"type": "string", "enum": ["up", "down"]}},
                ],
                "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Thing"}}}},
                "responses": {
                    "200": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Made"}}}},
                    "404": {"content": {"application/json": {"schema": {"type": "object"}}}},
                },
            },
            "get": {"operationId": "listThings", "responses": {"200": {}}},
        },
        "/other": {"get": {"operationId": "other", "responses": {"200": {}}}},
    },
    "components": {
        "parameters": {"page": {"in": "query", "name": "page", "schema": {"type": "integer", "maximum": 100}}},
        "schemas": {
            "Thing": {
                "type": "object",
                "required": ["name"],
                "properties": {
                    "name": {"type": "string", "minLength": 1, "maxLength": 256},
                    "kind": {"enum": ["a", "b"]},
                    "size": {"anyOf": [{"type": "integer"}, {"type": "string"}]},
                    "code": {"type": "string"},
                    "tags": {"type": "array", "items": {"type": "string", "maxLength": 10}},
                    "inner": {"$ref": "#/components/schemas/Thing"},
                },
            },
            "Made": {
                "allOf": [
                    {"type": "object", "required": ["id"], "properties": {"id": {"type": "string"}}},
                    {"properties": {"note": {"type": "string"}}},
                ]
            },
        },
    },
    "x-reason-codes": {"codes": {"policy_denied": {"status": 422, "retry": "do_not_retry"}}},
}
Change = Callable[[dict[str, Any]], Any]


def _operation(document: dict[str, Any]) -> Any:
    return document["paths"]["/things"]["post"]


def _thing(document: dict[str, Any]) -> Any:
    return document["components"]["schemas"]["Thing"]


def _made(document: dict[str, Any]) -> Any:
    return document["components"]["schemas"]["Made"]["allOf"][0]


def _put(holder: Any, name: str, value: Any) -> None:
    """Assigns, where only an expression may stand."""
    holder[name] = value


BREAKING: dict[str, tuple[Change, str]] = {
    "a path removed": (lambda d: d["paths"].pop("/other"), "/other is gone"),
    "a method removed": (lambda d: d["paths"]["/things"].pop("get"), "GET /things is gone"),
    "an operation renamed": (lambda d: _put(_operation(d), "operationId", "x"), "is now called x"),
    "a status removed": (lambda d: _operation(d)["responses"].pop("404"), "no longer answers 404"),
    "a body removed": (lambda d: _operation(d)["responses"]["404"].clear(), "404 no longer has a JSON body"),
    "a protection added": (lambda d: _operation(d)["security"][0].update(token=[]), "now demands token"),
    "a parameter removed": (lambda d: _operation(d)["parameters"].pop(1), "no longer takes query parameter sort"),
    "a parameter required": (lambda d: _operation(d)["parameters"][1].update(required=True), "now demands query par"),
    "a required parameter added": (
        lambda d: _operation(d)["parameters"].append({"in": "header", "name": "h", "required": True}),
        "now demands header parameter h",
    ),
    "a parameter's bound narrowed": (
        lambda d: d["components"]["parameters"]["page"]["schema"].update(maximum=10),
        "page is narrower: maximum is 10, was 100",
    ),
    "a parameter's value removed": (
        lambda d: _operation(d)["parameters"][1]["schema"].update(enum=["up"]),
        "sort no longer takes down",
    ),
    "a body demanded": (
        lambda d: d["paths"]["/things"]["get"].update(
            requestBody={"required": True, "content": {"application/json": {"schema": {}}}}
        ),
        "GET /things now demands a body",
    ),
    "a request field required": (lambda d: _thing(d)["required"].append("kind"), "body.kind is now required"),
    "a request field refused": (
        lambda d: [_thing(d).update(additionalProperties=False), _thing(d)["properties"].pop("code")],
        "body.code is no longer taken",
    ),
    "a request closed": (lambda d: _thing(d).update(additionalProperties=False), "fields it does not name"),
    "a request's type changed": (
        lambda d: _put(_thing(d)["properties"]["name"], "type", "integer"),
        "body.name may no longer be string",
    ),
    "a type put on what had none": (
        lambda d: _put(_thing(d)["properties"]["kind"], "enum", ["a"]),
        "no longer takes b",
    ),
    "a lower bound raised": (lambda d: _put(_thing(d)["properties"]["name"], "minLength", 2), "minLength is 2, was 1"),
    "an upper bound lowered": (lambda d: _put(_thing(d)["properties"]["name"], "maxLength", 9), "maxLength is 9, was"),
    "a bound added": (lambda d: _put(_thing(d)["properties"]["code"], "maxLength", 9), "was unbounded"),
    "a pattern added": (lambda d: _put(_thing(d)["properties"]["code"], "pattern", "x"), "pattern is x"),
    "values listed": (lambda d: _put(_thing(d)["properties"]["code"], "enum", ["x"]), "body.code now takes only x"),
    "an item's bound narrowed": (
        lambda d: _put(_thing(d)["properties"]["tags"]["items"], "maxLength", 5),
        "body.tags[] is narrower",
    ),
    "an alternative removed": (
        lambda d: _thing(d)["properties"]["size"]["anyOf"].pop(1),
        "body.size may no longer be string",
    ),
    "a response field removed": (
        lambda d: [_made(d)["properties"].pop("id"), _made(d).update(required=[])],
        "200.id is gone",
    ),
    "a response field optional": (lambda d: _put(_made(d), "required", []), "200.id is no longer always there"),
    "a response's type changed": (
        lambda d: _put(_made(d)["properties"]["id"], "type", ["string", "null"]),
        "200.id may now be null, not only string",
    ),
    "a response's type left open": (lambda d: _made(d)["properties"]["id"].clear(), "200.id may now be any type"),
    "a reason code removed": (lambda d: d["x-reason-codes"]["codes"].clear(), "reason code policy_denied is gone"),
    "a reason code's status changed": (
        lambda d: d["x-reason-codes"]["codes"]["policy_denied"].update(status=403),
        "policy_denied: status is 403, was 422",
    ),
}
HARMLESS: dict[str, Change] = {
    "nothing": lambda _: None,
    "a path added": lambda d: d["paths"].update({"/new": {"get": {"responses": {}}}}),
    "a status added": lambda d: _operation(d)["responses"].update({"409": {}}),
    "an optional parameter added": lambda d: _operation(d)["parameters"].append({"in": "query", "name": "q"}),
    "an optional request field added": lambda d: _thing(d)["properties"].update(new={"type": "string"}),
    "a request field no longer required": lambda d: _thing(d)["required"].clear(),
    "a request's value added": lambda d: _thing(d)["properties"]["kind"]["enum"].append("c"),
    "a request's bounds widened": lambda d: _thing(d)["properties"]["name"].update(minLength=0, maxLength=999),
    "a request's number widened": lambda d: d["components"]["parameters"]["page"]["schema"].update(type="number"),
    "a request's alternative added": lambda d: _thing(d)["properties"]["size"]["anyOf"].append({"type": "null"}),
    "a response field added": lambda d: _made(d)["properties"].update(new={"type": "string"}),
    "a response field required": lambda d: _made(d).update(required=["id", "note"]),
    "a reason code added": lambda d: d["x-reason-codes"]["codes"].update(new={"status": 400}),
}


def _changed(change: Change) -> list[str]:
    now = copy.deepcopy(RELEASED)
    change(now)
    return list(breaking_changes(RELEASED, now))


@pytest.mark.parametrize("name", BREAKING)
def test_a_change_that_breaks_a_caller_is_named(name: str) -> None:
    change, said = BREAKING[name]

    assert any(said in found for found in _changed(change)), _changed(change)


@pytest.mark.parametrize("name", HARMLESS)
def test_a_change_that_breaks_nobody_is_not(name: str) -> None:
    assert _changed(HARMLESS[name]) == []


def test_an_answers_new_alternative_breaks_callers_who_know_the_old_ones() -> None:
    released = copy.deepcopy(RELEASED)
    note = released["components"]["schemas"]["Made"]["allOf"][1]["properties"]
    note["note"] = {"anyOf": [{"type": "string"}, {"type": "integer"}]}
    now = copy.deepcopy(released)
    now["components"]["schemas"]["Made"]["allOf"][1]["properties"]["note"]["anyOf"].append({"type": "null"})

    assert list(breaking_changes(now, released)) == []
    assert any("200.note may now be null" in found for found in breaking_changes(released, now))
