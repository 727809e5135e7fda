"""python -m ops.openapi.sdk: write the generated part of the Python client; with --check, fail where it is stale.

The types of bodies come from datamodel-code-generator; the operations and the table of reason codes are a few lines
each, written here. All of it follows from openapi/handshake.json alone.
"""

import argparse
import copy
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from keyword import iskeyword
from pathlib import Path
from textwrap import indent
from typing import Any, Final

from ops.local.settings import ROOT

DOCUMENT: Final = Path("openapi/handshake.json")
GENERATED: Final = Path("sdk/python/src/handshake_rail/_generated")
FIX: Final = "python -m ops.openapi.sdk, and commit it"

_HEADER: Final = '"""{what}, made from openapi/handshake.json by `python -m ops.openapi.sdk`: do not edit."""\n'
_JSON: Final = "application/json"
_PRIMITIVES: Final = {"string": "str", "integer": "int", "number": "float", "boolean": "bool"}
_FACES: Final = (("Operations", "", ""), ("AsyncOperations", "async ", "await "))

_OPERATIONS_HEAD: Final = """
from abc import ABC, abstractmethod
from typing import Any, Final, cast

from handshake_rail._call import Call, Envelope, Operation
from handshake_rail._generated import models
"""
_FACE: Final = '''
class {name}(ABC):
    """Every operation of the API, by name."""

    @abstractmethod
    {a}def _send(self, call: Call) -> Any: ...
'''
_METHOD: Final = '''
{a}def {name}(
    self,
{parameters}
) -> {answer}:
    """{doc}"""
    call = Call(
{arguments}
    )
    return cast("{answer}", {w}self._send(call))
'''


class GeneratorError(Exception):
    """No client can be made from the document. The message says where and why."""


def generate(document: Mapping[str, Any]) -> dict[str, str]:
    """Generate the client of the API that ``document`` describes: its files, by name. Raises GeneratorError."""
    operations = list(_operations(document))
    return {
        "__init__.py": _HEADER.format(what="Types, operations and reason codes"),
        "models.py": _formatted(_models(document)),
        "operations.py": _formatted(_written(operations)),
        "reasons.py": _formatted(_reasons(document)),
    }


def stale(root: Path, document: Mapping[str, Any]) -> list[str]:
    """List the generated files, relative to ``root``, that are not what ``document`` gives, missing or unknown."""
    folder, expected = root / GENERATED, generate(document)
    found = {path.name: path.read_text(encoding="utf-8") for path in folder.glob("*.py")}
    return [str(GENERATED / name) for name in sorted(expected | found) if expected.get(name) != found.get(name)]


def _models(document: Mapping[str, Any]) -> str:
    """Write the schemas as TypedDicts."""
    with tempfile.TemporaryDirectory() as folder:
        source, made = Path(folder, "handshake.json"), Path(folder, "models.py")
        source.write_text(json.dumps(_as_callers_see(document)), encoding="utf-8")
        command = [
            *(sys.executable, "-m", "datamodel_code_generator", "--input", str(source)),
            *("--output", str(made)),
            *("--input-file-type", "openapi", "--output-model-type", "typing.TypedDict"),
            *("--target-python-version", "3.11", "--formatters", "builtin", "--enum-field-as-literal", "all"),
            *("--use-union-operator", "--use-standard-collections", "--use-double-quotes", "--disable-timestamp"),
            *("--use-schema-description", "--use-field-description", "--custom-file-header"),
            _HEADER.format(what="Types of bodies"),
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise GeneratorError(f"datamodel-code-generator: {done.stderr.strip()[-500:]}")
        return made.read_text(encoding="utf-8")


def _as_callers_see(document: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out of the document what a caller need not be held to.

    A field added to an answer later must break nobody, so no object is closed. Which members of a policy go together is
    beyond a TypedDict. And an artifact is presented as it was
    answered: a TypedDict with fields that may be missing would not take one in which they never are.
    """

    def opened(node: Any) -> Any:
        if isinstance(node, dict):
            beyond_types = ("additionalProperties", "allOf") if "properties" in node else ()
            return {name: opened(value) for name, value in node.items() if name not in beyond_types}
        return [opened(one) for one in node] if isinstance(node, list) else node

    seen: dict[str, Any] = opened(copy.deepcopy(document))
    schemas = seen["components"]["schemas"]
    if "PresentedArtifact" in schemas:
        presented = schemas["PresentedArtifact"]
        presented["properties"] = {name: presented["properties"][name] for name in presented["required"]}
    return seen


def _reasons(document: Mapping[str, Any]) -> str:
    registry = document["x-reason-codes"]
    rows = "\n".join(
        f"    {code!r}: Reason({row['family']!r}, {row['status']}, {row['responseClass']!r}, {row['retry']!r},"
        f" {row['description']!r}),"
        for code, row in registry["codes"].items()
    )
    return (
        _HEADER.format(what="The registry of reason codes")
        + "\nfrom collections.abc import Mapping\nfrom typing import Final\n\n"
        + "from handshake_rail._reason import Reason\n\n"
        + f"REGISTRY_VERSION: Final = {registry['version']!r}\n\n"
        + f"REASONS: Final[Mapping[str, Reason]] = {{\n{rows}\n}}\n"
    )


def _operations(document: Mapping[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield path, method and operation of each, its references to parameters followed."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if "operationId" not in operation:
                raise GeneratorError(f"{method.upper()} {path} has no operationId")
            parameters = [_followed(document, one) for one in operation.get("parameters", ())]
            yield path, method.upper(), operation | {"parameters": parameters}


def _followed(document: Mapping[str, Any], node: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Any = node
    if "$ref" in node:
        found = document
        for step in node["$ref"].removeprefix("#/").split("/"):
            found = found[step]
    return found  # type: ignore[no-any-return]  # JSON


def _written(operations: list[tuple[str, str, dict[str, Any]]]) -> str:
    parts = [_HEADER.format(what="The operations"), _OPERATIONS_HEAD]
    parts += [_constant(path, method, operation) for path, method, operation in operations]
    for name, a, w in _FACES:
        parts.append(_FACE.format(name=name, a=a))
        parts += [indent(_method(path, method, operation, a=a, w=w), "    ") for path, method, operation in operations]
    names = "\n".join(f"    {_constant_name(operation)}," for _, _, operation in operations)
    return "\n".join([*parts, f"OPERATIONS: Final = (\n{names}\n)\n"])


def _constant_name(operation: Mapping[str, Any]) -> str:
    return _snake(operation["operationId"]).upper()


def _constant(path: str, method: str, operation: Mapping[str, Any]) -> str:
    flags = {
        "envelope": _needs(operation, "identityEnvelope"),
        "token": _needs(operation, "internalTrustContext"),
        "idempotency_key": _takes_key(operation),
    }
    given = "".join(f", {name}=True" for name, needed in flags.items() if needed)
    return f"{_constant_name(operation)}: Final = Operation({operation['operationId']!r}, {method!r}, {path!r}{given})"


def _method(path: str, method: str, operation: Mapping[str, Any], *, a: str, w: str) -> str:
    in_path, in_query = _named(operation, "path"), _named(operation, "query")
    optional = {
        "envelope": ("Envelope", _needs(operation, "identityEnvelope")),
        "trust_token": ("str", _needs(operation, "internalTrustContext")),
        "idempotency_key": ("str", _takes_key(operation)),
        "correlation_id": ("str", True),
    }
    body = [operation["requestBody"]["content"][_JSON]["schema"]] if "requestBody" in operation else []
    parameters = [
        *(f"{_snake(name)}: str," for name in in_path),
        *(f"body: {_annotation(schema)}," for schema in body),
        "*,",
        *(f"{_argument(name)}: {_annotation(one['schema'])}{_default(one)}," for name, one in in_query.items()),
        *(f"{name}: {kind} | None = None," for name, (kind, taken) in optional.items() if taken),
    ]
    arguments = [
        f"{_constant_name(operation)},",
        *(f"{place}={{{_values(names)}}}," for place, names in (("path", in_path), ("query", in_query)) if names),
        *("body=body," for _ in body),
        *(f"{name}={name}," for name, (_, taken) in optional.items() if taken),
    ]
    return _METHOD.format(
        a=a,
        w=w,
        name=_snake(operation["operationId"]),
        parameters=indent("\n".join(parameters), "    "),
        answer=_annotation(operation["responses"]["200"]["content"][_JSON]["schema"]),
        doc=_doc(path, method, operation),
        arguments=indent("\n".join(arguments), " " * 8),
    )


def _default(parameter: Mapping[str, Any]) -> str:
    return "" if parameter.get("required") else " | None = None"


def _values(names: Iterable[str]) -> str:
    return ", ".join(f"{name!r}: {_argument(name)}" for name in names)


def _argument(name: str) -> str:
    """Name the argument of a parameter: one that is a word of the language, ``from``, has a line after it."""
    return f"{_snake(name)}_" if iskeyword(name) else _snake(name)


def _doc(path: str, method: str, operation: Mapping[str, Any]) -> str:
    """Write the summary, the route, and what is said beyond them."""
    more = operation.get("description")
    return f"{operation['summary']}: ``{method} {path}``." + (
        f"\n\n    {more[0].upper()}{more[1:]}.\n    " if more else ""
    )


def _needs(operation: Mapping[str, Any], scheme: str) -> bool:
    return any(scheme in one for one in operation.get("security", ()))


def _takes_key(operation: Mapping[str, Any]) -> bool:
    return "x-idempotency-key" in _named(operation, "header")


def _named(operation: Mapping[str, Any], place: str) -> dict[str, Mapping[str, Any]]:
    return {one["name"]: one for one in operation["parameters"] if one["in"] == place}


def _annotation(schema: Mapping[str, Any]) -> str:
    if "$ref" in schema:
        return f"models.{schema['$ref'].rpartition('/')[2]}"
    if schema.get("type") == "array":
        return f"list[{_annotation(schema['items'])}]"
    if schema.get("type") in _PRIMITIVES:
        return _PRIMITIVES[schema["type"]]
    raise GeneratorError(f"no type for {json.dumps(schema)[:200]}: give it a name with handshake.core.shapes.Schema")


def _snake(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def _formatted(source: str) -> str:
    """Format ``source`` with ruff, without this repository's settings."""
    command = [sys.executable, "-m", "ruff", "format", "--isolated", "--line-length=120", "--target-version=py311", "-"]
    done = subprocess.run(command, input=source, capture_output=True, text=True, check=False)
    if done.returncode:
        raise GeneratorError(f"what was generated is not Python: {done.stderr.strip()[-500:]}")
    return done.stdout


def main() -> str | None:
    """Run the command line. Returns what is wrong, in words, or None."""
    arguments = argparse.ArgumentParser(prog="python -m ops.openapi.sdk", description=__doc__)
    arguments.add_argument("--check", action="store_true", help="compare with the committed files and write nothing")
    check_only = arguments.parse_args().check
    document = json.loads((ROOT / DOCUMENT).read_text(encoding="utf-8"))
    try:
        if check_only:
            differing = stale(ROOT, document)
            return f"error: not what {DOCUMENT} gives: {', '.join(differing)}; run {FIX}" if differing else None
        files = generate(document)
    except GeneratorError as fault:
        return f"error: {fault}"
    folder = ROOT / GENERATED
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.py"):
        old.unlink()
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    print(f"{GENERATED}: {', '.join(files)} written")
    return None


if __name__ == "__main__":
    sys.exit(main())
