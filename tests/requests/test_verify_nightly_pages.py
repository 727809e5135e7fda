"""The nightly verification of tables that are longer than a page."""

from dataclasses import dataclass, replace
from itertools import count
from typing import Any, Final

from handshake.requests.verification_progress import night_of
from handshake.requests.verify_nightly import verify_nightly
from tests.conftest import Engine
from tests.support.service import InProcess, apply_policy, for_agent, now_ms, unique

MORNING: Final = night_of(now_ms()) * 24 * 60 * 60 * 1000 + 2 * 60 * 60 * 1000


@dataclass
class ShortPages:
    """A store whose scans end after two items, as they do after a megabyte."""

    client: Any

    def scan(self, **parameters: Any) -> Any:
        """Give a page."""
        return self.client.scan(**parameters | {"Limit": 2})

    def __getattr__(self, operation: str) -> Any:
        return getattr(self.client, operation)


def test_a_lane_goes_on_after_each_page_and_each_run_where_the_last_one_ended(dynamodb_local: Engine) -> None:
    client, tables = dynamodb_local
    service = InProcess(client, tables)
    for _ in range(5):
        apply_policy(service, for_agent(unique("agent"), max_transaction=1))
    seconds = count(MORNING, 1000)
    context = replace(InProcess(ShortPages(client), tables), now_ms=lambda: next(seconds)).context

    runs = [verify_nightly(context, lambda _: None, run_ms=45_000) for _ in range(20)]

    assert sum(run.policies_verified for run in runs) == 5
    assert [run.lanes_left for run in runs][-1] == 0
    assert sum(run.unfinished for run in runs) > 1
    assert sum(run.findings for run in runs) == 0
