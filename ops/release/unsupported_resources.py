"""Take out of production's template what the local AWS does not support, and list it."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from samcli.yamlhelper import yaml_parse  # type: ignore[import-untyped]  # SAM CLI publishes no types

from ops.local.settings import ROOT
from ops.local.stack import Parameters
from ops.local.translation import Translated, stacks_of

PRODUCTION: Final = "production"
UNSUPPORTED: Final = frozenset(
    {
        "AWS::CloudWatch::CompositeAlarm",  # LocalStack makes them through CloudWatch's own API
        "AWS::CodeDeploy::Application",
        "AWS::CodeDeploy::DeploymentGroup",
        "AWS::Logs::QueryDefinition",
        "AWS::SecretsManager::RotationSchedule",
        "AWS::WAFv2::WebACLAssociation",
        "AWS::XRay::SamplingRule",
    }
)
"""The types that ministack's CloudFormation refuses."""
_ALARM: Final = "AWS::CloudWatch::Alarm"
_SHIFT: Final = "DeploymentPreference"  # the property that SAM makes CodeDeploy's resources of
_ARTEFACTS: Final = ("CodeUri", "ContentUri")
_LOOP: Final = "Fn::ForEach::"


@dataclass(frozen=True, order=True)
class LeftOut:
    """A resource of production that a rehearsal does without."""

    logical_id: str
    type: str


@cache
def stacks() -> dict[str, Translated]:
    """Resolve production as CloudFormation has it. See ``stacks_of``."""
    return stacks_of(ROOT, PRODUCTION)


def is_unsupported(resource: Mapping[str, Any]) -> bool:
    """Say whether ministack's CloudFormation refuses a resource: its type, or an alarm on metric math."""
    kind = resource["Type"]
    return kind in UNSUPPORTED or (kind == _ALARM and "Metrics" in resource["Properties"])


def left_out() -> list[LeftOut]:
    """List what ``without_unsupported`` takes out of production."""
    found = (stack.resources.items() for stack in stacks().values())
    return sorted(
        LeftOut(name, str(one["Type"])) for resources in found for name, one in resources if is_unsupported(one)
    )


def without_unsupported(built: Path, parameters: Parameters, folder: Path) -> Path:
    """Write to ``folder`` what ministack supports of a built template and of those it nests.

    Parameters stand in it by value, as AWS's transform AWS::LanguageExtensions leaves them for SAM's and ministack's
    does not: without it no version would follow from a parameter that changed.
    """
    template = yaml_parse(built.read_text())
    values = dict(_values(template["Parameters"], parameters))
    resources = template["Resources"] = {
        name: one for name, one in template["Resources"].items() if name.startswith(_LOOP) or not is_unsupported(one)
    }
    template.get("Globals", {}).get("Function", {}).pop(_SHIFT, None)
    for name, resource in resources.items():
        if name.startswith(_LOOP):
            continue  # of types that it knows, and ministack writes it out
        resource["Properties"] = properties = _filled(resource["Properties"], values)
        properties.pop(_SHIFT, None)
        properties |= {key: str(built.parent / properties[key]) for key in _ARTEFACTS if key in properties}
        if location := properties.get("Location"):
            # Its parameters refer to resources, so they stay as they are.
            properties["Location"] = str(without_unsupported(built.parent / location, {}, folder / name))
    folder.mkdir(parents=True, exist_ok=True)
    # JSON, because SAM parses its template ten times over, and of YAML that is a third of a deployment.
    path = folder / "template.json"
    path.write_text(json.dumps(template))
    return path


def _values(declared: Mapping[str, Any], given: Parameters) -> Iterator[tuple[str, str | list[str]]]:
    for name, one in declared.items():
        if name in given and not one.get("NoEcho"):
            value = str(given[name])
            yield name, value.split(",") if one["Type"] == "CommaDelimitedList" else value


def _filled(value: Any, values: Mapping[str, Any]) -> Any:
    """Return ``value`` with each reference to one of ``values`` replaced by it."""
    if isinstance(value, list):
        return [_filled(one, values) for one in value]
    if not isinstance(value, dict):
        return value
    if value.keys() == {"Ref"} and value["Ref"] in values:
        return values[value["Ref"]]
    return {key: _filled(one, values) for key, one in value.items()}
