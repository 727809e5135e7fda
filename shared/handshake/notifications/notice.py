"""Notices: what is to be told once its time has come, unless what it is about has changed by then.

Of an escalation that waits, a reminder at half and at four fifths of its time; of a claimed grant, that nobody reported
its outcome. A notice decides nothing, so it is no evidence: it stands beside the request, and goes by what that says.
"""

from dataclasses import dataclass, replace
from enum import StrEnum, auto
from typing import Final, assert_never

from handshake.notifications.event import Event, Kind, reminder_event, unreported_event
from handshake.requests.record import REPORTED_WITHIN_MS, RequestRecord, State


class Subject(StrEnum):
    """What a notice is about; a request has at most one of each."""

    REMINDER = auto()
    UNREPORTED = auto()


class Share(StrEnum):
    """Shares of an escalation's time at which people are reminded, the smaller first."""

    HALF = auto()
    FOUR_FIFTHS = auto()


_PER_CENT: Final = {Share.HALF: 50, Share.FOUR_FIFTHS: 80}


@dataclass(frozen=True)
class Notice:
    """One notice. ``due_ms`` (epoch ms) is when it is to be told next, None once there is nothing more to tell.

    ``basis_ms`` is the time that it was made for: the deadline that it reminds of, or when the grant was claimed. A
    notice of a later one takes its place, and nothing else does. ``event`` is what was told last.
    """

    request_id: str
    subject: Subject
    basis_ms: int
    due_ms: int | None
    event: Event | None = None


@dataclass(frozen=True)
class Tell:
    """Decided: tell, which makes the notice ``told``; ``share`` is of a reminder's time."""

    told: Notice


@dataclass(frozen=True)
class Drop:
    """Decided: there is nothing to tell any more."""

    dropped: Notice


def notice_of(event: Event, record: RequestRecord) -> Notice | None:
    """Give the notice that ``event``, of what made the request as ``record`` has it, calls for."""
    match event.kind:
        case Kind.REQUEST_ESCALATED | Kind.REQUEST_EXTENDED:
            # Of a longer time, the part that had passed when it was given calls for no reminder any more.
            due = _next_due(record, after_ms=event.at_ms)
            return Notice(record.request_id, Subject.REMINDER, record.expires_at_ms or 0, due)
        case Kind.GRANT_CLAIMED:
            claimed = event.at_ms
            return Notice(record.request_id, Subject.UNREPORTED, claimed, claimed + REPORTED_WITHIN_MS)
        case (
            Kind.REQUEST_DECIDED
            | Kind.REQUEST_EXPIRED
            | Kind.REQUEST_REMINDED
            | Kind.GRANT_REVOKED
            | Kind.GRANT_UNREPORTED
            | Kind.AGENT_CHANGED
        ):
            return None
        case _:
            assert_never(event.kind)


def decide_notice(notice: Notice, record: RequestRecord | None, *, now_ms: int) -> Tell | Drop | None:
    """Decide what becomes of a notice, by the request as it is stored at ``now_ms``; None while it is not due."""
    if notice.due_ms is None or now_ms < notice.due_ms:
        return None
    match notice.subject:
        case Subject.REMINDER:
            return _remind(notice, record, now_ms)
        case Subject.UNREPORTED:
            return _ask_for_outcome(notice, record, now_ms)
        case _:
            assert_never(notice.subject)


def _remind(notice: Notice, record: RequestRecord | None, now_ms: int) -> Tell | Drop:
    if record is None or record.state is not State.PENDING or record.is_overdue(now_ms):
        return Drop(replace(notice, due_ms=None))
    if record.expires_at_ms != notice.basis_ms:
        # It was extended, and the extension brings a notice of its own.
        return Drop(replace(notice, due_ms=None))
    # A sweep that comes late tells of the later share alone.
    passed = [share for share in Share if _moment(record, share) <= now_ms]
    if not passed:
        return Drop(replace(notice, due_ms=_next_due(record, after_ms=now_ms)))
    event = reminder_event(record, passed[-1].value, now_ms=now_ms)
    return Tell(replace(notice, due_ms=_next_due(record, after_ms=now_ms), event=event))


def _ask_for_outcome(notice: Notice, record: RequestRecord | None, now_ms: int) -> Tell | Drop:
    if record is None or record.claim is None or record.report is not None:
        return Drop(replace(notice, due_ms=None))
    return Tell(replace(notice, due_ms=None, event=unreported_event(record, now_ms=now_ms)))


def _next_due(record: RequestRecord, *, after_ms: int) -> int | None:
    return next((moment for share in Share if (moment := _moment(record, share)) > after_ms), None)


def _moment(record: RequestRecord, share: Share) -> int:
    """Give the time (epoch ms) at which the escalation will have waited for a share of its time."""
    length_ms = (record.expires_at_ms or record.created_at_ms) - record.created_at_ms
    return record.created_at_ms + length_ms * _PER_CENT[share] // 100
