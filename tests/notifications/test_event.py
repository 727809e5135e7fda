"""What is told of a change: which events, by which ids, and none of anybody's words."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handshake.agents.change import Actor, AgentChange, decide_change
from handshake.agents.standing import AgentRecord, AgentState
from handshake.core.agents import Agent
from handshake.core.reasons import ReasonCode
from handshake.notifications.event import Event, Kind, agent_events, request_events
from handshake.requests.evidence import Chain
from handshake.requests.record import Claim, Report, RequestRecord, State
from tests.support.metrics_events import NOW_MS
from tests.support.workflow_requests import a_record, a_submission, an_action

LATER: Final = NOW_MS + 1000
WORDS: Final = "words of a caller"


def _escalated(**changes: Any) -> RequestRecord:
    action = an_action(arguments={"note": WORDS}, resource=f"of {WORDS}")
    submission = a_submission(payloadRef=WORDS, context={"amount": 150, "category": WORDS}, action=action)
    record = replace(a_record(), submission=submission, message=WORDS, notify=("note",))
    return replace(record, chain=Chain(2, "a" * 64), **changes)


def _moved(record: RequestRecord, **changes: Any) -> RequestRecord:
    return replace(record, chain=Chain(record.chain.length + 2, f"{record.chain.length:064x}"), **changes)


def _closed(record: RequestRecord, state: State) -> RequestRecord:
    code = {State.APPROVED: ReasonCode.HITL_APPROVED, State.REJECTED: ReasonCode.HITL_REJECTED}
    return _moved(record.resolved(state, code.get(state, ReasonCode.HITL_TIMEOUT_FAIL_CLOSED), now_ms=LATER))


def _claimed(record: RequestRecord) -> RequestRecord:
    return _moved(record, claim=Claim("executor", None, LATER, LATER + 60_000))


def _extended(record: RequestRecord) -> RequestRecord:
    extended = record.extended(600, now_ms=NOW_MS)
    assert extended is not None
    return _moved(extended)


STEPS: Final[Mapping[str, tuple[Callable[[], tuple[RequestRecord | None, RequestRecord]], Kind | None]]] = {
    "escalated": (lambda: (None, _escalated()), Kind.REQUEST_ESCALATED),
    "extended": (lambda: (_escalated(), _extended(_escalated())), Kind.REQUEST_EXTENDED),
    "approved": (lambda: (_escalated(), _closed(_escalated(), State.APPROVED)), Kind.REQUEST_DECIDED),
    "rejected": (lambda: (_escalated(), _closed(_escalated(), State.REJECTED)), Kind.REQUEST_DECIDED),
    "expired": (lambda: (_escalated(), _closed(_escalated(), State.EXPIRED)), Kind.REQUEST_EXPIRED),
    "claimed": (lambda: _after_approval(_claimed), Kind.GRANT_CLAIMED),
    "revoked": (lambda: _after_approval(lambda one: _moved(one.revoked(now_ms=LATER))), Kind.GRANT_REVOKED),
    "reported": (
        lambda: _after_approval(lambda one: _moved(_claimed(one), report=Report("succeeded", "d", LATER)), _claimed),
        None,
    ),
    "lapsed": (lambda: _after_approval(lambda one: _moved(one.lapsed(now_ms=LATER))), None),
    "erased": (lambda: _after_approval(lambda one: _moved(one.arguments_erased(now_ms=LATER))), None),
    "refused an action": (lambda: (_escalated(), replace(_escalated(), chain=Chain(2, "a" * 64, 1, 7))), None),
    "allowed at once": (lambda: (None, replace(_escalated(), state=State.ALLOWED, expires_at_ms=None)), None),
    "denied at once": (lambda: (None, replace(_escalated(), state=State.DENIED, expires_at_ms=None)), None),
}


def _after_approval(
    change: Callable[[RequestRecord], RequestRecord], before: Callable[[RequestRecord], RequestRecord] = lambda one: one
) -> tuple[RequestRecord, RequestRecord]:
    approved = _closed(_escalated(), State.APPROVED)
    return before(approved), change(approved)


def _events(before: RequestRecord | None, after: RequestRecord) -> list[Event]:
    return list(request_events(before, after, committed_ms=LATER))


@pytest.mark.parametrize("step", STEPS)
def test_a_change_tells_of_itself_once_and_by_the_same_id_each_time(step: str) -> None:
    make, kind = STEPS[step]
    events = _events(*make())

    assert [event.kind for event in events] == ([kind] if kind else [])
    assert events == _events(*make())


def test_no_two_changes_share_an_id() -> None:
    events = [event for make, _ in STEPS.values() for event in _events(*make())]

    # Approval and rejection are two ends of one escalation, and are told of by what each committed.
    ids = {event.event_id for event in events if event.kind is not Kind.REQUEST_DECIDED}
    assert len(ids) == len([event for event in events if event.kind is not Kind.REQUEST_DECIDED])


@pytest.mark.parametrize("step", [step for step, (_, kind) in STEPS.items() if kind])
def test_an_event_says_ids_states_digests_and_times_and_nobodys_words(step: str) -> None:
    _, after = STEPS[step][0]()
    [event] = _events(*STEPS[step][0]())
    detail = event.detail()

    assert WORDS not in json.dumps(detail)
    assert detail["requestId"] == after.request_id
    assert detail["state"] == after.state
    assert detail["actionDigest"] == after.submission.action_digest
    assert all(isinstance(value, str | int) for value in detail.values())
    assert Event.of_detail(json.loads(json.dumps(detail))) == replace(
        event, about={name: value for name, value in event.about.items() if value is not None}
    )


@pytest.mark.parametrize("step", STEPS)
def test_what_the_release_gate_submits_is_told_to_nobody(step: str) -> None:
    before, after = STEPS[step][0]()

    assert _events(before and replace(before, synthetic=True), replace(after, synthetic=True)) == []


@given(st.lists(st.sampled_from(["extend", "approve", "reject", "expire", "claim", "revoke"]), max_size=8))
def test_whatever_becomes_of_a_request_each_step_is_told_by_an_id_of_its_own(steps: list[str]) -> None:
    record = _escalated()
    told = _events(None, record)
    for step in steps:
        after = _step(record, step)
        events = _events(record, after)
        assert len(events) == (after != record)
        told += events
        record = after

    assert len({event.event_id for event in told}) == len(told)


def _step(record: RequestRecord, step: str) -> RequestRecord:
    """Do what the service would, where it would."""
    pending = record.state is State.PENDING
    open_grant = record.state.authorizes and record.claim is None and record.revoked_at_ms is None
    match step:
        case "extend" if pending and record.extensions < 3:
            return _extended(record)
        case "approve" | "reject" | "expire" if pending:
            ends = {"approve": State.APPROVED, "reject": State.REJECTED, "expire": State.EXPIRED}
            return _closed(record, ends[step])
        case "claim" if open_grant:
            return _claimed(record)
        case "revoke" if open_grant:
            return _moved(record.revoked(now_ms=LATER))
    return record


def _agent(state: AgentState, before: AgentRecord | None = None) -> AgentRecord:
    change = AgentChange(state, WORDS, WORDS, None)
    actor = Actor("operator", "human", "acme", "call")
    changed = decide_change(change, Agent("buyer", "acme"), before, actor, now_ms=LATER)
    return replace(changed.record, head=f"{changed.record.version:064x}")


def test_a_change_of_an_agent_tells_its_states_and_no_operators_words() -> None:
    first = _agent(AgentState.STOPPED)
    second = _agent(AgentState.ACTIVE, first)
    [stopped], [lifted] = (list(agent_events(*pair)) for pair in ((None, first), (first, second)))

    assert stopped.detail() | {"eventId": ""} == {
        "eventId": "",
        "event": "agent.changed",
        "version": 1,
        "at": LATER,
        "agentId": "buyer",
        "tenantId": "acme",
        "state": "stopped",
        "changedBy": "operator",
        "recordVersion": 1,
    }
    assert (lifted.about["fromState"], lifted.about["state"]) == ("stopped", "active")
    assert WORDS not in json.dumps([stopped.detail(), lifted.detail()])
    assert stopped.event_id != lifted.event_id
    assert list(agent_events(second, second)) == []
