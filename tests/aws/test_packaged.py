"""The packaged templates, as CloudFormation gets them, by its provider schemas in the Regions they are deployed to."""

import copy
import json
from functools import cache
from typing import Any, Final

import pytest
from cfnlint.api import lint  # type: ignore[import-untyped]
from cfnlint.config import ManualArgs  # type: ignore[import-untyped]

from tests.aws.translated import ENVIRONMENTS, deployment, references

# Two large ones, and one that has fewer services than those.
REGIONS: Final = ("us-east-1", "eu-west-1", "eu-south-2")


def packaged(environment: str, stack: str) -> dict[str, Any]:
    """Make a template of a translated stack, with parameters for what only a deployment knows."""
    translated = deployment(environment).stacks[stack]
    resources = copy.deepcopy(dict(translated.resources))
    open_references = {name for name in references(list(resources.values())) if name not in resources}
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Parameters": {name: {"Type": "String"} for name in sorted(open_references)},
        "Resources": resources,
    }


def findings(template: dict[str, Any]) -> list[str]:
    """List what cfn-lint finds in a template, in all of the Regions."""
    found = lint(json.dumps(template), config=ManualArgs(regions=list(REGIONS)))
    return [f"{one.rule.id} {'/'.join(map(str, one.path))}: {one.message}" for one in found]


@cache
def _stacks() -> list[tuple[str, str]]:
    return [(environment, stack) for environment in ENVIRONMENTS for stack in deployment(environment).stacks]


@pytest.mark.parametrize(("environment", "stack"), _stacks(), ids=["-".join(one) for one in _stacks()])
def test_cloudformation_knows_every_type_and_property_in_each_region(environment: str, stack: str) -> None:
    assert findings(packaged(environment, stack)) == []


def test_a_property_or_a_type_that_a_region_does_not_have_is_found() -> None:
    template = packaged("staging", "")
    [table] = [name for name, one in template["Resources"].items() if one["Type"] == "AWS::SQS::Queue"][:1]
    template["Resources"][table]["Properties"]["NoSuchProperty"] = True
    template["Resources"]["Elsewhere"] = {"Type": "AWS::AppRunner::Service", "Properties": {"SourceConfiguration": {}}}

    found = findings(template)

    assert any("NoSuchProperty" in one for one in found)
    assert any("Elsewhere" in one and "eu-south-2" in one for one in found)
