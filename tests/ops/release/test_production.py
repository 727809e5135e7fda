"""The production template, translated: the whole of it, held against what a release relies on."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from handshake.release.schema import SCHEMA
from ops.local.settings import ROOT
from ops.local.stack import LocalStack
from ops.local.translation import Translated, environment_of, nested, translate

PRODUCTION: Final = environment_of(ROOT, "production")
LOCAL: Final = environment_of(ROOT, "local")
ALARMS: Final = nested(PRODUCTION, "Alarms")
STATE: Final = nested(PRODUCTION, "State")
HTTP: Final = {"Workflow", "DecisionRoom", "Grants", "PolicyApply", "Policy", "Agents", "Metrics"}
ROLL_BACK: Final = {"alert_replay_guard_unavailable", "release-denials", "release-tenant_mismatches"}
# What production has and the local AWS is not given, because it does not know these types.
NOT_REHEARSED: Final = {
    "AWS::CodeDeploy::Application",
    "AWS::CodeDeploy::DeploymentGroup",
    "AWS::SecretsManager::RotationSchedule",
    "AWS::XRay::SamplingRule",
}


def _of(kind: str, stack: Translated = PRODUCTION) -> dict[str, Any]:
    return {name: one["Properties"] for name, one in stack.of_type(kind).items()}


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, one in value.items():
            if key == "Ref":
                yield one
            elif key == "Fn::GetAtt":
                yield one[0] if isinstance(one, list) else one.split(".")[0]
            elif key == "Fn::Sub":
                text = one[0] if isinstance(one, list) else one
                yield from (name.split(".")[0] for name in re.findall(r"\$\{([\w.]+)\}", text))
            else:
                yield from _references(one)
    elif isinstance(value, list):
        for one in value:
            yield from _references(one)


def test_every_reference_is_to_something_there_and_none_goes_round_in_a_circle() -> None:
    resources = PRODUCTION.resources
    needs = {
        name: {one for one in _references(resource) if one in resources} | set(_listed(resource.get("DependsOn")))
        for name, resource in resources.items()
    }
    unknown = {
        one
        for resource in resources.values()
        for one in _references(resource)
        if one not in resources and not one.startswith(("AWS", "__")) and one not in PRODUCTION.parameters
    }
    assert unknown == set()
    while needs:
        free = {name for name, wanted in needs.items() if not wanted & needs.keys() - {name}}
        assert free, f"these wait for each other: {sorted(needs)}"
        needs = {name: wanted for name, wanted in needs.items() if name not in free}


def _listed(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value or ())


def test_every_function_that_answers_the_api_shifts_its_traffic_behind_the_gate_and_the_three_alerts() -> None:
    groups = _of("AWS::CodeDeploy::DeploymentGroup")

    assert set(groups) == {f"{name}FunctionDeploymentGroup" for name in HTTP}
    for group in groups.values():
        alarms = {
            alarm["Name"].removeprefix("handshake-production-") for alarm in group["AlarmConfiguration"]["Alarms"]
        }
        watched = ROLL_BACK | {"api_errors", "release-function_errors"}
        assert (group["AlarmConfiguration"]["Enabled"], alarms) == (True, watched)
        assert len(alarms) <= 10, "CodeDeploy takes no more"
        assert set(group["AutoRollbackConfiguration"]["Events"]) >= {"DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_ALARM"}
        assert group["DeploymentConfigName"] == "CodeDeployDefault.LambdaLinear10PercentEvery3Minutes"
        assert group["ServiceRoleArn"] == {"Fn::GetAtt": ["TrafficShiftRole", "Arn"]}
    for name in HTTP:
        alias = PRODUCTION.resources[f"{name}FunctionAliaslive"]
        update = alias["UpdatePolicy"]["CodeDeployLambdaAliasUpdate"]
        assert update["DeploymentGroupName"] == {"Ref": f"{name}FunctionDeploymentGroup"}
        hooks = [update["BeforeAllowTrafficHook"], update["AfterAllowTrafficHook"]]
        assert hooks == [{"Ref": "ReleaseGateFunction"}] * 2


def _hyphened(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "-", name).lower()


def test_a_release_that_mends_what_alarms_watches_no_alarm_and_everything_else() -> None:
    broken_glass = translate(ROOT / "template.yaml", {**PRODUCTION.parameters, "ReleasesWatchAlarms": "false"})
    before, after = _of("AWS::CodeDeploy::DeploymentGroup"), _of("AWS::CodeDeploy::DeploymentGroup", broken_glass)

    assert before.keys() == after.keys()
    for name, group in after.items():
        assert not group.get("AlarmConfiguration", {}).get("Alarms")
        assert group.keys() | {"AlarmConfiguration"} == before[name].keys()
        assert group["DeploymentConfigName"] == before[name]["DeploymentConfigName"]


def test_the_alarms_that_roll_back_are_alarms_of_the_stack() -> None:
    names = {
        str(alarm["AlarmName"]).removeprefix("handshake-production-")
        for alarm in _of("AWS::CloudWatch::Alarm", ALARMS).values()
    }

    groups = _of("AWS::CodeDeploy::DeploymentGroup").values()
    watched = {alarm["Name"] for group in groups for alarm in group["AlarmConfiguration"]["Alarms"]}
    assert names >= {name.removeprefix("handshake-production-") for name in watched}


@pytest.mark.parametrize("parameter", sorted(PRODUCTION.template["Parameters"].keys() - {"Environment"}))
def test_no_parameter_switches_the_shift_off_for_production(parameter: str) -> None:
    shift = PRODUCTION.template["Resources"]["WorkflowFunction"]["Properties"]["DeploymentPreference"]

    assert set(_references(shift)) <= {
        "Environment",
        "TrafficShiftRole",
        "AWS::StackName",
        "ReleaseGateFunction",
        "AWS",
    }
    assert parameter not in json.dumps(shift)
    assert parameter not in json.dumps(PRODUCTION.template["Conditions"]["IsProduction"])


def test_the_gate_is_given_the_versions_of_this_release_and_every_table() -> None:
    variables = _of("AWS::Lambda::Function")["ReleaseGateFunction"]["Environment"]["Variables"]
    versions = {name: value["Ref"] for name, value in variables.items() if name.endswith("_VERSION")}

    assert len(versions) == len(HTTP)
    for name, version in versions.items():
        function = name.removesuffix("_VERSION").title().replace("_", "")
        assert PRODUCTION.resources[version]["Type"] == "AWS::Lambda::Version"
        assert PRODUCTION.resources[version]["Properties"]["FunctionName"] == {"Ref": f"{function}Function"}
    assert {f"{name.upper()}_TABLE" for name in SCHEMA} <= set(variables)


def test_the_gate_may_look_sign_and_invoke_and_nothing_more() -> None:
    [policy] = _of("AWS::IAM::Role")["ReleaseGateRole"]["Policies"]
    may = {action for statement in policy["PolicyDocument"]["Statement"] for action in _listed(statement["Action"])}

    assert may == {
        "logs:CreateLogStream",
        "logs:PutLogEvents",
        "dynamodb:DescribeTable",
        "dynamodb:DescribeTimeToLive",
        "dynamodb:BatchGetItem",
        "secretsmanager:DescribeSecret",
        "secretsmanager:GetSecretValue",
        "lambda:InvokeFunction",
        "codedeploy:PutLifecycleEventHookExecutionStatus",
        "xray:PutTraceSegments",
        "xray:PutTelemetryRecords",
    }


def test_a_function_that_traces_is_made_after_a_role_that_may() -> None:
    for function in _of("AWS::Lambda::Function").values():
        [role, _] = function["Role"]["Fn::GetAtt"]
        [policy] = PRODUCTION.resources[role]["Properties"]["Policies"]
        may = {action for statement in policy["PolicyDocument"]["Statement"] for action in _listed(statement["Action"])}

        assert function["TracingConfig"] == {"Mode": "Active"}
        assert may >= {"xray:PutTraceSegments", "xray:PutTelemetryRecords"}
    assert not PRODUCTION.of_type("AWS::IAM::ManagedPolicy", "AWS::IAM::Policy"), "it would be attached afterwards"


def test_the_secret_is_rotated_every_quarter_by_the_function_that_may() -> None:
    [schedule] = _of("AWS::SecretsManager::RotationSchedule").values()

    assert schedule["RotationLambdaARN"] == {"Fn::GetAtt": ["SecretRotationFunction", "Arn"]}
    assert schedule["RotationRules"] == {"AutomaticallyAfterDays": 90}
    assert schedule["RotateImmediatelyOnUpdate"] is False
    permission = _of("AWS::Lambda::Permission")["SecretRotationPermission"]
    assert (permission["Principal"], "SourceAccount" in permission) == ("secretsmanager.amazonaws.com", True)


def test_data_secrets_and_logs_survive_the_stack_and_not_a_create_that_failed() -> None:
    data = STATE.of_type("AWS::DynamoDB::Table", "AWS::SecretsManager::Secret")
    logs = PRODUCTION.of_type("AWS::Logs::LogGroup")

    assert len(data) == len(SCHEMA) + 2
    # Beside functions' own, the API's, and that of people, which is there before they are let in.
    assert len(logs) == len(_of("AWS::Lambda::Function")) + 2
    policies = {(one["DeletionPolicy"], one["UpdateReplacePolicy"]) for one in [*data.values(), *logs.values()]}
    assert policies == {("RetainExceptOnCreate", "Retain")}
    tables = _of("AWS::DynamoDB::Table", STATE).values()
    assert all(table["DeletionProtectionEnabled"] is True for table in tables)
    assert all(table["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"] is True for table in tables)


def test_staging_and_production_share_an_account_and_region() -> None:
    def named(stack: Translated) -> set[tuple[str, str]]:
        schedules = stack.of_type("AWS::Scheduler::Schedule").values()
        functions = stack.of_type("AWS::Lambda::Function").values()
        return {
            *(("schedule", one["Properties"]["Name"]) for one in schedules),
            *(("function", one["Properties"]["FunctionName"]) for one in functions),
        }

    staging = environment_of(ROOT, "staging")
    assert len(staging.of_type("AWS::Scheduler::Schedule")) == 3
    assert not named(staging) & named(PRODUCTION)
    owners = [one for one in (staging, PRODUCTION) if one.of_type("AWS::ApiGateway::Account")]
    assert owners == [staging], "the account has one log role"
    assert staging.resources["ApiGatewayLogRole"]["DeletionPolicy"] == "RetainExceptOnCreate"


def test_concurrency_is_reserved_where_one_function_could_starve_another() -> None:
    reserved = {
        name: one["ReservedConcurrentExecutions"]
        for name, one in _of("AWS::Lambda::Function").items()
        if "ReservedConcurrentExecutions" in one
    }

    assert reserved == {"WorkflowFunction": 200, "DecisionRoomFunction": 20, "PolicyApplyFunction": 20}


def _versions(stack: Translated) -> dict[str, str]:
    return {one["FunctionName"]["Ref"]: name for name, one in _of("AWS::Lambda::Version", stack).items()}


@pytest.mark.parametrize(
    ("setting", "functions"),
    [
        ("SubmissionConcurrency: 200", {"WorkflowFunction"}),
        ("PrivilegedConcurrency: 20", {"DecisionRoomFunction", "PolicyApplyFunction"}),
    ],
)
def test_raising_reserved_concurrency_publishes_a_version_that_differs(
    setting: str, functions: set[str], tmp_path: Path
) -> None:
    raised = tmp_path / "template.yaml"
    raised.write_text((ROOT / "template.yaml").read_text().replace(setting, f"{setting}0"))
    after = translate(raised, PRODUCTION.parameters)

    changed = {name for name, version in _versions(after).items() if version != _versions(PRODUCTION)[name]}
    assert changed == functions
    for name in functions:
        before, now = (_of("AWS::Lambda::Function", stack)[name] for stack in (PRODUCTION, after))
        assert now["ReservedConcurrentExecutions"] == before["ReservedConcurrentExecutions"] * 10
        assert now["Environment"] != before["Environment"], "Lambda publishes no version that equals the last"


def _with(**parameters: str) -> Translated:
    return translate(ROOT / "template.yaml", {**PRODUCTION.parameters, **parameters})


def test_a_firewall_counts_calls_by_address_where_it_is_asked_for() -> None:
    assert not PRODUCTION.of_type("AWS::WAFv2::WebACL", "AWS::WAFv2::WebACLAssociation")
    guarded = _with(CallsPerAddress="600")
    [rule] = _of("AWS::WAFv2::WebACL", guarded)["Firewall"]["Rules"]
    [association] = _of("AWS::WAFv2::WebACLAssociation", guarded).values()

    assert rule["Statement"]["RateBasedStatement"] == {
        "AggregateKeyType": "IP",
        "EvaluationWindowSec": 60,
        "Limit": "600",
    }
    assert association["ResourceArn"]["Fn::Sub"].endswith("::/restapis/${Api}/stages/${ApiproductionStage}")


def test_who_is_turned_away_by_the_firewall_is_told_to_come_back() -> None:
    responses = PRODUCTION.resources["Api"]["Properties"]["Body"]["x-amazon-apigateway-gateway-responses"]
    refusal = json.loads(responses["WAF_FILTERED"]["responseTemplates"]["application/json"])

    assert (responses["WAF_FILTERED"]["statusCode"], refusal["responseClass"]) == ("503", "retryable")
    assert responses["WAF_FILTERED"]["responseParameters"]["gatewayresponse.header.Retry-After"] == "'30'"


def test_invocations_past_the_api_alarm_where_that_is_asked_for() -> None:
    assert "Audit" not in PRODUCTION.resources
    audit = nested(_with(AuditInvocations="true"), "Audit")
    [selector] = _of("AWS::CloudTrail::Trail", audit)["Trail"]["AdvancedEventSelectors"]
    [arns] = (one["StartsWith"] for one in selector["FieldSelectors"] if one["Field"] == "resources.ARN")

    for name in HTTP:
        assert any(
            f":function:handshake-production-{_hyphened(name)}".startswith(arn[arn.index(":function") :])
            for arn in arns
        )
    [rule] = _of("AWS::Logs::MetricFilter", audit).values()
    [alarm] = _of("AWS::CloudWatch::Alarm", audit).values()
    [metric] = rule["MetricTransformations"]
    assert (metric["MetricNamespace"], metric["MetricName"]) == (alarm["Namespace"], alarm["MetricName"])


def test_snapshots_start_the_functions_of_the_api_where_they_are_asked_for() -> None:
    def started(stack: Translated) -> dict[str, Any]:
        functions = _of("AWS::Lambda::Function", stack).items()
        return {name: one["SnapStart"] for name, one in functions if "SnapStart" in one}

    assert started(PRODUCTION) == {}
    asked = _with(SnapStart="true")
    assert started(asked) == {f"{name}Function": {"ApplyOn": "PublishedVersions"} for name in HTTP}
    changed = {name for name, version in _versions(asked).items() if version != _versions(PRODUCTION)[name]}
    assert changed == {f"{name}Function" for name in HTTP}, "a snapshot is of a version"


def test_what_the_local_deployment_cannot_rehearse_is_exactly_this() -> None:
    def kinds(stack: Translated) -> set[str]:
        return {str(resource["Type"]) for resource in stack.resources.values()}

    assert kinds(PRODUCTION) - kinds(LOCAL) == NOT_REHEARSED
    assert kinds(LOCAL) - kinds(PRODUCTION) == {"AWS::ApiGateway::Account"}, "staging's stack makes it for both"
    # Versions and the API's deployment are named by digests of what they hold, others after the environment.
    named = {
        name
        for name in PRODUCTION.resources
        if name not in LOCAL.resources
        and not re.search(r"(Version|ApiDeployment|SharedLayer|CedarLayer)[0-9a-f]{10}$", name)
        and re.sub(r"production(Stage)?$", r"local\1", name) not in LOCAL.resources
    }
    assert named == {
        *(f"{name}FunctionDeploymentGroup" for name in HTTP),
        "ServerlessDeploymentApplication",
        "TracingSample",
        "SecretRotationPermission",
        "TrustSecretRotation",
    }


def test_everything_else_of_production_is_deployed_locally(stack: LocalStack) -> None:
    listed = stack.client("cloudformation").get_paginator("list_stack_resources").paginate(StackName="handshake-local")
    deployed = {
        one["ResourceType"]
        for page in listed
        for one in page["StackResourceSummaries"]
        if one["ResourceStatus"] == "CREATE_COMPLETE"
    }
    wanted = {str(resource["Type"]) for resource in PRODUCTION.resources.values()}

    assert wanted - deployed == NOT_REHEARSED
