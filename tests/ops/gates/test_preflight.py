"""check:schema-preflight, against a template and deployed tables that lack something."""

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from handshake.release.schema import SCHEMA, migration_key
from ops.gates.gate import Options
from ops.gates.preflight import check, logical_id
from ops.gates.registry import GATES
from ops.gates.run import run
from ops.local import deployment
from ops.verdict import CannotJudgeError
from tests.ops.gates.conftest import Commit, Edit
from tests.ops.gates.findings import problems
from tests.support import engines

REGION = "us-east-1"


def test_the_template_is_what_the_code_needs(options: Options) -> None:
    verdict = check(options)

    assert problems(verdict) == ""
    assert [one.partition(":")[0] for one in verdict.checked[:-1]] == list(SCHEMA)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "KeySchema: [{AttributeName: kv_key, KeyType: HASH}]",
            "KeySchema: [{AttributeName: key, KeyType: HASH}]",
            "",
        ),
        ("IndexName: pending_by_lane", "IndexName: pending", "it has no active index pending_by_lane"),
        (
            "NonKeyAttributes: [agent_id, action_type, facts, timestamp_ms]",
            "NonKeyAttributes: [agent_id, facts]",
            "index recorded does not project action_type, timestamp_ms",
        ),
        (
            "{AttributeName: expiry_hour, KeyType: HASH}\n            - {AttributeName: expires_at, KeyType: RANGE}",
            "{AttributeName: expires_at, KeyType: HASH}\n            - {AttributeName: expiry_hour, KeyType: RANGE}",
            "the key of index expired_by_hour is expires_at (N), expiry_hour (S), not expiry_hour (S), expires_at (N)",
        ),
        (
            "TimeToLiveSpecification: {AttributeName: ttl, Enabled: true}",
            "# none",
            "its TTL attribute is none, not ttl",
        ),
        ("AttributeName: ttl, Enabled: true", "AttributeName: ttl, Enabled: false", "its TTL attribute is none, not"),
        ("StreamViewType: NEW_IMAGE", "StreamViewType: KEYS_ONLY", "its stream is KEYS_ONLY, not NEW_IMAGE"),
        (
            "  PolicyTable:\n    Type: AWS::DynamoDB::Table",
            "  PolicyTable:\n    Type: AWS::SQS::Queue",
            "no PolicyTable",
        ),
    ],
)
def test_a_template_that_lacks_something_is_found(options: Options, edit: Edit, old: str, new: str, said: str) -> None:
    edit("state/template.yaml", old, new)
    if "kv_key" in old:
        edit(
            "state/template.yaml",
            "[{AttributeName: kv_key, AttributeType: S}]",
            "[{AttributeName: key, AttributeType: S}]",
        )
        said = "RuntimeKvTable: its key is key (S), not kv_key (S)"

    assert said in problems(check(options))


def test_a_table_that_no_code_needs_is_found(options: Options, edit: Edit) -> None:
    edit(
        "state/template.yaml",
        "  RuntimeKvTable:\n    Type:",
        "  SpareTable:\n    Type: AWS::DynamoDB::Table\n\n  RuntimeKvTable:\n    Type:",
    )

    assert "SpareTable is a table no code needs" in problems(check(options))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "[{AttributeName: kv_key, AttributeType: S}]",
            "[{AttributeName: kv_kye, AttributeType: S}]",
            "its key is kv_key (that AttributeDefinitions does not name), not kv_key (S)",
        ),
        (
            "AttributeDefinitions: [{AttributeName: kv_key,",
            "AttributeDefinition: [{AttributeName: kv_key,",
            "its key is",
        ),
    ],
)
def test_a_wrong_attribute_definition_is_a_finding_in_its_line(  # noqa: PLR0917 - fixtures, and one row
    options: Options, edit: Edit, commit: Commit, capsys: pytest.CaptureFixture[str], old: str, new: str, said: str
) -> None:
    edit("state/template.yaml", old, new)
    commit()
    gate = GATES["check:schema-preflight"]

    code = run(gate, options, command="poe check:schema-preflight")

    printed = capsys.readouterr()
    assert (code, printed.err) == (gate.code, "")
    assert re.search(rf"FOUND: state/template\.yaml:\d+: RuntimeKvTable: {re.escape(said)}", printed.out)


@pytest.mark.parametrize("names", [["0001_first", "0003_third"], ["0001_First"], ["one"]])
def test_migrations_that_are_not_numbered_in_order_are_found(options: Options, names: list[str]) -> None:
    folder = options.root / "migrations"
    folder.mkdir()
    for name in ("__init__", *names):
        (folder / f"{name}.py").write_text("")

    assert f"migrations/{names[-1]}.py is not number" in problems(check(options))


@pytest.fixture
def live(options: Options, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Options, Any, deployment.Deployment]]:
    """The copy, and a stack whose tables were made from state/template.yaml; with a client to break them by."""
    with mock_aws():
        session = boto3.Session("testing", "testing", region_name=REGION)
        client = session.client("dynamodb")
        tables = engines.create_tables(client, streams=True)
        for name, schema in SCHEMA.items():
            if schema.ttl:
                client.update_time_to_live(
                    TableName=getattr(tables, name),
                    TimeToLiveSpecification={"Enabled": True, "AttributeName": schema.ttl},
                )
        secret = session.client("secretsmanager").create_secret(Name="trust", SecretString="a key")
        outputs = {logical_id(name): table for name, table in vars(tables).items()} | {"TrustSecretArn": secret["ARN"]}
        stack = deployment.Deployment(deployment.new_session("testing", "testing", region=REGION), None, outputs)
        monkeypatch.setattr(deployment, "find", lambda _: stack)
        yield Options(options.root, "handshake-staging", options.receipts), client, stack


Live = tuple[Options, Any, deployment.Deployment]


def _migration(root: Path) -> str:
    folder = root / "migrations"
    folder.mkdir()
    (folder / "0001_back_fill.py").write_text("# back-fill\n")
    return hashlib.sha256(b"# back-fill\n").hexdigest()


def test_a_stack_as_the_template_has_it_holds(live: Live) -> None:
    verdict = check(live[0])

    assert problems(verdict) == ""
    assert "the trust secret has a current value" in verdict.checked


def test_a_deployed_table_that_is_not_there_is_found(live: Live) -> None:
    options, client, stack = live
    client.delete_table(TableName=stack.outputs["ReplayGuardsTable"])

    assert problems(check(options)) == "as deployed, table replay_guards: it is not there"


def test_a_deployed_table_whose_ttl_was_switched_off_is_found(live: Live) -> None:
    options, client, stack = live
    off = {"Enabled": False, "AttributeName": "ttl"}
    client.update_time_to_live(TableName=stack.outputs["ReplayGuardsTable"], TimeToLiveSpecification=off)

    assert problems(check(options)) == "as deployed, table replay_guards: its TTL attribute is none, not ttl"


def test_a_deployed_table_that_lost_an_index_is_found(live: Live) -> None:
    options, client, stack = live
    lost = [{"Delete": {"IndexName": "expired_by_hour"}}]
    client.update_table(TableName=stack.outputs["ReplayGuardsTable"], GlobalSecondaryIndexUpdates=lost)

    assert problems(check(options)) == "as deployed, table replay_guards: it has no active index expired_by_hour"


def test_a_stack_without_a_trust_secret_is_found(live: Live) -> None:
    options, _, stack = live
    stack.client("secretsmanager").delete_secret(
        SecretId=stack.outputs["TrustSecretArn"], ForceDeleteWithoutRecovery=True
    )

    assert problems(check(options)) == "the trust secret has no current value, so no policy can be applied"


@pytest.mark.parametrize(
    ("record", "said"),
    [
        (None, "was not applied"),
        ({"checksum": {"S": "CHECKSUM"}}, "was begun and not completed"),
        ({"checksum": {"S": "other"}, "applied_at": {"N": "1"}}, "was changed after it was applied"),
        ({"checksum": {"S": "CHECKSUM"}, "applied_at": {"N": "1"}}, ""),
    ],
)
def test_a_migration_counts_once_its_record_says_so(live: Live, record: dict[str, Any] | None, said: str) -> None:
    options, client, stack = live
    checksum = _migration(options.root)
    if record is not None:
        record["checksum"] = {"S": record["checksum"]["S"].replace("CHECKSUM", checksum)}
        key = {"kv_key": {"S": migration_key("0001_back_fill")["kv_key"]}}
        client.put_item(TableName=stack.outputs["RuntimeKvTable"], Item=key | record)

    assert problems(check(options)) == (f"migration 0001_back_fill {said}" if said else "")


def test_a_stack_that_cannot_be_read_is_not_judged(options: Options, monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere(_: str) -> deployment.Deployment:
        raise deployment.NoDeploymentError("no such stack")

    monkeypatch.setattr(deployment, "find", nowhere)

    with pytest.raises(CannotJudgeError, match="the stack gone cannot be read: no such stack"):
        check(Options(options.root, "gone", options.receipts))
