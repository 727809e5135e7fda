"""The expiry's index is a copy that lags: what it lists may have changed since, and is judged by what is stored."""

from dataclasses import dataclass, replace
from typing import Any

import pytest

from handshake.requests.expire_overdue import Expiry, expire_overdue
from handshake.requests.table import state_key
from tests.conftest import Engine
from tests.support.metrics_events import NOW_MS
from tests.support.service import InProcess, act, own, submit
from tests.support.store import everything
from tests.support.workflow_requests import TTL_MS, a_body

OVERDUE_MS = NOW_MS + TTL_MS


@dataclass
class _Lagging:
    """A client whose indexes show what they showed when it was made."""

    client: Any
    shown: list[dict[str, Any]]

    def __getattr__(self, operation: str) -> Any:
        return getattr(self.client, operation)

    def query(self, **parameters: Any) -> Any:
        shard = parameters["ExpressionAttributeValues"][":shard"]["S"]
        return {"Items": [item for item in self.shown if item["pending_lane"]["S"] == shard]}


def _lagging(service: InProcess) -> InProcess:
    """The service at the deadline of what waits now, whatever becomes of that."""
    items = service.dynamodb.scan(TableName=service.tables.workflow)["Items"]
    waiting = [item for item in items if "pending_lane" in item]
    return replace(service, dynamodb=_Lagging(service.dynamodb, waiting), now_ms=lambda: OVERDUE_MS)


@pytest.fixture
def service(moto_tables: Engine) -> InProcess:
    """The service, at NOW_MS."""
    return InProcess(*moto_tables, now_ms=lambda: NOW_MS)


@pytest.fixture
def request_body(service: InProcess) -> dict[str, Any]:
    body = a_body(context={"amount": 150})
    assert submit(service, body).body["decision"] == "escalate"
    return body


@pytest.mark.parametrize("action", ["approve", "reject"])
def test_what_a_person_closed_though_the_index_still_lists_it_is_left_alone_and_waits_for_nobody(
    service: InProcess, request_body: dict[str, Any], action: str
) -> None:
    late = _lagging(service)
    assert act(service, request_body, action, envelope=own(request_body)).status == 200
    before = everything(service)

    done = expire_overdue(late.context)

    assert replace(done, pending=0) == Expiry(expired=0, raced=0, pending=0, oldest_pending_seconds=0)
    assert everything(service) == before


def test_what_is_gone_though_the_index_still_lists_it_is_passed_over(
    service: InProcess, request_body: dict[str, Any]
) -> None:
    late = _lagging(service)
    key = {name: {"S": value} for name, value in state_key(request_body["requestId"]).items()}
    service.dynamodb.delete_item(TableName=service.tables.workflow, Key=key)

    done = expire_overdue(late.context)

    assert replace(done, pending=0) == Expiry(expired=0, raced=0, pending=0, oldest_pending_seconds=0)


def test_what_still_waits_is_expired_by_an_index_that_lags(service: InProcess, request_body: dict[str, Any]) -> None:
    assert request_body
    assert expire_overdue(_lagging(service).context).expired == 1
