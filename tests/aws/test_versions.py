"""A release publishes a version of a function exactly when something changed that Lambda keeps in versions.

Without a new version the alias stays where it is, and the change never has traffic. With one that differs in nothing
Lambda versions, the release fails: "A version for this Lambda function exists". Each property is changed once, here,
and the template is translated again.
"""

import copy
import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest
from cfnlint.schema import PROVIDER_SCHEMA_MANAGER  # type: ignore[import-untyped]

from ops.local.translation import Translated, translate
from tests.aws.translated import REGION, deployment

# What belongs to the function and not to a version of it (Lambda's PublishVersion and the Put* operations beside it).
NOT_VERSIONED: Final = frozenset(
    {
        "CodeSigningConfigArn",
        "FunctionName",  # another name is another function
        "FunctionScalingConfig",
        "PublishToLatestPublished",
        "RecursiveLoop",
        "ReservedConcurrentExecutions",
        "RuntimeManagementConfig",
        "Tags",
        "TenancyConfig",
    }
)
READ_ONLY: Final = frozenset({"Arn", "SnapStartResponse"})
# A change of each property that Lambda versions, as SAM spells it: on the function, and what it is changed to.
CHANGES: Final[Mapping[str, Mapping[str, Any]]] = {
    "Architectures": {"Architectures": ["arm64"]},
    "Code": {"CodeUri": "s3://artifacts/another"},
    "DeadLetterConfig": {"DeadLetterQueue": {"Type": "SQS", "TargetArn": "arn:aws:sqs:us-east-1:123456789012:dead"}},
    "Description": {"Description": "changed"},
    "Environment": {"Environment": {"Variables": {"CHANGED": "changed"}}},
    "EphemeralStorage": {"EphemeralStorage": {"Size": 1024}},
    "FileSystemConfigs": {"FileSystemConfigs": [{"Arn": "arn:aws:elasticfilesystem", "LocalMountPath": "/mnt/x"}]},
    "Handler": {"Handler": "changed.handler"},
    "KmsKeyArn": {"KmsKeyArn": "arn:aws:kms:us-east-1:123456789012:key/changed"},
    "Layers": {"Layers": ["arn:aws:lambda:us-east-1:123456789012:layer:changed:1"]},
    "LoggingConfig": {"LoggingConfig": {"LogFormat": "JSON", "ApplicationLogLevel": "WARN"}},
    "MemorySize": {"MemorySize": 3008},
    "Role": {"Role": "arn:aws:iam::123456789012:role/changed"},
    "Runtime": {"Runtime": "python3.14"},
    "SnapStart": {"SnapStart": {"ApplyOn": "PublishedVersions"}},
    "Timeout": {"Timeout": 29},
    "TracingConfig": {"Tracing": "PassThrough"},
    "VpcConfig": {"VpcConfig": {"SecurityGroupIds": ["sg-1"], "SubnetIds": ["subnet-1"]}},
}
# Of container images, of managed instances and of durable functions, which this stack has not.
ELSEWHERE: Final = frozenset({"CapacityProviderConfig", "DurableConfig", "ImageConfig", "PackageType"})
FUNCTION: Final = "WorkflowFunction"


@cache
def _template() -> Mapping[str, Any]:
    return deployment("production").stacks[""].template


def _translated(template: Mapping[str, Any], folder: Path) -> Translated:
    """Translate a changed template, as production deploys it."""
    (folder / "template.yaml").write_text(json.dumps(template))
    before = deployment("production").stacks[""].parameters
    given = {name: value for name, value in before.items() if name in ("AWS::StackName", "Environment")}
    return translate(folder / "template.yaml", given)


def versions(translated: Translated) -> dict[str, str]:
    """Map each function to the logical id of the version that this release publishes."""
    return {
        version["Properties"]["FunctionName"]["Ref"]: name
        for name, version in translated.of_type("AWS::Lambda::Version").items()
    }


def versioned(translated: Translated, function: str) -> dict[str, Any]:
    """List what Lambda keeps in a version of the function.

    But for the versions that the release gate's environment names: hooks invoke the gate itself, no version of it.
    """
    properties = translated.resources[function]["Properties"]
    environment = properties["Environment"]["Variables"]
    kept = {name: value for name, value in properties.items() if name not in NOT_VERSIONED}
    return kept | {"Environment": {name: one for name, one in environment.items() if not name.endswith("_VERSION")}}


@cache
def _before(folder: Path) -> Translated:
    return _translated(copy.deepcopy(dict(_template())), folder)


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Translated:
    """The template as it is."""
    return _before(tmp_path_factory.mktemp("before"))


def _judge(before: Translated, after: Translated) -> None:
    """Fail where a version is published and nothing that it keeps changed, or the other way round."""
    for function, version in versions(before).items():
        same_content = versioned(before, function) == versioned(after, function)
        same_version = versions(after)[function] == version
        assert same_version == same_content, f"{function}: " + (
            "a new version would equal the last" if same_content else "the change has no version"
        )


def test_every_property_that_a_function_can_have_is_known_here() -> None:
    schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema(REGION, "AWS::Lambda::Function").schema

    assert {*CHANGES} | NOT_VERSIONED | READ_ONLY | ELSEWHERE == {*schema["properties"]}


@pytest.mark.parametrize("changed", CHANGES)
def test_what_lambda_versions_publishes_a_version(changed: str, before: Translated, tmp_path: Path) -> None:
    template = copy.deepcopy(dict(_template()))
    properties = template["Resources"][FUNCTION]["Properties"]
    for name, value in CHANGES[changed].items():
        properties[name] = {**properties.get(name, {}), **value} if isinstance(value, dict) else value

    after = _translated(template, tmp_path)

    assert versions(after)[FUNCTION] != versions(before)[FUNCTION]
    assert after.resources[FUNCTION]["Properties"].get(changed) != before.resources[FUNCTION]["Properties"].get(changed)
    _judge(before, after)


def test_another_layer_publishes_a_version_of_every_function(before: Translated, tmp_path: Path) -> None:
    template = copy.deepcopy(dict(_template()))
    template["Resources"]["SharedLayer"]["Properties"]["ContentUri"] = "s3://artifacts/another"

    after = _translated(template, tmp_path)

    assert set(versions(after).values()).isdisjoint(versions(before).values())


@pytest.mark.parametrize("setting", sorted(_template()["Mappings"]["Settings"]["production"]))
def test_raising_a_setting_is_a_deployment_that_works(setting: str, before: Translated, tmp_path: Path) -> None:
    template = copy.deepcopy(dict(_template()))
    settings = template["Mappings"]["Settings"]["production"]
    settings[setting] = settings[setting] + 1 if isinstance(settings[setting], int) else "false"

    _judge(before, _translated(template, tmp_path))


@pytest.mark.parametrize(
    "parameter",
    sorted(name for name, one in _template()["Parameters"].items() if "Default" in one and "AllowedValues" not in one),
)
def test_changing_a_parameter_is_a_deployment_that_works(parameter: str, before: Translated, tmp_path: Path) -> None:
    template = copy.deepcopy(dict(_template()))
    one = template["Parameters"][parameter]
    is_number = one["Type"] == "Number"
    one["Default"] = int(one["Default"]) + 10 if is_number else "arn:aws:iam::123456789012:role/changed"

    _judge(before, _translated(template, tmp_path))


@pytest.mark.parametrize("function", sorted(deployment("production").of_type("AWS::Lambda::Function")))
def test_a_function_sets_nothing_unversioned_but_what_moves_with_a_version(function: str) -> None:
    properties = deployment("production").resources[function]["Properties"]

    # Its name never changes, SAM's own tag never does, and the settings' test above raises the concurrency.
    assert properties.keys() & NOT_VERSIONED <= {"FunctionName", "Tags", "ReservedConcurrentExecutions"}
    assert [tag["Key"] for tag in properties.get("Tags", ())] in ([], ["lambda:createdBy"])
