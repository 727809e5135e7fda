"""The template as CloudFormation has it in one environment: parameters and conditions resolved, SAM translated."""

import json
import logging
import os
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from samcli.cli.types import CfnParameterOverridesType  # type: ignore[import-untyped]
from samtranslator.model.exceptions import InvalidDocumentException  # type: ignore[import-untyped]
from samtranslator.parser.parser import Parser  # type: ignore[import-untyped]
from samtranslator.translator.translator import Translator  # type: ignore[import-untyped]
from samtranslator.yaml_helper import yaml_parse  # type: ignore[import-untyped]

from ops.verdict import CannotJudgeError

ENVIRONMENTS: Final = ("local", "staging", "production")
TEMPLATE: Final = "template.yaml"
CONFIG: Final = "samconfig.toml"
_REGION: Final = "us-east-1"
_NOTHING: Final = object()
_PACKAGED: Final = {"CodeUri", "ContentUri", "Location"}

# It warns of features and metrics of its own that nobody here uses.
logging.getLogger("samtranslator").setLevel(logging.ERROR)

Resources = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Translated:
    """One template in one environment. ``resources`` are CloudFormation's, without those its conditions leave out."""

    template: Mapping[str, Any]
    parameters: Mapping[str, Any]
    resources: Resources

    def of_type(self, *kinds: str) -> Resources:
        """The resources of these types, by logical id."""
        return {name: one for name, one in self.resources.items() if one["Type"] in kinds}


def environment_of(root: Path, name: str) -> Translated:
    """template.yaml as ``sam deploy --config-env NAME`` deploys it. Raises CannotJudgeError."""
    given = overrides(root, name)
    return translate(root / TEMPLATE, {"AWS::StackName": stack_name(root, name), "Environment": name, **given})


def nested(root: Path, parent: Translated, logical_id: str) -> Translated:
    """A nested stack's template, with the parameters that ``parent`` gives it. Raises CannotJudgeError."""
    source = parent.template["Resources"].get(logical_id)
    if source is None:
        raise CannotJudgeError(f"{TEMPLATE} nests no stack {logical_id}")
    given = parent.resources[logical_id]["Properties"].get("Parameters", {})
    return translate(root / source["Properties"]["Location"], given)


def overrides(root: Path, name: str) -> dict[str, str]:
    """The parameters that samconfig.toml sets for an environment, read as SAM reads them."""
    given = deploy_parameters(root, name).get("parameter_overrides", "")
    values = [given] if isinstance(given, str) else list(given)
    return dict(CfnParameterOverridesType().convert(tuple(values), None, None)) if any(values) else {}


def stack_name(root: Path, name: str) -> str:
    """The stack that samconfig.toml names for an environment."""
    return str(deploy_parameters(root, name).get("stack_name", f"handshake-{name}"))


def deploy_parameters(root: Path, name: str) -> Mapping[str, Any]:
    """``[NAME.deploy.parameters]`` of samconfig.toml; empty where there is none."""
    try:
        config = tomllib.loads((root / CONFIG).read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as fault:
        raise CannotJudgeError(f"{CONFIG} cannot be read: {fault}") from fault
    parameters: Mapping[str, Any] = config.get(name, {}).get("deploy", {}).get("parameters", {})
    return parameters


def translate(path: Path, given: Mapping[str, Any]) -> Translated:
    """The template at ``path`` with the parameters ``given`` and its own defaults. Raises CannotJudgeError."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as fault:
        raise CannotJudgeError(f"{path.name} cannot be read: {fault}") from fault
    return _translate(path.name, text, json.dumps(given))


@lru_cache(maxsize=16)
def _translate(name: str, text: str, given: str) -> Translated:
    """By the text, not by the file: several gates judge one template, and a second's work is done once."""
    template = yaml_parse(text)
    defaults = {name: one["Default"] for name, one in template.get("Parameters", {}).items() if "Default" in one}
    resolver = _Resolver(template, {**defaults, **json.loads(given)})
    resolved = {**template, "Resources": resolver.resources(template["Resources"])}
    if "Globals" in template:
        resolved["Globals"] = resolver.resolve(template["Globals"])
    for resource in resolved["Resources"].values():
        properties = resource.get("Properties", {})
        # What `sam deploy` uploads before it translates.
        properties |= {name: f"s3://artifacts/{value}" for name, value in properties.items() if name in _PACKAGED}
    os.environ.setdefault("AWS_DEFAULT_REGION", _REGION)  # the translator asks boto3 for the partition
    try:
        made = Translator({}, Parser()).translate(resolved, dict(resolver.parameters))
    except InvalidDocumentException as fault:
        reasons = "; ".join(str(cause.message) for cause in fault.causes)
        raise CannotJudgeError(f"SAM does not take {name}: {reasons}") from fault
    return Translated(template, resolver.parameters, resolver.resources(made["Resources"]))


class _Resolver:
    """Resolves what is known before a deployment; references to other resources stay as they are."""

    def __init__(self, template: Mapping[str, Any], parameters: Mapping[str, Any]) -> None:
        self.parameters = parameters
        self._mappings = template.get("Mappings", {})
        self._conditions = template.get("Conditions", {})
        self._functions: dict[str, Callable[[Any], Any]] = {
            "Ref": self._ref,
            "Condition": self.condition,
            "Fn::If": self._if,
            "Fn::FindInMap": self._find_in_map,
            "Fn::Sub": self._sub,
            "Fn::Join": self._join,
            "Fn::Equals": lambda pair: self.resolve(pair[0]) == self.resolve(pair[1]),
            "Fn::Not": lambda one: not self.resolve(one[0]),
            "Fn::And": lambda all_of: all(map(self.resolve, all_of)),
            "Fn::Or": lambda any_of: any(map(self.resolve, any_of)),
        }

    def resources(self, resources: Mapping[str, Any]) -> dict[str, Any]:
        """Those whose condition holds, resolved."""
        kept = {name: it for name, it in resources.items() if self.condition(it.get("Condition"))}
        return {
            name: {key: self.resolve(value) for key, value in it.items() if key != "Condition"}
            for name, it in kept.items()
        }

    def condition(self, name: str | None) -> bool:
        """Whether the named condition holds. No name is no condition."""
        return name is None or bool(self.resolve(self._conditions[name]))

    def resolve(self, value: Any) -> Any:
        """``value`` with every function in it that can be resolved now."""
        if isinstance(value, list):
            return [one for one in map(self.resolve, value) if one is not _NOTHING]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            [(function, argument)] = value.items()
            # A policy statement has a Condition too, which is no condition's name.
            if function in self._functions and (function != "Condition" or isinstance(argument, str)):
                return self._functions[function](argument)
        made = {key: self.resolve(one) for key, one in value.items()}
        return {key: one for key, one in made.items() if one is not _NOTHING}

    def _ref(self, name: str) -> Any:
        return _NOTHING if name == "AWS::NoValue" else self.parameters.get(name, {"Ref": name})

    def _if(self, choice: list[Any]) -> Any:
        name, yes, no = choice
        return self.resolve(yes if self.condition(name) else no)

    def _find_in_map(self, path: list[Any]) -> Any:
        found = self._mappings
        for key in map(self.resolve, path[:3]):
            found = found[key]
        return found

    def _sub(self, argument: Any) -> Any:
        text, own = argument if isinstance(argument, list) else (argument, {})
        known = {**self.parameters, **self.resolve(own)}
        filled = re.sub(
            r"\$\{([\w:.]+)\}",
            lambda name: str(known[name[1]]) if isinstance(known.get(name[1]), str | int | float) else name[0],
            text,
        )
        if not re.search(r"\$\{[^!]", filled):
            return filled
        return {"Fn::Sub": [filled, self.resolve(own)] if own else filled}

    def _join(self, argument: list[Any]) -> Any:
        separator, parts = argument[0], self.resolve(argument[1])
        if isinstance(parts, list) and all(isinstance(part, str) for part in parts):
            return separator.join(parts)
        return {"Fn::Join": [separator, parts]}
