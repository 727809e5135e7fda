"""The alarms of a template, with its parameters, mappings and conditions worked out.

Knows the intrinsic functions that alarms are written with, and refuses others.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from samcli.yamlhelper import yaml_parse  # type: ignore[import-untyped]  # SAM CLI publishes no types

METRIC_ALARM: Final = "AWS::CloudWatch::Alarm"
COMPOSITE_ALARM: Final = "AWS::CloudWatch::CompositeAlarm"

_VARIABLE: Final = re.compile(r"\$\{([^!}][^}]*)\}")


class UnknownFunctionError(Exception):
    """The template uses an intrinsic function this does not know."""


def alarm_properties(
    template: Path, parameters: Mapping[str, str], *, names: Mapping[str, str] | None = None
) -> dict[str, list[dict[str, Any]]]:
    """Resolved properties of every alarm, by resource type.

    ``names`` are physical names by logical id; a resource without one stands by its logical id. An alarm that a
    condition keeps out of a deployment is listed all the same. Raises UnknownFunctionError.
    """
    body = yaml_parse(template.read_text())
    defaults = {name: one.get("Default", "") for name, one in body["Parameters"].items()}
    resolver = _Resolver(body, {**defaults, **parameters}, dict(names or {}))
    alarms = {
        logical_id: resource
        for logical_id, resource in body["Resources"].items()
        if resource["Type"] in (METRIC_ALARM, COMPOSITE_ALARM)
    }
    for logical_id, resource in alarms.items():
        resolver.names[logical_id] = resolver.resolve(resource["Properties"]["AlarmName"])
    found: dict[str, list[dict[str, Any]]] = {METRIC_ALARM: [], COMPOSITE_ALARM: []}
    for resource in alarms.values():
        found[resource["Type"]].append(resolver.resolve(resource["Properties"]))
    return found


@dataclass(frozen=True)
class _Resolver:
    body: Mapping[str, Any]
    parameters: Mapping[str, Any]
    names: dict[str, str]

    def resolve(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self.resolve(one) for one in value]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            [(function, argument)] = value.items()
            if function == "Ref" or function.startswith("Fn::"):
                return self._call(function, argument)
        return {key: self.resolve(one) for key, one in value.items()}

    def _call(self, function: str, argument: Any) -> Any:
        match function:
            case "Ref":
                return self._named(argument)
            case "Fn::Sub":
                text, own = argument if isinstance(argument, list) else (argument, {})
                local = self.resolve(own)
                return _VARIABLE.sub(lambda name: str(local.get(name[1], self._named(name[1]))), text)
            case "Fn::FindInMap":
                table, first, second = self.resolve(argument)
                return self.body["Mappings"][table][first][second]
            case "Fn::If":
                condition, yes, no = argument
                return self.resolve(yes if self.resolve(self.body["Conditions"][condition]) else no)
            case "Fn::Equals":
                left, right = self.resolve(argument)
                return str(left) == str(right)
            case "Fn::Not":
                return not self.resolve(argument)[0]
        raise UnknownFunctionError(function)

    def _named(self, name: str) -> Any:
        return self.parameters.get(name, self.names.get(name, name))
