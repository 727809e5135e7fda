"""Finds what the deployed tables lack of what the code needs, migrations included."""

from collections.abc import Iterator, Mapping
from typing import Any

from botocore.exceptions import ClientError

from handshake.dynamo.client import Dynamo
from handshake.dynamo.tables import Tables
from handshake.release.schema import SCHEMA, TableSchema, migration_key, migration_shortfall, read_schema, shortfalls


def table_shortfalls(client: Any, tables: Tables) -> Iterator[str]:
    """Yield what each table lacks, by a botocore DynamoDB client. Raises ClientError or BotoCoreError."""
    for name, needed in SCHEMA.items():
        for lack in _lacks(client, getattr(tables, name), needed):
            yield f"table {name}: {lack}"


def unapplied_migrations(dynamo: Dynamo, tables: Tables, migrations: Mapping[str, str]) -> Iterator[str]:
    """Yield which of the ``migrations``, by the SHA-256 of their files, are not recorded as applied."""
    keys = [(tables.runtime_kv, migration_key(name)) for name in migrations]
    records = dynamo.batch_get(keys) if keys else []
    for (name, checksum), record in zip(migrations.items(), records, strict=True):
        if lack := migration_shortfall(record, checksum=checksum):
            yield f"migration {name} {lack}"


def _lacks(client: Any, table: str, needed: TableSchema) -> Iterator[str]:
    try:
        described = client.describe_table(TableName=table)["Table"]
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceNotFoundException":
            raise
        yield "it is not there"
        return
    if described["TableStatus"] not in ("ACTIVE", "UPDATING"):
        yield f"its status is {described['TableStatus']}"
    ttl = client.describe_time_to_live(TableName=table)["TimeToLiveDescription"]
    expires = ttl.get("AttributeName", "") if ttl["TimeToLiveStatus"] in ("ENABLED", "ENABLING") else ""
    yield from shortfalls(needed, read_schema(described, ttl=expires))
