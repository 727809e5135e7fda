"""The queues of pending requests: sparse indexes that hold only what waits for a person."""

from typing import Final

from handshake.domain.paging import PageRequest, cursor_after
from handshake.domain.record import RequestRecord
from handshake.store.dynamo import Dynamo, Item
from handshake.store.requests import record_from, state_key

PENDING_BY_TENANT: Final = "pending_by_tenant"
PENDING_BY_PRINCIPAL: Final = "pending_by_principal"


def pending(
    dynamo: Dynamo, table: str, index: str, owner: str, page: PageRequest, *, now_ms: int
) -> tuple[list[RequestRecord], str | None]:
    """One page of an owner's pending requests, soonest deadline first, and the cursor of the next."""
    partition = index.replace("_by", "")
    found = dynamo.query(
        table,
        f"{partition} = :owner AND pending_deadline > :now",
        {":owner": owner, ":now": now_ms},
        IndexName=index,
        start=_resume(partition, owner, page, now_ms=now_ms),
        Limit=page.limit,
    )
    records = [record for record in map(record_from, found.items) if record]
    last = records[-1] if records and found.next_key else None
    return records, cursor_after(last.request_id, last.expires_at_ms or 0) if last else None


def _resume(partition: str, owner: str, page: PageRequest, *, now_ms: int) -> Item | None:
    if not page.after:
        return None
    request_id, deadline = page.after
    # Past its own deadline the cursor lies before everything that is still pending.
    if int(deadline) <= now_ms:
        return None
    return {**state_key(str(request_id)), partition: owner, "pending_deadline": deadline}
