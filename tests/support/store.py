"""Read the store behind the API, and change there what only time or an operator changes."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from handshake.dynamo.client import Dynamo
from handshake.dynamo.context import Context
from handshake.dynamo.marshalling import Item, unmarshal
from handshake.dynamo.runtime_kv import RuntimeTransaction
from handshake.replay_guards.table import guard_key, hour_of
from handshake.requests.evidence import MAX_REFUSALS
from tests.support.service import Service, get, now_ms, own

_KEY_NAMES = ("pk", "sk", "guard_key", "kv_key")
_BATCH = 25


def kept(service: Service, table: str, **condition: str) -> list[Item]:
    """Give every item of ``table`` whose attributes are as in ``condition``; quickly if it names a partition."""
    key = {name for name in ("pk", "sk") if "pk" in condition and name in condition}
    options: dict[str, Any] = {}
    for kind, names in (("KeyConditionExpression", key), ("FilterExpression", condition.keys() - key)):
        if names:
            options[kind] = " AND ".join(f"#{name} = :{name}" for name in sorted(names))
    if condition:
        options["ExpressionAttributeNames"] = {f"#{name}": name for name in condition}
        options["ExpressionAttributeValues"] = {f":{name}": {"S": value} for name, value in condition.items()}
    read = service.dynamodb.get_paginator("query" if key else "scan")
    pages = read.paginate(TableName=table, ConsistentRead=True, **options)
    return [unmarshal(item) for page in pages for item in page["Items"]]


def everything(service: Service) -> dict[str, list[Item]]:
    """Give all that the service stores, but for metrics events, which record refusals too."""
    tables = vars(service.tables) | {"metrics": ""}
    return {
        name: sorted(kept(service, table), key=lambda item: sorted(map(str, item.items())))
        for name, table in tables.items()
        if table
    }


def events_about(service: Service, request_id: str) -> list[Item]:
    """Give the metrics events of a request, or of the correlation id that stands for one."""
    return kept(service, service.tables.metrics, request_id=request_id)


def state_of(service: Service, request: Mapping[str, Any]) -> str:
    """Return the state of a request, as its own principal reads it."""
    reply = get(service, f"/workflow/requests/{request['requestId']}", envelope=own(request))
    state: str = reply.body["state"]
    return state


def let_expire(service: Service, request: Mapping[str, Any]) -> None:
    """Move an escalation's deadline into the past."""
    service.dynamodb.update_item(
        TableName=service.tables.workflow,
        Key={"pk": {"S": f"REQ#{request['requestId']}"}, "sk": {"S": "STATE"}},
        UpdateExpression="SET expires_at = :past, pending_deadline = :past",
        ExpressionAttributeValues={":past": {"N": "1"}},
    )


def has_as_many_as_are_kept(service: Service, request: Mapping[str, Any]) -> None:
    """Have a request remember as many refused actions as evidence keeps of one."""
    service.dynamodb.update_item(
        TableName=service.tables.workflow,
        Key={"pk": {"S": f"REQ#{request['requestId']}"}, "sk": {"S": "STATE"}},
        UpdateExpression="SET refusals = :kept",
        ExpressionAttributeValues={":kept": {"N": str(MAX_REFUSALS)}},
    )


def let_guard_expire(service: Service, jti: str) -> None:
    """Move the expiry of a used jti's guard into the past, and leave the guard."""
    key = {name: {"S": value} for name, value in guard_key("policy_apply", jti).items()}
    past = now_ms() - 60_000
    service.dynamodb.update_item(
        TableName=service.tables.replay_guards,
        Key=key,
        UpdateExpression="SET expires_at = :past, expiry_hour = :hour",
        ConditionExpression="attribute_exists(guard_key)",
        ExpressionAttributeValues={":past": {"N": str(past)}, ":hour": {"S": str(hour_of(past))}},
    )


def forget(service: Service) -> None:
    """Leave every table empty."""
    empty(service, *vars(service.tables))


def empty(service: Service, *tables: str) -> None:
    """Leave tables empty, by their names in Tables."""
    _delete(service, {table: kept(service, table) for table in (getattr(service.tables, name) for name in tables)})


def forget_global_policy(service: Service) -> None:
    """Leave global scope as it is before the first apply."""
    table = service.tables.policy
    _delete(service, {table: kept(service, table, pk="SCOPE#global")})


def _delete(service: Service, stored: Mapping[str, list[Item]]) -> None:
    deletes = [
        (table, {"DeleteRequest": {"Key": {name: {"S": item[name]} for name in _KEY_NAMES if name in item}}})
        for table, items in stored.items()
        for item in items
    ]
    for start in range(0, len(deletes), _BATCH):
        batch: dict[str, list[Any]] = {}
        for table, delete in deletes[start : start + _BATCH]:
            batch.setdefault(table, []).append(delete)
        service.dynamodb.batch_write_item(RequestItems=batch)


@contextmanager
def paused(service: Service) -> Iterator[None]:
    """Keep privileged mutations paused, as an operator does, while the block runs."""
    _set_paused(service, paused=True)
    try:
        yield
    finally:
        _set_paused(service, paused=False)


def _set_paused(service: Service, *, paused: bool) -> None:
    dynamo = Dynamo(service.dynamodb, clock=lambda: 0.0)
    tx = RuntimeTransaction(Context(dynamo, service.tables, now_ms, lambda: "unused"))
    tx.set_paused(paused=paused, now_ms=now_ms())
    assert tx.commit()
