"""`aws SERVICE OPERATION --option value ...`, as runbooks use it: parsed by botocore's own models, run by boto3.

The AWS CLI pins a botocore that the service cannot have, so its commands are proven without it: an operation or option
that AWS does not know ends with 2, as there.
"""

import json
import sys
from typing import Any, Final

import boto3
import jmespath  # type: ignore[import-untyped]
from botocore import xform_name
from botocore.model import StructureShape

_OUTPUT_OPTIONS: Final = ("query", "output")
# What the AWS CLI calls otherwise than the service does, because an option of its own has that name.
_RENAMED: Final = {("sns", "subscribe"): {"notification-endpoint": "endpoint"}}
_SERVICES: Final = {"deploy": "codedeploy"}  # where the command has another name than the service


class UsageError(Exception):
    """AWS knows no such thing."""


def run(words: list[str]) -> str:
    """Run the command and return what it prints. Raises UsageError."""
    service, command, *rest = words
    client: Any = boto3.client(_SERVICES.get(service, service))  # type: ignore[call-overload]  # stubs want a literal name
    waiter = None
    if command == "wait":
        name, *rest = rest
        if name.replace("-", "_") not in client.waiter_names:
            raise UsageError(f"{service} waits for no {name}")
        waiter = client.get_waiter(name.replace("-", "_"))
        command = xform_name(waiter.config.operation, "-")
    operations = {xform_name(name, "-"): name for name in client.meta.service_model.operation_names}
    if command not in operations:
        raise UsageError(f"{service} has no operation {command}")
    model = client.meta.service_model.operation_model(operations[command])
    renamed = _RENAMED.get((service, command), {})
    options = {renamed.get(name, name): values for name, values in _options(rest).items()}
    shown = {name: options.pop(name)[0] for name in _OUTPUT_OPTIONS if name in options}
    parameters = _parameters(model.input_shape, options)
    if waiter:
        waiter.wait(**parameters)
        return ""
    answer = getattr(client, xform_name(operations[command]))(**parameters)
    answer.pop("ResponseMetadata", None)
    if service == "lambda" and command == "invoke":
        answer = {"StatusCode": answer["StatusCode"]}
    found = jmespath.search(shown["query"], answer) if "query" in shown else answer
    return _as_text(found) if shown.get("output") == "text" else json.dumps(found, default=str, indent=2)


def _options(words: list[str]) -> dict[str, list[str]]:
    options: dict[str, list[str]] = {}
    name = ""
    for word in words:
        if word.startswith("--"):
            name = word.removeprefix("--")
            options[name] = []
        elif name:
            options[name].append(word)
        elif word != "/dev/stdout":  # where `lambda invoke` writes the answer
            raise UsageError(f"{word} belongs to no option")
    return options


def _parameters(shape: StructureShape | None, options: dict[str, list[str]]) -> dict[str, Any]:
    members = {xform_name(name, "-"): (name, member) for name, member in (shape.members if shape else {}).items()}
    parameters = {}
    for option, values in options.items():
        switched_off = option.startswith("no-") and option not in members
        known = members.get(option.removeprefix("no-") if switched_off else option)
        if known is None:
            raise UsageError(f"there is no option --{option}; there are {', '.join(sorted(members))}")
        name, member = known
        parameters[name] = (not switched_off) if member.type_name == "boolean" else _value(member, values)
    return parameters


def _value(shape: Any, values: list[str]) -> Any:
    if values and values[0][:1] in "[{" and shape.type_name in ("list", "structure", "map"):
        return json.loads(values[0])
    if shape.type_name == "list":
        return [_value(shape.member, [value]) for value in values]
    if shape.type_name == "structure":
        pairs = dict(pair.split("=", 1) for pair in values[0].split(","))
        return {name: _value(shape.members[name], [text]) for name, text in pairs.items()}
    return {"integer": int, "long": int, "double": float}.get(shape.type_name, str)(values[0])


def _as_text(found: Any) -> str:
    return "\t".join(map(str, found)) if isinstance(found, list) else str(found)


if __name__ == "__main__":
    try:
        print(run(sys.argv[1:]))
    except UsageError as wrong:
        print(wrong, file=sys.stderr)
        sys.exit(2)
