"""Where moto and ministack differ, which of them is right by AWS's documentation; and what both must show of ours.

A behaviour that one of them gets wrong is no proof of anything when a test meets it there. Each row of the table is
tried on both, so it is true of the versions that are pinned.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, NamedTuple
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError
from moto import mock_aws
from moto.events.models import EventPattern

from handshake.trust import rotate
from handshake.trust.rotate import Rotation
from handshake.trust.rotation import RotationRefusedError
from handshake.trust.secret import TrustSecret
from ops.local.settings import ACCOUNT, REGION, ROOT_KEY
from tests.aws.translated import ENVIRONMENTS, deployment
from tests.support.engines import client_of
from tests.support.secrets_manager import SECRET, SecretsManager

Clients = Callable[[str], Any]
TOKEN: Final = "b" * 36
KEY, NEW_KEY = "k" * 64, "n" * 64


def moto_clients(service: str) -> Any:
    """A client of moto's, inside ``mock_aws``."""
    return client_of(service)


@pytest.fixture
def clients(request: pytest.FixtureRequest) -> Iterator[Clients]:
    """Clients of the engine that the test is parametrized with: ``moto`` or ``ministack``."""
    if request.param == "moto":
        with mock_aws():
            yield moto_clients
    else:
        endpoint = request.getfixturevalue("ministack_endpoint")
        yield lambda service: client_of(service, endpoint, key=ROOT_KEY)


def _secret(clients: Clients) -> tuple[Any, str]:
    client = clients("secretsmanager")
    return client, client.create_secret(Name=uuid4().hex, SecretString=KEY)["ARN"]


def _pending(client: Any, arn: str, key: str) -> None:
    client.put_secret_value(SecretId=arn, ClientRequestToken=TOKEN, SecretString=key, VersionStages=["AWSPENDING"])


def _labels(client: Any, arn: str) -> dict[str, str]:
    versions = client.describe_secret(SecretId=arn)["VersionIdsToStages"]
    return {label: version for version, labels in versions.items() for label in labels}


def _other_value_for_a_version(clients: Clients) -> str:
    client, arn = _secret(clients)
    _pending(client, arn, NEW_KEY)
    _pending(client, arn, "another")
    return "accepted"


def _same_value_for_a_version(clients: Clients) -> str:
    client, arn = _secret(clients)
    _pending(client, arn, NEW_KEY)
    _pending(client, arn, NEW_KEY)
    return "accepted"


def _label_that_another_version_has(clients: Clients) -> str:
    client, arn = _secret(clients)
    _pending(client, arn, NEW_KEY)
    client.update_secret_version_stage(SecretId=arn, VersionStage="AWSCURRENT", MoveToVersionId=TOKEN)
    return "accepted"


def _current_after_its_label_moved(clients: Clients) -> str:
    client, arn = _secret(clients)
    _pending(client, arn, NEW_KEY)
    old = _labels(client, arn)["AWSCURRENT"]
    client.update_secret_version_stage(
        SecretId=arn, VersionStage="AWSCURRENT", MoveToVersionId=TOKEN, RemoveFromVersionId=old
    )
    assert _labels(client, arn)["AWSPREVIOUS"] == old
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


# -- What both must show of ours ------------------------------------------------------------------------------------


@pytest.fixture(params=["moto", "ministack", "ours"])
def rotating(request: pytest.FixtureRequest) -> Iterator[tuple[Any, str]]:
    """A client and a secret with one key, on each engine and on the model that the rotation's own tests use."""
    if request.param == "ours":
        yield SecretsManager(AWSCURRENT=KEY), SECRET
    elif request.param == "moto":
        with mock_aws():
            yield _secret(moto_clients)
    else:
        endpoint = request.getfixturevalue("ministack_endpoint")
        yield _secret(lambda service: client_of(service, endpoint, key=ROOT_KEY))


def _step(name: str, client: Any, arn: str) -> None:
    long_after_s = 4e9
    rotate.STEPS[name](Rotation(TrustSecret(client, arn), TOKEN, lambda: long_after_s, lambda _: None))


def test_a_rotation_ends_with_a_new_key_current_and_the_old_one_previous(rotating: tuple[Any, str]) -> None:
    client, arn = rotating
    old = _labels(client, arn)["AWSCURRENT"]
    for name in rotate.STEPS:
        for _ in range(2):  # Secrets Manager repeats a step that it got no answer to
            _step(name, client, arn)

    labels = _labels(client, arn)
    assert (labels["AWSCURRENT"], labels["AWSPREVIOUS"]) == (TOKEN, old)
    assert labels.get("AWSPENDING") in (None, TOKEN)


def test_scheduling_a_rotation_for_later_tests_the_key_that_there_is(rotating: tuple[Any, str]) -> None:
    """RotateImmediatelyOnUpdate off: Secrets Manager has ``testSecret`` look at a pending copy of what is current."""
    client, arn = rotating
    _pending(client, arn, KEY)

    _step("testSecret", client, arn)


def test_scheduling_a_rotation_for_later_may_leave_nothing_pending(rotating: tuple[Any, str]) -> None:
    client, arn = rotating

    _step("testSecret", client, arn)


def test_a_copy_of_the_current_key_never_becomes_current(rotating: tuple[Any, str]) -> None:
    client, arn = rotating
    old = _labels(client, arn)["AWSCURRENT"]
    _pending(client, arn, KEY)

    with pytest.raises(RotationRefusedError):
        _step("finishSecret", client, arn)

    assert _labels(client, arn)["AWSCURRENT"] == old


RECORDS: Final[Mapping[str, tuple[Any, bool]]] = {
    "a new event": ({"eventName": "INSERT", "dynamodb": {"Keys": {"pk": {"S": "EVENT#2026"}}}}, True),
    "an event that expired": ({"eventName": "REMOVE", "dynamodb": {"Keys": {"pk": {"S": "EVENT#2026"}}}}, False),
    "a roll-up": ({"eventName": "INSERT", "dynamodb": {"Keys": {"pk": {"S": "ROLLUP#2026"}}}}, False),
    "a change": ({"eventName": "MODIFY", "dynamodb": {"Keys": {"pk": {"S": "EVENT#2026"}}}}, False),
}


def _filters() -> list[str]:
    mappings = deployment("production").of_type("AWS::Lambda::EventSourceMapping").values()
    return [one["Pattern"] for mapping in mappings for one in mapping["Properties"]["FilterCriteria"]["Filters"]]


@pytest.mark.parametrize("record", RECORDS)
def test_the_streams_filter_takes_new_events_and_nothing_else(record: str) -> None:
    event, taken = RECORDS[record]

    assert any(EventPattern.load(pattern).matches_event(event) for pattern in _filters()) is taken


def _leaves(pattern: Any) -> Iterator[tuple[str, Any]]:
    for name, value in pattern.items():
        if isinstance(value, dict):
            yield from _leaves(value)
        else:
            yield from ((name, one) for one in value)


def test_a_filter_compares_texts_by_value_or_prefix_only() -> None:
    """Numbers are texts in a stream's records, so ``numeric`` never matches; what is no JSON filters nothing."""
    for pattern in _filters():
        for name, one in _leaves(json.loads(pattern)):
            assert isinstance(one, str) or set(one) == {"prefix"}, (pattern, one)
            assert name in ("eventName", "S")


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_schedules_are_as_scheduler_takes_them(environment: str) -> None:
    """Neither engine looks at these, and CloudFormation's schemas at few of them."""
    for schedule in deployment(environment).of_type("AWS::Scheduler::Schedule").values():
        properties = schedule["Properties"]
        retries = properties["Target"]["RetryPolicy"]
        assert properties["ScheduleExpression"] in ("rate(1 minute)", "rate(1 hour)")
        assert 0 <= retries["MaximumRetryAttempts"] <= 185
        assert 60 <= retries["MaximumEventAgeInSeconds"] <= 86_400
