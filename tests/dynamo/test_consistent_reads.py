"""Reads of a table are strongly consistent: held by what is asked, because no engine on one machine ever lags."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from handshake.dynamo.context import Context
from handshake.dynamo.sharding import Shard
from handshake.metrics.rebuild import compare
from handshake.metrics.rollup_table import read_standing
from handshake.replay_guards.retain import retain_guards
from handshake.requests.expire_overdue import expire_overdue
from handshake.requests.table import request_ids
from tests.conftest import Engine
from tests.support.endpoints import ENDPOINTS, Endpoint
from tests.support.service import InProcess, escalated

JOBS: Mapping[str, Callable[[Context], object]] = {
    "expiry": expire_overdue,
    "retention": retain_guards,
    "comparison of roll-ups": compare,
    "audit of all requests": lambda context: list(request_ids(context.dynamo, context.tables.workflow)),
    "checkpoints": lambda context: read_standing(context.dynamo, context.tables.metrics, [Shard("stream", "1")], [])[0],
}
# What shows numbers that the projector folds up to a minute late gains nothing from paying twice for its reads.
LATE_ANYWAY = {"summary", "series", "reasons"}


@dataclass
class _Reads:
    """A client that notes for each read of a table, by its operation, whether it was to be strongly consistent."""

    client: Any
    consistent: list[tuple[str, bool]] = field(default_factory=list)

    def __getattr__(self, operation: str) -> Any:
        asked = getattr(self.client, operation)

        def call(**parameters: Any) -> Any:
            if operation == "batch_get_item":
                wanted = parameters["RequestItems"].values()
                self.consistent += [(operation, request.get("ConsistentRead", False)) for request in wanted]
            # DynamoDB refuses a strongly consistent read of an index.
            elif operation in {"query", "scan", "get_item"} and "IndexName" not in parameters:
                self.consistent.append((operation, parameters.get("ConsistentRead", False)))
            return asked(**parameters)

        return call


@pytest.fixture
def service(moto_tables: Engine) -> InProcess:
    return InProcess(*moto_tables)


@pytest.mark.parametrize("name", [name for name in ENDPOINTS if name not in LATE_ANYWAY])
def test_an_endpoint_reads_no_table_but_strongly_consistent(service: InProcess, name: str) -> None:
    endpoint: Endpoint = ENDPOINTS[name]
    given = endpoint.prepare(service)
    reads = _Reads(service.dynamodb)

    assert endpoint.call(replace(service, dynamodb=reads), given).status < 500

    assert [operation for operation, consistent in reads.consistent if not consistent] == []


@pytest.mark.parametrize("job", JOBS.values(), ids=JOBS)
def test_a_job_reads_no_table_but_strongly_consistent(service: InProcess, job: Callable[[Context], object]) -> None:
    escalated(service)
    reads = _Reads(service.dynamodb)

    job(replace(service, dynamodb=reads).context)

    assert reads.consistent
    assert all(consistent for _, consistent in reads.consistent)
