"""Compares what AWS takes at most, each against the largest that this service makes.

The numbers are AWS's quotas that nobody can raise. An emulator checks none of them.
"""

import json
from collections.abc import Mapping
from typing import Any, Final

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from handshake.api.http import MAX_CORRELATION_ID_LENGTH
from handshake.requests.action_bodies import MAX_IDEMPOTENCY_KEY_LENGTH
from handshake.trust.identity import MAX_ENVELOPE_BYTES
from handshake.trust.token import MAX_TOKEN_BYTES
from ops.local.settings import ROOT
from ops.local.translation import deploy_parameters
from tests.aws.codedeploy import groups_of
from tests.aws.iam import documents_of, listed
from tests.aws.test_names import given
from tests.aws.translated import ENVIRONMENTS, REGION, Deployment, deployment
from tests.aws.use_cases import Observed

HEADERS: Final = 10_240  # API Gateway: all header lines together, names and values
SESSION_TOKEN: Final = 2_048  # of a role's credentials; AWS names no bound, and those seen are shorter
EXPRESSION: Final = 4_096
TEMPLATE_IN_CALL: Final = 51_200
TEMPLATE: Final = 1_000_000
RESOURCES, OUTPUTS, PARAMETERS = 500, 200, 200
ALARMS_OF_A_GROUP: Final = 10
EMF_DIMENSIONS, EMF_METRICS = 30, 100
ENVIRONMENT: Final = 4_096
INLINE_POLICIES: Final = 10_240  # of one role, all together, without white space
ACCESS_LOG_FORMAT: Final = 3_072
# The longest name of each type that the stack's name is part of.
NAMES: Final[Mapping[str, int]] = {
    "AWS::ApiGateway::RestApi": 1024,
    "AWS::CloudTrail::Trail": 128,
    "AWS::CloudWatch::Alarm": 255,
    "AWS::CloudWatch::CompositeAlarm": 255,
    "AWS::CloudWatch::Dashboard": 255,
    "AWS::Events::EventBus": 256,
    "AWS::Events::Rule": 64,
    "AWS::KMS::Alias": 256,
    "AWS::Lambda::Function": 64,
    "AWS::Lambda::LayerVersion": 140,
    "AWS::Logs::LogGroup": 512,
    "AWS::Logs::QueryDefinition": 255,
    "AWS::SNS::Topic": 256,
    "AWS::SQS::Queue": 80,
    "AWS::Scheduler::Schedule": 64,
    "AWS::WAFv2::WebACL": 128,
    "AWS::XRay::SamplingRule": 32,
}
LONGEST_STACK_NAME: Final = 128


def header_bytes(**sizes: int) -> int:
    """Measure the headers of a signed call, the values of ours as long as ``sizes`` says, as they go over the wire."""
    credentials = Credentials("A" * 20, "s" * 40, "t" * sizes.pop("session_token", SESSION_TOKEN))
    url = f"https://abcdefghij.execute-api.{REGION}.amazonaws.com/production/workflow/decision-room/action"
    ours = {name.replace("_", "-"): "x" * size for name, size in sizes.items()}
    request = AWSRequest("POST", url, data=b"{}", headers={"content-type": "application/json", **ours})
    SigV4Auth(credentials, "execute-api", REGION).add_auth(request)
    lines = dict(request.headers.items()) | {"Host": url.split("/")[2], "Content-Length": "65536", "Accept": "*/*"}
    lines["User-Agent"] = "u" * 100
    # What the edge of AWS adds before API Gateway counts.
    lines |= {"X-Forwarded-For": "f" * 39, "X-Forwarded-Proto": "https", "X-Amzn-Trace-Id": "t" * 74}
    return sum(len(f"{name}: {value}\r\n") for name, value in lines.items())


ALL_BUT_ENVELOPE_AND_TOKEN: Final = header_bytes(
    x_correlation_id=MAX_CORRELATION_ID_LENGTH,
    x_idempotency_key=MAX_IDEMPOTENCY_KEY_LENGTH,
    x_identity_envelope=0,
    x_internal_trust_context=0,
)


@pytest.mark.parametrize(
    "alone", [{"x_identity_envelope": MAX_ENVELOPE_BYTES}, {"x_internal_trust_context": MAX_TOKEN_BYTES}]
)
def test_an_envelope_or_a_token_as_long_as_the_contract_allows_gets_through(alone: Mapping[str, int]) -> None:
    others = {"x_correlation_id": MAX_CORRELATION_ID_LENGTH, "x_idempotency_key": MAX_IDEMPOTENCY_KEY_LENGTH}

    assert header_bytes(**others, **alone) <= HEADERS


def test_the_joint_limit_of_envelope_and_token_is_documented() -> None:
    """Both at their limits do not pass API Gateway, whose refusal says nothing of ours: callers must know before."""
    assert ALL_BUT_ENVELOPE_AND_TOKEN + MAX_ENVELOPE_BYTES + MAX_TOKEN_BYTES > HEADERS
    said = [path.name for path in (*(ROOT / "docs").glob("*.md"), ROOT / "README.md") if "10,240" in path.read_text()]

    assert said


def test_no_expression_that_was_seen_is_near_what_dynamodb_takes(observed: Observed) -> None:
    assert max(map(len, observed.expressions)) <= EXPRESSION // 2


def test_no_log_line_has_more_dimensions_or_metrics_than_cloudwatch_reads(observed: Observed) -> None:
    directives = [one for line in observed.lines if "_aws" in line for one in line["_aws"]["CloudWatchMetrics"]]

    assert directives
    assert max(len(dimensions) for one in directives for dimensions in one["Dimensions"]) <= EMF_DIMENSIONS
    assert max(len(one["Metrics"]) for one in directives) <= EMF_METRICS


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_templates_fit_and_go_by_way_of_a_bucket_where_a_call_is_too_small(environment: str) -> None:
    of = deployment(environment)
    sizes = {path: len(json.dumps(stack.resources).encode()) for path, stack in of.stacks.items()}
    sources = [len(stack.path.read_bytes()) for stack in of.stacks.values()]

    assert max(*sizes.values(), *sources) <= TEMPLATE
    assert len(of.resources) <= RESOURCES
    for stack in of.stacks.values():
        assert len(stack.template.get("Outputs", {})) <= OUTPUTS
        assert len(stack.template.get("Parameters", {})) <= PARAMETERS
    if max(sources) > TEMPLATE_IN_CALL or len(of.stacks) > 1:
        settings = deploy_parameters(ROOT, environment)
        assert settings.get("resolve_s3") or settings.get("s3_bucket")


@pytest.mark.parametrize("group", groups_of(deployment("production")), ids=lambda group: group.function)
def test_codedeploy_watches_no_more_alarms_than_it_can(group: Any) -> None:
    assert len(group.alarms) == len(set(group.alarms)) <= ALARMS_OF_A_GROUP


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_a_functions_environment_fits(environment: str) -> None:
    of = deployment(environment)
    for path in of.of_type("AWS::Lambda::Function"):
        variables = of.properties(path)["Environment"]["Variables"]
        # Room for a few issuers more than none.
        assert sum(len(f"{name}{value}") for name, value in variables.items()) <= ENVIRONMENT // 2, path


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_a_roles_inline_policies_fit(environment: str) -> None:
    of = deployment(environment)
    for role in of.of_type("AWS::IAM::Role"):
        inline = [of.value(role, document) for path, document in documents_of(of, role) if path == role]
        assert len("".join(json.dumps(one, separators=(",", ":")) for one in inline)) <= INLINE_POLICIES, role


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_the_access_logs_format_fits(environment: str) -> None:
    for stage in deployment(environment).of_type("AWS::ApiGateway::Stage").values():
        assert len(stage["Properties"]["AccessLogSetting"]["Format"]) <= ACCESS_LOG_FORMAT


def longest_stack_name(of: Deployment) -> tuple[int, str]:
    """Find how long the stack's name may be before some name that it is part of is too long, and which is first."""
    bounds = [(LONGEST_STACK_NAME, "AWS")]
    for path, resource in of.resources.items():
        for _, value in given(of, path):
            name = str(of.value(path, value))
            if of.stack_name in name and resource["Type"] in NAMES and ":" not in name:
                rest = len(name) - name.count(of.stack_name) * len(of.stack_name)
                bounds.append(((NAMES[resource["Type"]] - rest) // name.count(of.stack_name), path))
    return min(bounds)


def test_every_type_that_is_named_after_the_stack_has_its_limit_here() -> None:
    of = deployment("production")
    named = {
        of.resources[path]["Type"]
        for path in of.resources
        for _, value in given(of, path)
        if of.stack_name in str(value) and not any(isinstance(one, dict) for one in listed(value))
    }

    assert named <= {*NAMES}


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_the_stacks_name_leaves_room_for_every_name_after_it(environment: str) -> None:
    of = deployment(environment)

    assert len(of.stack_name) <= longest_stack_name(of)[0], longest_stack_name(of)


def test_the_longest_name_that_a_stack_may_have_is_documented() -> None:
    longest, first = longest_stack_name(deployment("production"))
    text = " ".join((ROOT / "docs" / "deploy.md").read_text().split())

    assert f"at most {longest} characters" in text, f"{first} lets a stack's name have {longest} characters"
