"""What a tool's schema becomes, and what of it Cedar is never told (contract.md section 15)."""

from typing import Any

import pytest

from handshake.policy.cedar.schema import schema_of
from handshake.policy.cedar.tools import MAX_MEMBERS, Fields, Many, Member, Tool, Tools, member_at, translate


def member(schema: Any, *, required: bool = False) -> Member:
    whole = {"type": "object", "properties": {"x": schema}, "required": ["x"] if required else []}
    return translate(whole).members["x"]


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"type": "string"}, Member("string")),
        ({"type": "integer"}, Member("integer")),
        ({"type": "number"}, Member("number")),
        ({"type": "boolean"}, Member("boolean")),
        ({"type": ["string", "null"]}, Member("string", nullable=True)),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, Member("integer", nullable=True)),
        ({"oneOf": [{"type": "null"}, {"type": "integer"}]}, Member("integer", nullable=True)),
        ({"enum": ["a", "b"]}, Member("string", allowed=("a", "b"))),
        ({"enum": ["a", None]}, Member("string", nullable=True, allowed=("a",))),
        # Null is a value among others: listed, and of a type that has it.
        ({"type": ["string", "null"], "enum": ["a", "b"]}, Member("string", allowed=("a", "b"))),
        ({"type": "string", "enum": ["a", None]}, Member("string", allowed=("a",))),
        ({"anyOf": [{"enum": ["a"]}, {"type": "null"}]}, Member("string", nullable=True, allowed=("a",))),
        ({"const": 3}, Member("integer", allowed=(3,))),
        ({"type": "array", "items": {"type": "string"}}, Member(Many("string"))),
        ({"type": "array", "items": {"type": "array", "items": {"type": "number"}}}, Member(Many(Many("number")))),
        ({"type": "string", "x-notify": True}, Member("string", notify=True)),
        ({"$ref": "#/$defs/Name"}, Member("string")),
        ({"allOf": [{"$ref": "#/$defs/Name"}], "description": "as pydantic writes it"}, Member("string")),
        ({"anyOf": [{"$ref": "#/$defs/Name"}, {"type": "null"}]}, Member("string", nullable=True)),
        # What Cedar has no type for.
        ({}, Member(None)),
        ({"type": "object"}, Member(None, kind="object")),
        ({"type": "object", "additionalProperties": False}, Member(None, kind="object", hidden=Fields({}))),
        ({"type": "null"}, Member(None, kind="null")),
        ({"type": ["string", "integer"]}, Member(None)),
        ({"type": ["string", "integer", "null"]}, Member(None, nullable=True)),
        ({"anyOf": [{"type": "string"}, {"type": "integer"}]}, Member(None)),
        ({"enum": ["a", 1]}, Member(None, allowed=("a", 1))),
        ({"type": "array"}, Member(None, kind="array")),
        ({"type": "array", "items": {}}, Member(None, kind="array")),
        ({"type": "array", "items": {"type": ["string", "null"]}}, Member(None, kind="array")),
        ({"type": "string", "not": {"const": "a"}}, Member(None)),
        ({"$ref": "#/$defs/Nobody"}, Member(None, nullable=True)),
        ({"$ref": "#/$defs/Loop"}, Member(None, nullable=True)),
        ({"$ref": "https://example.org/schema"}, Member(None, nullable=True)),
        (True, Member(None, nullable=True)),
        # What Cedar is not to know.
        ({"type": "string", "x-policy": False}, Member(None, kind="string", hidden="string")),
        ({"$ref": "#/$defs/Name", "x-policy": False}, Member(None, kind="string", hidden="string")),
    ],
)
def test_a_member_is_typed_where_cedar_has_a_type_for_all_that_it_may_be(schema: Any, expected: Member) -> None:
    """Whatever is not translated in full is left untyped, never guessed."""
    definitions = {"Name": {"type": "string"}, "Loop": {"$ref": "#/$defs/Loop"}}
    whole = {"type": "object", "properties": {"x": schema}, "$defs": definitions}
    assert translate(whole).members["x"] == expected


def test_what_is_required_is_optional_to_cedar_where_it_may_be_null() -> None:
    """Null is as if it were not there, so a policy must ask for it."""
    assert member({"type": "string"}, required=True).always_there
    assert not member({"type": ["string", "null"]}, required=True).always_there
    assert not member({"type": "string"}).always_there


def test_objects_are_records_of_their_named_members_and_list_what_is_unchecked() -> None:
    """Nested members that cannot be typed are listed by their paths, not only those at the top."""
    schema = {
        "type": "object",
        "properties": {
            "items": {
                "type": "array",
                "items": {"type": "object", "properties": {"n": {"type": "integer"}, "raw": {}}},
            },
            "more": {"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": True},
            "get-weather": {"type": "string"},
        },
    }
    tool = Tool("t", "other", schema)
    assert tool.input.members["items"].type == Many(Fields({"n": Member("integer"), "raw": Member(None)}))
    assert tool.unchecked == ("items[].raw", "more.*")
    actions = schema_of(Tools(1, {"t": tool}))[""]["actions"]
    attributes = actions["t"]["appliesTo"]["context"]["attributes"]["input"]["attributes"]
    assert attributes["get-weather"] == {"type": "String", "required": False}
    assert attributes["items"]["element"]["attributes"] == {"n": {"type": "Long", "required": False}}
    assert actions["t"]["memberOf"] == [{"id": "other"}]


def test_what_messages_may_show_is_marked_in_the_schema() -> None:
    """``x-notify`` marks a member at any depth of objects."""
    schema = {
        "properties": {
            "to": {"type": "string", "x-notify": True},
            "deep": {"type": "object", "properties": {"why": {"type": "string", "x-notify": True}}},
            "body": {"type": "string", "x-notify": "yes"},
        }
    }
    assert Tool("t", "other", schema).notify == ("to", "deep.why")


def test_a_schema_may_nest_as_deep_as_a_body_and_is_translated_as_deep_as_arguments_go() -> None:
    """What lies deeper than arguments may nest is left unchecked, and nothing recurses without an end."""
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(30):
        schema = {"type": "object", "properties": {"x": schema}}
    [path] = Tool("t", "other", schema).unchecked
    assert path.count("x") == 17


def test_what_refers_to_itself_or_to_too_much_is_left_unchecked_and_takes_no_time() -> None:
    """A type that leads back to itself has no end, and references that multiply are followed to a bound."""
    node = {"type": "object", "properties": {"left": {"$ref": "#/$defs/Node"}, "name": {"type": "string"}}}
    tree = Tool("t", "other", {"properties": {"top": {"$ref": "#/$defs/Node"}}, "$defs": {"Node": node}})
    assert tree.unchecked == ("top.left",)
    assert member_at(tree.input, ("top", "name")) == Member("string")
    bomb = {
        f"L{level}": {"type": "object", "properties": {f"p{n}": {"$ref": f"#/$defs/L{level + 1}"} for n in range(9)}}
        for level in range(16)
    }
    huge = Tool("t", "other", {"properties": {"top": {"$ref": "#/$defs/L0"}}, "$defs": bomb})
    assert len(huge.unchecked) <= MAX_MEMBERS
