"""The DynamoDB engines that tests run on, and tables on them as state/template.yaml describes them."""

import os
import re
import shutil
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any
from uuid import uuid4

import boto3
from botocore.config import Config

from handshake.dynamo.tables import Tables
from ops.local import dynamodb
from ops.local.settings import REGION, ROOT
from ops.local.translation import translate

# Where Amazon's DynamoDB Local is unpacked.
DYNAMODB_LOCAL = Path(os.environ.get("HANDSHAKE_DYNAMODB_LOCAL", dynamodb.HOME))
_STREAM = "StreamSpecification"
_PROPERTIES = ("BillingMode", "AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes")


def dynamodb_local_missing() -> str:
    """Say in one line why DynamoDB Local cannot run on this machine; empty where it can."""
    if shutil.which("java") is None:
        return "DynamoDB Local needs Java, which is not on this machine"
    if not DYNAMODB_LOCAL.exists():
        return "DynamoDB Local is not here: python -m ops.local.dynamodb fetches it"
    return ""


@cache
def described_tables() -> Mapping[str, dict[str, Any]]:
    """Return by their names in ``Tables`` the parameters that create the tables of state/template.yaml."""
    state = translate(ROOT / "state" / "template.yaml", {"Environment": "local"})
    tables = state.of_type("AWS::DynamoDB::Table")
    return {
        _snake(logical_id.removesuffix("Table")): _create_parameters(resource["Properties"])
        for logical_id, resource in tables.items()
    }


def create_tables(client: Any, *only: str, streams: bool = False) -> Tables:
    """Create fresh, empty tables, all of them or those named ``only``; with their ``streams`` where these are read.

    DynamoDB Local looks through all streams that it ever had at each write, and is ten times as slow for it.
    """
    suffix = uuid4().hex[:8]
    names = {name: f"{name}-{suffix}" for name in only or described_tables()}
    for name, table in names.items():
        described = {key: value for key, value in described_tables()[name].items() if streams or key != _STREAM}
        client.create_table(TableName=table, **described)
    return Tables(**names)


def start_stream(client: Any, tables: Tables, name: str) -> str:
    """Have a table tell of what is written from now on, as its template says; give the stream's ARN."""
    stream = described_tables()[name][_STREAM]
    answer = client.update_table(TableName=getattr(tables, name), StreamSpecification=stream)
    return str(answer["TableDescription"]["LatestStreamArn"])


def delete_tables(client: Any, tables: Tables) -> None:
    """Delete what ``create_tables`` created."""
    for table in filter(None, vars(tables).values()):
        client.delete_table(TableName=table)


def client_of(
    service: str, endpoint: str | None = None, *, key: tuple[str, str] = ("testing", "testing"), **config: Any
) -> Any:
    """Give a client, with credentials that open nothing unless ``key`` (its id and its secret) does.

    ``config`` is botocore's own.
    """
    client: Any = _session().client  # its stubs know services by their literal names only
    return client(
        service,
        endpoint_url=endpoint,
        region_name=REGION,
        aws_access_key_id=key[0],
        aws_secret_access_key=key[1],
        config=Config(max_pool_connections=64, retries={"total_max_attempts": 1}, **config),
    )


@cache
def _session() -> boto3.Session:
    """Give one for all clients: it reads what botocore knows of a service once, moto's default session every time."""
    return boto3.Session()


def _create_parameters(properties: Mapping[str, Any]) -> dict[str, Any]:
    parameters = {name: properties[name] for name in _PROPERTIES if name in properties}
    if _STREAM in properties:
        parameters[_STREAM] = {"StreamEnabled": True, **properties[_STREAM]}
    return parameters


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()
