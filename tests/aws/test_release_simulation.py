"""Shows where traffic ends when a release goes well, is refused by its gate, or alarms: by the template's settings."""

import copy
import json
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest
from botocore.exceptions import ClientError

from functions.release_gate.app import respond
from ops.local.translation import translate
from tests.aws.codedeploy import Group, Hook, Report, deploy, groups_of, steps_of
from tests.aws.translated import Deployment, assembled, deployment

GROUPS: Final = {group.function: group for group in groups_of(deployment("production"))}
EVENT: Final = {"DeploymentId": "d-1", "LifecycleEventHookExecutionId": "e-1"}


class CodeDeploy:
    """A client that keeps what the gate reports, or cannot be told."""

    def __init__(self, *, reachable: bool = True) -> None:
        self.reported: Report | None = None
        self._reachable = reachable

    def put_lifecycle_event_hook_execution_status(self, *, status: Report, **_: Any) -> None:
        """See botocore's."""
        if not self._reachable:
            raise ClientError({"Error": {"Code": "AccessDeniedException"}}, "PutLifecycleEventHookExecutionStatus")
        self.reported = status


def gate(*, problem: str = "", at: Hook | None = None, reachable: bool = True) -> Callable[[Hook], Report | None]:
    """Run the release gate itself as a hook, which finds a ``problem`` at one of the two or at both."""

    def report(hook: Hook) -> Report | None:
        codedeploy = CodeDeploy(reachable=reachable)
        found = problem if at in (None, hook) else ""
        try:
            respond(EVENT, check=lambda: ([], found), codedeploy=codedeploy)
        except ClientError:
            assert not reachable
        return codedeploy.reported

    return report


@pytest.fixture(params=GROUPS)
def group(request: pytest.FixtureRequest) -> Group:
    """Each function that answers the API."""
    return GROUPS[request.param]


def alarm(of: Deployment, name: str) -> Mapping[str, Any]:
    """The alarm that is called so, as it is deployed."""
    alarms = (of.properties(path) for path in of.of_type("AWS::CloudWatch::Alarm"))
    return next(one for one in alarms if one["AlarmName"] == name)


def active_from(of: Deployment, name: str, group: Group) -> int:
    """Say from which minute of the shift an alarm is active, if every call to the new version is at fault.

    A rate is of all calls, so it waits for a share that is large enough; then come its data points, and a minute until
    it is seen.
    """
    settings = alarm(of, name)
    statistics = {
        settings.get("Statistic"),
        *(one.get("MetricStat", {}).get("Stat") for one in settings.get("Metrics", ())),
    }
    is_rate = "Average" in statistics  # of many calls, so that their minimum is reached with the share
    enough = float(settings["Threshold"]) * 100 if is_rate else 0.0
    begins = next(minute for minute, share in group.steps if share > enough)
    points = int(settings.get("DatapointsToAlarm", settings["EvaluationPeriods"]))
    periods = [
        settings.get("Period"),
        *(one.get("MetricStat", {}).get("Period") for one in settings.get("Metrics", ())),
    ]
    return begins + points * max(int(period) for period in periods if period) // 60 + 1


def test_all_seven_functions_of_the_api_shift_and_no_others() -> None:
    of = deployment("production")
    called = {
        of.value(path, one["Properties"]["FunctionName"]).split(":")[6]
        for path, one in of.of_type("AWS::Lambda::Permission").items()
        if one["Properties"]["Principal"] == "apigateway.amazonaws.com"
    }

    assert set(GROUPS) == called
    assert len(called) == 7
    assert groups_of(deployment("staging")) == []


def test_a_good_release_ends_with_all_traffic_a_tenth_every_three_minutes(group: Group) -> None:
    outcome = deploy(group, reports=gate())

    assert outcome.status == "Succeeded"
    assert outcome.shares == [(0, 0)] + [(3 * step, 10 * (step + 1)) for step in range(10)]


@pytest.mark.parametrize("reachable", [True, False])
def test_a_gate_that_refuses_or_cannot_say_anything_lets_no_call_reach_the_new_version(
    group: Group, *, reachable: bool
) -> None:
    outcome = deploy(group, reports=gate(problem="no table", reachable=reachable))

    assert (outcome.status, outcome.most, outcome.ends_at) == ("Failed", 0, 0)


def test_a_gate_that_is_content_and_cannot_say_so_is_no_permission(group: Group) -> None:
    outcome = deploy(group, reports=gate(reachable=False))

    assert (outcome.status, outcome.most, outcome.ends_at) == ("Failed", 0, 0)


def test_a_gate_that_refuses_once_all_traffic_is_there_takes_all_of_it_back(group: Group) -> None:
    outcome = deploy(group, reports=gate(problem="no policy", at="AfterAllowTraffic"))

    assert (outcome.status, outcome.most, outcome.ends_at) == ("Failed", 100, 0)


def _fires(name: str, fires: int, alarm: str, minute: int) -> bool:
    return alarm == name and minute >= fires


def test_any_watched_alarm_at_any_minute_of_the_shift_takes_all_traffic_back(group: Group) -> None:
    assert group.alarms
    for name in group.alarms:
        for fires in range(1, group.minutes + 1):
            outcome = deploy(
                group,
                active=partial(_fires, name, fires),
            )

            assert (outcome.status, outcome.ends_at) == ("Stopped", 0)
            assert outcome.most <= 10 * (1 + fires // 3)


def test_an_alarm_that_is_active_already_refuses_a_release_the_one_back_too(group: Group) -> None:
    """Shows why docs/deploy.md has a way back that is no deployment, and a parameter that leaves the alarms out."""
    for name in group.alarms:
        outcome = deploy(group, active=partial(_fires, name, 0))

        assert (outcome.status, outcome.ends_at) == ("Refused", 0)


def _with(parameter: str, value: str, folder: Path) -> Deployment:
    of = deployment("production")
    template = copy.deepcopy(dict(of.stacks[""].template))
    (folder / "template.yaml").write_text(json.dumps(template))
    names = {"AWS::StackName": of.stack_name, "Environment": "production", parameter: value}
    changed = translate(folder / "template.yaml", names)
    return assembled({**of.stacks, "": changed})


def test_one_parameter_leaves_the_alarms_out_and_leaves_the_gate_in(tmp_path: Path) -> None:
    parameters = deployment("production").stacks[""].template["Parameters"]
    switches = {
        (name, value)
        for name, one in parameters.items()
        for value in one.get("AllowedValues", ())
        if one.get("Default") in ("true", "false") and value != one["Default"]
    }
    switched = {name: groups_of(_with(name, value, tmp_path)) for name, value in switches}
    without = {name: groups for name, groups in switched.items() if not any(group.alarms for group in groups)}

    assert len(without) == 1, f"switches that leave out all alarms: {sorted(without)}"
    [groups] = without.values()
    assert len(groups) == len(GROUPS)
    for group in groups:
        outcome = deploy(group, reports=gate(), active=lambda _alarm, _minute: True)
        assert (outcome.status, outcome.ends_at) == ("Succeeded", 100)
        assert deploy(group, reports=gate(problem="no table")).most == 0


FAULTS: Final = {
    "crashes on a route that the gate does not try": ("release-function_errors", "api_errors"),
    "answers 503 everywhere": ("api_errors",),
    "denies what it allowed": ("release-denials",),
    "confuses tenants": ("release-tenant_mismatches",),
    "cannot read guards": ("alert_replay_guard_unavailable",),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_release_that_misbehaves_in_traffic_goes_back_before_it_has_all_of_it(group: Group, fault: str) -> None:
    of = deployment("production")
    raised = {f"{of.stack_name}-{name}" for name in FAULTS[fault]}

    outcome = deploy(group, active=lambda name, minute: name in raised and minute >= active_from(of, name, group))

    assert (outcome.status, outcome.ends_at) == ("Stopped", 0), f"{fault}: none of {sorted(raised)} is watched"
    assert outcome.most < 100


def test_every_alarm_that_is_watched_is_deployed(group: Group) -> None:
    of = deployment("production")
    deployed = {of.properties(path)["AlarmName"] for path in of.of_type("AWS::CloudWatch::Alarm")}

    assert set(group.alarms) <= deployed
    # Its own function's errors among others', and no errors of one that is not part of the release.
    [errors] = {one for one in group.alarms if "function_errors" in one}
    counted = {
        dimension["Value"]
        for query in alarm(of, errors)["Metrics"]
        for dimension in query.get("MetricStat", {}).get("Metric", {}).get("Dimensions", ())
    }
    assert group.function in counted
    assert counted <= {*GROUPS}


@pytest.mark.parametrize(
    ("configuration", "steps"),
    [
        ("CodeDeployDefault.LambdaAllAtOnce", ((0, 100),)),
        ("CodeDeployDefault.LambdaCanary10Percent5Minutes", ((0, 10), (5, 100))),
        ("CodeDeployDefault.LambdaLinear10PercentEvery1Minute", tuple((step, 10 * (step + 1)) for step in range(10))),
    ],
)
def test_the_model_reads_codedeploys_own_configurations(configuration: str, steps: tuple[tuple[int, int], ...]) -> None:
    assert steps_of(configuration) == steps


def test_the_model_leaves_traffic_where_it_is_if_a_group_does_not_roll_back(group: Group) -> None:
    stuck = Group(group.function, ("alarm",), frozenset(), group.hooks, group.steps)

    assert deploy(stuck, active=lambda _, minute: minute >= 4).ends_at == 20
