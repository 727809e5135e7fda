"""Describes what the code needs of the deployed tables: keys, indexes, TTL, streams, and which migrations were applied.

CloudFormation makes the tables; this says what the code relies on, so that a gate can compare the two before a release
does. A table may have more than what is needed.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from handshake.agents.registry import INDEX as AGENTS
from handshake.dynamo.marshalling import Item, Key
from handshake.requests.listed_items import HISTORY, PROJECTED
from handshake.requests.queue import PENDING_BY_PRINCIPAL, PENDING_BY_SHARD, PENDING_BY_TENANT
from handshake.requests.table import RECORDED

ALL: Final = "ALL"
UNDEFINED: Final = "that AttributeDefinitions does not name"
MIGRATION_PREFIX: Final = "migration#"

# Stacks have recorded these checksums of files whose imports alone have changed since: modules were moved.
_EARLIER_CHECKSUMS: Final[Mapping[str, frozenset[str]]] = {
    "0001_refusal_tallies": frozenset({"96311bd7739f6986fb326406a8869946e1fd1717fb841872d0637c67c6f05568"}),
    "0002_appended_at": frozenset({"a44364dbd69b02ff85d7b8adfd9420bb9bccf90f2e8d075fbc8f0689406d92f8"}),
}

Attributes = Mapping[str, str]


@dataclass(frozen=True)
class IndexSchema:
    """A global secondary index. ``keys`` are attribute names and their types, the partition key first.

    ``projected`` are the attributes it must hold beside keys; ALL in it stands for every one.
    """

    keys: Attributes
    projected: frozenset[str] = frozenset()


@dataclass(frozen=True)
class TableSchema:
    """A table. ``ttl`` names the attribute that expires items, ``stream`` the view type; "" where there is none."""

    keys: Attributes
    indexes: Mapping[str, IndexSchema] = field(default_factory=dict)
    ttl: str = ""
    stream: str = ""


_ITEM: Final = {"pk": "S", "sk": "S"}
_EVERYTHING: Final = frozenset({ALL})

# By the names of store.tables.Tables.
SCHEMA: Final[Mapping[str, TableSchema]] = {
    "workflow": TableSchema(
        keys=_ITEM,
        ttl="ttl",
        stream="NEW_AND_OLD_IMAGES",
        indexes={
            PENDING_BY_TENANT: IndexSchema({"pending_tenant": "S", "pending_deadline": "N"}, _EVERYTHING),
            PENDING_BY_PRINCIPAL: IndexSchema({"pending_principal": "S", "pending_deadline": "N"}, _EVERYTHING),
            PENDING_BY_SHARD: IndexSchema({"pending_lane": "S", "pending_deadline": "N"}),
            HISTORY: IndexSchema({"history_lane": "S", "history_at": "N"}, PROJECTED),
            RECORDED: IndexSchema(
                {"recorded_lane": "S", "created_at": "N"},
                frozenset({"agent_id", "action_type", "facts", "timestamp_ms"}),
            ),
        },
    ),
    "policy": TableSchema(
        keys=_ITEM,
        stream="NEW_AND_OLD_IMAGES",
        indexes={AGENTS: IndexSchema({"agents_lane": "S", "agents_place": "S"}, _EVERYTHING)},
    ),
    "metrics": TableSchema(keys=_ITEM, ttl="ttl", stream="NEW_IMAGE"),
    "replay_guards": TableSchema(
        keys={"guard_key": "S"},
        ttl="ttl",
        indexes={"expired_by_hour": IndexSchema({"expiry_hour": "S", "expires_at": "N"})},
    ),
    "runtime_kv": TableSchema(keys={"kv_key": "S"}),
}


def read_schema(table: Mapping[str, Any], *, ttl: str) -> TableSchema:
    """Give the schema of a table, from a DescribeTable answer's ``Table``; a template's properties have the same shape.

    ``ttl`` is the attribute of its enabled TTL, or "".
    """
    types = {one["AttributeName"]: one["AttributeType"] for one in table.get("AttributeDefinitions") or ()}
    stream = table.get("StreamSpecification") or {}
    return TableSchema(
        keys=_keys(table, types),
        ttl=ttl,
        stream=stream.get("StreamViewType", "") if stream.get("StreamEnabled", True) else "",
        indexes={
            index["IndexName"]: IndexSchema(_keys(index, types), _projected(index.get("Projection") or {}))
            for index in table.get("GlobalSecondaryIndexes") or ()
            if index.get("IndexStatus", "ACTIVE") == "ACTIVE"
        },
    )


def shortfalls(needed: TableSchema, found: TableSchema) -> Iterator[str]:
    """Yield what ``found`` lacks of what is ``needed``, each in words."""
    if list(found.keys.items()) != list(needed.keys.items()):
        yield f"its key is {_said(found.keys)}, not {_said(needed.keys)}"
    if needed.ttl != found.ttl:
        yield f"its TTL attribute is {found.ttl or 'none'}, not {needed.ttl or 'none'}"
    if needed.stream and needed.stream != found.stream:
        yield f"its stream is {found.stream or 'off'}, not {needed.stream}"
    for name, index in needed.indexes.items():
        there = found.indexes.get(name)
        if there is None:
            yield f"it has no active index {name}"
        elif list(there.keys.items()) != list(index.keys.items()):
            yield f"the key of index {name} is {_said(there.keys)}, not {_said(index.keys)}"
        elif ALL not in there.projected and (missing := index.projected - there.projected):
            yield f"index {name} does not project {', '.join(sorted(missing))}"


def migration_key(migration: str) -> Key:
    """Give the key under which runtime_kv records that ``migration`` (``NNNN_name``) was applied."""
    return {"kv_key": f"{MIGRATION_PREFIX}{migration}"}


def migration_shortfall(record: Item | None, *, checksum: str) -> str:
    """Say why ``record`` does not vouch for the migration of this checksum (SHA-256, hex); "" when it does.

    A record holds ``checksum``, and ``applied_at`` (epoch ms) once the migration is complete.
    """
    if record is None:
        return "was not applied"
    if record.get("applied_at") is None:
        return "was begun and not completed"
    name = str(record["kv_key"]).removeprefix(MIGRATION_PREFIX)
    same = is_same_migration(name, recorded=str(record.get("checksum")), checksum=checksum)
    return "" if same else "was changed after it was applied"


def is_same_migration(name: str, *, recorded: str, checksum: str) -> bool:
    """Tell whether a file with ``checksum`` is the migration that was recorded under the checksum ``recorded``."""
    return recorded in _EARLIER_CHECKSUMS.get(name, frozenset()) | {checksum}


def _keys(described: Mapping[str, Any], types: Attributes) -> Attributes:
    ordered = sorted(described.get("KeySchema") or (), key=lambda key: str(key["KeyType"]))  # HASH before RANGE
    return {key["AttributeName"]: types.get(key["AttributeName"], UNDEFINED) for key in ordered}


def _projected(projection: Mapping[str, Any]) -> frozenset[str]:
    if projection.get("ProjectionType") == ALL:
        return _EVERYTHING
    return frozenset(projection.get("NonKeyAttributes") or ())


def _said(keys: Attributes) -> str:
    return ", ".join(f"{name} ({kind})" for name, kind in keys.items())
