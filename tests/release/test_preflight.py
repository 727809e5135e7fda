"""What the deployed tables lack, as DescribeTable and DescribeTimeToLive tell it."""

from typing import Any, Final

import pytest
from botocore.exceptions import ClientError

from handshake.dynamo.tables import Tables
from handshake.release.preflight import table_shortfalls
from handshake.release.schema import SCHEMA
from tests.support.engines import described_tables
from tests.support.scripted import fault

TABLES: Final = Tables(**{name: name for name in SCHEMA})


class Described:
    """A client that describes the tables of the template, in these states, or has this fault."""

    def __init__(self, *, status: str = "ACTIVE", ttl: str = "ENABLED", fault: ClientError | None = None) -> None:
        self._status, self._ttl, self._fault = status, ttl, fault

    def describe_table(self, *, TableName: str) -> dict[str, Any]:  # noqa: N803 - the client's own name
        """Describe a table as the template makes it."""
        if self._fault:
            raise self._fault
        return {"Table": {**described_tables()[TableName], "TableStatus": self._status}}

    def describe_time_to_live(self, *, TableName: str) -> dict[str, Any]:  # noqa: N803 - the client's own name
        """Describe its TTL, which has no attribute where there never was one."""
        ttl = SCHEMA[TableName].ttl
        description = {"TimeToLiveStatus": self._ttl, "AttributeName": ttl} if ttl else {"TimeToLiveStatus": "DISABLED"}
        return {"TimeToLiveDescription": description}


@pytest.mark.parametrize("status", ["ACTIVE", "UPDATING"])
@pytest.mark.parametrize("ttl", ["ENABLED", "ENABLING"])
def test_tables_that_answer_and_expire_items_lack_nothing(status: str, ttl: str) -> None:
    assert list(table_shortfalls(Described(status=status, ttl=ttl), TABLES)) == []


@pytest.mark.parametrize("status", ["CREATING", "DELETING", "ARCHIVED", "INACCESSIBLE_ENCRYPTION_CREDENTIALS"])
def test_a_table_that_does_not_answer_is_named_with_its_status(status: str) -> None:
    assert set(table_shortfalls(Described(status=status), TABLES)) == {
        f"table {name}: its status is {status}" for name in SCHEMA
    }


@pytest.mark.parametrize("ttl", ["DISABLED", "DISABLING"])
def test_a_ttl_that_is_off_is_none_though_its_attribute_is_named(ttl: str) -> None:
    assert set(table_shortfalls(Described(ttl=ttl), TABLES)) == {
        f"table {name}: its TTL attribute is none, not ttl" for name in ("workflow", "metrics", "replay_guards")
    }


def test_a_table_that_is_not_there_is_named() -> None:
    lost = Described(fault=fault("ResourceNotFoundException"))

    assert set(table_shortfalls(lost, TABLES)) == {f"table {name}: it is not there" for name in SCHEMA}


def test_what_the_store_refuses_to_say_is_no_shortfall() -> None:
    """The gate cannot judge, and must not name a table as missing that it may not look at."""
    with pytest.raises(ClientError):
        list(table_shortfalls(Described(fault=fault("AccessDeniedException")), TABLES))
