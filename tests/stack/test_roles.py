"""Least privilege as deployed: what each function's role may do to each table, and nothing more."""

import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from handshake.dynamo import runtime_kv as flags
from ops.local.settings import ACCOUNT, REGION, ROOT
from ops.local.stack import LocalStack
from ops.local.translation import scheduled_functions
from tests.aws.test_api import switched

READS = ("GetItem", "BatchGetItem", "Query", "Scan", "PartiQLSelect")
ACTIONS = (*READS, "ConditionCheckItem", "PutItem", "UpdateItem", "DeleteItem", "PartiQLDelete", "DeleteTable")
MAY = {
    "workflow": {
        "workflow": {"BatchGetItem", "Query", "PutItem", "UpdateItem"},
        "policy": {"BatchGetItem"},
        "metrics": {"PutItem"},
        "runtime_kv": {"BatchGetItem"},
    },
    "people": {
        "workflow": {"BatchGetItem", "Query", "PutItem", "UpdateItem"},
        "policy": {"BatchGetItem", "ConditionCheckItem", "PutItem"},
        "metrics": {"BatchGetItem", "PutItem"},
        "replay_guards": {"BatchGetItem", "PutItem"},
        "runtime_kv": {"BatchGetItem"},
    },
    "agents": {"policy": {"BatchGetItem", "PutItem"}, "metrics": {"BatchGetItem", "PutItem"}},
    "decision_room": {
        "workflow": {"BatchGetItem", "PutItem", "UpdateItem"},
        "policy": {"ConditionCheckItem"},
        "metrics": {"PutItem"},
        "replay_guards": {"BatchGetItem", "PutItem"},
        "runtime_kv": {"BatchGetItem"},
    },
    "grants": {
        "workflow": {"BatchGetItem", "PutItem", "UpdateItem"},
        "policy": {"BatchGetItem"},
        "metrics": {"PutItem"},
        "replay_guards": {"BatchGetItem", "PutItem"},
        "runtime_kv": {"BatchGetItem"},
    },
    "policy_apply": {
        "policy": {"BatchGetItem", "PutItem", "Query"},
        "metrics": {"PutItem"},
        "replay_guards": {"BatchGetItem", "PutItem"},
        "runtime_kv": {"BatchGetItem"},
    },
    "policy": {"policy": {"BatchGetItem", "Query"}, "workflow": {"BatchGetItem"}, "metrics": {"PutItem", "Query"}},
    "metrics": {"metrics": {"Query", "PutItem"}},
    "metrics_projector": {"metrics": {"BatchGetItem", "UpdateItem"}},
    "replay_retention": {"replay_guards": {"PartiQLDelete"}, "runtime_kv": {"BatchGetItem", "PutItem"}},
    "hitl_expiry": {
        "workflow": {"BatchGetItem", "ConditionCheckItem", "PutItem", "UpdateItem"},
        "metrics": {"PutItem"},
    },
    "notifier": {"workflow": {"PutItem"}, "runtime_kv": {"BatchGetItem"}},
    "channels": {"workflow": {"BatchGetItem"}, "runtime_kv": {"BatchGetItem"}},
    "evidence_verification": {
        "workflow": {"BatchGetItem", "Query", "Scan"},
        "policy": {"BatchGetItem", "Query", "Scan"},
        "metrics": {"BatchGetItem", "Scan"},
        "runtime_kv": {"BatchGetItem", "PutItem"},
    },
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


def test_the_grants_function_alone_may_use_the_key_that_signs_and_only_to_sign(stack: LocalStack) -> None:
    actions = ["Sign", "GetPublicKey", "DisableKey", "ScheduleKeyDeletion", "PutKeyPolicy", "CreateGrant"]
    key = stack.outputs["FirstGrantKeyArn"]
    may = {function: _allowed(stack, function, [f"kms:{action}" for action in actions], key) for function in MAY}

    assert {function: allowed for function, allowed in may.items() if allowed} == {"grants": {"Sign", "GetPublicKey"}}


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
    for function in scheduled_functions(ROOT):
        answer = stack.client("lambda").invoke(FunctionName=stack.functions[function], Qualifier="live")

        assert "FunctionError" not in answer, answer["Payload"].read()


LEADING_KEYS = {
    ("WorkflowRole", "MetricsTable", "PutItem"): ["EVENT#*", "SYNTHETIC#*"],
    ("DecisionRoomRole", "MetricsTable", "PutItem"): ["EVENT#*", "WITNESS#*", "SYNTHETIC#*"],
    ("GrantsRole", "MetricsTable", "PutItem"): ["EVENT#*", "WITNESS#*", "SYNTHETIC#*"],
    ("GrantsRole", "WorkflowTable", "PutItem"): ["REQ#*"],
    ("GrantsRole", "WorkflowTable", "UpdateItem"): ["REQ#*"],
    ("GrantsRole", "ReplayGuardsTable", "PutItem"): ["grant_claim#*"],
    ("GrantsRole", "ReplayGuardsTable", "BatchGetItem"): ["grant_claim#*"],
    ("PolicyApplyRole", "MetricsTable", "PutItem"): ["EVENT#*", "SYNTHETIC#*"],
    ("PolicyRole", "MetricsTable", "PutItem"): ["EVENT#*", "SYNTHETIC#*"],
    ("PolicyRole", "MetricsTable", "Query"): ["SHADOW#*"],
    ("MetricsRole", "MetricsTable", "PutItem"): ["EVENT#*", "SYNTHETIC#*"],
    ("HitlExpiryRole", "MetricsTable", "PutItem"): ["EVENT#*", "WITNESS#*", "SYNTHETIC#*"],
    ("AgentsRole", "MetricsTable", "PutItem"): ["EVENT#*", "SYNTHETIC#*"],
    ("AgentsRole", "MetricsTable", "BatchGetItem"): ["AGENT#*"],
    ("AgentsRole", "PolicyTable", "BatchGetItem"): ["AGENT#*", "AGENT@tenant#*"],
    ("AgentsRole", "PolicyTable", "PutItem"): ["AGENT#*", "AGENT@tenant#*"],
    ("PeopleRole", "WorkflowTable", "PutItem"): ["REQ#*"],
    ("PeopleRole", "WorkflowTable", "UpdateItem"): ["REQ#*", "SPEND#*", "SPEND@tenant#*", "BUDGET#*"],
    ("PeopleRole", "PolicyTable", "BatchGetItem"): ["PERSON#*", "AGENT#*", "AGENT@tenant#*"],
    ("PeopleRole", "PolicyTable", "ConditionCheckItem"): ["AGENT#*", "AGENT@tenant#*"],
    ("PeopleRole", "PolicyTable", "PutItem"): ["AGENT#*", "AGENT@tenant#*"],
    ("PeopleRole", "ReplayGuardsTable", "PutItem"): ["decision_action#*"],
    ("PeopleRole", "ReplayGuardsTable", "BatchGetItem"): ["decision_action#*"],
    ("PeopleRole", "MetricsTable", "BatchGetItem"): ["AGENT#*"],
    ("PeopleRole", "MetricsTable", "PutItem"): ["EVENT#*", "WITNESS#*", "SYNTHETIC#*"],
    ("DecisionRoomRole", "PolicyTable", "ConditionCheckItem"): ["AGENT#*", "AGENT@tenant#*"],
    ("PolicyApplyRole", "PolicyTable", "BatchGetItem"): ["SCOPE#*", "TOOLS"],
    ("PolicyApplyRole", "PolicyTable", "PutItem"): ["SCOPE#*", "TOOLS"],
    ("PolicyApplyRole", "PolicyTable", "Query"): ["TOOLS"],
    ("WorkflowRole", "WorkflowTable", "PutItem"): ["REQ#*"],
    ("WorkflowRole", "WorkflowTable", "UpdateItem"): ["SPEND#*", "SPEND@tenant#*", "ESC#*", "ESC@tenant#*", "BUDGET#*"],
    ("DecisionRoomRole", "WorkflowTable", "PutItem"): ["REQ#*"],
    ("DecisionRoomRole", "WorkflowTable", "UpdateItem"): ["REQ#*", "SPEND#*", "SPEND@tenant#*", "BUDGET#*"],
    ("HitlExpiryRole", "WorkflowTable", "PutItem"): ["REQ#*"],
    ("HitlExpiryRole", "WorkflowTable", "UpdateItem"): ["REQ#*", "SPEND#*", "SPEND@tenant#*", "BUDGET#*", "NOTICE#*"],
    ("HitlExpiryRole", "WorkflowTable", "ConditionCheckItem"): ["REQ#*"],
    ("NotifierRole", "WorkflowTable", "PutItem"): ["NOTICE#*"],
    ("NotifierRole", "RuntimeKvTable", "BatchGetItem"): ["channels"],
    ("ChannelsRole", "WorkflowTable", "BatchGetItem"): ["REQ#*"],
    ("ChannelsRole", "RuntimeKvTable", "BatchGetItem"): ["channels"],
    ("DecisionRoomRole", "ReplayGuardsTable", "PutItem"): ["decision_action#*"],
    ("DecisionRoomRole", "ReplayGuardsTable", "BatchGetItem"): ["decision_action#*"],
    ("PolicyRole", "WorkflowTable", "BatchGetItem"): ["REQ#*"],
    ("PolicyApplyRole", "ReplayGuardsTable", "PutItem"): ["policy_apply#*"],
    ("PolicyApplyRole", "ReplayGuardsTable", "BatchGetItem"): ["policy_apply#*"],
    ("ReplayRetentionRole", "RuntimeKvTable", "PutItem"): ["retention#replay_guards"],
    ("ReplayRetentionRole", "RuntimeKvTable", "BatchGetItem"): ["retention#replay_guards"],
    ("EvidenceVerificationRole", "RuntimeKvTable", "PutItem"): ["verification#*"],
    ("EvidenceVerificationRole", "RuntimeKvTable", "BatchGetItem"): ["verification#*"],
    ("ReleaseGateRole", "RuntimeKvTable", "BatchGetItem"): ["migration#*"],
    ("AlarmTriageRole", "RuntimeKvTable", "PutItem"): ["incident#*"],
    ("AlarmTriageRole", "RuntimeKvTable", "UpdateItem"): ["incident#*"],
    ("AlarmTriageRole", "RuntimeKvTable", "BatchGetItem"): ["incident#*"],
}


def _leading_keys() -> Iterator[tuple[tuple[str, str, str], list[str]]]:
    """By role, table and action, the partition keys that production's policies allow, where they name any."""
    people = {"PeopleSignIn": "true", "PageOrigin": "https://room.example"}
    for name, role in switched("production", **people).of_type("AWS::IAM::Role").items():
        for policy in role["Properties"].get("Policies", ()):
            for statement in policy["PolicyDocument"]["Statement"]:
                condition = statement.get("Condition", {})
                keys = [tests["dynamodb:LeadingKeys"] for op, tests in condition.items() if op.startswith("ForAll")]
                if not keys:
                    continue
                assert condition["Null"] == {"dynamodb:LeadingKeys": "false"}, "a request without keys would pass"
                table = statement["Resource"]["Fn::GetAtt"][1].removeprefix("Outputs.").removesuffix("Arn")
                actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
                yield from (((name, table, action.removeprefix("dynamodb:")), keys[0]) for action in actions)


def test_a_role_writes_its_own_kinds_of_items_and_no_others() -> None:
    assert dict(_leading_keys()) == LEADING_KEYS


def _as(stack: LocalStack, function: str) -> Any:
    """A DynamoDB client of a role with the policy of the function's own, which only Lambda may assume."""
    iam, sts = stack.client("iam"), stack.client("sts")
    own = stack.client("lambda").get_function_configuration(FunctionName=stack.functions[function])["Role"]
    policy = iam.get_role_policy(RoleName=own.rpartition("/")[2], PolicyName="least-privilege")["PolicyDocument"]
    name = f"as-{function}"
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": ACCOUNT}}
    with suppress(iam.exceptions.EntityAlreadyExistsException):  # another test has acted as this function already
        iam.create_role(
            RoleName=name, AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]})
        )
    iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=json.dumps(policy))
    arn = f"arn:aws:iam::{ACCOUNT}:role/{name}"
    key = sts.assume_role(RoleArn=arn, RoleSessionName="test")["Credentials"]
    session = boto3.Session(key["AccessKeyId"], key["SecretAccessKey"], key["SessionToken"], region_name=REGION)
    return session.client("dynamodb", endpoint_url=stack.endpoint_url)


def _writes(client: Any, table: str, **key: str) -> bool:
    try:
        client.transact_write_items(
            TransactItems=[{"Put": {"TableName": table, "Item": {name: {"S": value} for name, value in key.items()}}}]
        )
    except ClientError as error:
        if error.response["Error"]["Code"] != "AccessDeniedException":
            raise
        return False
    return True


def test_a_function_of_the_api_writes_events_and_no_roll_ups(stack: LocalStack) -> None:
    client, metrics = _as(stack, "workflow"), stack.tables["metrics"]

    assert _writes(client, metrics, pk="SYNTHETIC#test", sk="of-a-role")
    assert not _writes(client, metrics, pk="ROLLUP#hour", sk="2000-01-01T00")


def test_no_function_lets_anybody_in(stack: LocalStack) -> None:
    table = stack.tables["policy"]

    for function in ("people", "agents", "policy_apply", "workflow"):
        assert not _writes(_as(stack, function), table, pk="PERSON#somebody", sk="RECORD"), function


def test_a_privileged_function_burns_no_guard_of_the_other(stack: LocalStack) -> None:
    guards = stack.tables["replay_guards"]
    decision_room, policy_apply = _as(stack, "decision_room"), _as(stack, "policy_apply")

    assert _writes(decision_room, guards, guard_key="decision_action#of-a-role")
    assert not _writes(decision_room, guards, guard_key="policy_apply#of-a-role")
    assert _writes(policy_apply, guards, guard_key="policy_apply#of-a-role")
    assert not _writes(policy_apply, guards, guard_key="decision_action#of-a-role")
