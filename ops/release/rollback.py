"""Work out which versions a stack's functions had before its last release, and point their aliases at these.

CloudFormation's events say which release published which version, and whether it stayed. Lambda alone does not: the
version before the one that is live may be of a release that was rolled back.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from botocore.exceptions import ClientError

from ops.local.deployment import Deployment

ALIAS: Final = "live"
_FUNCTION: Final = "Function"
_STACK: Final = "AWS::CloudFormation::Stack"
_VERSION: Final = "AWS::Lambda::Version"
_PUBLISHED: Final = ("CREATE_COMPLETE", "UPDATE_COMPLETE")  # the local AWS says the second of both new and old ones
_FIRST: Final = "1"
_BEGINNINGS: Final = ("CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS")


class RollbackRefusedError(Exception):
    """There is nothing known to go back to, or the stack is being updated. The message says what to do instead."""


@dataclass
class Release:
    """One creation or update of the stack: the versions it published, by function, and whether it was rolled back."""

    versions: dict[str, str] = field(default_factory=dict)
    rolled_back: bool = False


@dataclass(frozen=True)
class Alias:
    """Names the version a function's alias points at. ``weights`` are of further versions that it gives traffic to."""

    version: str
    revision: str
    weights: Mapping[str, float]


@dataclass(frozen=True)
class Move:
    """One function's way back. Where ``to`` is what is live already, nothing moves."""

    function: str
    alias: Alias
    to: str

    @property
    def needed(self) -> bool:
        """Tell whether the alias has to change."""
        return self.to != self.alias.version or bool(self.alias.weights)


def releases(events: Iterable[Mapping[str, Any]]) -> list[Release]:
    """List a stack's releases, oldest first, of its events in CloudFormation's order, which is newest first."""
    found: list[Release] = []
    for event in reversed(list(events)):
        status, physical = event["ResourceStatus"], event.get("PhysicalResourceId", "")
        if event["ResourceType"] == _STACK and physical == event["StackId"]:
            if status in _BEGINNINGS:
                found.append(Release())
            elif found and "ROLLBACK" in status:
                found[-1].rolled_back = True
        elif event["ResourceType"] == _VERSION and status in _PUBLISHED and found:
            function, version = physical.split(":")[-2:]
            if not any(release.versions.get(function) == version for release in found):
                found[-1].versions[function] = version
    return found


def moves_back(aliases: Mapping[str, Alias], history: Sequence[Release]) -> list[Move]:
    """Plan the way back over the last release that published versions and stayed.

    A function that it did not publish, or that has left it already, stays where it is, so that asking twice goes back
    once. Raises RollbackRefusedError where a function's version before that release is not known.
    """
    stayed = [release.versions for release in history if release.versions and not release.rolled_back]
    last = stayed[-1] if stayed else {}
    before = {function: version for versions in stayed[:-1] for function, version in versions.items()}
    live = [name for name, alias in aliases.items() if last.get(name) == alias.version]
    # A function's first version came with the release: there is none older to find.
    unknown = [name for name in live if name not in before and aliases[name].version != _FIRST]
    if not last or unknown or (live and before.keys().isdisjoint(live)):
        raise RollbackRefusedError(
            f"CloudFormation knows no version before the last release of {', '.join(unknown) or 'any function'}; "
            "it keeps events for 90 days. Name versions yourself: --to FUNCTION=VERSION"
        )
    moved = {name: before.get(name, _FIRST) for name in live}
    return [Move(name, alias, moved.get(name, alias.version)) for name, alias in aliases.items()]


def moves_to(aliases: Mapping[str, Alias], named: Mapping[str, str]) -> list[Move]:
    """Plan to give the functions ``named`` the versions named with them. Raises KeyError of one that is not there."""
    return [Move(name, aliases[name], version) for name, version in named.items()]


def functions(stack: Deployment) -> list[str]:
    """List the names of the stack's functions."""
    return [name for output, name in stack.outputs.items() if output.endswith(_FUNCTION)]


def read_aliases(stack: Deployment) -> dict[str, Alias]:
    """Read what each function's alias points at, by the function's name."""
    client = stack.client("lambda")
    found = {name: client.get_alias(FunctionName=name, Name=ALIAS) for name in functions(stack)}
    return {
        name: Alias(
            one["FunctionVersion"],
            one["RevisionId"],
            one.get("RoutingConfig", {}).get("AdditionalVersionWeights", {}),
        )
        for name, one in found.items()
    }


def read_releases(stack: Deployment, name: str) -> list[Release]:
    """Read the releases of the stack. Raises RollbackRefusedError while CloudFormation is at work on it."""
    client = stack.client("cloudformation")
    [found] = client.describe_stacks(StackName=name)["Stacks"]
    if found["StackStatus"].endswith("IN_PROGRESS"):
        raise RollbackRefusedError(
            f"{name} is {found['StackStatus']}: CodeDeploy would shift on over what is moved now. Stop the deployment "
            "instead, and CloudFormation rolls back (docs/deploy.md, 5)"
        )
    pages = client.get_paginator("describe_stack_events").paginate(StackName=found["StackId"])
    return releases(event for page in pages for event in page["StackEvents"])


def published(stack: Deployment, function: str, version: str) -> str:
    """Return when a version was published, in ISO 8601. Raises RollbackRefusedError where there is none to go to."""
    client = stack.client("lambda")
    try:
        found = client.get_function_configuration(FunctionName=function, Qualifier=version)
    except client.exceptions.ResourceNotFoundException:
        raise RollbackRefusedError(f"{function} has no version {version}") from None
    return str(found["LastModified"])


def move(stack: Deployment, one: Move) -> str:
    """Point the function's alias at its version, with all traffic. Returns what went wrong, or nothing."""
    try:
        stack.client("lambda").update_alias(
            FunctionName=one.function,
            Name=ALIAS,
            FunctionVersion=one.to,
            RoutingConfig={"AdditionalVersionWeights": {}},
            RevisionId=one.alias.revision,  # whoever moved it since then is not overruled
        )
    except ClientError as error:
        return str(error)
    return ""
