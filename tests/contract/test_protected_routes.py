"""Contract section 8: nobody calls a route without a signature, and nobody asserts identities but an issuer."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import httpx
import pytest
import urllib3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from samtranslator.yaml_helper import yaml_parse  # type: ignore[import-untyped]  # SAM publishes no types

from handshake_rail.signing import SigV4
from ops.local.settings import ROOT
from ops.local.signing_edge import Upstream
from ops.local.stack import LocalStack
from tests.support.service import ROUTES, Deployed, token

MISSING_SIGNATURE = "security_missing_authorization_header"
BAD_SIGNATURE = "security_token_invalid"
ENVELOPED = {
    ("GET", "/workflow/requests/{requestId}"),
    ("GET", "/workflow/evidence/{requestId}"),
    ("GET", "/workflow/decision-room/{requestId}"),
    ("GET", "/workflow/decision-room"),
    ("GET", "/workflow/decisions"),
    ("POST", "/workflow/decision-room/action"),
    ("POST", "/workflow/decision-room/extend"),
    ("POST", "/workflow/decision-room/revoke"),
    ("POST", "/workflow/grants"),
    ("POST", "/workflow/grants/{grantId}/outcome"),
    ("GET", "/agents"),
    ("GET", "/agents/{agentId}"),
    ("PUT", "/agents/{agentId}"),
    ("POST", "/policy/apply"),
    ("POST", "/policy/tools"),
}
THE_CONTRACTS = ENVELOPED | {
    ("POST", "/workflow/requests"),
    ("POST", "/workflow/authorize-execution"),
    ("GET", "/.well-known/jwks.json"),
    ("GET", "/policy/config"),
    ("GET", "/policy/versions"),
    ("GET", "/policy/shadow"),
    ("GET", "/policy/tools"),
    ("POST", "/policy/simulate"),
    ("GET", "/metrics/summary"),
    ("GET", "/metrics/series"),
    ("GET", "/metrics/reasons"),
    ("POST", "/metrics/project"),
}

CALLERS = {"Ref": "Api"}
_TEMPLATE = yaml_parse((ROOT / "template.yaml").read_text())["Resources"]
RESOURCES = {name: one for name, one in _TEMPLATE.items() if not name.startswith("Fn::ForEach::")}  # log groups


def _api_events() -> Iterator[tuple[str, Mapping[str, Any]]]:
    for logical_id, resource in RESOURCES.items():
        if resource["Type"] == "AWS::Serverless::Function":
            for event in resource["Properties"].get("Events", {}).values():
                if event["Type"] in ("Api", "HttpApi"):
                    yield logical_id, event["Properties"]


def test_template_and_handlers_declare_the_contracts_routes_and_no_others() -> None:
    in_template = [
        (event["Method"].upper(), event["Path"]) for _, event in _api_events() if event["RestApiId"] == CALLERS
    ]

    assert sorted(in_template) == ROUTES == sorted(THE_CONTRACTS)


def test_the_template_lets_nobody_call_unsigned() -> None:
    apis = {name: it for name, it in RESOURCES.items() if it["Type"].startswith(("AWS::Serverless::Api", "AWS::ApiG"))}
    gateways = [it["Properties"] for it in apis.values() if it["Type"] == "AWS::Serverless::Api"]

    # Callers sign; people, whose API is one of their own, sign in.
    assert [gateway["Auth"]["DefaultAuthorizer"] for gateway in gateways] == ["AWS_IAM", "SignedIn"]
    assert all(gateway["Auth"].get("AddDefaultAuthorizerToCorsPreflight", True) for gateway in gateways)
    assert all("Auth" not in event for _, event in _api_events())
    peoples = [event for _, event in _api_events() if event["RestApiId"] != CALLERS]
    assert all(event["RestApiId"] == {"Ref": "PeopleApi"} and event["Path"].startswith("/api/") for event in peoples)
    assert not [it for it in RESOURCES.values() if it["Type"] in ("AWS::Lambda::Url", "AWS::Serverless::HttpApi")]
    assert not any("FunctionUrlConfig" in it["Properties"] for it in RESOURCES.values())


def test_every_deployed_method_demands_a_signature(stack: LocalStack) -> None:
    gateway = stack.client("apigateway")
    resources = gateway.get_resources(restApiId=stack.outputs["ApiId"], limit=500, embed=["methods"])["items"]

    methods = {
        (method, resource["path"]): gateway.get_method(
            restApiId=stack.outputs["ApiId"], resourceId=resource["id"], httpMethod=method
        )["authorizationType"]
        for resource in resources
        for method in resource.get("resourceMethods", {})
    }

    assert methods == dict.fromkeys(THE_CONTRACTS, "AWS_IAM")


def _target(resource: str) -> str:
    return re.sub(r"\{\w+\}", "r", resource)


def _body(method: str) -> bytes:
    return b"" if method == "GET" else b"{}"


def _refused(answer: urllib3.BaseHTTPResponse) -> tuple[int, str]:
    body = answer.json()
    assert body.keys() == {"status", "error", "reasonCode", "responseClass", "message"}
    assert body["error"] == body["reasonCode"]
    assert (body["status"], body["responseClass"]) == ("error", "blocked")
    assert answer.headers["x-correlation-id"]
    return answer.status, body["reasonCode"]


@pytest.mark.parametrize(("method", "resource"), ROUTES)
def test_an_unsigned_call_is_refused(stack: LocalStack, method: str, resource: str) -> None:
    headers = {"x-identity-envelope": '{"principalId":"p"}', "x-internal-trust-context": "x.y.z"}

    answer = urllib3.request(
        method, stack.api_url + _target(resource), headers=headers, body=_body(method), retries=False
    )

    assert _refused(answer) == (401, MISSING_SIGNATURE)


@pytest.mark.parametrize(("method", "resource"), ROUTES)
def test_a_call_signed_with_a_key_of_nobody_is_refused(stack: LocalStack, method: str, resource: str) -> None:
    nobody = Credentials("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY")
    caller = Upstream(stack.api_url, credentials=nobody, region=stack.region)

    answer = caller.send(method, _target(resource), headers={}, body=_body(method))

    assert _refused(answer) == (401, BAD_SIGNATURE)


def test_a_call_signed_with_another_secret_is_refused(stack: LocalStack) -> None:
    key = stack.issuer.get_frozen_credentials()
    forged = Credentials(str(key.access_key), "x" * 40, key.token)
    caller = Upstream(stack.api_url, credentials=forged, region=stack.region)

    answer = caller.send("GET", "/metrics/summary", headers={}, body=b"")

    assert _refused(answer) == (401, BAD_SIGNATURE)


def test_a_body_that_was_not_signed_is_refused(stack: LocalStack) -> None:
    url = f"{stack.api_url}/workflow/requests"
    signed = AWSRequest("POST", url, data=b"{}")
    SigV4Auth(stack.issuer.get_frozen_credentials(), "execute-api", stack.region).add_auth(signed)

    answer = urllib3.request("POST", url, headers=dict(signed.headers), body=b'{"a":1}', retries=False)

    assert _refused(answer) == (401, BAD_SIGNATURE)


@pytest.mark.parametrize(("method", "resource"), sorted(ENVELOPED))
def test_an_admitted_caller_who_is_no_issuer_asserts_no_identity(
    deployed: Deployed, method: str, resource: str
) -> None:
    headers = {
        "x-identity-envelope": '{"principalId":"p","subjectType":"human"}',
        "x-internal-trust-context": token(deployed),
    }

    reply = deployed.by_stranger().send(method, _target(resource), headers=headers, body=_body(method).decode())

    assert reply.outcome == (401, "security_invalid_identity_envelope")


@pytest.mark.parametrize(("method", "resource"), sorted(THE_CONTRACTS - ENVELOPED))
def test_an_admitted_caller_uses_the_other_routes_without_an_envelope(
    deployed: Deployed, method: str, resource: str
) -> None:
    reply = deployed.by_stranger().send(method, _target(resource), headers={}, body=_body(method).decode())

    assert reply.status in (200, 400, 403)
    assert "envelope" not in str(reply.body)


def test_an_unknown_route_is_no_way_in(stack: LocalStack, deployed: Deployed) -> None:
    unsigned = urllib3.request("GET", f"{stack.api_url}/workflow", retries=False)
    signed = deployed.send("GET", "/workflow/secret", headers={}, body=None)

    assert unsigned.status >= 400
    assert signed.status >= 400


def test_the_functions_have_no_address_of_their_own(stack: LocalStack) -> None:
    functions = stack.client("lambda")

    for name in stack.functions.values():
        with pytest.raises(functions.exceptions.ResourceNotFoundException):
            functions.get_function_url_config(FunctionName=name)


def test_another_persons_envelope_in_a_captured_call_is_refused(stack: LocalStack) -> None:
    ana, eve = (
        {"x-identity-envelope": f'{{"principalId": "{name}", "subjectType": "human"}}'} for name in ("ana", "eve")
    )
    url = f"{stack.api_url}/workflow/requests/nobody"
    captured = next(SigV4(stack.region, stack.issuer).sync_auth_flow(httpx.Request("GET", url, headers=ana)))

    cold_start = 30
    as_sent = urllib3.request("GET", url, headers=dict(captured.headers), retries=False, timeout=cold_start)
    changed = urllib3.request("GET", url, headers={**captured.headers, **eve}, retries=False, timeout=cold_start)

    assert _refused(as_sent) == (404, "hitl_request_not_found")
    assert _refused(changed) == (401, BAD_SIGNATURE)
