"""Resolves the templates as CloudFormation does in one environment: loops, parameters, conditions, and SAM translated.

SAM CLI's own library resolves the intrinsic functions, and SAM's translator makes its resources CloudFormation's.
"""

import json
import logging
import os
import re
import sys
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import yaml  # type: ignore[import-untyped]  # it publishes no types
from samcli.cli.types import CfnParameterOverridesType  # type: ignore[import-untyped]
from samcli.lib.cfn_language_extensions import (  # type: ignore[import-untyped]
    InvalidTemplateException,
    TemplateProcessingContext,
    create_default_pipeline,
)
from samcli.yamlhelper import yaml_parse  # type: ignore[import-untyped]  # SAM publishes no types
from samtranslator.model.exceptions import InvalidDocumentException  # type: ignore[import-untyped]
from samtranslator.parser.parser import Parser  # type: ignore[import-untyped]
from samtranslator.translator.translator import Translator  # type: ignore[import-untyped]

from ops.verdict import CannotJudgeError, MistakeError, place, shown

ENVIRONMENTS: Final = ("local", "staging", "production")
TEMPLATE: Final = "template.yaml"
CONFIG: Final = "samconfig.toml"
NESTED: Final = "AWS::CloudFormation::Stack"
_PSEUDO: Final = {
    "AWS::Region": "us-east-1",
    "AWS::AccountId": "123456789012",
    "AWS::Partition": "aws",
    "AWS::URLSuffix": "amazonaws.com",
}
_PACKAGED: Final = {"CodeUri", "ContentUri", "Location"}
_MEND: Final = "mend it there; `sam validate --lint` says more"
_PLACEHOLDER: Final = re.compile(r"\$\{(AWS::\w+|\w+)(?:\.[\w.]+)?\}")
_SWALLOWED: Final = re.compile(r"\{'(Ref|Fn::\w+)':")  # SAM CLI makes a reference in an Fn::Join Python's text of it

# It warns of features and metrics of its own that nobody here uses.
logging.getLogger("samtranslator").setLevel(logging.ERROR)

Resources = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Translated:
    """One template in one environment. ``resources`` are CloudFormation's, without those its conditions leave out.

    References to resources stay as they are; everything that is known before a deployment is resolved.
    """

    path: Path
    template: Mapping[str, Any]
    parameters: Mapping[str, Any]
    resources: Resources

    def of_type(self, *kinds: str) -> Resources:
        """Return the resources of these types, by logical id."""
        return {name: one for name, one in self.resources.items() if one["Type"] in kinds}


def stacks_of(root: Path, name: str) -> dict[str, Translated]:
    """Resolve every stack of ``sam deploy --config-env NAME``, by its path of logical ids.

    The root is "", and below it are ``Alarms`` and ``Alarms/Dashboard``. Raises CannotJudgeError.
    """
    stacks = {"": environment_of(root, name)}
    waiting = [""]
    while waiting:
        path = waiting.pop()
        for logical_id in stacks[path].of_type(NESTED):
            below = f"{path}/{logical_id}".lstrip("/")
            stacks[below] = nested(stacks[path], logical_id)
            waiting.append(below)
    return stacks


def environment_of(root: Path, name: str, **more: str) -> Translated:
    """Resolve template.yaml as ``sam deploy --config-env NAME`` deploys it, with ``more`` parameters.

    Raises CannotJudgeError.
    """
    given = overrides(root, name) | more
    _ensure_allowed(root, name, given)
    return translate(root / TEMPLATE, {"AWS::StackName": stack_name(root, name), "Environment": name, **given})


def scheduled_functions(root: Path) -> list[str]:
    """Name the functions that template.yaml runs on a schedule, by their folders. Raises CannotJudgeError."""
    stack = environment_of(root, "local")
    # What a loop makes, and what its conditions leave out, has no resource of that name.
    resources = [resource for name, resource in stack.template["Resources"].items() if name in stack.resources]
    functions = [resource["Properties"] for resource in resources if resource["Type"] == "AWS::Serverless::Function"]
    return [
        function["CodeUri"].rpartition("/")[2]
        for function in functions
        if any(event["Type"] == "ScheduleV2" for event in function.get("Events", {}).values())
    ]


def nested(parent: Translated, logical_id: str) -> Translated:
    """Resolve a stack that ``parent`` nests, with the parameters it is given there. Raises CannotJudgeError."""
    source = parent.template["Resources"].get(logical_id)
    if source is None or logical_id not in parent.resources:
        raise CannotJudgeError(f"{parent.path.name} nests no stack {logical_id}")
    given = parent.resources[logical_id]["Properties"].get("Parameters", {})
    # What other resources say is known at deployment only: a reference to such a parameter stays one.
    known = {name: value for name, value in given.items() if not isinstance(value, dict)}
    return translate(parent.path.parent / source["Properties"]["Location"], known)


def overrides(root: Path, name: str) -> dict[str, str]:
    """Read the parameters that samconfig.toml sets for an environment, as SAM reads them."""
    given = deploy_parameters(root, name).get("parameter_overrides", "")
    values = [given] if isinstance(given, str) else list(given)
    return dict(CfnParameterOverridesType().convert(tuple(values), None, None)) if any(values) else {}


def override_place(root: Path, name: str, text: str = "") -> str:
    """Name the line of samconfig.toml where an environment's parameter override ``text`` stands."""
    return place(root / CONFIG, f"[{name}.deploy.parameters]", *([text] if text else []))


def _ensure_allowed(root: Path, name: str, given: Mapping[str, str]) -> None:
    """Raise MistakeError where CloudFormation would not take one of the parameters ``given``."""
    parameters = _read_yaml(root / TEMPLATE).get("Parameters") or {}
    for parameter, value in given.items():
        allowed = (parameters.get(parameter) or {}).get("AllowedValues")
        if allowed and value not in map(str, allowed):
            raise MistakeError(
                f"{override_place(root, name, f'{parameter}={value}')}: {name}: {parameter} is {value}",
                f"{parameter}=... takes {', '.join(map(str, allowed))}",
            )


def stack_name(root: Path, name: str) -> str:
    """Read the name of the stack that samconfig.toml has for an environment."""
    return str(deploy_parameters(root, name).get("stack_name", f"handshake-{name}"))


def deploy_parameters(root: Path, name: str) -> Mapping[str, Any]:
    """Read ``[NAME.deploy.parameters]`` of samconfig.toml; empty where there is none. Raises CannotJudgeError."""
    try:
        config = tomllib.loads((root / CONFIG).read_text(encoding="utf-8"))
    except OSError as fault:
        raise CannotJudgeError(f"{CONFIG} cannot be read: {fault}") from fault
    except ValueError as fault:  # of TOML, or of UTF-8
        line = re.search(r"line (\d+)", str(fault))
        where = f"{CONFIG}:{line[1] if line else len((root / CONFIG).read_bytes().splitlines())}"  # else at its end
        raise MistakeError(f"{where}: {CONFIG} cannot be read: {fault}", "mend the TOML of that line") from fault
    parameters: Mapping[str, Any] = config.get(name, {}).get("deploy", {}).get("parameters", {})
    return parameters


def translate(path: Path, given: Mapping[str, Any]) -> Translated:
    """Resolve the template at ``path`` with the parameters ``given`` and its own defaults. Raises CannotJudgeError.

    A parameter ``AWS::Region`` (say) overrides the pseudo parameter of that name, and one named like a resource is what
    references to that resource become.
    """
    return _translate(path, _read(path), json.dumps(given))


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as fault:
        raise CannotJudgeError(f"{shown(path)} cannot be read: {fault}") from fault
    except UnicodeDecodeError as fault:
        raise MistakeError(f"{shown(path)}: it is not UTF-8: {fault}", "save it as UTF-8") from fault


def _read_yaml(path: Path) -> dict[str, Any]:
    """Read a template. Raises CannotJudgeError."""
    return _parsed(path, _read(path))


@lru_cache(maxsize=32)
def _parsed(path: Path, text: str) -> dict[str, Any]:
    try:
        template = yaml_parse(text)
    except yaml.YAMLError as fault:
        mark = getattr(fault, "problem_mark", None)
        where = f"{shown(path)}:{mark.line + 1}" if mark else shown(path)
        what = getattr(fault, "problem", None) or str(fault)
        raise MistakeError(f"{where}: it is not YAML: {what}", "mend that line, or the one before it") from fault
    if not isinstance(template, dict) or not isinstance(template.get("Resources"), dict):
        fix = "a template has Resources, each by its logical id"
        raise MistakeError(f"{place(path, 'Resources')}: it is no template: it has no resources by their names", fix)
    return template


@lru_cache(maxsize=32)
def _translate(path: Path, text: str, given: str) -> Translated:
    """Key the cache by the text too: several gates judge one template, and a second's work is done once."""
    template = _parsed(path, text)
    defaults = {name: one["Default"] for name, one in template.get("Parameters", {}).items() if "Default" in one}
    parameters = {**_PSEUDO, **defaults, **json.loads(given)}
    try:
        # AWS applies the language extensions first, to resources and outputs; SAM merges Globals into its resources,
        # which then have functions again.
        resources = _resolve(_translated(_resolve(template, parameters), parameters), parameters)["Resources"]
    except InvalidTemplateException as fault:
        raise MistakeError(f"{_named(path, str(fault))}: {shown(path)} cannot be resolved: {fault}", _MEND) from fault
    except InvalidDocumentException as fault:
        reasons = "; ".join(str(cause.message) for cause in fault.causes)
        raise MistakeError(f"{_named(path, reasons)}: SAM does not take {shown(path)}: {reasons}", _MEND) from fault
    except (AttributeError, KeyError, TypeError, ValueError) as fault:
        # What SAM's translator trips over: a property of the wrong shape, or one that is missing.
        what = f"{type(fault).__name__}: {fault}"
        raise MistakeError(
            f"{_named(path, str(fault))}: SAM does not understand {shown(path)}: {what}", _MEND
        ) from fault
    return Translated(path, template, parameters, resources)


def _named(path: Path, reason: str) -> str:
    """Name the line of the first thing that a ``reason`` quotes and the template has."""
    quoted = re.findall(r"[\"'\[](\w+)[\"'\]]", reason)
    return next((where for where in (place(path, name) for name in quoted) if ":" in where), shown(path))


def _resolve(template: Mapping[str, Any], parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Resolve what is known before a deployment, and leave out the resources whose conditions do not hold."""
    context = TemplateProcessingContext(fragment=_short(template), parameter_values=dict(parameters))
    resolved: dict[str, Any] = create_default_pipeline(context).process_template(context)
    holds = context.resolved_conditions
    resources = resolved["Resources"]
    resolved["Resources"] = {
        name: _restored({key: part for key, part in resource.items() if key != "Condition"}, resources)
        for name, resource in resources.items()
        if holds.get(resource.get("Condition"), True)
    }
    return resolved


def _short(value: Any) -> Any:
    """Copy ``value``, and name references among an Fn::Sub's variables in its text, where SAM CLI leaves them be."""
    if isinstance(value, list):
        return [_short(one) for one in value]
    if not isinstance(value, dict):
        return value
    if value.keys() == {"Fn::Sub"} and isinstance(value["Fn::Sub"], list):
        text, variables = value["Fn::Sub"]
        for name, one in variables.items():
            if isinstance(one, dict) and one.keys() == {"Ref"}:
                text = text.replace(f"${{{name}}}", f"${{{one['Ref']}}}")
        return {"Fn::Sub": [text, _short(variables)]}
    return {key: _short(one) for key, one in value.items()}


def _restored(value: Any, resources: Collection[str]) -> Any:
    """Give ``value`` with Fn::Sub around each text that still has placeholders: SAM CLI leaves the bare text of it."""
    if isinstance(value, list):
        return [_restored(one, resources) for one in value]
    if isinstance(value, dict):
        return {key: _restored(one, resources) for key, one in value.items()}
    if isinstance(value, str) and _SWALLOWED.search(value):
        raise InvalidTemplateException(f"a reference is where a text is joined: {value}")
    if isinstance(value, str) and any(
        name in resources or name.startswith("AWS::") for name in _PLACEHOLDER.findall(value)
    ):
        return {"Fn::Sub": value}
    return value


def _translated(template: dict[str, Any], parameters: Mapping[str, Any]) -> dict[str, Any]:
    for resource in template["Resources"].values():
        properties = resource.get("Properties", {})
        # What `sam deploy` uploads before it translates.
        properties |= {name: f"s3://artifacts/{value}" for name, value in properties.items() if name in _PACKAGED}
    os.environ.setdefault("AWS_DEFAULT_REGION", _PSEUDO["AWS::Region"])  # the translator asks boto3 for the partition
    translated: dict[str, Any] = Translator({}, Parser()).translate(template, dict(parameters))
    return translated


def write_out(root: Path, name: str, folder: Path) -> None:
    """Write the resolved resources of each stack of an environment to ``folder``, for linters of plain templates.

    A file is named after its stack: ``root.json``, ``State.json``, ``Alarms-Dashboard.json``. Raises CannotJudgeError.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for path, stack in stacks_of(root, name).items():
        template = {"AWSTemplateFormatVersion": "2010-09-09", "Resources": stack.resources}
        (folder / f"{path.replace('/', '-') or 'root'}.json").write_text(json.dumps(template, indent=1))


if __name__ == "__main__":
    write_out(Path(), "production", Path(sys.argv[1]))
