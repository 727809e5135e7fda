"""When people are reminded: at half and at four fifths of the time, once each, while it is true."""

from dataclasses import replace
from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from handshake.core.reasons import ReasonCode
from handshake.notifications.event import Kind, request_events
from handshake.notifications.notice import Drop, Notice, Subject, Tell, decide_notice, notice_of
from handshake.requests.record import REPORTED_WITHIN_MS, Claim, Report, RequestRecord, State
from tests.support.metrics_events import NOW_MS
from tests.support.workflow_requests import TTL_MS, a_record

SWEEP_MS: Final = 60_000


def _record(length_ms: int = TTL_MS) -> RequestRecord:
    return replace(a_record(), expires_at_ms=NOW_MS + length_ms)


def _notice(before: RequestRecord | None, after: RequestRecord, *, committed_ms: int = NOW_MS) -> Notice:
    [event] = request_events(before, after, committed_ms=committed_ms)
    notice = notice_of(event, after)
    assert notice is not None
    return notice


def _told(notice: Notice, record: RequestRecord, times_ms: list[int]) -> list[tuple[int, str]]:
    """Sweep at each of ``times_ms``; give when what share was told."""
    told: list[tuple[int, str]] = []
    for now_ms in times_ms:
        match decide_notice(notice, record, now_ms=now_ms):
            case Tell(moved) if moved.event:
                told.append((now_ms, moved.event.about["share"]))
                notice = moved
            case Drop(moved):
                notice = moved
    return told


def test_an_escalation_is_reminded_of_at_half_and_at_four_fifths_of_its_time() -> None:
    record = _record()
    seconds = [NOW_MS + second * 1000 for second in range(400)]

    told = _told(_notice(None, record), record, seconds)

    assert told == [(NOW_MS + 150_000, "half"), (NOW_MS + 240_000, "four_fifths")]


def test_a_sweep_that_comes_late_tells_of_the_later_share_alone() -> None:
    record = _record()

    assert _told(_notice(None, record), record, [NOW_MS + 290_000] * 2) == [(NOW_MS + 290_000, "four_fifths")]
    assert _told(_notice(None, record), record, [NOW_MS + TTL_MS]) == []


@given(st.integers(60_000, 604_800_000), st.integers(0, SWEEP_MS), st.lists(st.integers(0, 3), max_size=40))
def test_swept_each_minute_each_share_is_told_once_within_a_minute_or_never_past_the_deadline(
    length_ms: int, offset_ms: int, lost: list[int]
) -> None:
    """However often a run is doubled: ``lost`` are how many further runs there are at a time."""
    record = _record(length_ms)
    minutes = range(offset_ms, length_ms + 3 * SWEEP_MS, max(SWEEP_MS, length_ms // 500))
    runs = [
        NOW_MS + at for index, at in enumerate(minutes) for _ in range(1 + (lost[index] if index < len(lost) else 0))
    ]

    told = _told(_notice(None, record), record, runs)

    step = max(SWEEP_MS, length_ms // 500)
    shares = {"half": length_ms * 50 // 100, "four_fifths": length_ms * 80 // 100}
    assert len(told) == len({share for _, share in told})
    for now_ms, share in told:
        waited = now_ms - NOW_MS
        assert shares[share] <= waited < length_ms
        assert waited - shares[share] <= step + offset_ms
    if length_ms >= 12 * SWEEP_MS:
        assert [share for _, share in told] == ["half", "four_fifths"]


@given(st.integers(1, TTL_MS - 1), st.integers(60, 86_400))
def test_of_the_time_that_an_extension_gave_only_what_lies_ahead_is_reminded_of(waited_ms: int, seconds: int) -> None:
    record = _record()
    extended = record.extended(seconds, now_ms=NOW_MS + waited_ms)
    assert extended is not None
    notice = _notice(record, extended, committed_ms=NOW_MS + waited_ms)
    length_ms = TTL_MS + seconds * 1000
    ahead = [
        share for share, moment in (("half", length_ms // 2), ("four_fifths", length_ms * 4 // 5)) if moment > waited_ms
    ]
    moments = [NOW_MS + length_ms // 2, NOW_MS + length_ms * 4 // 5]

    told = _told(notice, extended, [NOW_MS + waited_ms, *moments, NOW_MS + length_ms])

    assert [share for _, share in told] == ahead
    assert all(now_ms > NOW_MS + waited_ms for now_ms, _ in told)


def test_a_reminder_is_no_longer_of_what_was_decided_extended_or_is_overdue() -> None:
    record = _record()
    notice = _notice(None, record)
    extended = record.extended(600, now_ms=NOW_MS)
    closed = record.resolved(State.REJECTED, ReasonCode.HITL_REJECTED, now_ms=NOW_MS)

    for other in (None, extended, closed):
        assert decide_notice(notice, other, now_ms=NOW_MS + 200_000) == Drop(replace(notice, due_ms=None))
    assert decide_notice(notice, record, now_ms=NOW_MS + TTL_MS) == Drop(replace(notice, due_ms=None))


def _claimed() -> tuple[RequestRecord, RequestRecord]:
    approved = _record().resolved(State.APPROVED, ReasonCode.HITL_APPROVED, now_ms=NOW_MS)
    return approved, replace(approved, claim=Claim("executor", None, NOW_MS, NOW_MS + 60_000))


def test_a_claimed_grant_that_nobody_reports_is_asked_about_once_after_a_quarter_of_an_hour() -> None:
    approved, claimed = _claimed()
    notice = _notice(approved, claimed)

    assert notice == Notice(claimed.request_id, Subject.UNREPORTED, NOW_MS, NOW_MS + REPORTED_WITHIN_MS)
    assert decide_notice(notice, claimed, now_ms=NOW_MS + REPORTED_WITHIN_MS - 1) is None
    decided = decide_notice(notice, claimed, now_ms=NOW_MS + REPORTED_WITHIN_MS)
    assert isinstance(decided, Tell)
    assert decided.told.event is not None
    assert decided.told.event.kind is Kind.GRANT_UNREPORTED
    assert decided.told.event.about["grantId"] == claimed.grant_id
    assert decide_notice(decided.told, claimed, now_ms=NOW_MS + 2 * REPORTED_WITHIN_MS) is None


def test_a_grant_that_was_reported_is_not_asked_about() -> None:
    approved, claimed = _claimed()
    notice = _notice(approved, claimed)
    reported = replace(claimed, report=Report("succeeded", "d", NOW_MS))

    assert decide_notice(notice, reported, now_ms=NOW_MS + REPORTED_WITHIN_MS) == Drop(replace(notice, due_ms=None))
