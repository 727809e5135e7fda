"""Paths of what moves a request on without deciding it anew: withdrawals, extensions, revocations."""

from dataclasses import replace
from typing import Any, Final

from tests.metrics.paths.path import (
    BINDING,
    DENIED,
    EXPIRED,
    GUARD,
    REPLAY,
    SHAPE,
    STORE,
    SUBJECT,
    Path,
    nothing,
    unanswered,
)
from tests.support.service import (
    InProcess,
    act,
    claim,
    escalated,
    extend,
    human,
    own,
    post,
    revoke,
    submission,
    submit,
)

ASSURANCE: Final = "security_identity_assurance_insufficient"
AUTHORIZE: Final = "/workflow/authorize-execution"
EXTEND: Final = "/workflow/decision-room/extend"
REVOKE: Final = "/workflow/decision-room/revoke"


def _approved(service: InProcess, key: str | None = None) -> dict[str, Any]:
    request = escalated(service)
    assert act(service, request, key=key).status == 200
    return request


def _revoked(service: InProcess) -> dict[str, Any]:
    request = _approved(service)
    artifact = submit(service, request).body
    assert revoke(service, request).status == 200
    return {"request": request, "artifact": artifact}


def _claimed(service: InProcess) -> dict[str, Any]:
    request = _approved(service)
    assert claim(service, request).status == 200
    return request


def _claimed_artifact(service: InProcess) -> dict[str, Any]:
    request = _approved(service)
    artifact = submit(service, request).body
    assert claim(service, request).status == 200
    return {"request": request, "artifact": artifact}


MOVES: Final = (
    Path(
        "hitl_rejected",
        "a withdrawal by who asked",
        escalated,
        lambda service, request: act(service, request, "withdraw"),
        EXPIRED,
        decides="deny",
    ),
    Path("", "an extension of a deadline", escalated, extend),
    Path(
        ASSURANCE,
        "an approval by nobody who signed in, where HumanAssurance is oidc",
        escalated,
        lambda service, request: act(replace(service, settings={"needs_sign_in": True}), request),
        DENIED,
    ),
    Path(
        ASSURANCE,
        "an extension by nobody who signed in, where HumanAssurance is oidc",
        escalated,
        lambda service, request: extend(replace(service, settings={"needs_sign_in": True}), request),
        DENIED,
    ),
    Path("", "a revocation of what was approved", _approved, revoke),
    Path("hitl_deadline_not_extendable", "an extension of what is decided", _approved, extend, DENIED),
    Path(
        "hitl_approval_unauthorized",
        "an extension by a stranger",
        escalated,
        lambda service, request: extend(service, request, envelope=human("stranger")),
        DENIED,
    ),
    Path(
        REPLAY,
        "an extension under a used key",
        lambda service: _approved(service, "k"),
        lambda service, request: extend(service, request, key="k"),
        DENIED,
    ),
    Path(
        SUBJECT,
        "a revocation by a machine",
        _approved,
        lambda service, request: revoke(service, request, envelope=own(request, subjectType="service")),
        DENIED,
    ),
    Path("security_artifact_state_not_authorized", "a revocation of what waits", escalated, revoke, DENIED),
    Path(
        "security_grant_expired",
        "an execution of what was revoked",
        _revoked,
        lambda service, body: post(service, AUTHORIZE, body),
        DENIED,
    ),
    Path(
        "security_grant_consumed",
        "an execution of what was claimed",
        _claimed_artifact,
        lambda service, body: post(service, AUTHORIZE, body),
        DENIED,
    ),
    Path("security_grant_consumed", "a revocation of what was claimed", _claimed, revoke, DENIED),
    Path(
        SUBJECT,
        "an extension by a machine",
        escalated,
        lambda service, request: extend(service, request, envelope=own(request, subjectType="service")),
        DENIED,
    ),
    Path(
        "hitl_approval_unauthorized",
        "a revocation by a stranger",
        _approved,
        lambda service, request: revoke(service, request, envelope=human("stranger")),
        DENIED,
    ),
    Path(
        BINDING,
        "a revocation without requestId",
        nothing,
        lambda service, _: post(service, REVOKE, {"reason": "r"}, envelope=human("p")),
    ),
    Path(STORE, "an extension: the store does not answer", escalated, unanswered(extend)),
    Path(
        GUARD,
        "an extension under a key: the store does not answer",
        escalated,
        unanswered(lambda service, request: extend(service, request, key="k")),
        DENIED,
    ),
    Path(STORE, "a revocation: the store does not answer", _approved, unanswered(revoke)),
    Path("hitl_request_not_found", "an extension of no escalation", lambda _: submission(), extend),
    Path("hitl_request_not_found", "a revocation of no request", lambda _: submission(), revoke),
    Path(
        BINDING,
        "an extension without requestId",
        nothing,
        lambda service, _: post(service, EXTEND, {"seconds": 60}, envelope=human("p")),
    ),
    Path(SHAPE, "an extension by less than a minute", escalated, lambda service, given: extend(service, given, 59)),
    Path(SHAPE, "a revocation without a reason", _approved, lambda service, given: revoke(service, given, reason="")),
)
