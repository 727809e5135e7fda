"""Schemas of types: what each kind of type is described as, and which cannot be described."""

from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, Literal, NotRequired, TypedDict

import pytest
from pydantic import BaseModel

from handshake.core.shapes import Schema, closed
from ops.openapi.schemas import Schemas, UndescribedError

Name = Annotated[str, Schema("Name", maxLength=9)]


class Colour(StrEnum):
    """A colour."""

    RED = "red"
    BLUE = "blue"


class Open(TypedDict):
    """It may hold more."""

    name: Annotated[Name, "What it is called."]
    note: NotRequired[str | None]


@closed
class Closed(Open):
    """It holds no more."""

    colour: Colour


class Checked(BaseModel):
    """It is checked."""

    name: Name
    count: Annotated[int, Schema(like=float, minimum=0)] = 0


@pytest.mark.parametrize(
    ("hint", "schema"),
    [
        (float, {"type": "number"}),
        (list[bool], {"type": "array", "items": {"type": "boolean"}}),
        (dict[str, Any], {"type": "object", "additionalProperties": True}),
        (str | None, {"anyOf": [{"type": "string"}, {"type": "null"}]}),
        (Literal["a", "b"], {"type": "string", "enum": ["a", "b"]}),
        (Literal[True], {"type": "boolean", "const": True}),
        (Literal[Colour.RED], {"type": "string", "const": "red"}),
        (Annotated[Any, "Anything."], {"description": "Anything."}),
        (Annotated[int, Schema(minimum=1), Schema(maximum=2)], {"type": "integer", "minimum": 1, "maximum": 2}),
        (Annotated[Decimal, Schema(like=float, minimum=0)], {"type": "number", "minimum": 0}),
        (Annotated[Name, "Its own."], {"$ref": "#/components/schemas/Name", "description": "Its own."}),
    ],
    ids=str,
)
def test_a_type_is_described_by_what_it_is_and_what_is_annotated(hint: Any, schema: dict[str, Any]) -> None:
    assert Schemas().of(hint) == schema


def test_a_shape_is_a_component_with_the_members_it_inherits() -> None:
    schemas = Schemas()

    assert schemas.of(Closed) == {"$ref": "#/components/schemas/Closed"}
    assert schemas.components == {
        "Name": {"type": "string", "maxLength": 9},
        "Colour": {"title": "Colour", "description": "A colour.", "type": "string", "enum": ["red", "blue"]},
        "Closed": {
            "title": "Closed",
            "description": "It holds no more.",
            "type": "object",
            "properties": {
                "name": {"$ref": "#/components/schemas/Name", "description": "What it is called."},
                "note": {"anyOf": [{"type": "string"}, {"type": "null"}]},
                "colour": {"$ref": "#/components/schemas/Colour"},
            },
            "required": ["name", "colour"],
            "additionalProperties": False,
        },
    }


def test_a_shape_is_open_unless_it_is_closed() -> None:
    schemas = Schemas()
    schemas.of(Open)

    assert "additionalProperties" not in schemas.components["Open"]


def test_what_may_be_left_out_of_a_model_may_be_null() -> None:
    schemas = Schemas()
    schemas.of(Checked)

    checked = schemas.components["Checked"]
    assert checked["required"] == ["name"]
    assert checked["properties"]["count"] == {"anyOf": [{"type": "number", "minimum": 0}, {"type": "null"}]}


def test_two_types_of_one_name_are_refused() -> None:
    schemas = Schemas()
    schemas.of(Name)

    with pytest.raises(UndescribedError, match="two types are named Name"):
        schemas.of(Annotated[str, Schema("Name", maxLength=8)])


def test_a_type_that_json_cannot_hold_is_refused() -> None:
    with pytest.raises(UndescribedError, match="Decimal'> has no schema"):
        Schemas().of(Decimal)
