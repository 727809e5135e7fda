"""A model of CodeDeploy for Lambda: what one alias's traffic does in a deployment, minute by minute.

By CodeDeploy's documentation. A deployment is refused while one of its alarms is active. The hook before traffic, then
the shift in steps, then the hook after; a hook reports by itself, and one that has not within the hour has failed. An
alarm that becomes active while traffic shifts stops it. What failed or was stopped goes back to the version before, all
at once, where the group rolls back on such an end; where it does not, traffic stays as it is.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from tests.aws.translated import Deployment

HOOK_PATIENCE_MIN: Final = 60
Hook = Literal["BeforeAllowTraffic", "AfterAllowTraffic"]
Report = Literal["Succeeded", "Failed"]


@dataclass(frozen=True)
class Group:
    """A deployment group of the template, and the alias that it shifts.

    ``steps`` are the percentages that the new version has, by the minute from which it has them.
    """

    function: str
    alarms: tuple[str, ...]
    rolls_back_on: frozenset[str]
    hooks: Mapping[Hook, str]
    steps: tuple[tuple[int, int], ...]

    @property
    def minutes(self) -> int:
        """Return how long the shift takes until all traffic is on the new version."""
        return self.steps[-1][0]


@dataclass
class Outcome:
    """Says how a deployment ended: CodeDeploy's status, and ``shares``, the new version's percentages by minute."""

    status: Literal["Refused", "Succeeded", "Failed", "Stopped"]
    shares: list[tuple[int, int]] = field(default_factory=lambda: [(0, 0)])

    @property
    def ends_at(self) -> int:
        """The new version's percentage in the end."""
        return self.shares[-1][1]

    @property
    def most(self) -> int:
        """The most that the new version ever had."""
        return max(share for _, share in self.shares)


def groups_of(of: Deployment) -> list[Group]:
    """Read the deployment groups of a template, by the aliases whose updates go through them."""
    return [
        _group(of, path, alias["UpdatePolicy"]["CodeDeployLambdaAliasUpdate"])
        for path, alias in of.of_type("AWS::Lambda::Alias").items()
        if "CodeDeployLambdaAliasUpdate" in alias.get("UpdatePolicy", {})
    ]


def deploy(
    group: Group,
    *,
    reports: Callable[[Hook], Report | None] = lambda _: "Succeeded",
    active: Callable[[str, int], bool] = lambda _alarm, _minute: False,
) -> Outcome:
    """Deploy a new version. ``reports`` says what a hook tells CodeDeploy, None if it never does.

    ``active`` says whether an alarm is active at a minute of the deployment.
    """
    if any(active(alarm, 0) for alarm in group.alarms):
        return Outcome("Refused")
    outcome = Outcome("Succeeded")
    minute = 0
    if "BeforeAllowTraffic" in group.hooks:
        report = reports("BeforeAllowTraffic")
        if report != "Succeeded":
            return _ended(group, outcome, "Failed", 0 if report else HOOK_PATIENCE_MIN)
    for minute in range(group.minutes + 1):
        if any(active(alarm, minute) for alarm in group.alarms):
            return _ended(group, outcome, "Stopped", minute)
        share = dict(group.steps).get(minute)
        if share is not None:
            outcome.shares.append((minute, share))
    if "AfterAllowTraffic" in group.hooks:
        report = reports("AfterAllowTraffic")
        if report != "Succeeded":
            return _ended(group, outcome, "Failed", minute + (0 if report else HOOK_PATIENCE_MIN))
    return outcome


def steps_of(configuration: str) -> tuple[tuple[int, int], ...]:
    """Read the steps of one of CodeDeploy's own configurations off its name. Raises ValueError."""
    if configuration == "CodeDeployDefault.LambdaAllAtOnce":
        return ((0, 100),)
    found = re.fullmatch(r"CodeDeployDefault\.Lambda(Linear|Canary)(\d+)Percent(?:Every)?(\d+)Minutes?", configuration)
    if not found:
        raise ValueError(f"{configuration} is no configuration of CodeDeploy's own")
    kind, share, minutes = found[1], int(found[2]), int(found[3])
    if kind == "Canary":
        return ((0, share), (minutes, 100))
    return tuple((step * minutes, min(100, (step + 1) * share)) for step in range(-(-100 // share)))


def _ended(group: Group, outcome: Outcome, status: Literal["Failed", "Stopped"], minute: int) -> Outcome:
    outcome.status = status
    event = {"Failed": "DEPLOYMENT_FAILURE", "Stopped": "DEPLOYMENT_STOP_ON_ALARM"}[status]
    if event in group.rolls_back_on:
        outcome.shares.append((minute, 0))
    return outcome


def _group(of: Deployment, alias: str, update: Mapping[str, Any]) -> Group:
    path = of.target(alias, update["DeploymentGroupName"])
    assert path is not None
    properties = of.properties(path)
    watched = properties.get("AlarmConfiguration", {})
    rollback = properties.get("AutoRollbackConfiguration", {})
    hooks: dict[Hook, str] = {}
    names: tuple[tuple[Hook, str], ...] = (
        ("BeforeAllowTraffic", "BeforeAllowTrafficHook"),
        ("AfterAllowTraffic", "AfterAllowTrafficHook"),
    )
    for hook, name in names:
        if name in update:
            hooks[hook] = str(of.value(alias, update[name]))
    return Group(
        function=str(of.value(alias, of.resources[alias]["Properties"]["FunctionName"])),
        alarms=tuple(alarm["Name"] for alarm in watched.get("Alarms", ())) if watched.get("Enabled") else (),
        rolls_back_on=frozenset(rollback.get("Events", ())) if rollback.get("Enabled") else frozenset(),
        hooks=hooks,
        steps=steps_of(properties["DeploymentConfigName"]),
    )
