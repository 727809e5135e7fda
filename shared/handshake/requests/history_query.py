"""What part of the history of decisions is asked for, and whose it is (contract.md section 13)."""

from dataclasses import dataclass
from typing import Final

from handshake.core.errors import HandshakeError
from handshake.core.jsonio import digest
from handshake.core.paging import PageRequest, parse_page
from handshake.core.reasons import ReasonCode
from handshake.core.text import MAX_ID_LENGTH, is_label
from handshake.requests.access import reads_tenant
from handshake.requests.ending import ENDS
from handshake.trust.identity import Envelope

# The last millisecond of the year 9999.
MAX_TIME_MS: Final = 253_402_300_799_999
_BOUND_DIGITS: Final = 16


@dataclass(frozen=True)
class HistoryQuery:
    """A page of what was closed ``from_ms`` or later and before ``to_ms``, of any ``outcome`` and ``actor`` or of one.

    It is the tenant's where ``tenant_id`` is set, else the principal's own. ``after`` is the request, and the time of
    its end, after which the page begins.
    """

    principal_id: str
    tenant_id: str | None
    outcome: str | None
    actor: str | None
    from_ms: int
    to_ms: int
    limit: int
    after: tuple[str, int] | None = None

    @property
    def bound(self) -> str:
        """Digest all of the query but its page, which its cursors are bound to."""
        tenant = self.tenant_id or ""
        asked = [tenant, "" if tenant else self.principal_id, self.outcome, self.actor, self.from_ms, self.to_ms]
        return digest(asked)[:_BOUND_DIGITS]


def parse_history_query(
    envelope: Envelope,
    *,
    outcome: str | None = None,
    actor: str | None = None,
    since: str | None = None,
    until: str | None = None,
    limit: str | None = None,
    cursor: str | None = None,
) -> HistoryQuery:
    """Read the query parameters of the history, ``from`` and ``to`` as ``since`` and ``until``, for ``envelope``.

    Raises HandshakeError trust_context_invalid_request_shape, which names the parameter and what is wrong with it.
    """
    page = parse_page(limit, cursor, parts=(str, int, str))
    if outcome is not None and outcome not in ENDS:
        raise _bad_shape(f"outcome must be one of {', '.join(ENDS)}.")
    if actor is not None and not is_label(actor):
        raise _bad_shape(f"actor must be 1 to {MAX_ID_LENGTH} characters without control characters.")
    from_ms, to_ms = _time("from", since, default=0), _time("to", until, default=MAX_TIME_MS)
    if from_ms >= to_ms:
        raise _bad_shape("from must be before to.")
    tenant_id = envelope.tenant_id if reads_tenant(envelope) else None
    asked = HistoryQuery(envelope.principal_id, tenant_id, outcome, actor, from_ms, to_ms, page.limit)
    return HistoryQuery(**{**vars(asked), "after": _after(page, asked)})


def _after(page: PageRequest, asked: HistoryQuery) -> tuple[str, int] | None:
    if not page.after:
        return None
    request_id, at_ms, bound = page.after
    if bound != asked.bound:
        raise _bad_shape("cursor is of another query.")
    # A cursor is no secret, and can be made up.
    if not (is_label(request_id) and isinstance(at_ms, int) and asked.from_ms <= at_ms < asked.to_ms):
        raise _bad_shape("cursor is not one this list gave.")
    return request_id, at_ms


def _time(name: str, value: str | None, *, default: int) -> int:
    if value is None:
        return default
    if not (value.isascii() and value.isdigit() and len(value) <= len(str(MAX_TIME_MS)) and int(value) <= MAX_TIME_MS):
        raise _bad_shape(f"{name} must be epoch milliseconds, 0 to {MAX_TIME_MS}.")
    return int(value)


def _bad_shape(message: str) -> HandshakeError:
    return HandshakeError(ReasonCode.TRUST_CONTEXT_INVALID_REQUEST_SHAPE, message)
