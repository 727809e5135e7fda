"""Compares what the model says a decision leaves in DynamoDB with what one does leave."""

from typing import Any
from uuid import uuid4

import pytest

from ops.cost.inputs import background
from tests.bench.capacity import size_of
from tests.conftest import Engine
from tests.support import engines
from tests.support.service import InProcess, claim, own, report, submission, submit

OVERHEAD = 100  # DynamoDB's, for each item and index entry
DIGITS = 4  # bytes by which times differ


def test_an_allowed_payment_leaves_what_the_model_counts(moto_tables: Engine) -> None:
    client, tables = moto_tables
    ids = {name: str(uuid4()) for name in ("requestId", "principalId", "agentId")}
    asked = submission(**ids, context={"amount": 42, "category": "ops"})
    del asked["tenantId"]

    assert submit(InProcess(client, tables), asked).body["decision"] == "allow"

    workflow = [item for item in _items(client, tables.workflow) if item["pk"]["S"] == f"REQ#{ids['requestId']}"]
    [state] = [item for item in workflow if item["sk"]["S"] == "STATE"]
    assert background()["stored_per_decision"] == {
        "workflow": pytest.approx(_stored(workflow), abs=DIGITS),
        "metrics": pytest.approx(_stored(_items(client, tables.metrics)), abs=DIGITS),
    }
    assert background()["indexed_per_decision"] == {
        name: pytest.approx(_stored([entry]), abs=DIGITS) for name, entry in _entries(state).items()
    }


def test_a_grant_leaves_what_the_model_counts(moto_tables: Engine) -> None:
    client, tables = moto_tables
    service = InProcess(client, tables)
    ids = {name: str(uuid4()) for name in ("requestId", "principalId", "agentId")}
    asked = submission(**ids, context={"amount": 42, "category": "ops"})
    del asked["tenantId"]
    digest = submit(service, asked).body["actionDigest"]
    tables_of = {"workflow": tables.workflow, "metrics": tables.metrics}
    before = {name: _stored(_items(client, table)) for name, table in tables_of.items()}

    grant = claim(service, asked, digest=digest, key=str(uuid4())).body["grantId"]
    assert report(service, grant, envelope=own(asked)).status == 200

    left = {name: _stored(_items(client, table)) - before[name] for name, table in tables_of.items()}
    assert background()["stored_per_grant"] == {name: pytest.approx(size, abs=DIGITS) for name, size in left.items()}


def _items(client: Any, table: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = client.scan(TableName=table)["Items"]
    return items


def _stored(items: list[dict[str, Any]]) -> int:
    return sum(size_of(item) + OVERHEAD for item in items)


def _entries(item: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The entries that ``item`` has in the workflow table's indexes, by index."""
    keys = {"pk", "sk"}
    entries = {}
    for index in engines.described_tables()["workflow"]["GlobalSecondaryIndexes"]:
        by = {key["AttributeName"] for key in index["KeySchema"]}
        if by <= item.keys():
            kept = keys | by | set(index["Projection"].get("NonKeyAttributes", ()))
            entries[index["IndexName"]] = {name: value for name, value in item.items() if name in kept}
    return entries
