"""A deployment as AWS has it: the translated stack, its nested stacks, and the values their functions come to.

Everything in this folder judges ``Deployment``; only this module knows how a template is translated.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from ops.local.settings import ROOT
from ops.local.translation import Translated, stacks_of

ACCOUNT: Final = "123456789012"
REGION: Final = "us-east-1"
ENVIRONMENTS: Final = ("staging", "production")

_PSEUDO: Final = {
    "AWS::AccountId": ACCOUNT,
    "AWS::Region": REGION,
    "AWS::Partition": "aws",
    "AWS::URLSuffix": "amazonaws.com",
    "AWS::NotificationARNs": "",
}
_ARN: Final = {
    "AWS::CloudWatch::Alarm": "arn:aws:cloudwatch:{region}:{account}:alarm:{name}",
    "AWS::DynamoDB::Table": "arn:aws:dynamodb:{region}:{account}:table/{name}",
    "AWS::Events::EventBus": "arn:aws:events:{region}:{account}:event-bus/{name}",
    "AWS::IAM::Role": "arn:aws:iam::{account}:role/{name}",
    "AWS::KMS::Key": "arn:aws:kms:{region}:{account}:key/{name}",
    "AWS::Lambda::Function": "arn:aws:lambda:{region}:{account}:function:{name}",
    "AWS::Logs::LogGroup": "arn:aws:logs:{region}:{account}:log-group:{name}:*",
    "AWS::SecretsManager::Secret": "arn:aws:secretsmanager:{region}:{account}:secret:{name}-AbCdEf",
    "AWS::SNS::Topic": "arn:aws:sns:{region}:{account}:{name}",
    "AWS::SQS::Queue": "arn:aws:sqs:{region}:{account}:{name}",
    "AWS::CloudFormation::Stack": "arn:aws:cloudformation:{region}:{account}:stack/{name}/0a1b",
}
# What a Ref to them comes to is their ARN, not their name.
_REF_IS_ARN: Final = {"AWS::SecretsManager::Secret", "AWS::SNS::Topic", "AWS::CloudFormation::Stack"}
_NAMES: Final = (
    "FunctionName",
    "TableName",
    "RoleName",
    "LogGroupName",
    "TopicName",
    "QueueName",
    "AlarmName",
    "StageName",
    "Name",
)

Resource = Mapping[str, Any]


@dataclass(frozen=True)
class Deployment:
    """One deployment: a stack's resources and those of its nested stacks, by path (``Alarms/TopicKey``).

    ``stacks`` are the translated templates: the root's under "", a nested one's under its path.
    """

    stack_name: str
    stacks: Mapping[str, Translated]
    resources: Mapping[str, Resource]

    def of_type(self, *kinds: str) -> dict[str, Resource]:
        """Resources of these types, by path."""
        return {path: one for path, one in self.resources.items() if one["Type"] in kinds}

    def references(self, path: str) -> Iterator[str]:
        """Yield the paths that a resource refers to by Ref, GetAtt, Sub or DependsOn, those of stacks included."""
        resource = self.resources[path]
        waits_for = resource.get("DependsOn", ())
        names = [waits_for] if isinstance(waits_for, str) else [*waits_for]
        names += references({key: value for key, value in resource.items() if key != "DependsOn"})
        for name in names:
            found = self.path(stack_of(path), name)
            if found is not None and found != path:
                yield found

    def path(self, stack: str, logical_id: str) -> str | None:
        """Find the resource of ``stack`` that has this logical id."""
        own = f"{stack}/{logical_id}".lstrip("/")
        return own if own in self.resources else None

    def target(self, path: str, value: Any) -> str | None:
        """Find the resource that ``value``, as the resource at ``path`` has it, comes from in the end.

        It may be another stack's: an output of a nested stack, or a parameter that a nested stack is given.
        """
        for name, attribute in _references_with_attributes(value):
            stack = stack_of(path)
            found = self.path(stack, name)
            if found is not None and attribute.startswith("Outputs."):
                return self.target(f"{found}/output", self._output(found, attribute))
            if found is None and stack:
                return self.target(stack, self._given(stack, name))
            return found
        return None

    def value(self, path: str, value: Any) -> Any:
        """Evaluate ``value``, as the resource at ``path`` has it, to what CloudFormation would: ARNs, names, texts."""
        if isinstance(value, list):
            return [self.value(path, one) for one in value]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            [(function, argument)] = value.items()
            match function:
                case "Ref":
                    return self._ref(path, argument)
                case "Fn::GetAtt":
                    name, _, attribute = (".".join(argument) if isinstance(argument, list) else argument).partition(".")
                    return self._attribute(path, name, attribute)
                case "Fn::Sub":
                    return self._sub(path, argument)
                case "Fn::Join":
                    parts = self.value(path, argument[1])
                    return argument[0].join(map(str, parts)) if isinstance(parts, list) else str(parts)
                case "Fn::Split":
                    return str(self.value(path, argument[1])).split(argument[0])
                case "Fn::Select":
                    return self.value(path, argument[1])[int(argument[0])]
        return {key: self.value(path, one) for key, one in value.items()}

    def properties(self, path: str) -> Mapping[str, Any]:
        """Evaluate a resource's properties."""
        evaluated: Mapping[str, Any] = self.value(path, self.resources[path].get("Properties", {}))
        return evaluated

    def name(self, path: str) -> str:
        """Name a resource as AWS does: by its own name, or by one that CloudFormation makes up."""
        properties = self.resources[path].get("Properties", {})
        named = next((properties[one] for one in _NAMES if one in properties), None)
        generated = f"{self.stack_name}-{path.replace('/', '-')}-1A2B3C4D5E6F"
        return generated if named is None else str(self.value(path, named))

    def arn(self, path: str) -> str:
        """Write a resource's ARN. Raises KeyError for a type that has none here."""
        form = _ARN[self.resources[path]["Type"]]
        return form.format(region=REGION, account=ACCOUNT, name=self.name(path))

    def _ref(self, path: str, name: str) -> Any:
        if name == "AWS::StackName":
            return self.stack_name
        if name == "AWS::StackId":
            return f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/{self.stack_name}/0a1b"
        if name in _PSEUDO:
            return _PSEUDO[name]
        stack = stack_of(path)
        found = self.path(stack, name)
        if found is None:
            return self.value(stack, self._given(stack, name))
        kind = self.resources[found]["Type"]
        if kind in ("AWS::Lambda::Version", "AWS::Lambda::Alias"):
            of = self.value(found, self.resources[found]["Properties"]["FunctionName"])
            qualifier = "live" if kind.endswith("Alias") else "1"
            return f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{of}:{qualifier}"
        return self.arn(found) if kind in _REF_IS_ARN else self.name(found)

    def _attribute(self, path: str, name: str, attribute: str) -> Any:
        found = self.path(stack_of(path), name)
        if found is None:
            raise LookupError(f"{path} refers to {name}, which is nowhere")
        if attribute.startswith("Outputs."):
            return self.value(f"{found}/output", self._output(found, attribute))
        if attribute == "StreamArn":
            return f"{self.arn(found)}/stream/2026-01-01T00:00:00.000"
        return self.arn(found) if attribute in ("Arn", "Id", "TopicArn") and self._has_arn(found) else self.name(found)

    def _output(self, stack: str, attribute: str) -> Any:
        return self.stacks[stack].template["Outputs"][attribute.removeprefix("Outputs.")]["Value"]

    def _given(self, stack: str, name: str) -> Any:
        """Return what the stack above gives a nested one as its parameter; else the default."""
        given = self.resources[stack]["Properties"].get("Parameters", {}) if stack else {}
        return given[name] if name in given else self.stacks[stack].parameters[name]

    def _has_arn(self, path: str) -> bool:
        return self.resources[path]["Type"] in _ARN

    def _sub(self, path: str, argument: Any) -> str:
        text, own = argument if isinstance(argument, list) else (argument, {})

        def known(found: re.Match[str]) -> str:
            name, _, attribute = found[1].partition(".")
            if found[1] in own:
                return str(self.value(path, own[found[1]]))
            return str(self._attribute(path, name, attribute) if attribute else self._ref(path, name))

        return re.sub(r"\$\{([\w.:]+)\}", known, text)


@cache
def deployment(environment: str, root: Path = ROOT) -> Deployment:
    """Translate template.yaml, and what it nests, as ``sam deploy --config-env ENVIRONMENT`` deploys them."""
    return assembled(stacks_of(root, environment))


def assembled(stacks: Mapping[str, Translated]) -> Deployment:
    """Put a translated stack (by "") and those it nests (by their paths) together."""
    resources = {
        f"{stack}/{name}" if stack else name: resource
        for stack, translated in stacks.items()
        for name, resource in translated.resources.items()
    }
    return Deployment(str(stacks[""].parameters["AWS::StackName"]), stacks, resources)


def stack_of(path: str) -> str:
    """Name the nested stack that a path is in, "" for the root."""
    return path.rpartition("/")[0]


def references(value: Any) -> list[str]:
    """List the logical ids that a value refers to, pseudo parameters left out."""
    return [name for name, _ in _references_with_attributes(value)]


def _references_with_attributes(value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, list):
        for one in value:
            yield from _references_with_attributes(one)
    if not isinstance(value, dict):
        return
    for key, one in value.items():
        if key == "Ref" and isinstance(one, str):
            names = [one]
        elif key == "Fn::GetAtt":
            names = [".".join(one) if isinstance(one, list) else one]
        elif key == "Fn::Sub":
            text, own = one if isinstance(one, list) else (one, {})
            names = [name for name in re.findall(r"\$\{([\w.:]+)\}", text) if name not in own]
            yield from _references_with_attributes(own)
        else:
            yield from _references_with_attributes(one)
            continue
        for name in names:
            if not name.startswith("AWS::"):
                logical_id, _, attribute = name.partition(".")
                yield logical_id, attribute
