"""The people's part of the template: what Cognito and API Gateway need, and that nobody gets past them."""

import re
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import replace
from typing import Any, Final

import pytest

from ops.gates.env_rules.exposure import open_routes
from ops.gates.parity import judge_template
from ops.local.translation import Translated, nested
from ops.openapi.document import peoples_routes, routes
from ops.verdict import Verdict
from tests.aws.test_api import switched
from tests.aws.translated import ENVIRONMENTS, deployment

ORIGIN: Final = "https://room.example"
ON: Final = {"PeopleSignIn": "true", "PageOrigin": ORIGIN}
OF_PEOPLE: Final = re.compile(r"People|UserPool|SignIn")


def with_people(environment: str, **parameters: str) -> Translated:
    """Translate the template with a sign-in for people."""
    return switched(environment, **ON, **parameters)


def _only(made: Translated, kind: str) -> Mapping[str, Any]:
    [resource] = made.of_type(kind).values()
    properties: Mapping[str, Any] = resource["Properties"]
    return properties


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_without_people_there_is_nothing_of_theirs_but_an_empty_log_group(environment: str) -> None:
    made = deployment(environment).stacks[""]
    alarms = nested(made, "Alarms")

    assert [name for name in made.resources if OF_PEOPLE.search(name)] == ["PeopleLogs"]
    assert [name for name in alarms.resources if OF_PEOPLE.search(name)] == []
    assert not [name for name in made.resources if made.resources[name]["Type"].startswith("AWS::Cognito::")]


def test_people_bring_their_own_resources_and_change_none_of_the_others() -> None:
    plain, made = deployment("production").stacks[""], with_people("production")
    kept = {name: one for name, one in made.resources.items() if name in plain.resources}
    changed = {name for name, one in kept.items() if one != plain.resources[name]}

    # The gate learns of their function, and the alarms of their alarms.
    assert changed <= {"ReleaseGateFunction", "ReleaseGateRole", "ReleaseGateFunctionAliaslive", "Alarms"}
    assert plain.resources.keys() - kept.keys() <= {
        name for name in plain.resources if name.startswith("ReleaseGateFunctionVersion")
    }


def test_nobody_makes_themselves_a_user_and_nobody_learns_who_is_one() -> None:
    pool, client = (_only(with_people("production"), f"AWS::Cognito::UserPool{kind}") for kind in ("", "Client"))

    assert pool["AdminCreateUserConfig"] == {"AllowAdminCreateUserOnly": True}
    assert pool["AccountRecoverySetting"] == {"RecoveryMechanisms": [{"Name": "admin_only", "Priority": 1}]}
    assert client["PreventUserExistenceErrors"] == "ENABLED"
    assert pool["UserPoolTier"] == "ESSENTIALS"


@pytest.mark.parametrize(
    ("environment", "mfa", "protection"),
    [("production", "ON", "ACTIVE"), ("staging", "OFF", "INACTIVE"), ("local", "OFF", "INACTIVE")],
)
def test_in_production_a_second_factor_is_needed_and_the_pool_is_not_lost(
    environment: str, mfa: str, protection: str
) -> None:
    made = with_people(environment)
    pool = _only(made, "AWS::Cognito::UserPool")

    assert (pool["MfaConfiguration"], pool["DeletionProtection"]) == (mfa, protection)
    # Cognito refuses a pool that names a factor and turns factors off.
    assert pool.get("EnabledMfas") == (["SOFTWARE_TOKEN_MFA"] if mfa == "ON" else None)
    kept = made.resources["UserPool"]["DeletionPolicy"], made.resources["UserPool"]["UpdateReplacePolicy"]
    assert kept == (("RetainExceptOnCreate", "Retain") if environment == "production" else ("Delete", "Delete"))


def test_the_page_gets_a_code_for_its_own_origin_and_no_claim_of_a_user_counts() -> None:
    client = _only(with_people("production"), "AWS::Cognito::UserPoolClient")

    assert (client["GenerateSecret"], client["AllowedOAuthFlowsUserPoolClient"]) == (False, True)
    assert (client["AllowedOAuthFlows"], client["AllowedOAuthScopes"]) == (["code"], ["openid"])
    assert client["ExplicitAuthFlows"] == ["ALLOW_REFRESH_TOKEN_AUTH"]
    assert client["CallbackURLs"] == client["LogoutURLs"] == [f"{ORIGIN}/"]
    # Left out, either means every attribute, custom ones included.
    assert client["WriteAttributes"]
    assert client["ReadAttributes"]
    assert not any(name.startswith("custom:") for name in (*client["WriteAttributes"], *client["ReadAttributes"]))
    assert client["TokenValidityUnits"]["IdToken"] == "minutes"
    assert 5 <= client["IdTokenValidity"] <= 60


@pytest.mark.parametrize("environment", ["staging", "production"])
def test_managed_login_has_a_page_to_show(environment: str) -> None:
    made = with_people(environment)

    assert _only(made, "AWS::Cognito::UserPoolDomain")["ManagedLoginVersion"] == 2
    assert _only(made, "AWS::Cognito::ManagedLoginBranding")["UseCognitoProvidedValues"] is True


@pytest.mark.parametrize(("given", "prefix"), [("", "handshake-production-123456789012"), ("rail", "rail")])
def test_the_domain_is_one_that_cognito_takes(given: str, prefix: str) -> None:
    made = with_people("production", **{"SignInDomain": given, "AWS::AccountId": "123456789012"})
    domain = _only(made, "AWS::Cognito::UserPoolDomain")["Domain"]

    assert domain == prefix
    assert re.fullmatch(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", domain)
    assert not any(reserved in domain for reserved in ("aws", "amazon", "cognito"))


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_every_route_of_peoples_is_behind_the_pool_and_every_one_of_callers_behind_iam(environment: str) -> None:
    made = with_people(environment)
    apis = {name: one["Properties"]["Body"] for name, one in made.of_type("AWS::ApiGateway::RestApi").items()}
    demands = {
        name: {
            (method.upper(), path): operation.get("security")
            for path, operations in body["paths"].items()
            for method, operation in operations.items()
            if method != "options"
        }
        for name, body in apis.items()
    }

    assert demands.keys() == {"Api", "PeopleApi"}
    assert {str(one) for one in demands["Api"].values()} == {"[{'AWS_IAM': []}]"}
    # Scopes would have API Gateway take access tokens, and ID tokens no more.
    assert {str(one) for one in demands["PeopleApi"].values()} == {"[{'SignedIn': []}]"}
    [served] = peoples_routes().values()
    assert demands["PeopleApi"].keys() == served.keys()
    [scheme] = apis["PeopleApi"]["components"]["securitySchemes"].values()
    assert scheme["x-amazon-apigateway-authorizer"]["providerARNs"] == [{"Fn::GetAtt": ["UserPool", "Arn"]}]
    assert scheme["x-amazon-apigateway-authorizer"]["type"] == "cognito_user_pools"


def test_both_apis_refuse_log_and_take_bodies_alike() -> None:
    made = with_people("production")
    own, peoples = (made.resources[name]["Properties"] for name in ("Api", "PeopleApi"))

    for name in ("x-amazon-apigateway-gateway-responses", "x-amazon-apigateway-binary-media-types"):
        assert own["Body"].get(name) == peoples["Body"].get(name)
    assert own.get("BinaryMediaTypes") == peoples.get("BinaryMediaTypes") == ["*~1*"]
    stages = [one["Properties"] for one in made.of_type("AWS::ApiGateway::Stage").values()]
    assert len(stages) == 2
    for name in ("AccessLogSetting", "MethodSettings", "TracingEnabled"):
        assert stages[0][name] == stages[1][name]


def test_one_switch_puts_the_limit_by_address_before_both_apis() -> None:
    made = with_people("production", CallsPerAddress="100")
    walls = made.of_type("AWS::WAFv2::WebACLAssociation").values()

    assert {str(one["Properties"]["ResourceArn"]) for one in walls} == {
        str({"Fn::Sub": f"arn:aws:apigateway:us-east-1::/restapis/${{{api}}}/stages/${{{api}productionStage}}"})
        for api in ("Api", "PeopleApi")
    }


def test_only_the_function_that_serves_people_knows_the_pool_and_has_the_layer() -> None:
    made = with_people("production")
    functions = made.of_type("AWS::Lambda::Function")
    knows = {name for name, one in functions.items() if "USER_POOL_ID" in str(one["Properties"].get("Environment"))}
    [layer] = [name for name in made.of_type("AWS::Lambda::LayerVersion") if name.startswith("SignInLayer")]
    has = {name for name, one in functions.items() if layer in str(one["Properties"].get("Layers"))}

    assert knows == has == {"PeopleFunction"}


def test_the_function_shifts_traffic_and_is_alarmed_like_those_of_callers() -> None:
    made = with_people("production")
    alarms = nested(made, "Alarms")
    watched = {
        (one["Properties"]["MetricName"], one["Properties"]["Dimensions"][0]["Value"])
        for one in alarms.of_type("AWS::CloudWatch::Alarm").values()
        if one["Properties"].get("Namespace") == "AWS/Lambda"
    }

    assert "PeopleFunctionDeploymentGroup" in made.of_type("AWS::CodeDeploy::DeploymentGroup")
    assert {("Errors", "handshake-production-people"), ("Throttles", "handshake-production-people")} <= watched


@pytest.mark.parametrize(
    ("origin", "taken"),
    [
        ("https://d111111abcdef8.cloudfront.net", True),
        ("http://127.0.0.1:3001", True),
        ("http://localhost:3001", True),
        ("http://room.example", False),
        ("https://room.example/", False),
        ("https://room.example/*", False),
        ("https://*.example", False),
        ("https://evil.example@room.example", False),
    ],
)
def test_a_page_is_an_origin_of_https_or_on_ones_own_machine(origin: str, *, taken: bool) -> None:
    pattern = deployment("production").stacks[""].template["Parameters"]["PageOrigin"]["AllowedPattern"]

    assert bool(re.fullmatch(pattern, origin)) is taken


@pytest.mark.parametrize("admits", [[], [{"AWS_IAM": []}], [{"SignedIn": []}, {}]])
def test_a_route_of_peoples_that_admits_otherwise_is_found_by_the_gates(admits: list[dict[str, list[str]]]) -> None:
    made = with_people("production")
    altered = deepcopy(made.resources)
    altered["PeopleApi"]["Properties"]["Body"]["paths"]["/api/me"]["get"]["security"] = admits
    verdict = Verdict()
    callers = [name for table in routes().values() for name in table]

    judge_template(verdict, replace(made, resources=altered), callers)

    assert open_routes(made).wrong == ""
    assert "GET /api/me" in open_routes(replace(made, resources=altered)).wrong
    assert verdict.findings


def test_a_pool_of_somebody_elses_is_found_by_the_gates() -> None:
    made = with_people("production")
    altered = deepcopy(made.resources)
    [scheme] = altered["PeopleApi"]["Properties"]["Body"]["components"]["securitySchemes"].values()
    scheme["x-amazon-apigateway-authorizer"]["providerARNs"] = ["arn:aws:cognito-idp:us-east-1:1:userpool/us-east-1_X"]

    assert "PeopleApi" in open_routes(replace(made, resources=altered)).wrong
