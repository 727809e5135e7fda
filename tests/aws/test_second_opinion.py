"""Judges where moto and ministack differ: which of them is right by AWS's documentation.

A behaviour that one of them gets wrong is no proof of anything when a test meets it there. Each row of the table is
tried on both, so it is true of the versions that are pinned.
"""

from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

from ops.local.settings import ACCOUNT, REGION
from tests.aws.engines import KEY, NEW_KEY, TOKEN, Clients, keep_pending, labels_of, ministack, moto, secret_on


@pytest.fixture
def clients(request: pytest.FixtureRequest) -> Iterator[Clients]:
    """Clients of the engine that the test is parametrized with: ``moto`` or ``ministack``."""
    engine = moto() if request.param == "moto" else ministack(request.getfixturevalue("ministack_endpoint"))
    with engine as clients:
        yield clients


def _other_value_for_a_version(clients: Clients) -> str:
    client, arn = secret_on(clients)
    keep_pending(client, arn, NEW_KEY)
    keep_pending(client, arn, "another")
    return "accepted"


def _same_value_for_a_version(clients: Clients) -> str:
    client, arn = secret_on(clients)
    keep_pending(client, arn, NEW_KEY)
    keep_pending(client, arn, NEW_KEY)
    return "accepted"


def _label_that_another_version_has(clients: Clients) -> str:
    client, arn = secret_on(clients)
    keep_pending(client, arn, NEW_KEY)
    client.update_secret_version_stage(SecretId=arn, VersionStage="AWSCURRENT", MoveToVersionId=TOKEN)
    return "accepted"


def _current_after_its_label_moved(clients: Clients) -> str:
    client, arn = secret_on(clients)
    keep_pending(client, arn, NEW_KEY)
    old = labels_of(client, arn)["AWSCURRENT"]
    client.update_secret_version_stage(
        SecretId=arn, VersionStage="AWSCURRENT", MoveToVersionId=TOKEN, RemoveFromVersionId=old
    )
    assert labels_of(client, arn)["AWSPREVIOUS"] == old
    return str({KEY: "old", NEW_KEY: "new"}[client.get_secret_value(SecretId=arn)["SecretString"]])


def _publish(**message: str) -> Callable[[Clients], str]:
    def publish(clients: Clients) -> str:
        client = clients("sns")
        client.publish(TopicArn=client.create_topic(Name=uuid4().hex)["TopicArn"], **{"Message": "m"} | message)
        return "accepted"

    return publish


def _bad_filter_policy(clients: Clients) -> str:
    client = clients("sns")
    topic = client.create_topic(Name=uuid4().hex)["TopicArn"]
    queue = f"arn:aws:sqs:{REGION}:{ACCOUNT}:any"
    client.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue, Attributes={"FilterPolicy": '{"a": "b"}'})
    return "accepted"


def _schedule(*, times: int = 1, **changes: Any) -> Callable[[Clients], str]:
    def create(clients: Clients) -> str:
        target = {"Arn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:x", "RoleArn": f"arn:aws:iam::{ACCOUNT}:role/x"}
        asked = {"Name": uuid4().hex, "ScheduleExpression": "rate(1 minute)", "FlexibleTimeWindow": {"Mode": "OFF"}}
        for _ in range(times):
            clients("scheduler").create_schedule(**asked | changes | {"Target": target | changes.get("Target", {})})
        return "accepted"

    return create


def _table(client: Any) -> str:
    name = uuid4().hex
    client.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        DeletionProtectionEnabled=True,
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
    )
    return name


def _delete_protected_table(clients: Clients) -> str:
    client = clients("dynamodb")
    client.delete_table(TableName=_table(client))
    return "accepted"


def _long_expression(clients: Clients) -> str:
    client = clients("dynamodb")
    condition = " OR ".join(["attribute_not_exists(pk)"] * 160)
    assert len(condition) > 4096
    client.put_item(TableName=_table(client), Item={"pk": {"S": "a"}}, ConditionExpression=condition)
    return "accepted"


def _hundred_and_one_writes(clients: Clients) -> str:
    client = clients("dynamodb")
    table = _table(client)
    puts = [{"Put": {"TableName": table, "Item": {"pk": {"S": str(number)}}}} for number in range(101)]
    client.transact_write_items(TransactItems=puts)
    return "accepted"


class Row(NamedTuple):
    """One behaviour: how AWS's documentation has it, what each engine does, and where it is documented."""

    ask: Callable[[Clients], str]
    aws: str
    moto: str
    ministack: str
    by: str


EXISTS, INVALID, WRONG = "ResourceExistsException", "InvalidParameterException", "accepted"
TABLE: Final = {
    "a version is given another value": Row(
        _other_value_for_a_version, EXISTS, WRONG, WRONG, "PutSecretValue, ClientRequestToken"
    ),
    "a version is given its value again": Row(
        _same_value_for_a_version, "accepted", "accepted", "accepted", "PutSecretValue: the request is ignored"
    ),
    "a label is taken from a version that is not named": Row(
        _label_that_another_version_has, INVALID, INVALID, INVALID, "UpdateSecretVersionStage, RemoveFromVersionId"
    ),
    "the secret is read after its label moved": Row(
        _current_after_its_label_moved, "new", "old", "new", "GetSecretValue returns the AWSCURRENT version"
    ),
    "a subject has 101 characters": Row(
        _publish(Subject="s" * 101), "InvalidParameter", "InvalidParameter", WRONG, "Publish, Subject"
    ),
    "a subject has a line break": Row(
        _publish(Subject="a\nb"), "InvalidParameter", WRONG, WRONG, "Publish, Subject: no line breaks"
    ),
    "a subject is not ASCII": Row(_publish(Subject="ü"), "InvalidParameter", WRONG, WRONG, "Publish, Subject: ASCII"),
    "a message has more than 256 KiB": Row(
        _publish(Message="m" * 262_145), "InvalidParameter", "InvalidParameter", "InvalidParameter", "Publish, Message"
    ),
    "a filter policy compares with no list": Row(
        _bad_filter_policy, "InvalidParameter", "InvalidParameter", WRONG, "SNS filter policy constraints"
    ),
    "a schedule has a name that is taken": Row(
        _schedule(times=2), "ConflictException", "ConflictException", "ConflictException", "CreateSchedule"
    ),
    "a schedule's expression means nothing": Row(
        _schedule(ScheduleExpression="now"), "ValidationException", WRONG, WRONG, "CreateSchedule, ScheduleExpression"
    ),
    "a schedule's rate is nothing": Row(
        _schedule(ScheduleExpression="rate(0 minutes)"), "ValidationException", WRONG, WRONG, "rate: a positive number"
    ),
    "a schedule tries 186 times": Row(
        _schedule(Target={"RetryPolicy": {"MaximumRetryAttempts": 186}}),
        "ValidationException",
        WRONG,
        WRONG,
        "RetryPolicy: at most 185",
    ),
    "a schedule is in a group that is not there": Row(
        _schedule(GroupName="nowhere"),
        "ResourceNotFoundException",
        "KeyError",
        "ResourceNotFoundException",
        "CreateSchedule",
    ),
    "a protected table is deleted": Row(
        _delete_protected_table,
        "ValidationException",
        "ValidationException",
        "ValidationException",
        "DeleteTable: deletion protection, which a create that failed meets too",
    ),
    "an expression has more than 4 KB": Row(
        _long_expression, "ValidationException", WRONG, "ValidationException", "DynamoDB quotas, expressions"
    ),
    "a transaction has 101 actions": Row(
        _hundred_and_one_writes,
        "ValidationException",
        "ValidationException",
        "ValidationException",
        "TransactWriteItems",
    ),
}


def _outcome(row: Row, clients: Clients) -> str:
    try:
        return row.ask(clients)
    except ClientError as refused:
        return str(refused.response["Error"]["Code"])
    except KeyError:
        return "KeyError"


@pytest.mark.parametrize("clients", ["moto", "ministack"], indirect=True)
@pytest.mark.parametrize("behaviour", TABLE)
def test_an_engine_behaves_as_the_table_says(behaviour: str, clients: Clients, request: pytest.FixtureRequest) -> None:
    row = TABLE[behaviour]
    says = row.moto if request.node.callspec.params["clients"] == "moto" else row.ministack

    assert _outcome(row, clients) == says, f"AWS: {row.aws} ({row.by})"


def test_where_the_engines_differ_one_of_them_is_right() -> None:
    differ = {name: row for name, row in TABLE.items() if row.moto != row.ministack}

    assert len(differ) == 5
    assert all(row.aws in (row.moto, row.ministack) for row in differ.values())
