"""Tells what is left of each resource that holds something: after a create that fails, a delete, a replacement.

CloudFormation's rules, as its documentation has them: a create that fails deletes what it made, except what says
Retain; a deleted stack deletes what says neither Retain nor RetainExceptOnCreate; a replaced resource is deleted unless
its UpdateReplacePolicy says Retain.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

import pytest

from tests.aws.translated import ENVIRONMENTS, Deployment, Resource, deployment

# Types whose resources hold what cannot be made again by deploying again.
HOLDING: Final = (
    "AWS::CloudTrail::Trail",
    "AWS::Cognito::UserPool",
    "AWS::DynamoDB::GlobalTable",
    "AWS::DynamoDB::Table",
    "AWS::Events::Archive",
    "AWS::KMS::Key",
    "AWS::Logs::LogGroup",
    "AWS::S3::Bucket",
    "AWS::SNS::Topic",
    "AWS::SQS::Queue",
    "AWS::SecretsManager::Secret",
)


class Fate(NamedTuple):
    """Says what is kept of a resource when its stack's first create fails, is deleted, and when it is replaced."""

    failed_create: bool
    deleted: bool
    replaced: bool


LASTS: Final = Fate(failed_create=False, deleted=True, replaced=True)
"""A release relies on it: gone after a create that failed, so that the next try finds its place free; else kept."""
GOES: Final = Fate(failed_create=False, deleted=False, replaced=False)

# By type, in production. Elsewhere everything goes: a staging stack is made again from nothing.
PRODUCTION: Final[Mapping[str, Fate]] = {
    "AWS::DynamoDB::Table": LASTS,  # requests, evidence, policies, guards
    "AWS::SecretsManager::Secret": LASTS,  # tokens already handed out are signed with it
    "AWS::Logs::LogGroup": LASTS,  # the audit trail that is kept for 365 days
    "AWS::S3::Bucket": LASTS,
    "AWS::CloudTrail::Trail": GOES,  # what it wrote is in its bucket
    "AWS::SNS::Topic": GOES,  # it holds nothing; people subscribe again
    "AWS::SQS::Queue": GOES,  # dead letters of a stack that is gone, which nobody could work off
    "AWS::Events::Archive": LASTS,
    "AWS::Cognito::UserPool": LASTS,
}
# The one that encrypts what waits in topics is of no use without them; KMS keeps any key for days after its deletion.
KEYS: Final = {"TopicKey": GOES}


def fate(resource: Resource) -> Fate:
    """Say what is kept of a resource."""
    deletion, replacement = (resource.get(name, "Delete") for name in ("DeletionPolicy", "UpdateReplacePolicy"))
    return Fate(
        failed_create=deletion == "Retain",
        deleted=deletion in ("Retain", "RetainExceptOnCreate"),
        replaced=replacement == "Retain",
    )


def _holding(of: Deployment) -> list[str]:
    return sorted(of.of_type(*HOLDING))


def _wanted(environment: str, path: str, resource: Resource) -> Fate:
    if environment != "production":
        return GOES
    return PRODUCTION.get(resource["Type"]) or KEYS.get(path.rpartition("/")[2], LASTS)


ALL: Final = [(environment, path) for environment in ENVIRONMENTS for path in _holding(deployment(environment))]


@pytest.mark.parametrize(("environment", "path"), ALL, ids=[f"{env}-{path}" for env, path in ALL])
def test_what_holds_something_is_kept_when_it_must_be_and_only_then(environment: str, path: str) -> None:
    resource = deployment(environment).resources[path]

    assert fate(resource) == _wanted(environment, path, resource)


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_nothing_else_is_kept(environment: str) -> None:
    of = deployment(environment)
    kept = {path for path, one in of.resources.items() if fate(one).deleted or fate(one).replaced}

    # An alias goes back to Lambda's versions, which are no less for it.
    assert kept - _of_the_account(of) <= {*_holding(of), *of.of_type("AWS::Lambda::Version")}


def _of_the_account(of: Deployment) -> set[str]:
    """Name what an account has one of, and its role: other stacks log through it once its maker is gone."""
    accounts = of.of_type("AWS::ApiGateway::Account")
    roles = {of.target(path, one["Properties"]["CloudWatchRoleArn"]) for path, one in accounts.items()}
    return {*accounts, *(role for role in roles if role)}


def test_the_accounts_log_role_stays_when_the_stack_that_made_it_goes() -> None:
    shared = [(of, path) for of in map(deployment, ENVIRONMENTS) for path in _of_the_account(of)]

    assert len(shared) == 2
    assert all(fate(of.resources[path]) == LASTS for of, path in shared)


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_no_nested_stack_is_left_of_a_create_that_failed(environment: str) -> None:
    nests = deployment(environment).of_type("AWS::CloudFormation::Stack")

    assert nests
    assert not any(fate(nest).failed_create for nest in nests.values())


def test_what_is_protected_against_deletion_is_exactly_productions_tables() -> None:
    """A create that fails cannot delete these: docs/deploy.md says what then, and nothing else may be in the way."""
    of = deployment("production")
    protected = {
        path for path, one in of.resources.items() if one.get("Properties", {}).get("DeletionProtectionEnabled")
    }

    assert protected == set(of.of_type("AWS::DynamoDB::Table"))
    assert not any(
        one.get("Properties", {}).get("DeletionProtectionEnabled") for one in deployment("staging").resources.values()
    )


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_state_is_in_a_stack_of_its_own(environment: str) -> None:
    """Moving a table between stacks later means importing it, so it is where it stays before it holds anything."""
    of = deployment(environment)
    kinds = ("AWS::DynamoDB::Table", "AWS::SecretsManager::Secret")
    stacks = {path.rpartition("/")[0] for path in of.of_type(*kinds)}

    assert len(stacks) == 1
    [stack] = stacks
    assert stack, "tables and secret are in the stack of everything else"
    assert {one["Type"] for one in of.stacks[stack].resources.values()} <= {*kinds, "AWS::KMS::Key", "AWS::KMS::Alias"}
