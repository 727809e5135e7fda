"""The service control policy of docs/deploy.md: only API Gateway and the gate invoke what answers the API."""

import json
from fnmatch import fnmatchcase
from typing import Any, Final

import botocore.session
import pytest

from ops.local.settings import ROOT
from ops.local.translation import environment_of

TEXT: Final = (ROOT / "docs" / "only-api-gateway-invokes.json").read_text()
POLICY: Final = json.loads(TEXT)
STATEMENTS: Final[dict[str, dict[str, Any]]] = {one["Sid"]: one for one in POLICY["Statement"]}
ANSWERING: Final = {"Workflow", "DecisionRoom", "Grants", "PolicyApply", "Policy", "Agents", "Metrics"}
ACCOUNT: Final = "111122223333"
# IAM's actions that are not named like the operation they allow.
_OTHERWISE_NAMED: Final = {"InvokeFunction": "Invoke", "InvokeFunctionUrl": ""}


def _functions(environment: str) -> dict[str, str]:
    functions = environment_of(ROOT, environment).of_type("AWS::Lambda::Function")
    return {name.removesuffix("Function"): str(one["Properties"]["FunctionName"]) for name, one in functions.items()}


def _arn(function: str, qualifier: str) -> str:
    return f"arn:aws:lambda:eu-west-1:{ACCOUNT}:function:{function}{qualifier}"


def _denies(sid: str, resource: str, *, principal: str) -> bool:
    """Tell whether the statement denies a call by ``principal`` itself on ``resource``, by its patterns."""
    statement = STATEMENTS[sid]
    spared = statement["Condition"].get("ArnNotLike", {}).get("aws:PrincipalArn", "")
    return any(fnmatchcase(resource, one) for one in statement["Resource"]) and not fnmatchcase(principal, spared)


def test_it_is_written_as_organizations_takes_it() -> None:
    assert POLICY.keys() == {"Version", "Statement"}
    assert POLICY["Version"] == "2012-10-17"
    assert len(TEXT) <= 5120
    assert len(STATEMENTS) == len(POLICY["Statement"])
    for sid, statement in STATEMENTS.items():
        assert sid.isalnum()
        assert statement.keys() == {"Sid", "Effect", "Action", "Resource", "Condition"}  # and no principal
        assert statement["Effect"] == "Deny"
        operators = {operator.rpartition(":")[2] for operator in statement["Condition"]}
        assert operators <= {"ArnLike", "ArnNotLike", "StringNotEquals"}
        keys = {key for one in statement["Condition"].values() for key in one}
        assert keys <= {"aws:PrincipalArn", "aws:CalledVia", "lambda:FunctionArn"}


def test_every_action_is_one_of_lambdas() -> None:
    operations = set(botocore.session.get_session().get_service_model("lambda").operation_names) | {""}

    for statement in STATEMENTS.values():
        for action in statement["Action"]:
            service, _, name = action.partition(":")
            assert service == "lambda"
            assert _OTHERWISE_NAMED.get(name, name) in operations


@pytest.mark.parametrize("environment", ["staging", "production"])
@pytest.mark.parametrize("qualifier", ["", ":live", ":17"])
def test_it_denies_invoking_exactly_what_answers_the_api(environment: str, qualifier: str) -> None:
    administrator = f"arn:aws:iam::{ACCOUNT}:role/Administrator"

    denied = {
        name
        for name, function in _functions(environment).items()
        if _denies("OnlyTheReleaseGateInvokes", _arn(function, qualifier), principal=administrator)
    }

    assert denied == ANSWERING


@pytest.mark.parametrize("environment", ["staging", "production"])
def test_it_spares_the_release_gate_alone(environment: str) -> None:
    stack = environment_of(ROOT, environment)
    role = stack.resources["ReleaseGateFunction"]["Properties"]["Role"]["Fn::GetAtt"][0]
    function = _arn(_functions(environment)["Workflow"], ":live")

    def denied(role_name: str) -> bool:
        principal = f"arn:aws:iam::{ACCOUNT}:role/handshake-{environment}-{role_name}-1ABCDEFGHIJK"
        return _denies("OnlyTheReleaseGateInvokes", function, principal=principal)

    roles = {name for name in stack.of_type("AWS::IAM::Role") if not denied(name)}
    assert roles == {role}


def test_doors_are_opened_by_cloudformation_alone() -> None:
    for sid in ("OnlyCloudFormationOpensDoors", "OnlyCloudFormationMapsEvents"):
        # Without the key at all, which is a call of one's own, ForAllValues holds and the call is denied.
        assert STATEMENTS[sid]["Condition"]["ForAllValues:StringNotEquals"] == {
            "aws:CalledVia": "cloudformation.amazonaws.com"
        }
    assert STATEMENTS["OnlyCloudFormationOpensDoors"]["Resource"] == STATEMENTS["OnlyTheReleaseGateInvokes"]["Resource"]
