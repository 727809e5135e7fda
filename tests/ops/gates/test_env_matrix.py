"""check:env-matrix, against templates and settings that would expose production or leave it unguarded."""

import re
from pathlib import Path

import pytest

from ops.gates.env_matrix import check
from ops.gates.env_rules.exposure import unpublished
from ops.gates.env_rules.safeguards import canary
from ops.gates.gate import Options
from ops.gates.registry import GATES
from ops.gates.run import run
from ops.local.translation import translate
from ops.verdict import MistakeError
from tests.ops.gates.conftest import Commit, Edit
from tests.ops.gates.findings import problems

# What an environment lacks as it is, so that each test looks at what it broke.
EDITS = {
    "a missing section": (
        "samconfig.toml",
        "[production.deploy.parameters]",
        "[prod.deploy.parameters]",
        "production: section in samconfig.toml: missing",
    ),
    "another environment's name": (
        "samconfig.toml",
        '"Environment=production ',
        '"Environment=staging ',
        "production: Environment parameter: it is staging, not production",
    ),
    "a committed secret": (
        "samconfig.toml",
        '"Environment=production ',
        '"Environment=production TrustSecretValue=known ',
        "production: no secret in samconfig.toml: TrustSecretValue",
    ),
    "a trust secret that the processed template shows": (
        "samconfig.toml",
        'parameter_overrides = "Environment=production ',
        'parameter_overrides = "Environment=production TrustSecretValue=known ',
        "production: value of the trust secret: given in the template: TrustSecret",
    ),
    "a trust secret by default": (
        "template.yaml",
        '  TrustSecretValue:\n    Type: String\n    Default: ""',
        "  TrustSecretValue:\n    Type: String\n    Default: known",
        "staging: value of the trust secret: given in the template: TrustSecret",
    ),
    "a fixed ENVIRONMENT": (
        "template.yaml",
        "ENVIRONMENT: !Ref Environment",
        "ENVIRONMENT: development",
        "WorkflowFunction: development",
    ),
    "an open route": (
        "template.yaml",
        "Path: /metrics/summary}",
        "Path: /metrics/summary, Auth: {Authorizer: NONE}}",
        "production: routes open to anonymous callers: GET /metrics/summary",
    ),
    "a function URL": (
        "template.yaml",
        "      CodeUri: functions/metrics\n",
        "      CodeUri: functions/metrics\n      FunctionUrlConfig: {AuthType: NONE}\n",
        "production: function URLs, public permissions: MetricsFunction",
    ),
    "a second stage": (
        "template.yaml",
        "    OpenApiVersion: 3.0.1",
        "    AlwaysDeploy: false",
        "production: stages: it is ",
    ),
    "a canary stage": (
        "template.yaml",
        "    EndpointConfiguration: {Type: REGIONAL}",
        "    EndpointConfiguration: {Type: REGIONAL}\n    CanarySetting: {PercentTraffic: 10}",
        "has a canary of its own",
    ),
    "a domain beside the default endpoint": (
        "template.yaml",
        "  ApiAccessLogs:\n",
        "  ApiDomain: {Type: AWS::ApiGateway::DomainName, Properties: {DomainName: here}}\n\n  ApiAccessLogs:\n",
        "production: default endpoint: open beside a domain of its own",
    ),
    "traced data": (
        "template.yaml",
        "DataTraceEnabled: false",
        "DataTraceEnabled: true",
        "production: request data in gateway logs: ",
    ),
    "a laxer alert": (
        "alarms/template.yaml",
        "DenialRate: 0.3,",
        "DenialRate: 0.4,",
        "production: alert thresholds: alert_denial_spike is 0.4, not 0.3",
    ),
    "a lost alert": (
        "alarms/template.yaml",
        "${Service}-alert_tenant_mismatch_spike",
        "${Service}-tenant_mismatch",
        "alert_tenant_mismatch_spike is missing, not 0.05",
    ),
    "short logs": (
        "template.yaml",
        "LogRetentionDays: 365",
        "LogRetentionDays: 30",
        "production: log retention, days: ",
    ),
    "a function without a log group": (
        "template.yaml",
        "      LoggingConfig: {LogGroup: !Ref WorkflowLogs}\n",
        "",
        "WorkflowFunction has no group",
    ),
    "data that goes with the stack": (
        "state/template.yaml",
        "UpdateReplacePolicy: !If [IsProduction, Retain, Delete]",
        "UpdateReplacePolicy: !If [IsProduction, Delete, Delete]",
        "production: tables, secret and logs kept: not retained: ",
    ),
    "what a failed create would leave behind": (
        "state/template.yaml",
        "DeletionPolicy: !If [IsProduction, RetainExceptOnCreate, Delete]",
        "DeletionPolicy: !If [IsProduction, Retain, Delete]",
        "production: tables, secret and logs kept: not retained: ",
    ),
    "an unprotected table": (
        "state/template.yaml",
        "DeletionProtectionEnabled: !If [IsProduction, true, false]",
        "DeletionProtectionEnabled: false",
        "production: deletion protection: off for WorkflowTable",
    ),
}


@pytest.fixture(scope="module")
def as_it_is() -> str:
    """Give what the gate finds in the checkout itself."""
    return problems(check(Options()))


@pytest.mark.parametrize("name", EDITS)
def test_what_would_expose_production_or_leave_it_unguarded_is_found(
    as_it_is: str, options: Options, edit: Edit, name: str
) -> None:
    file, old, new, said = EDITS[name]

    edit(file, old, new)

    assert said not in as_it_is
    assert said in problems(check(options))


def test_the_matrix_shows_every_rule_for_every_environment(options: Options) -> None:
    verdict = check(options)

    [matrix] = verdict.notes
    assert [
        name for one in verdict.checked if (name := one.partition(", in ")[0].partition(" ")[0]) not in matrix
    ] == []
    assert max(map(len, f"   {matrix}".splitlines())) <= 80
    assert all(name in matrix for name in ("local", "staging", "production"))


def test_settings_that_cannot_be_read_are_not_judged(options: Options) -> None:
    (options.root / "samconfig.toml").write_text("[production")

    with pytest.raises(MistakeError, match=r"samconfig\.toml:1: samconfig\.toml cannot be read"):
        check(options)


@pytest.mark.parametrize("other", ["staging", "prod"])
def test_settings_of_another_environment_are_the_one_finding(options: Options, edit: Edit, other: str) -> None:
    edit("samconfig.toml", '"Environment=production ', f'"Environment={other} ')

    [finding] = check(options).findings

    line = 1 + (options.root / "samconfig.toml").read_text().splitlines().index(
        f'parameter_overrides = "Environment={other} ManageApiGatewayLogRole=false"'
    )
    assert finding.problem == (
        f"samconfig.toml:{line}: production: Environment parameter: it is {other}, not production"
    )
    assert "Environment=production" in finding.fix


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        ("template.yaml", "Resources:\n", "Resources:\n  - x\n", r"template.yaml:\d+: it is not YAML: expected"),
        ("state/template.yaml", "Resources:\n", "Resources: [\n", r"state/template.yaml:\d+: it is not YAML: "),
        ("template.yaml", "Resources:\n", "Resorces:\n", r"template.yaml: it is no template"),
        ("template.yaml", "CodeUri: functions/metrics\n", "CodeUri: !FindInMap [Settings, nowhere, X]\n", r":\d+: "),
        (
            "samconfig.toml",
            "ManageApiGatewayLogRole=false",
            "LogRole=false AuditInvocations=maybe",
            r"samconfig.toml:\d+: ",
        ),
    ],
)
def test_what_cannot_be_read_is_a_finding_with_its_line(  # noqa: PLR0917 - the parameters of one row
    options: Options,
    edit: Edit,
    commit: Commit,
    capsys: pytest.CaptureFixture[str],
    file: str,
    old: str,
    new: str,
    said: str,
) -> None:
    edit(file, old, new)
    commit()

    code = run(GATES["check:env-matrix"], options, command="poe check:env-matrix")

    printed = capsys.readouterr()
    assert (code, printed.err) == (GATES["check:env-matrix"].code, "")
    assert re.search(rf"FOUND: .*{said}.*\n     fix: ", printed.out), printed.out


SHIFTED = """
Transform: AWS::Serverless-2016-10-31
Parameters: {Service: {Type: String, Default: handshake}}
Resources:
  Api: {Type: AWS::Serverless::Api, Properties: {StageName: production}}
  Hook: {Type: AWS::Serverless::Function, Properties: {CodeUri: hook, Handler: app.handler, Runtime: python3.13}}
  Answer:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: answer
      Handler: app.handler
      Runtime: python3.13
      AutoPublishAlias: live
      Events: {Get: {Type: Api, Properties: {RestApiId: !Ref Api, Method: GET, Path: /}}}
      DeploymentPreference:
        Type: Canary10Percent5Minutes
        Hooks: {PreTraffic: !Ref Hook}
        Alarms:
          - !Sub ${Service}-alert_replay_guard_unavailable
          - !Sub ${Service}-release-denials
          - !Sub ${Service}-release-tenant_mismatches
"""


def test_a_route_to_what_was_uploaded_last_is_found(tmp_path: Path) -> None:
    template = tmp_path / "template.yaml"
    template.write_text(SHIFTED.partition("      DeploymentPreference:")[0])
    aliased = unpublished(translate(template, {}))
    template.write_text(template.read_text().replace("      AutoPublishAlias: live\n", ""))

    assert (aliased.wrong, unpublished(translate(template, {})).wrong) == ("", "GET /")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("", "", ""),
        ("Type: Canary10Percent5Minutes", "Type: AllAtOnce", "AnswerAliaslive: its deployment is all at once"),
        ("Type: Canary10Percent5Minutes", "Enabled: false", "AnswerAliaslive shifts all traffic at once"),
        ("        Hooks: {PreTraffic: !Ref Hook}\n", "", "AnswerAliaslive has no hook before traffic"),
        (
            "          - !Sub ${Service}-release-denials\n",
            "",
            "AnswerAliaslive: it is not rolled back by handshake-release-denials",
        ),
    ],
)
def test_a_release_that_is_not_shifted_guarded_and_rolled_back_is_found(
    tmp_path: Path, old: str, new: str, said: str
) -> None:
    template = tmp_path / "template.yaml"
    assert old in SHIFTED
    template.write_text(SHIFTED.replace(old, new, 1))

    assert canary(translate(template, {"AWS::StackName": "handshake"}), "production").wrong == said
