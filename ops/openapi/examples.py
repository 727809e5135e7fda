"""Put openapi/examples.json into the document: calls in their order, each with the answer that it got.

The requests are written by hand; `python -m tests.contract.examples` makes the calls and writes the answers down.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parents[2]
EXAMPLES: Final = ROOT / "openapi" / "examples.json"

_JSON: Final = "application/json"

Example = Mapping[str, Any]
"""Has ``operation``, ``name``, ``status``, ``answer``, and what it is called with of ``path``, ``query``, ``envelope``,
``key``, ``token`` and ``body``."""


def load_examples(file: Path = EXAMPLES) -> list[dict[str, Any]]:
    """Read the examples, in the order in which they are called."""
    examples: list[dict[str, Any]] = json.loads(file.read_text(encoding="utf-8"))
    return examples


def with_examples(document: Mapping[str, Any], examples: Sequence[Example]) -> dict[str, Any]:
    """Give ``document`` with ``examples`` beside the parameters, requests and answers that they are of."""
    paths = {
        path: {
            method: _shown(operation, [one for one in examples if one["operation"] == operation["operationId"]])
            for method, operation in methods.items()
        }
        for path, methods in document["paths"].items()
    }
    parameters = {
        name: parameter | _value_of(parameter, examples)
        for name, parameter in document["components"]["parameters"].items()
    }
    return {**document, "paths": paths, "components": {**document["components"], "parameters": parameters}}


def _shown(operation: Mapping[str, Any], examples: Sequence[Example]) -> dict[str, Any]:
    shown = dict(operation)
    shown["parameters"] = [parameter | _value_of(parameter, examples) for parameter in operation["parameters"]]
    accepted = [one for one in examples if one["status"] == 200]
    if "requestBody" in operation:
        shown["requestBody"] = _beside(operation["requestBody"], {one["name"]: one["body"] for one in accepted})
    shown["responses"] = {
        status: _beside(answer, {one["name"]: one["answer"] for one in examples if str(one["status"]) == status})
        for status, answer in operation["responses"].items()
    }
    return shown


def _beside(node: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    if not values:
        return dict(node)
    content = node["content"][_JSON] | {"examples": {name: {"value": value} for name, value in values.items()}}
    return {**node, "content": {_JSON: content}}


def _value_of(parameter: Mapping[str, Any], examples: Sequence[Example]) -> dict[str, Any]:
    """Give the ``example`` of a parameter, from the first call that has it."""
    if "$ref" in parameter:
        return {}
    values = (_given(example, parameter["in"], parameter["name"]) for example in examples)
    return {"example": value} if (value := next((value for value in values if value is not None), None)) else {}


def _given(example: Example, place: str, name: str) -> Any:
    if place != "header":
        return example.get(place, {}).get(name)
    if name == "x-identity-envelope" and "envelope" in example:
        return json.dumps(example["envelope"])
    return example.get("key") if name == "x-idempotency-key" else None
