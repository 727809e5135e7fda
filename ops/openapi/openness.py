"""Say of answers what holds tomorrow too: they may gain members and values, while requests take what they name.

Handlers are held to what they answer today, member by member and value by value. A client made from the document must
live with what a later release adds, so the exact document is opened before it is published.
"""

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import Any, Final

from ops.openapi.schemas import UndescribedError

Node = Mapping[str, Any]

_PREFIX: Final = "#/components/schemas/"
_CLOSED: Final = ("additionalProperties", False)
_TEXT: Final = {"type": "string"}


def opened(exact: Node) -> dict[str, Any]:
    """Open every answer of the document ``exact`` and leave its requests as they are.

    A text that is one of several is written as one of them or any other. Raises UndescribedError where an object is
    both taken and answered, and so could be neither open nor closed.
    """
    schemas: Node = exact["components"]["schemas"]
    operations = [operation for methods in exact["paths"].values() for operation in methods.values()]
    taken = _reached(
        schemas, [[operation.get(part) for part in ("parameters", "requestBody")] for operation in operations]
    )
    answered = _reached(schemas, [operation["responses"] for operation in operations])
    if both := sorted(name for name in taken & answered if schemas[name].get("type") == "object"):
        raise UndescribedError(f"{', '.join(both)}: taken and answered alike; answer a shape of another name")
    choices = {name for name, schema in schemas.items() if "enum" in schema}
    paths = {
        path: {
            method: operation | {"responses": _open(operation["responses"], choices)}
            for method, operation in methods.items()
        }
        for path, methods in exact["paths"].items()
    }
    open_schemas = {
        name: _open(schema, choices) if name in answered - choices else schema for name, schema in schemas.items()
    }
    return {**exact, "paths": paths, "components": {**exact["components"], "schemas": open_schemas}}


def _open(node: Any, choices: AbstractSet[str]) -> Any:
    """Let objects have members, and texts values, that ``node`` does not name; ``choices`` are named enumerations."""
    if isinstance(node, list):
        return [_open(part, choices) for part in node]
    if not isinstance(node, dict):
        return node
    if "allOf" in node:  # a refusal and its codes, which x-reason-codes beside it lists
        return _open(node["allOf"][0], choices)
    if node.get("type") == "string" and "enum" in node:
        return _or_any_text(node, {"type": "string", "enum": node["enum"]})
    if node.get("$ref", "").removeprefix(_PREFIX) in choices:
        return _or_any_text(node, {"$ref": node["$ref"]})
    return {name: _open(part, choices) for name, part in node.items() if (name, part) != _CLOSED}


def _or_any_text(node: Node, known: Node) -> dict[str, Any]:
    beside = {name: word for name, word in node.items() if name not in known}
    return beside | {"anyOf": [known, _TEXT]}


def _reached(schemas: Node, node: Any) -> set[str]:
    """Collect the names of the schemas that ``node`` refers to, through others too."""
    reached: set[str] = set()
    waiting = list(_references(node))
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting += _references(schemas[name])
    return reached


def _references(node: Any) -> Iterator[str]:
    if isinstance(node, list):
        for part in node:
            yield from _references(part)
    elif isinstance(node, dict):
        if (target := node.get("$ref", "")).startswith(_PREFIX):
            yield target.removeprefix(_PREFIX)
        for part in node.values():
            yield from _references(part)
