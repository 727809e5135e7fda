"""Reads what roles are granted: every allowing statement, evaluated, and the policy that it stands in."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from tests.aws.translated import Deployment


@dataclass(frozen=True)
class Grant:
    """One allowing statement. ``policy`` is the path of the resource that brings it: the role itself, or a policy."""

    policy: str
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    condition: Mapping[str, Mapping[str, Any]]

    def allows(self, action: str, arn: str, *, leading_keys: frozenset[str] | None = None) -> bool:
        """Tell whether ``action`` on ``arn`` is granted. ``leading_keys`` are the partition keys it touches."""
        return (
            any(fnmatchcase(action.lower(), one.lower()) for one in self.actions)
            and any(matches(arn, one) for one in self.resources)
            and (leading_keys is None or self.covers(leading_keys))
        )

    def covers(self, keys: frozenset[str]) -> bool:
        """Tell whether its condition on ``dynamodb:LeadingKeys`` holds of these, as it does where it has none."""
        patterns = self.leading_key_patterns
        return not patterns or all(any(fnmatchcase(key, pattern) for pattern in patterns) for key in keys)

    @property
    def leading_key_patterns(self) -> list[str]:
        """The partition keys that it is about; empty where it is about all."""
        return [
            pattern
            for operator, keys in self.condition.items()
            if operator.startswith("ForAllValues:")
            for pattern in listed(keys.get("dynamodb:LeadingKeys", []))
        ]


def grants_of(of: Deployment, role: str) -> list[Grant]:
    """List what a role is granted, by its own policies and by those attached to it."""
    return [grant for path, document in documents_of(of, role) for grant in _grants(of, path, document)]


def documents_of(of: Deployment, role: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the policies of a role, each with the path of the resource that brings it."""
    properties = of.resources[role]["Properties"]
    for policy in properties.get("Policies", ()):
        yield role, policy["PolicyDocument"]
    attached = {of.target(role, one) for one in properties.get("ManagedPolicyArns", ())}
    for path, policy in of.of_type("AWS::IAM::ManagedPolicy", "AWS::IAM::Policy", "AWS::IAM::RolePolicy").items():
        roles = listed(policy["Properties"].get("Roles", policy["Properties"].get("RoleName", [])))
        if path in attached or role in {of.target(path, one) for one in roles}:
            yield path, policy["Properties"]["PolicyDocument"]


def role_of(of: Deployment, function: str) -> str:
    """Find the path of a function's role."""
    role = of.target(function, of.resources[function]["Properties"]["Role"])
    assert role is not None
    return role


def matches(arn: str, pattern: str) -> bool:
    """Tell whether an ARN is among those that a policy's pattern names. A log group's own ends in ``:*``."""
    return fnmatchcase(arn, pattern)


def listed(value: Any) -> list[Any]:
    """Make a list of what IAM takes as one or many."""
    return value if isinstance(value, list) else [value]


def _grants(of: Deployment, path: str, document: Mapping[str, Any]) -> Iterator[Grant]:
    for statement in of.value(path, document)["Statement"]:
        assert statement["Effect"] == "Allow", f"{path} denies, which nothing here weighs"
        yield Grant(
            path,
            tuple(listed(statement["Action"])),
            tuple(listed(statement["Resource"])),
            statement.get("Condition", {}),
        )
