"""Read a request, its evidence or the queue of those that wait for a person: one call to the store each.

The queue of a principal whose namesake in another tenant has a whole page of it takes more.
"""

from handshake.core.paging import MAX_LIMIT, PageRequest, cursor_after
from handshake.dynamo.context import Context
from handshake.requests import queue
from handshake.requests import table as requests
from handshake.requests.access import ensure_possible, may_resolve, readable, resolves_for_tenant
from handshake.requests.evidence import EvidenceEvent
from handshake.requests.record import RequestRecord
from handshake.trust.identity import Envelope


def read_request(context: Context, request_id: str, envelope: Envelope) -> RequestRecord:
    """Give the request, if ``envelope`` may read it; past its deadline it is expired.

    Raises HandshakeError: hitl_request_not_found, security_read_scope_denied, security_read_tenant_mismatch.
    """
    ensure_possible(request_id)
    [item] = context.dynamo.batch_get([(context.tables.workflow, requests.state_key(request_id))])
    return readable(requests.record_from(item), request_id, envelope).as_of(context.now_ms())


def read_evidence(context: Context, request_id: str, envelope: Envelope) -> tuple[RequestRecord, list[EvidenceEvent]]:
    """Give the request with its evidence, oldest first. Raises as read_request."""
    ensure_possible(request_id)
    items = requests.read_partition(context.dynamo, context.tables.workflow, request_id)
    record, events = requests.split_partition(items)
    return readable(record, request_id, envelope), events


def read_queue(context: Context, envelope: Envelope, page: PageRequest) -> tuple[list[RequestRecord], str | None]:
    """Give the pending requests that ``envelope`` may resolve, soonest deadline first, and the next page's cursor.

    Resolvers of a tenant see their tenant's; everybody else sees their own.
    """
    index, owner = (
        (queue.PENDING_BY_TENANT, envelope.tenant_id)
        if resolves_for_tenant(envelope)
        else (queue.PENDING_BY_PRINCIPAL, envelope.principal_id)
    )
    asked = page
    while True:
        records, more = queue.pending(
            context.dynamo, context.tables.workflow, index, owner, asked, now_ms=context.now_ms()
        )
        # A principal's own name in another tenant is somebody else's: neither a page nor its cursor tells of them.
        own = [record for record in records if _resolves(envelope, record)]
        if own or not more:
            break
        asked = PageRequest(MAX_LIMIT, queue.place_of(records[-1]))
    more, own = more or len(own) > page.limit, own[: page.limit]
    return own, cursor_after(*queue.place_of(own[-1])) if own and more else None


def _resolves(envelope: Envelope, record: RequestRecord) -> bool:
    submission = record.submission
    return may_resolve(envelope, principal_id=submission.principal_id, tenant_id=submission.tenant_id)
