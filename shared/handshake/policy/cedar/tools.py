"""Tools and what Cedar may know of their input: an own translation of JSON Schema (contract.md section 15).

What Cedar can type is translated; the rest is left out of ``context.input``, and a call that carries it says so in
``context.unchecked``. Nothing is guessed: a keyword that is not translated makes its member one that cannot be typed.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final, Literal

from handshake.core.jsonio import digest

MAX_TYPE_DEPTH: Final = 16
MAX_MEMBERS: Final = 1000
"""Members of one tool's input that are translated, those that references lead to among them."""
_LONGS: Final = range(-(2**63), 2**63)

Scalar = Literal["string", "integer", "number", "boolean"]


@dataclass(frozen=True)
class Many:
    """An array of which every element has one type; Cedar knows it as a set, without order."""

    element: "Type"


@dataclass(frozen=True)
class Fields:
    """An object with named members. What is not named is denied, unless it is ``open``: then it is unchecked."""

    members: Mapping[str, "Member"]
    open: bool = False


Type = Scalar | Many | Fields


@dataclass(frozen=True)
class Member:
    """A member of an object. ``type`` is None where Cedar is not to know it: it cannot be typed, or is not for policy.

    ``required`` must be there; ``nullable`` may be null, which is as if it were not there. ``allowed`` are the only
    values that it may have, None where its schema names none. Of what Cedar is not to know, ``kind`` is JSON's name of
    what it must be where the schema names one, and ``hidden`` its whole type where it has one.
    """

    type: Type | None
    required: bool = False
    nullable: bool = False
    notify: bool = False
    allowed: tuple[Any, ...] | None = None
    kind: str | None = None
    hidden: Type | None = None

    @property
    def always_there(self) -> bool:
        """Tell whether a policy may read it without asking whether it is there."""
        return self.required and not self.nullable


@dataclass(frozen=True)
class Tool:
    """A registered tool: ``schema`` is its inputSchema as it was given, ``input`` what Cedar may know of it."""

    name: str
    action_type: str
    schema: Mapping[str, Any]
    version: str | None = None

    @cached_property
    def input(self) -> Fields:
        """Translate its schema."""
        return translate(self.schema)

    @cached_property
    def notify(self) -> tuple[str, ...]:
        """List the paths of its arguments that messages may show (``"x-notify": true``), in the schema's order."""
        return tuple(_notified(self.input))

    @cached_property
    def unchecked(self) -> tuple[str, ...]:
        """List the paths of what its schema names and Cedar is never told."""
        return tuple(_untyped(self.input))

    def as_given(self) -> dict[str, Any]:
        """Give what is kept of it, and shown."""
        version = {} if self.version is None else {"version": self.version}
        return {"name": self.name, **version, "inputSchema": self.schema}


@dataclass(frozen=True)
class Tools:
    """Every registered tool by its name, and the ``number`` of the version of the whole; 0 where none ever was."""

    number: int = 0
    by_name: Mapping[str, Tool] = field(default_factory=dict)

    @property
    def version(self) -> str | None:
        """Give the name of the version; None where there never was one."""
        return f"v{self.number}" if self.number else None

    @cached_property
    def digest(self) -> str:
        """Digest all of them: what stands for them where only that is kept."""
        return digest([[tool.action_type, tool.as_given()] for tool in self.by_name.values()])

    def of(self, action_type: str) -> list[Tool]:
        """List the tools of a type, in their order."""
        return [tool for tool in self.by_name.values() if tool.action_type == action_type]

    def replaced(self, action_type: str, tools: Sequence[Tool]) -> "Tools":
        """Give the next version: these are the tools of ``action_type``, and no other type's are touched."""
        kept = [tool for tool in self.by_name.values() if tool.action_type != action_type]
        return Tools(self.number + 1, {tool.name: tool for tool in (*kept, *tools)})


NO_TOOLS: Final = Tools()


def translate(schema: Mapping[str, Any]) -> Fields:
    """Translate a tool's inputSchema: an object, whatever else it says of itself."""
    translated = _Translation(schema).type_of({**schema, "type": "object", "properties": schema.get("properties", {})})
    # Of an object nothing but what Cedar can type comes back; its own x-policy would leave nothing to judge by.
    return translated if isinstance(translated, Fields) else Fields({}, open=True)


def member_at(fields: Fields, path: Sequence[str]) -> Member | None:
    """Give the member that a path of names leads to, through objects alone; None where there is none."""
    member: Member | None = None
    at: Type | None = fields
    for name in path:
        member = at.members.get(name) if isinstance(at, Fields) else None
        at = member.type if member else None
    return member


def _notified(fields: Fields, above: str = "") -> Iterator[str]:
    for name, member in fields.members.items():
        if member.notify:
            yield f"{above}{name}"
        elif isinstance(member.type, Fields):
            yield from _notified(member.type, f"{above}{name}.")


def _untyped(of: Type | None, above: str = "") -> Iterator[str]:
    match of:
        case Fields(members, open=more):
            for name, member in members.items():
                path = f"{above}.{name}" if above else name
                if member.type is None:
                    yield path
                else:
                    yield from _untyped(member.type, path)
            if more:
                yield f"{above}.*" if above else "*"
        case Many(element):
            yield from _untyped(element, f"{above}[]")


class _Translation:
    """Translates within one schema, whose ``$defs`` its references mean."""

    def __init__(self, root: Mapping[str, Any]) -> None:
        self._root = root
        self._left = MAX_MEMBERS
        # References that are being followed: what leads back to itself has no type that ends.
        self._followed: list[str] = []

    def type_of(self, schema: Any, depth: int = 0) -> Type | None:
        """Give the type of a schema that says nothing of null, None where Cedar has none for it."""
        if not isinstance(schema, dict) or depth > MAX_TYPE_DEPTH:
            return None
        match _kind(schema):
            case "string" | "integer" | "number" | "boolean" as scalar:
                return scalar
            case "array":
                element = self.member(schema.get("items"), depth + 1)
                return None if element.type is None or element.nullable or element.allowed else Many(element.type)
            case "object" if isinstance(properties := schema.get("properties"), dict) and (properties or not depth):
                required = schema.get("required")
                names = required if isinstance(required, list) else []
                members = {
                    name: self.member(of_it, depth + 1, required=name in names) for name, of_it in properties.items()
                }
                # What is required and not named must be there all the same.
                members |= {name: Member(None, required=True) for name in names if name not in members}
                return Fields(members, open=schema.get("additionalProperties", False) is not False)
        return None

    def member(self, schema: Any, depth: int, *, required: bool = False) -> Member:
        """Give a member as its schema describes it, references followed and null told apart."""
        self._left -= 1
        followed = len(self._followed)
        try:
            return self._member(schema, depth, required=required)
        finally:
            del self._followed[followed:]

    def _member(self, schema: Any, depth: int, *, required: bool) -> Member:
        given, nullable = self._resolved(schema), False
        if isinstance(given, dict) and self._left >= 0:
            notify, listed = given.get("x-notify") is True, _allowed(given)
            any_type = "type" not in given
            given, nullable = self._without_null(given)
            if listed is not None:
                # Null is a value among others: listed, and of a type that has it.
                nullable = None in listed and (nullable or any_type)
            allowed = _allowed(given)
            allowed = None if allowed is None else tuple(value for value in allowed if value is not None)
            known = self.type_of(given, depth)
            if known is not None and given.get("x-policy") is not False:
                return Member(known, required, nullable, notify, allowed)
            closed = _kind(given) == "object" and given.get("additionalProperties") is False
            hidden = Fields({}) if known is None and closed and not given.get("properties") else known
            return Member(None, required, nullable, notify, allowed, _kind(given), hidden)
        return Member(None, required, nullable=True)

    def _resolved(self, schema: Any) -> Any:
        """Follow references into the schema's own definitions; what stands beside one holds too."""
        for _ in range(MAX_TYPE_DEPTH):
            if not isinstance(schema, dict):
                return schema
            reference, alone = schema.get("$ref"), schema.get("allOf")
            if isinstance(reference, str):
                target = None if reference in self._followed else self._defined(reference)
                self._followed.append(reference)
            elif isinstance(alone, list) and len(alone) == 1:
                target = alone[0]
            else:
                return schema
            if not isinstance(target, dict):
                return None
            beside = {name: value for name, value in schema.items() if name not in ("$ref", "allOf")}
            schema = {**target, **beside}
        return None

    def _defined(self, reference: str) -> Any:
        if not reference.startswith("#/"):
            return None
        at: Any = self._root
        for name in reference[2:].split("/"):
            at = at.get(name.replace("~1", "/").replace("~0", "~")) if isinstance(at, dict) else None
        return at

    def _without_null(self, schema: Mapping[str, Any]) -> tuple[dict[str, Any], bool]:
        """Give the schema of what is not null, and whether null is one of its values."""
        kinds = schema.get("type")
        if isinstance(kinds, list) and "null" in kinds:
            others = [kind for kind in kinds if kind != "null"]
            return {**schema, "type": others[0] if len(others) == 1 else others}, True
        for word in ("anyOf", "oneOf"):
            choices = schema.get(word)
            if isinstance(choices, list) and len(choices) == 2 and {"type": "null"} in choices:
                other = self._resolved(choices[0] if choices[1] == {"type": "null"} else choices[1])
                if not isinstance(other, dict):
                    return {}, True
                return {**other, **{name: value for name, value in schema.items() if name != word}}, True
        return dict(schema), False


def _kind(schema: Mapping[str, Any]) -> str | None:
    """Give the one type that a schema names, or that all its values have; None where there is not one."""
    if any(word in schema for word in ("anyOf", "oneOf", "allOf", "not", "$ref")):
        return None
    kind = schema.get("type")
    if isinstance(kind, str):
        return kind
    if kind is not None:
        return None
    values = [value for value in _allowed(schema) or () if value is not None]
    if values:
        kinds = {_kind_of(value) for value in values}
        return kinds.pop() if len(kinds) == 1 else None
    return "object" if "properties" in schema else None


def _kind_of(value: Any) -> str | None:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "integer" if value in _LONGS else None
    return "number" if isinstance(value, float) else "string" if isinstance(value, str) else None


def _allowed(schema: Mapping[str, Any]) -> tuple[Any, ...] | None:
    if "const" in schema:
        return (schema["const"],)
    values = schema.get("enum")
    return tuple(values) if isinstance(values, list) else None
