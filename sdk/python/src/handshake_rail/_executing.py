"""Executes a request at most once: decided, claimed, verified, done, reported."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Generic, TypeVar, cast

from handshake_rail._call import Call, Envelope
from handshake_rail._generated.models import Decided, ExecutionOutcome, Granted, KeySet
from handshake_rail._generated.operations import CLAIM_GRANT, GET_GRANT_KEYS, REPORT_OUTCOME
from handshake_rail._plan import Do, Plan, Send, Sleep
from handshake_rail._waiting import Waiting, unanswered, wait
from handshake_rail.action import action_digest
from handshake_rail.denial import NotAllowedError
from handshake_rail.errors import HandshakeError
from handshake_rail.grant import Grant, GrantError, verify_grant
from handshake_rail.replays import Replays

Result = TypeVar("Result")

_PAUSES_S: Final = (1.0, 2.0, 4.0)


class NotDoneError(Exception):
    """Raise it, or one of its kind, from an effect that knows it has done nothing, and never will: it has failed."""


@dataclass(frozen=True)
class Executed(Generic[Result]):
    """Says what was done: ``result`` is what the effect returned, on ``grant``.

    ``unreported`` is why the outcome could not be reported, None where it was. Report it, for ``grant.grant_id``.
    """

    decided: Decided
    grant: Grant
    result: Result
    unreported: HandshakeError | None = None


@dataclass(frozen=True)
class Executing(Generic[Result]):
    """Says what to do, once it is allowed, and as whom. ``effect`` is given the grant."""

    waiting: Waiting
    effect: Callable[[Grant], Result]
    envelope: Envelope | None
    audience: str
    issuer: str | None
    replays: Replays


def execute(executing: Executing[Result]) -> Plan[Executed[Result]]:
    """Plan to do ``effect`` once, and only on a grant for exactly this request.

    The claim's key lives as long as this plan, so that an answer which was lost is had again, and a second process, or
    a second run after a crash, is not: it is refused, and does nothing.
    Raises NotAllowedError, HandshakeError, ActionError, GrantError, and what ``effect`` raises.
    """
    request = executing.waiting.request
    digest = action_digest(request)
    decided = yield from wait(executing.waiting)
    if decided["decision"] != "allow":
        raise NotAllowedError(decided)
    # Before the claim, so that nothing is claimed which cannot be verified.
    keys = cast("KeySet", (yield Send(Call(GET_GRANT_KEYS))))
    body = {"requestId": request["requestId"], "actionDigest": digest, "audience": executing.audience}
    claim = Call(CLAIM_GRANT, body=body, envelope=executing.envelope, idempotency_key=str(uuid.uuid4()))
    claimed = cast("Granted", (yield from _until_answered(claim)))
    report = partial(_report, executing.envelope, claimed["grantId"])
    try:
        grant = verify_grant(
            claimed["grant"],
            request,
            keys,
            replays=executing.replays,
            issuer=executing.issuer,
            audience=executing.audience,
        )
    except GrantError as refused:
        yield from report(refused, {"status": "failed", "detail": f"the grant was not accepted: {refused.fault}"})
        raise
    try:
        result = yield Do(partial(executing.effect, grant))
    except NotDoneError as fault:
        yield from report(fault, {"status": "failed", "detail": type(fault).__name__})
        raise
    except Exception as fault:
        # It may have been done before it raised.
        yield from report(fault, {"status": "unknown", "detail": type(fault).__name__})
        raise
    unreported = yield from report(None, {"status": "succeeded"})
    return Executed(decided, grant, cast("Result", result), unreported)


def _report(
    envelope: Envelope | None, grant_id: str, fault: Exception | None, outcome: ExecutionOutcome
) -> Plan[HandshakeError | None]:
    """Report ``outcome``. Gives why that was not possible, and says so on the ``fault`` that is about to be raised."""
    try:
        yield from _until_answered(Call(REPORT_OUTCOME, path={"grantId": grant_id}, body=outcome, envelope=envelope))
    except HandshakeError as error:
        if fault is not None:
            fault.add_note(f"Nor could the outcome of {grant_id} be reported: {error}")
        return error
    return None


def _until_answered(call: Call) -> Plan[Any]:
    """Make ``call``, which may be carried out twice, again while nobody answers it."""
    for pause_s in _PAUSES_S:
        try:
            return (yield Send(call))
        except HandshakeError as error:
            if not unanswered(error):
                raise
        yield Sleep(pause_s)
    return (yield Send(call))
