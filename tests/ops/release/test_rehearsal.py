"""A release with production's parameters, played on this machine: to its end, and to where something is wrong."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import boto3
import pytest
from botocore.exceptions import ClientError
from typer.testing import CliRunner

from ops.commands import rehearse as command
from ops.commands.app import app
from ops.local.cloudwatch.definitions import METRIC_ALARM
from ops.local.emulator import emulator
from ops.local.settings import REGION, ROOT, ROOT_KEY
from ops.local.stack import LocalStack
from ops.local.translation import ENVIRONMENTS, stack_name
from ops.release import rehearsal as release
from ops.release.rehearsal_log import Log, RehearsalFailedError, Step, require
from ops.release.unsupported_resources import UNSUPPORTED, left_out, stacks, without_unsupported

STEPS: Final = [
    "build with SAM",
    "start a local AWS",
    "deploy with SAM",
    "hold what is deployed against production's template",
    "ask the release gate before the migrations",
    "apply migrations",
    "preflight the live schema",
    "ask the release gate",
    "call every route unsigned, and some signed",
    "release what is unsafe: nobody may assert identities",
    "release again, mended and with another deadline",
    "ask the release gate again",
    "find what the first release decided",
]
LEFT_OUT: Final = {
    "ServerlessDeploymentApplication": "AWS::CodeDeploy::Application",
    "WorkflowFunctionDeploymentGroup": "AWS::CodeDeploy::DeploymentGroup",
    "DecisionRoomFunctionDeploymentGroup": "AWS::CodeDeploy::DeploymentGroup",
    "GrantsFunctionDeploymentGroup": "AWS::CodeDeploy::DeploymentGroup",
    "PolicyApplyFunctionDeploymentGroup": "AWS::CodeDeploy::DeploymentGroup",
    "PolicyFunctionDeploymentGroup": "AWS::CodeDeploy::DeploymentGroup",
    "AgentsFunctionDeploymentGroup": "AWS::CodeDeploy::DeploymentGroup",
    "MetricsFunctionDeploymentGroup": "AWS::CodeDeploy::DeploymentGroup",
    "TrustSecretRotation": "AWS::SecretsManager::RotationSchedule",
    "TracingSample": "AWS::XRay::SamplingRule",
    "Page": "AWS::CloudWatch::CompositeAlarm",
    "ReleaseDenials": "AWS::CloudWatch::Alarm",  # on metric math
    "ReleaseTenantMismatches": "AWS::CloudWatch::Alarm",
    "ReleaseFunctionErrors": "AWS::CloudWatch::Alarm",
    "DenialsByReason": "AWS::Logs::QueryDefinition",
    "WhoIsDenied": "AWS::Logs::QueryDefinition",
    "OneCorrelationId": "AWS::Logs::QueryDefinition",
    "SlowCalls": "AWS::Logs::QueryDefinition",
    "LatencyByEndpoint": "AWS::Logs::QueryDefinition",
    "WhyUnavailable": "AWS::Logs::QueryDefinition",
    "ScheduledWork": "AWS::Logs::QueryDefinition",
    "ToldAndNot": "AWS::Logs::QueryDefinition",
}


@pytest.fixture(autouse=True)
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Say where receipts go."""
    monkeypatch.setattr(command, "RECEIPTS", tmp_path / "rehearsals")
    return tmp_path / "rehearsals"


def _rehearse() -> tuple[int, Any]:
    ended = CliRunner().invoke(app, ["rehearse", "--json"])
    return ended.exit_code, json.loads(ended.stdout)


@pytest.mark.waits
@pytest.mark.timeout(300)
def test_releases_are_played_from_the_first_deployment_to_the_next_good_one(kept: Path) -> None:
    code, receipt = _rehearse()

    assert (code, receipt["problem"], receipt["passed"]) == (0, "", True)
    assert [step["name"] for step in receipt["steps"]] == STEPS
    assert all(step["seen"] for step in receipt["steps"][3:])
    seen = "\n".join(line for step in receipt["steps"] for line in step["seen"])
    for alert in ("alert_replay_guard_unavailable at 1", "alert_denial_spike at 0.3", "tenant_mismatch_spike at 0.05"):
        assert alert in seen
    assert seen.count("refused: ") == 2
    assert "from version 2 to 3" in seen
    assert {one["logicalId"]: one["type"] for one in receipt["leftOut"]} == LEFT_OUT
    assert [json.loads(path.read_text()) for path in kept.iterdir()] == [receipt]


def test_what_a_rehearsal_leaves_out_is_exactly_this() -> None:
    assert {one.logical_id: one.type for one in left_out()} == LEFT_OUT
    assert set(LEFT_OUT.values()) == UNSUPPORTED - OPTIONAL | {METRIC_ALARM}


OPTIONAL: Final = {"AWS::WAFv2::WebACLAssociation"}  # made where a parameter asks for them
FIREWALLS: Final = {"FirewallOfTheApi", "FirewallOfPeoplesApi"}


@pytest.fixture(scope="module")
def cloudformation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The emulated CloudFormation, with nothing in it."""
    with emulator(log=tmp_path_factory.mktemp("emulator") / "log") as endpoint:
        yield boto3.Session(*ROOT_KEY, region_name=REGION).client("cloudformation", endpoint_url=endpoint)


def test_it_leaves_out_what_the_emulator_refuses_and_nothing_that_it_knows(cloudformation: Any) -> None:
    kinds = {str(one["Type"]) for stack in stacks().values() for one in stack.resources.values()} | OPTIONAL

    def refused(kind: str) -> bool:
        try:
            cloudformation.validate_template(TemplateBody=json.dumps({"Resources": {"One": {"Type": kind}}}))
        except ClientError as error:
            return "Unrecognized resource types" in str(error)
        return False

    assert {kind for kind in kinds if refused(kind)} == UNSUPPORTED


def test_the_stacks_of_this_machine_are_named_as_those_of_samconfig() -> None:
    assert {name: stack_name(ROOT, name) for name in ENVIRONMENTS} == {
        name: LocalStack(environment=name).name for name in ENVIRONMENTS
    }


def _deployable(tmp_path: Path, **parameters: str | int) -> Any:
    # A built template differs from its source in where the artefacts are.
    return json.loads(without_unsupported(ROOT / "template.yaml", parameters, tmp_path).read_text())


def _nested_in(template: Any, name: str) -> Any:
    return json.loads(Path(template["Resources"][name]["Properties"]["Location"]).read_text())


def test_what_is_deployable_is_the_template_without_what_it_lists(tmp_path: Path) -> None:
    template = _deployable(tmp_path)
    alarms = _nested_in(template, "Alarms")
    parts = {
        "": template,
        "State": _nested_in(template, "State"),
        "Alarms": alarms,
        "Alarms/Dashboard": _nested_in(alarms, "Dashboard"),
    }

    assert parts.keys() == stacks().keys()
    for name, part in parts.items():
        whole = stacks()[name]
        resources = [one for name, one in part["Resources"].items() if not name.startswith("Fn::ForEach::")]
        assert {one["Type"] for one in resources}.isdisjoint(UNSUPPORTED)
        assert whole.template["Resources"].keys() - part["Resources"].keys() <= LEFT_OUT.keys() | FIREWALLS
    assert "DeploymentPreference" not in json.dumps(template)
    code = template["Resources"]["WorkflowFunction"]["Properties"]["CodeUri"]
    assert Path(code).is_absolute()
    assert Path(code).is_dir()


def test_a_parameter_stands_in_it_by_value_so_that_a_change_makes_a_version_and_a_secret_does_not(
    tmp_path: Path,
) -> None:
    template = _deployable(tmp_path, EscalationTtlSeconds=240, EnvelopeIssuers="one,two", TrustSecretValue="secret")
    variables = template["Resources"]["WorkflowFunction"]["Properties"]["Environment"]["Variables"]

    assert variables["ESCALATION_TTL_SECONDS"] == "240"
    assert variables["ENVELOPE_ISSUERS"] == {"Fn::Join": [",", ["one", "two"]]}
    assert variables["WORKFLOW_TABLE"] == {"Fn::GetAtt": ["State", "Outputs.WorkflowTable"]}
    assert '"secret"' not in json.dumps(template)


def _stumble(log: Log) -> None:
    with log.step("one") as saw:
        saw("this", "that")
    with log.step("another"):
        require(holds=False, problem="it does not hold")


def test_a_rehearsal_that_a_step_ends_says_which_and_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(release, "play", _stumble)
    code, receipt = _rehearse()

    assert (code, receipt["passed"], receipt["problem"]) == (1, False, "it does not hold")
    assert [(step["name"], step["seen"], step["problem"]) for step in receipt["steps"]] == [
        ("one", ["this", "that"], ""),
        ("another", [], "it does not hold"),
    ]


def test_people_are_shown_each_step_what_was_left_out_and_the_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(release, "play", _stumble)
    shown = CliRunner().invoke(app, ["rehearse"]).stderr

    for line in ("done one", "     that", "failed another", "error: it does not hold"):
        assert line in shown
    assert all(f"left out {name} {kind}" in shown for name, kind in LEFT_OUT.items())


def test_a_step_that_cannot_be_taken_is_no_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    def play(_: Log) -> None:
        raise ConnectionError("nobody there")

    monkeypatch.setattr(release, "play", play)

    assert _rehearse()[1]["problem"] == "ConnectionError: nobody there"


def test_an_interrupted_step_is_no_step_that_went_as_it_must() -> None:
    ended = list[Step]()
    with pytest.raises(KeyboardInterrupt), Log(ended.append).step("one"):
        raise KeyboardInterrupt

    assert [step.problem for step in ended] == ["it was interrupted"]


def test_what_must_hold_and_does_is_no_failure() -> None:
    require(holds=True, problem="never said")
    with pytest.raises(RehearsalFailedError, match="said"):
        require(holds="", problem="said")
