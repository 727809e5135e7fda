"""The schema that policies are validated by and calls are judged by, in the engine's JSON (contract.md section 15)."""

from collections.abc import Mapping
from typing import Any, Final, assert_never

from handshake.policy.cedar.tools import Fields, Many, Tools, Type

ACTION_TYPES: Final = ("payment", "data_access", "credential_use", "external_call", "other")

_STRING: Final = {"type": "String"}
_LONG: Final = {"type": "Long"}
_DECIMAL: Final = {"type": "Extension", "name": "decimal"}
_STRINGS: Final = {"type": "Set", "element": _STRING}
_ALWAYS: Final[Mapping[str, Any]] = {
    "principal": _STRING,
    "time": {"type": "Extension", "name": "datetime"},
    "hour": _LONG,
    "minute": _LONG,
    "weekday": _LONG,
    "environment": _STRING,
}
_SOMETIMES: Final[Mapping[str, Any]] = {
    "operation": _STRING,
    "tool": _STRING,
    "toolVersion": _STRING,
    "currency": _STRING,
    "sensitivity": _STRING,
    "hosts": _STRINGS,
}
_OF_TYPE: Final[Mapping[str, Mapping[str, Any]]] = {"payment": {"amount": _DECIMAL, "category": _STRING}}


def schema_of(tools: Tools) -> dict[str, Any]:
    """Give the schema of the five action types and of every tool, each in its type."""
    types = {name: _action(_attributes(name)) for name in ACTION_TYPES}
    of_tools = {
        tool.name: {
            **_action({**_attributes(tool.action_type), "input": _type(tool.input), "unchecked": _STRINGS}),
            "memberOf": [{"id": tool.action_type}],
        }
        for tool in tools.by_name.values()
    }
    entities: dict[str, Any] = {"Tenant": {}, "Agent": {"memberOfTypes": ["Tenant"]}, "Payload": {}}
    return {"": {"entityTypes": entities, "actions": types | of_tools}}


def context_names(action_type: str, *, tool: bool) -> frozenset[str]:
    """List what the context of an action of this type may have."""
    return frozenset(_attributes(action_type)) | (frozenset({"input", "unchecked"}) if tool else frozenset())


def _attributes(action_type: str) -> dict[str, Any]:
    optional = {name: {**of, "required": False} for name, of in _SOMETIMES.items()}
    return {**_ALWAYS, **optional, **_OF_TYPE.get(action_type, {})}


def _action(context: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "appliesTo": {
            "principalTypes": ["Agent"],
            "resourceTypes": ["Payload"],
            "context": {"type": "Record", "attributes": dict(context)},
        }
    }


def _type(of: Type) -> dict[str, Any]:
    match of:
        case "string":
            return _STRING
        case "integer":
            return _LONG
        case "number":
            return _DECIMAL
        case "boolean":
            return {"type": "Boolean"}
        case Many(element):
            return {"type": "Set", "element": _type(element)}
        case Fields(members):
            typed = {
                name: {**_type(member.type), "required": member.always_there}
                for name, member in members.items()
                if member.type is not None
            }
            return {"type": "Record", "attributes": typed}
        case _:
            assert_never(of)
