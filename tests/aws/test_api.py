"""Checks what API Gateway and WAF do before our functions: an emulator's gateway does little of it."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import pytest

from ops.local.settings import ROOT
from ops.local.translation import Translated, translate
from tests.aws.iam import grants_of
from tests.aws.translated import ACCOUNT, ENVIRONMENTS, REGION, Deployment, assembled, deployment

RETRYABLE: Final = (
    "THROTTLED",
    "QUOTA_EXCEEDED",
    "WAF_FILTERED",
    "INTEGRATION_FAILURE",
    "INTEGRATION_TIMEOUT",
    "DEFAULT_5XX",
)
# How calls end, by what the access log says: whoever answered, and whatever a gateway response made of it.
ENDINGS: Final = {
    "answered": ("200", 0.0),
    "refused by us": ("409", 0.0),
    "not signed": ("401", 0.0),
    "throttled by the gateway": ("503", 1.0),
    "the function crashed": ("503", 1.0),
    "the function took too long": ("504", 1.0),
    "the function's answer means nothing": ("502", 1.0),
}


def switched(environment: str, **parameters: str) -> Translated:
    """Translate the template again, with other parameters than the environment's."""
    of = deployment(environment)
    known = of.stacks[""].parameters
    names = {name: known[name] for name in ("AWS::StackName", "Environment", "ManageApiGatewayLogRole")}
    return translate(ROOT / "template.yaml", names | parameters)


def switches(of: Deployment) -> Iterator[dict[str, str]]:
    """Yield each parameter that is off, turned on: "false" to "true", 0 to 100."""
    for name, one in of.stacks[""].template["Parameters"].items():
        default = str(one.get("Default"))
        if default == "false" or (default == "0" and one["Type"] == "Number"):
            yield {name: "true" if default == "false" else "100"}


def _bodies(environment: str) -> Mapping[str, Any]:
    [api] = deployment(environment).of_type("AWS::ApiGateway::RestApi").values()
    responses: Mapping[str, Any] = api["Properties"]["Body"]["x-amazon-apigateway-gateway-responses"]
    return responses


@pytest.mark.parametrize("environment", ENVIRONMENTS)
@pytest.mark.parametrize("kind", RETRYABLE)
def test_what_a_caller_may_try_again_says_when(environment: str, kind: str) -> None:
    response = _bodies(environment)[kind]
    [template] = response["responseTemplates"].values()

    assert str(response["statusCode"]) == "503"
    assert "gatewayresponse.header.Retry-After" in response["responseParameters"]
    assert json.loads(template)["responseClass"] == "retryable"


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_bodies_reach_the_functions_as_the_bytes_they_are(environment: str) -> None:
    """Without it the gateway hands bodies over as text, and repairs what is not UTF-8."""
    [api] = deployment(environment).of_type("AWS::ApiGateway::RestApi").values()
    given = [
        *api["Properties"].get("BinaryMediaTypes", ()),
        *api["Properties"]["Body"].get("x-amazon-apigateway-binary-media-types", ()),
    ]

    assert {one.replace("~1", "/") for one in given} == {"*/*"}


def _counts(of: Deployment, status: str) -> list[tuple[Mapping[str, Any], float]]:
    """Say what the access log's metric filters make of a line with this status, as CloudWatch Logs compares."""
    counted = []
    for path in of.of_type("AWS::Logs::MetricFilter"):
        properties = of.properties(path)
        read = re.fullmatch(r'\{ *\$\.status (=|!=) "([\d*]+)" *\}', properties["FilterPattern"])
        assert read, f"{path} compares otherwise than by the quoted status: {properties['FilterPattern']}"
        if (read[1] == "=") is bool(re.fullmatch(read[2].replace("*", ".*"), status)):
            [metric] = properties["MetricTransformations"]
            counted.append((metric, float(metric["MetricValue"])))
    return counted


@pytest.mark.parametrize("environment", ENVIRONMENTS)
@pytest.mark.parametrize("ending", ENDINGS)
def test_the_alarm_on_errors_counts_each_call_once_and_by_its_status(environment: str, ending: str) -> None:
    of = deployment(environment)
    status, value = ENDINGS[ending]
    [alarm] = [
        of.properties(path)
        for path in of.of_type("AWS::CloudWatch::Alarm")
        if of.properties(path)["AlarmName"] == f"{of.stack_name}-api_errors"
    ]

    counts = _counts(of, status)

    assert [number for _, number in counts] == [value], ending
    [(metric, _)] = counts
    assert (metric["MetricNamespace"], metric["MetricName"]) == (alarm["Namespace"], alarm["MetricName"])
    assert alarm["Statistic"] == "Average"
    [stage] = [of.properties(path) for path in of.of_type("AWS::ApiGateway::Stage")]
    line = json.loads(stage["AccessLogSetting"]["Format"])
    # A dimension is a field of the line, and what the line has there is what the alarm looks for.
    read = {one["Key"]: line[one["Value"].removeprefix("$.")] for one in metric.get("Dimensions", ())}
    assert read == {one["Name"]: one["Value"] for one in alarm.get("Dimensions", ())}
    assert line["status"] == "$context.status"


def test_one_switch_puts_a_limit_by_address_before_the_api() -> None:
    of = deployment("production")
    walls = {
        name: stack
        for turned in switches(of)
        for name in turned
        if (stack := switched("production", **turned)).of_type("AWS::WAFv2::WebACLAssociation")
    }

    assert len(walls) == 1, sorted(walls)
    assert not of.of_type("AWS::WAFv2::WebACL"), "it costs, so nobody has it who does not ask for it"
    [stack] = walls.values()
    behind = assembled({"": stack, **{path: one for path, one in of.stacks.items() if path}})
    [acl] = [behind.properties(path) for path in behind.of_type("AWS::WAFv2::WebACL")]
    rates = [
        rule["Statement"]["RateBasedStatement"] for rule in acl["Rules"] if "RateBasedStatement" in rule["Statement"]
    ]
    assert acl["Scope"] == "REGIONAL"
    assert rates
    for rate in rates:
        assert rate["AggregateKeyType"] == "IP", "WAF comes before IAM, and sees no principal"
        assert int(rate["Limit"]) >= 10
        assert int(rate.get("EvaluationWindowSec", 300)) in (60, 120, 300, 600)
    [association] = behind.of_type("AWS::WAFv2::WebACLAssociation")
    arn = behind.properties(association)["ResourceArn"]
    assert re.fullmatch(r"arn:aws:apigateway:us-east-1::/restapis/[^/]+/stages/production", arn), arn
    # The stage has to be there: its ARN is text, and makes no one wait.
    references = set(behind.references(association))
    assert references & {*behind.of_type("AWS::ApiGateway::Stage")}, f"it may be made before the stage: {references}"


def _holds(condition: Any, parameters: Mapping[str, Any]) -> Any:
    """Evaluate a condition of a template's Rules, which know parameters and no resources."""
    if not isinstance(condition, dict):
        return condition
    [(function, argument)] = condition.items()
    match function:
        case "Ref":
            return parameters[argument]
        case "Fn::Equals":
            return _holds(argument[0], parameters) == _holds(argument[1], parameters)
        case "Fn::Not":
            return not _holds(argument[0], parameters)
        case "Fn::And":
            return all(_holds(one, parameters) for one in argument)
        case "Fn::Or":
            return any(_holds(one, parameters) for one in argument)
    raise NotImplementedError(function)


def _refused(stack: Translated) -> bool:
    """Say whether a rule of the template refuses its parameters: CloudFormation then processes nothing."""
    return any(
        _holds(rule.get("RuleCondition", True), stack.parameters)
        and not all(_holds(one["Assert"], stack.parameters) for one in rule["Assertions"])
        for rule in stack.template.get("Rules", {}).values()
    )


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_a_given_secret_is_in_no_processed_template(environment: str) -> None:
    """Whoever may read the stack may read what a template was processed to; ``NoEcho`` hides the parameter alone."""
    given, usual = switched(environment, TrustSecretValue="readable-secret"), switched(environment)

    assert _refused(given) or "readable-secret" not in json.dumps(given.resources)
    assert not _refused(usual)


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_only_the_gateway_and_the_release_gate_may_invoke_what_believes_its_event(environment: str) -> None:
    """Whoever may invoke a function can claim any signer; nothing of this stack but these two may."""
    of = deployment(environment)
    http = {}
    for path, one in of.of_type("AWS::Lambda::Permission").items():
        function = of.value(path, one["Properties"]["FunctionName"]).removesuffix(":live")
        if one["Properties"]["Principal"] == "apigateway.amazonaws.com":
            source = of.value(path, one["Properties"]["SourceArn"])
            assert re.fullmatch(rf"arn:aws:execute-api:{REGION}:{ACCOUNT}:[\w-]+/\*/(GET|POST|PUT)/[^*].*", source), (
                source
            )
            http[function] = path
    others = {
        path
        for path, one in of.of_type("AWS::Lambda::Permission").items()
        if of.value(path, one["Properties"]["FunctionName"]).removesuffix(":live") in http
        and one["Properties"]["Principal"] != "apigateway.amazonaws.com"
    }
    roles = {
        role
        for role in of.of_type("AWS::IAM::Role")
        for grant in grants_of(of, role)
        if any(grant.allows("lambda:InvokeFunction", f"{function}:1") for function in http)
    }

    assert len(http) == 7
    assert others == set()
    assert roles == {"ReleaseGateRole"}
