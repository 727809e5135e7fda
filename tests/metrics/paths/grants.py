"""Paths of grants: their claims, their outcomes and the keys that verify them."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from botocore.exceptions import ClientError

from tests.metrics.paths.path import (
    BINDING,
    CONTEXT,
    DENIED,
    GUARD,
    PAUSED,
    REPLAY,
    SHAPE,
    STORE,
    Path,
    nothing,
    unanswered,
    while_paused,
)
from tests.support.grants import KEY_ARN, Kms, signer_of
from tests.support.service import (
    InProcess,
    Reply,
    apply_policy,
    claim,
    decided,
    escalated,
    for_agent,
    get,
    human,
    now_ms,
    own,
    post,
    report,
    revoke,
    submission,
    submit,
)

GRANTS: Final = "/workflow/grants"
KEYS: Final = "/.well-known/jwks.json"
UNSIGNED: Final = "adapter_signer_unavailable"

Given = Mapping[str, Any]


def _with_digest(service: InProcess, request: dict[str, Any]) -> dict[str, Any]:
    """Give the request with its digest, so that the path itself is one call."""
    return request | {"digest": submit(service, {**request, "timestamp": now_ms()}).body["actionDigest"]}


def _allowed(service: InProcess) -> dict[str, Any]:
    return _with_digest(service, decided(service, "allow"))


def _claimed(service: InProcess) -> dict[str, Any]:
    given = _allowed(service)
    assert _claim(service, given, key="k").status == 200
    return given


def _revoked(service: InProcess) -> dict[str, Any]:
    given = _allowed(service)
    assert revoke(service, given).status == 200
    return given


def _stricter(service: InProcess) -> dict[str, Any]:
    given = _allowed(service)
    assert apply_policy(service, for_agent(given["agentId"], max_transaction=1)).status == 200
    return given


def _stopped(service: InProcess) -> dict[str, Any]:
    given = _allowed(service)
    envelope = human("operator", tenantId=given["tenantId"], scopes=["agents:manage"])
    headers = {"x-identity-envelope": json.dumps(envelope)}
    body = json.dumps({"state": "stopped", "reason": "it went wild"})
    assert service.send("PUT", f"/agents/{given['agentId']}", headers=headers, body=body).status == 200
    return given


def _reported(service: InProcess) -> dict[str, Any]:
    given = _claimed(service)
    assert _report(service, given).status == 200
    return given


def _claim(service: InProcess, given: Given, **changes: Any) -> Reply:
    return claim(service, given, **({"digest": given.get("digest", "sha256:0")} | changes))


def _report(service: InProcess, given: Given, **changes: Any) -> Reply:
    envelope = changes.pop("envelope", own(given))
    return report(service, f"grant_{given['requestId']}", envelope=envelope, **changes)


def _unsigned(service: InProcess) -> InProcess:
    kms = Kms(KEY_ARN)
    kms.fault = ClientError({"Error": {"Code": "KMSInternalException"}}, "Sign")
    return replace(service, settings={"grant_signer": signer_of(kms)})


PATHS: Final = (
    Path("", "a claim", _allowed, _claim),
    Path("", "a report", _claimed, _report),
    Path("", "a look at the keys that verify grants", nothing, lambda service, _: get(service, KEYS)),
    Path("security_grant_consumed", "a claim of what was claimed", _claimed, _claim, DENIED),
    Path("security_grant_expired", "a claim of what was taken back", _revoked, _claim, DENIED),
    Path("security_policy_changed", "a claim of what policy would not allow by now", _stricter, _claim, DENIED),
    Path("security_agent_stopped", "a claim for an agent that is stopped", _stopped, _claim, DENIED),
    Path(
        "security_grant_unauthorized",
        "a claim by a stranger",
        _allowed,
        lambda service, given: _claim(service, given, envelope=human("stranger")),
        DENIED,
    ),
    Path(
        "security_grant_unauthorized",
        "a report by a stranger",
        _claimed,
        lambda service, given: _report(service, given, envelope=human("stranger")),
        DENIED,
    ),
    Path("security_grant_not_found", "a report of what was not claimed", _allowed, _report, DENIED),
    Path(
        "security_outcome_already_reported",
        "a report of another outcome",
        _reported,
        lambda service, given: _report(service, given, status="failed"),
        DENIED,
    ),
    Path("security_artifact_request_not_found", "a claim of nothing", lambda _: submission(), _claim, DENIED),
    Path(
        "security_artifact_state_not_authorized",
        "a claim of what waits",
        lambda service: _with_digest(service, escalated(service)),
        _claim,
        DENIED,
    ),
    Path(
        CONTEXT,
        "a claim of another action",
        _allowed,
        lambda service, given: _claim(service, given, digest="sha256:0"),
        DENIED,
    ),
    Path(
        REPLAY,
        "a claim under a used key",
        _claimed,
        lambda service, given: _claim(service, given, key="k", audience="elsewhere"),
        DENIED,
    ),
    Path(SHAPE, "a claim under a key too long", _allowed, lambda service, given: _claim(service, given, key="k" * 257)),
    Path(SHAPE, "a report of no outcome", _claimed, lambda service, given: _report(service, given, status="maybe")),
    Path(
        BINDING, "a claim without requestId", nothing, lambda service, _: post(service, GRANTS, {}, envelope=human("p"))
    ),
    Path(PAUSED, "a claim while mutations are paused", _allowed, while_paused(_claim)),
    Path(STORE, "a claim: the store does not answer", _allowed, unanswered(_claim)),
    Path(
        GUARD,
        "a claim under a key: the store does not answer",
        _allowed,
        unanswered(lambda service, given: _claim(service, given, key="k")),
        DENIED,
    ),
    Path(STORE, "a report: the store does not answer", _claimed, unanswered(_report)),
    Path(
        UNSIGNED,
        "a claim while nothing signs",
        _allowed,
        lambda service, given: _claim(_unsigned(service), given),
    ),
    Path(UNSIGNED, "a look at the keys while KMS does not answer", nothing, lambda s, _: get(_unsigned(s), KEYS)),
)
