"""Events: what is told of a change that was committed, and by which id it is known however often it is told.

An event says ids, states, digests and times, and nothing that a caller or a person wrote (contract.md section 14).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, assert_never

from handshake.agents.standing import AgentRecord
from handshake.core.jsonio import digest
from handshake.requests.record import RequestRecord, State

VERSION: Final = 1
_ID_DIGITS: Final = 32


class Kind(StrEnum):
    """The kinds of event."""

    REQUEST_ESCALATED = "request.escalated"
    REQUEST_REMINDED = "request.reminded"
    REQUEST_EXTENDED = "request.extended"
    REQUEST_DECIDED = "request.decided"
    REQUEST_EXPIRED = "request.expired"
    GRANT_CLAIMED = "grant.claimed"
    GRANT_UNREPORTED = "grant.unreported"
    GRANT_REVOKED = "grant.revoked"
    AGENT_CHANGED = "agent.changed"


@dataclass(frozen=True)
class Event:
    """One event. ``at_ms`` is when what it tells of was committed (epoch ms), ``about`` what it says beside that.

    ``event_id`` is made of what was committed, so a repeat has the same.
    """

    kind: Kind
    event_id: str
    at_ms: int
    about: Mapping[str, Any]

    def detail(self) -> dict[str, Any]:
        """Give all that it says, as whoever listens is told it."""
        return {
            "eventId": self.event_id,
            "event": self.kind.value,
            "version": VERSION,
            "at": self.at_ms,
            **{name: value for name, value in self.about.items() if value is not None},
        }

    @classmethod
    def of_detail(cls, detail: Mapping[str, Any]) -> "Event":
        """Give the event that said ``detail``. Raises KeyError or ValueError for what is none."""
        own = ("eventId", "event", "version", "at")
        about = {name: value for name, value in detail.items() if name not in own}
        return cls(Kind(detail["event"]), str(detail["eventId"]), int(detail["at"]), about)


def request_events(before: RequestRecord | None, after: RequestRecord, *, committed_ms: int) -> Iterator[Event]:
    """Give what the change of a request from ``before`` to ``after`` tells; None before it was stored.

    ``committed_ms`` (epoch ms) is the store's word for when, for what the request does not say itself. What the release
    gate submits is told to nobody.
    """
    if after.synthetic:
        return
    for kind in _kinds(before, after):
        at_ms = _at(kind, after, committed_ms)
        event_id = _id(kind, after.request_id, after.chain.length, after.chain.head)
        yield Event(kind, event_id, at_ms, about_request(after))


def reminder_event(record: RequestRecord, share: str, *, now_ms: int) -> Event:
    """Make the event that reminds, at ``now_ms``, of an escalation that has waited for a ``share`` of its time."""
    event_id = _id(Kind.REQUEST_REMINDED, record.request_id, record.expires_at_ms, share)
    return Event(Kind.REQUEST_REMINDED, event_id, now_ms, {**about_request(record), "share": share})


def unreported_event(record: RequestRecord, *, now_ms: int) -> Event:
    """Make the event that tells, at ``now_ms``, of a claimed grant whose outcome nobody has reported."""
    claimed_at = record.claim.at_ms if record.claim else 0
    event_id = _id(Kind.GRANT_UNREPORTED, record.request_id, claimed_at)
    return Event(Kind.GRANT_UNREPORTED, event_id, now_ms, about_request(record))


def agent_events(before: AgentRecord | None, after: AgentRecord) -> Iterator[Event]:
    """Give what the change of an agent's record tells: its states, and until when, in none of an operator's words."""
    if before is not None and before.version == after.version:
        return
    about = {
        "agentId": after.agent_id,
        "tenantId": after.tenant_id,
        "state": after.state.value,
        "fromState": before.state.value if before else None,
        "until": after.until_ms,
        "changedBy": after.changed_by,
        "recordVersion": after.version,
    }
    event_id = _id(Kind.AGENT_CHANGED, after.tenant_id, after.agent_id, after.version, after.head)
    yield Event(Kind.AGENT_CHANGED, event_id, after.changed_at_ms, about)


def about_request(record: RequestRecord) -> dict[str, Any]:
    """Give the ids, states, digests and times of a request; None where it has none of a name."""
    submission, claim, report = record.submission, record.claim, record.report
    return {
        "requestId": record.request_id,
        "tenantId": submission.tenant_id,
        "principalId": submission.principal_id,
        "agentId": submission.agent_id,
        "actionType": submission.action_type,
        "state": record.state.value,
        "decision": record.outcome,
        "reasonCode": record.reason.value,
        "tier": record.tier,
        "actionDigest": submission.action_digest,
        "decisionContextHash": submission.decision_context_hash,
        "requestedAt": record.created_at_ms,
        "expiresAt": record.expires_at_ms,
        "extensions": record.extensions or None,
        "decidedAt": record.decided_at_ms if record.state.terminal else None,
        "approvedBy": record.approved_by,
        "executeBy": record.execute_by_ms,
        "revokedAt": record.revoked_at_ms,
        "grantId": record.grant_id if claim else None,
        "claimedBy": claim.principal_id if claim else None,
        "claimedAt": claim.at_ms if claim else None,
        "outcome": report.status if report else None,
        "outcomeDigest": report.digest if report else None,
    }


def _kinds(before: RequestRecord | None, after: RequestRecord) -> Iterator[Kind]:
    if before is None:
        if after.state is State.PENDING:
            yield Kind.REQUEST_ESCALATED
        return
    if before.state is State.PENDING:
        match after.state:
            case State.APPROVED | State.REJECTED:
                yield Kind.REQUEST_DECIDED
            case State.EXPIRED:
                yield Kind.REQUEST_EXPIRED
            case State.PENDING:
                if after.expires_at_ms != before.expires_at_ms:
                    yield Kind.REQUEST_EXTENDED
            case State.ALLOWED | State.DENIED:
                pass  # of what never waited
            case _:
                assert_never(after.state)
    if before.claim is None and after.claim is not None:
        yield Kind.GRANT_CLAIMED
    if before.revoked_at_ms is None and after.revoked_at_ms is not None:
        yield Kind.GRANT_REVOKED


def _at(kind: Kind, after: RequestRecord, committed_ms: int) -> int:
    match kind:
        case Kind.REQUEST_ESCALATED:
            return after.created_at_ms
        case Kind.REQUEST_DECIDED | Kind.REQUEST_EXPIRED:
            return after.decided_at_ms
        case Kind.GRANT_CLAIMED:
            return after.claim.at_ms if after.claim else committed_ms
        case Kind.GRANT_REVOKED:
            return after.revoked_at_ms or committed_ms
        case Kind.REQUEST_EXTENDED | Kind.REQUEST_REMINDED | Kind.GRANT_UNREPORTED | Kind.AGENT_CHANGED:
            return committed_ms
        case _:
            assert_never(kind)


def _id(kind: Kind, *parts: Any) -> str:
    return digest([kind.value, *parts])[:_ID_DIGITS]
