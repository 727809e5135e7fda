"""Plays what callers were told, held against what the tables say. A sound service gives no findings."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final, Literal, NamedTuple

from handshake.core.reasons import ReasonCode
from handshake.requests.record import State
from tests.faults.stored import Request, Stored
from tests.support.audit import audit
from tests.support.ledger import Call, Intent, Kind
from tests.support.service import InProcess, Reply

# duplicated: done twice. lost: acknowledged, and not there. torn: tables that disagree. untrue: told what is not so.
# open: done though it could not be checked, or by nobody's right. wrong: an answer the contract does not know.
# slow: a caller that waited too long.
Fault = Literal["duplicated", "lost", "torn", "untrue", "open", "wrong", "slow"]

# Three seconds of trouble (exactly, on a clock of its own: tests/dynamo/test_patience.py), and as many again
# for what a busy machine adds. What hangs hangs for longer: botocore alone would wait for a minute.
HANGS_FOR_AT_MOST_S: Final = 6.0

# What a privileged mutation must read or write.
_ACTION_NEEDS: Final = {"workflow", "metrics", "runtime_kv"}
_KEY_NEEDS: Final = {"replay_guards"}
_APPLY_NEEDS: Final = {"policy", "runtime_kv", "replay_guards"}


class Finding(NamedTuple):
    """Something that must not be."""

    fault: Fault
    text: str


class Closed(NamedTuple):
    """While (epoch ms) nobody could use ``tables``."""

    tables: Sequence[str]
    began_ms: int
    ended_ms: int


def findings(
    service: InProcess, calls: Sequence[Call], intents: Sequence[Intent], closed: Sequence[Closed]
) -> Iterator[Finding]:
    """Everything that must not be, in answers and in tables. ``service`` reaches its store undisturbed."""
    stored = Stored.behind(service)
    yield from (Finding("torn", text) for text in audit(service.dynamodb, service.tables))
    yield from (Finding("wrong", call.fault) for call in calls if call.fault)
    yield from (
        Finding("slow", f"{call.route} took {call.seconds:.2f} s")
        for call in calls
        if call.seconds > HANGS_FOR_AT_MOST_S
    )
    for intent in intents:
        yield from (Finding("wrong", text) for text in intent.wrong)
        if intent.kind in _JUDGES:
            yield from _JUDGES[intent.kind](intent, stored)
    for window in closed:
        yield from _let_through(window, intents, stored)


def _submitted(intent: Intent, stored: Stored) -> Iterator[Finding]:
    request = stored.requests.get(intent.key)
    if request is None:
        yield from (Finding("lost", f"{intent} was told {reply.body['decision']}") for reply in intent.acknowledged)
        return
    for reply in intent.acknowledged:
        if not any(reply.body.items() >= _comparable(view).items() for view in request.views):
            yield Finding("untrue", f"{intent} was told {reply.body}, stored is {request.views}")


def _acted(intent: Intent, stored: Stored) -> Iterator[Finding]:
    request = stored.requests.get(intent.asked["request"]["requestId"])
    if request is None:
        yield Finding("lost", f"{intent} is on a request that is not there")
        return
    state, mine = request.record.state, request.closed_by == intent.key
    for reply in intent.acknowledged:
        if not (mine and reply.reason == request.record.reason and reply.body["artifact"] == request.record.artifact()):
            yield Finding("lost", f"{intent} was told {reply.reason}, and it is {state.value} by {request.closed_by}")
    if len(intent.acknowledged) > 1:
        yield Finding("duplicated", f"{intent} was acknowledged {len(intent.acknowledged)} times")
    keyed = intent.asked["key"] is not None
    guard = stored.guard("decision_action", *intent.asked["actor"], intent.key)
    if (guard is not None) != (keyed and mine and request.resolved):
        yield Finding("torn", f"{intent} has {'a' if guard else 'no'} guard, and {'its' if mine else 'no'} write")
    for reply in intent.refused:
        yield from _refused(intent, reply, request, mine=mine and request.resolved)
    kept = request.refused(intent.key) + (mine and state is State.EXPIRED)
    if kept < len(intent.refused) and request.keeps_more_of(*intent.asked["actor"]):
        yield Finding("lost", f"{intent} was refused {len(intent.refused)} times, and {kept} are in evidence")
    if kept > len(intent.replies):
        yield Finding("duplicated", f"{intent} was tried {len(intent.replies)} times, and {kept} are in evidence")


def _refused(intent: Intent, reply: Reply, request: Request, *, mine: bool) -> Iterator[Finding]:
    """Say whether a refusal was the truth; ``mine`` if this very action had closed the request."""
    record = request.record
    replay = reply.reason == ReasonCode.SECURITY_REPLAY_DETECTED
    if mine and intent.replies[0] is reply:
        yield Finding("untrue", f"{intent} succeeded at once, and was told {reply.reason}")
    if replay != (mine and intent.asked["key"] is not None):
        yield Finding("untrue", f"{intent} was told {reply.reason}: {record.state.value} by {request.closed_by}")
    terminal = replay or reply.reason == ReasonCode.HITL_TERMINAL_STATE_IMMUTABLE
    if terminal and reply.body["stored"]["artifact"] != record.artifact():
        yield Finding("untrue", f"{intent} was told {reply.body['stored']}, stored is {record.artifact()}")
    if reply.reason == ReasonCode.HITL_TIMEOUT_FAIL_CLOSED and record.state is not State.EXPIRED:
        yield Finding("untrue", f"{intent} was told it came too late, and it is {record.state.value}")


def _applied(intent: Intent, stored: Stored) -> Iterator[Finding]:
    done = [(audited["audit_event_id"], f"v{audited['number']}") for audited in stored.applied.get(intent.key, ())]
    for reply in intent.acknowledged:
        if (reply.body["auditEventId"], reply.body["policyVersion"]) not in done:
            yield Finding("lost", f"{intent} was told {reply.body['policyVersion']}, stored is {done}")
    if len(intent.acknowledged) > 1 or len(done) > 1:
        yield Finding("duplicated", f"{intent} was acknowledged {len(intent.acknowledged)} times, applied {len(done)}")
    for reply in intent.refused:
        replay = reply.reason == ReasonCode.SECURITY_REPLAY_DETECTED
        told = replay and any(f"version {version}." in reply.body["message"] for _, version in done)
        if intent.replies[0] is reply and done:
            yield Finding("untrue", f"{intent} succeeded at once, and was told {reply.reason}")
        if bool(done) != told or replay != told:
            yield Finding("untrue", f"{intent} was told {reply.body['message']!r}, stored is {done}")


def _projected(intent: Intent, stored: Stored) -> Iterator[Finding]:
    kept = stored.events.get(intent.asked["requestId"], 0)
    if intent.acknowledged and not kept:
        yield Finding("lost", f"{intent} was acknowledged")
    if kept > 1:
        yield Finding("duplicated", f"{intent} is kept {kept} times")


def _looked(intent: Intent, _stored: Stored) -> Iterator[Finding]:
    if any(isinstance(reply.body, list) and len(reply.body) < 2 for reply in intent.acknowledged):
        yield Finding("lost", f"{intent} was answered 200 without its evidence")


def _authorized(intent: Intent, stored: Stored) -> Iterator[Finding]:
    request = stored.requests.get(intent.key)
    if intent.acknowledged and not (request and request.record.state.authorizes):
        yield Finding("open", f"{intent} was let go ahead, and nobody ever allowed it")


def _trespassed(intent: Intent, stored: Stored) -> Iterator[Finding]:
    if intent.acknowledged or intent.key in stored.requests:
        yield Finding("open", f"{intent} was let in")


_JUDGES: Final[Mapping[Kind, Callable[[Intent, Stored], Iterator[Finding]]]] = {
    "submit": _submitted,
    "act": _acted,
    "apply": _applied,
    "project": _projected,
    "look": _looked,
    "authorize": _authorized,
    "trespass": _trespassed,
}


def _let_through(window: Closed, intents: Sequence[Intent], stored: Stored) -> Iterator[Finding]:
    """Privileged mutations that were made while what they must consult could not be."""
    for intent in intents:
        if intent.kind == "act":
            request = stored.requests.get(intent.asked["request"]["requestId"])
            made = [request.record.decided_at_ms] if request and request.closed_by == intent.key else []
            needed = _ACTION_NEEDS | (_KEY_NEEDS if intent.asked["key"] else set())
        elif intent.kind == "apply":
            made, needed = [audited["applied_at"] for audited in stored.applied.get(intent.key, ())], _APPLY_NEEDS
        else:
            continue
        for at_ms in made:
            if needed & set(window.tables) and intent.made_between(*window[1:], decided_ms=at_ms):
                yield Finding("open", f"{intent} was made while nobody could use {window.tables}")


def _comparable(view: Mapping[str, object]) -> dict[str, object]:
    return {
        name: view[name] for name in ("requestId", "decision", "reasonCode", "tier", "decisionContextHash", "state")
    }
