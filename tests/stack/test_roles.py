"""Least privilege as deployed: what each function's role may do to each table, and nothing more."""

import pytest

from handshake.dynamo import runtime_kv as flags
from ops.local.settings import ACCOUNT, REGION
from ops.local.stack import LocalStack

READS = ("GetItem", "BatchGetItem", "Query", "Scan", "PartiQLSelect")
ACTIONS = (*READS, "PutItem", "UpdateItem", "DeleteItem", "PartiQLDelete", "DeleteTable")
MAY = {
    "workflow": {
        "workflow": {"BatchGetItem", "Query", "PutItem", "UpdateItem"},
        "policy": {"BatchGetItem"},
        "metrics": {"PutItem"},
    },
    "decision_room": {
        "workflow": {"BatchGetItem", "PutItem", "UpdateItem"},
        "metrics": {"PutItem"},
        "replay_guards": {"BatchGetItem", "PutItem"},
        "runtime_kv": {"BatchGetItem"},
    },
    "policy_apply": {
        "policy": {"BatchGetItem", "PutItem"},
        "metrics": {"PutItem"},
        "replay_guards": {"BatchGetItem", "PutItem"},
        "runtime_kv": {"BatchGetItem"},
    },
    "policy": {"policy": {"BatchGetItem", "Query"}, "metrics": {"PutItem"}},
    "metrics": {"metrics": {"Query", "PutItem"}},
    "metrics_projector": {"metrics": {"BatchGetItem", "UpdateItem"}},
    "replay_retention": {"replay_guards": {"PartiQLDelete"}, "runtime_kv": {"BatchGetItem", "PutItem"}},
    "hitl_expiry": {"workflow": {"BatchGetItem", "PutItem", "UpdateItem"}, "metrics": {"PutItem"}},
    "release_gate": {"runtime_kv": {"BatchGetItem"}},
    "secret_rotation": {},
    "alarm_triage": {"runtime_kv": {"BatchGetItem", "PutItem", "UpdateItem"}, "metrics": {"Query"}},
}
MAY_WITH_SECRET = {
    "policy_apply": {"GetSecretValue"},
    "release_gate": {"GetSecretValue"},
    "secret_rotation": {"GetSecretValue", "PutSecretValue", "UpdateSecretVersionStage"},
}


def _allowed(stack: LocalStack, function: str, actions: list[str], resource: str) -> set[str]:
    role = stack.client("lambda").get_function_configuration(FunctionName=stack.functions[function])["Role"]
    answers = stack.client("iam").simulate_principal_policy(
        PolicySourceArn=role, ActionNames=actions, ResourceArns=[resource]
    )
    return {
        answer["EvalActionName"].split(":")[1]
        for answer in answers["EvaluationResults"]
        if answer["EvalDecision"] == "allowed"
    }


def test_every_deployed_function_is_in_this_table(stack: LocalStack) -> None:
    assert set(stack.functions) == set(MAY)


@pytest.mark.parametrize("function", MAY)
def test_a_function_may_do_to_each_table_what_it_needs_and_nothing_more(stack: LocalStack, function: str) -> None:
    actions = [f"dynamodb:{action}" for action in ACTIONS]
    found = {
        table: _allowed(stack, function, actions, f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{name}")
        for table, name in stack.tables.items()
    }

    assert {table: may for table, may in found.items() if may} == MAY[function]


@pytest.mark.parametrize("function", MAY)
def test_a_function_may_do_to_the_trust_secret_what_it_needs_and_nothing_more(stack: LocalStack, function: str) -> None:
    actions = ["GetSecretValue", "PutSecretValue", "UpdateSecretVersionStage", "DeleteSecret"]
    may = _allowed(stack, function, [f"secretsmanager:{action}" for action in actions], stack.trust_secret_arn)

    assert may == MAY_WITH_SECRET.get(function, set())


def test_retention_may_write_where_it_stands_and_not_the_pause_flag(stack: LocalStack) -> None:
    role = stack.client("lambda").get_function_configuration(FunctionName=stack.functions["replay_retention"])["Role"]
    policy = stack.client("iam").get_role_policy(RoleName=role.rpartition("/")[2], PolicyName="least-privilege")
    writes = [
        statement for statement in policy["PolicyDocument"]["Statement"] if "dynamodb:PutItem" in statement["Action"]
    ]

    # The simulator does not weigh leading keys, so the condition itself is read.
    assert [statement["Condition"] for statement in writes] == [
        {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": [flags.RETENTION_KEY["kv_key"]]}}
    ]


def test_scheduled_work_runs_as_deployed(stack: LocalStack) -> None:
    for function in ("replay_retention", "hitl_expiry"):
        answer = stack.client("lambda").invoke(FunctionName=stack.functions[function], Qualifier="live")

        assert "FunctionError" not in answer, answer["Payload"].read()
