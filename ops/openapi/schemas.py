"""JSON Schemas of the layer's shapes: TypedDicts, a pydantic model where a body has one, and what both are made of."""

import inspect
from collections.abc import Iterable, Mapping
from enum import Enum
from types import NoneType, UnionType
from typing import (
    Annotated,
    Any,
    Final,
    Literal,
    NotRequired,
    Union,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

from pydantic import BaseModel

from handshake.core.shapes import Schema

_REF: Final = "#/components/schemas/{name}"
_PRIMITIVES: Final[Mapping[Any, str]] = {
    str: "string",
    int: "integer",
    float: "number",
    bool: "boolean",
    NoneType: "null",
}


class UndescribedError(Exception):
    """The routes and their descriptions are not of the same API. The message names the fix."""


class Schemas:
    """The schemas of types. ``components`` holds those that have a name, as far as they were asked for."""

    def __init__(self) -> None:
        self.components: dict[str, dict[str, Any]] = {}

    def of(self, hint: Any) -> dict[str, Any]:
        """Describe a type: with a reference where it has a name, which every shape and enumeration has.

        Raises UndescribedError for a type that no schema is known for, and where two types have one name.
        """
        origin, arguments = get_origin(hint), get_args(hint)
        if origin is Annotated:
            return self._annotated(arguments[0], arguments[1:])
        if origin is NotRequired:
            return self.of(arguments[0])
        if origin is Literal:
            return _one_of(arguments)
        if origin in (Union, UnionType):
            return {"anyOf": [self.of(one) for one in arguments]}
        if origin is list:
            return {"type": "array", "items": self.of(arguments[0])}
        if origin is dict:
            return {"type": "object", "additionalProperties": True}
        if hint is Any:
            return {}
        if hint in _PRIMITIVES:
            return {"type": _PRIMITIVES[hint]}
        if is_typeddict(hint):
            return self._component(hint, self._object(members_of(hint), hint.__required_keys__, hint))
        if isinstance(hint, type) and issubclass(hint, BaseModel):
            return self._component(hint, self._model(hint))
        if isinstance(hint, type) and issubclass(hint, Enum):
            return self._component(hint, _one_of(tuple(hint)))
        raise UndescribedError(f"{hint} has no schema: describe it with handshake.core.shapes.Schema(like=...)")

    def _annotated(self, hint: Any, marks: tuple[Any, ...]) -> dict[str, Any]:
        """Apply the marks of ``Annotated`` in their order, but for those of others, such as pydantic's validators."""
        if not marks:
            return self.of(hint)
        *before, last = marks
        if isinstance(last, Schema):
            base = self._annotated(hint, tuple(before)) if last.like is None else self.of(last.like)
            return self._named(last.name, base | last.keywords) if last.name else base | last.keywords
        described = self._annotated(hint, tuple(before))
        return described | {"description": last} if isinstance(last, str) else described

    def _object(self, members: Mapping[str, Any], required: Iterable[str], shape: Any) -> dict[str, Any]:
        return {
            "type": "object",
            "properties": {name: self.of(hint) for name, hint in members.items()},
            "required": [name for name in members if name in required],
            **getattr(shape, "__schema__", {}),
        }

    def _model(self, model: type[BaseModel]) -> dict[str, Any]:
        """Describe a body that pydantic checks. What may be left out may be null: its reader drops what is."""
        fields = {field.alias or name: field for name, field in model.model_fields.items()}
        members = {
            name: Annotated[(field.annotation, *field.metadata)] if field.metadata else field.annotation
            for name, field in fields.items()
        }
        required = [name for name, field in fields.items() if field.is_required()]
        described = self._object(members, required, model)
        for name in fields.keys() - set(required):
            member = described["properties"][name]
            if {"type": "null"} not in member.get("anyOf", ()):
                described["properties"][name] = {"anyOf": [member, {"type": "null"}]}
        return described

    def _component(self, shape: type, schema: dict[str, Any]) -> dict[str, Any]:
        words = {"title": shape.__name__, "description": inspect.cleandoc(shape.__doc__ or "")}
        return self._named(shape.__name__, {name: word for name, word in words.items() if word} | schema)

    def _named(self, name: str, schema: dict[str, Any]) -> dict[str, Any]:
        if self.components.setdefault(name, schema) != schema:
            raise UndescribedError(f"two types are named {name}: name one of them otherwise")
        return {"$ref": _REF.format(name=name)}


def members_of(shape: Any) -> dict[str, Any]:
    """Give the members of a TypedDict, with all that ``Annotated`` says of them."""
    return get_type_hints(shape, include_extras=True)


def _one_of(values: tuple[Any, ...]) -> dict[str, Any]:
    plain = [value.value if isinstance(value, Enum) else value for value in values]
    kind = {"type": _PRIMITIVES[type(plain[0])]}
    return kind | ({"const": plain[0]} if len(plain) == 1 else {"enum": plain})
