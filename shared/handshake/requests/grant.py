"""Grants: what becomes of a claim, and of a reported outcome (contract.md section 11).

A request has one grant. Whoever may execute it claims the grant once, and reports once what came of the effect.
"""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Final, NamedTuple, get_args

from handshake.agents.standing import AgentStanding, AgentState
from handshake.core.errors import Conflict, Refusal, Refuse, Replay, refusal_of
from handshake.core.jsonio import digest
from handshake.core.reasons import ReasonCode
from handshake.policy.budgets import NONE_KNOWN, Taken
from handshake.policy.rules import PolicyInForce
from handshake.policy.setting import BARE, Setting
from handshake.requests.access import is_own, may_claim, other_tenant
from handshake.requests.decision import decide, restrict
from handshake.requests.record import Claim, OutcomeStatus, Report, RequestRecord, State
from handshake.requests.submission import Submission
from handshake.trust.identity import Envelope

DEFAULT_AUDIENCE: Final = "handshake-executor"
MAX_LIFETIME_MS: Final = 60_000
MAX_DETAIL_LENGTH: Final = 500
STATUSES: Final[tuple[OutcomeStatus, ...]] = get_args(OutcomeStatus)
_MS: Final = 1000


@dataclass(frozen=True)
class GrantClaim:
    """A well-formed claim. With an ``idempotency_key`` its answer, if it was lost, can be had again."""

    request_id: str
    action_digest: str
    audience: str = DEFAULT_AUDIENCE
    idempotency_key: str | None = None

    @property
    def content(self) -> dict[str, str]:
        """Give what a key stands for: it may be used again for the same alone."""
        return {"requestId": self.request_id, "actionDigest": self.action_digest, "audience": self.audience}


@dataclass(frozen=True)
class ReportedOutcome:
    """A well-formed outcome of the grant of a request, in the words of who executed it."""

    request_id: str
    status: OutcomeStatus
    result_digest: str | None = None
    detail: str | None = None

    @property
    def digest(self) -> str:
        """Digest all that is said, to tell the same outcome from another."""
        return digest([self.status, self.result_digest, self.detail])


class InForce(NamedTuple):
    """Holds what a claim is judged by, beside the request itself.

    ``standing`` is its agent's, and ``unknown_agents`` the state of one that nobody has named. ``spent`` is what the
    agent has spent of the request's day, and ``taken`` what is taken of its budgets, the request's own share included.
    ``approver`` is who approved it, ``setting`` what policies judge in, and ``submission`` the request's own, with
    arguments where they are kept.
    """

    standing: AgentStanding
    policy: PolicyInForce
    spent: Decimal
    approver: str | None
    unknown_agents: AgentState = AgentState.ACTIVE
    taken: Taken = NONE_KNOWN
    setting: Setting = BARE
    submission: Submission | None = None


@dataclass(frozen=True)
class Eligible:
    """The request can have a grant, as far as it and the caller go: agent and policy are to be asked."""

    request: RequestRecord


@dataclass(frozen=True)
class Repeat:
    """The same claim was made under the same key: its grant has ``claims``, unless the agent is stopped by now."""

    request: RequestRecord
    claims: Mapping[str, Any]


@dataclass(frozen=True)
class Grant:
    """Record the ``claim`` of the request that was ``seen``, by ``actor``; evidence ``says`` what the grant is of."""

    seen: RequestRecord
    claim: Claim
    says: Mapping[str, Any]
    actor: Mapping[str, Any]


@dataclass(frozen=True)
class Keep:
    """Record the ``report`` that ``actor`` gave of the request that was ``seen``; evidence ``says`` it in full."""

    seen: RequestRecord
    report: Report
    says: Mapping[str, Any]
    actor: Mapping[str, Any]


@dataclass(frozen=True)
class KeptAlready:
    """The same outcome was reported before, and is answered alike."""

    request: RequestRecord
    report: Report


def decide_claim(
    claim: GrantClaim,
    request: RequestRecord | None,
    envelope: Envelope,
    used: Mapping[str, Any] | None,
    now_ms: int,
    *,
    execute_within_ms: int,
) -> Refuse | Conflict | Replay | Repeat | Eligible:
    """Decide whether ``claim`` on ``request``, as stored, may have a grant at ``now_ms``, agent and policy aside.

    ``used`` is what an earlier use of the claim's key left, None where it was not used. Checks follow the contract's
    order: known, authority, digest, key, not claimed, state, in time.
    """
    if request is None:
        return Refuse(_refused(claim, ReasonCode.SECURITY_ARTIFACT_REQUEST_NOT_FOUND, "No request has this requestId."))
    submission = request.submission
    ids = {"principal_id": submission.principal_id, "agent_id": submission.agent_id}
    if not may_claim(envelope, **ids, tenant_id=submission.tenant_id):
        message = "This principal may not execute the request."
        return Refuse(_refused(claim, ReasonCode.SECURITY_GRANT_UNAUTHORIZED, message))
    if not hmac.compare_digest(claim.action_digest.encode(), submission.action_digest.encode()):
        message = "The actionDigest is not that of the request."
        return Refuse(_refused(claim, ReasonCode.SECURITY_DECISION_CONTEXT_MISMATCH, message))
    if used is not None:
        return _decide_again(claim, request, used, now_ms)
    if request.claim is not None:
        message = "The request's one grant was claimed already."
        return Conflict(_refused(claim, ReasonCode.SECURITY_GRANT_CONSUMED, message))
    if not request.state.authorizes:
        message = f"The request is {request.as_of(now_ms).state.value}."
        return Refuse(_refused(claim, ReasonCode.SECURITY_ARTIFACT_STATE_NOT_AUTHORIZED, message))
    if request.revoked_at_ms is not None:
        return Refuse(_refused(claim, ReasonCode.SECURITY_GRANT_EXPIRED, "What was allowed has been taken back."))
    # What lapsed gave back what it had taken of a limit, by whosever clock it was time.
    if _is_late(request, now_ms, execute_within_ms) or request.lapsed_at_ms is not None:
        return Refuse(_too_late(claim))
    return Eligible(request)


def _decide_again(
    claim: GrantClaim, request: RequestRecord, used: Mapping[str, Any], now_ms: int
) -> Replay | Refuse | Repeat:
    if any(used.get(name) != value for name, value in claim.content.items()):
        message = "This idempotency key was already used for another claim."
        return Replay(_refused(claim, ReasonCode.SECURITY_REPLAY_DETECTED, message))
    if used["claims"]["exp"] * _MS <= now_ms:
        return Refuse(_refused(claim, ReasonCode.SECURITY_GRANT_CONSUMED, "The grant of this claim has expired."))
    return Repeat(request, used["claims"])


def decide_repeat(claim: GrantClaim, in_force: InForce, now_ms: int) -> Refusal | None:
    """Decide whether the grant of an earlier claim may be told once more: None where it may."""
    if _agent_state(in_force, now_ms) is not AgentState.STOPPED:
        return None
    return _refused(
        claim, ReasonCode.SECURITY_GRANT_CONSUMED, "The grant was claimed already, and its agent is stopped."
    )


def decide_grant(
    claim: GrantClaim,
    request: RequestRecord,
    envelope: Envelope,
    in_force: InForce,
    now_ms: int,
    *,
    execute_within_ms: int,
) -> Refuse | Grant:
    """Decide whether ``request``, which may have a grant by itself, may have it by its agent and policy at ``now_ms``.

    Policy is asked as of the decision, without the request's own share of the day's spend. It must not deny by now, nor
    escalate what no person approved; an agent whose every action is escalated has that done to it. Its time may have
    passed while they were read.
    """
    if _is_late(request, now_ms, execute_within_ms):
        return Refuse(_too_late(claim))
    state = _agent_state(in_force, now_ms)
    if state is AgentState.STOPPED:
        return Refuse(_refused(claim, ReasonCode.SECURITY_AGENT_STOPPED, "The agent is stopped."))
    if request.arguments_erased_at_ms is not None:
        message = "The action's arguments were erased, so policy cannot be asked of it again."
        return Refuse(_refused(claim, ReasonCode.SECURITY_POLICY_CHANGED, message))
    own = request.spend.amount if request.spend else Decimal(0)
    spent = max(in_force.spent - own, Decimal(0))
    decision = restrict(
        decide(
            in_force.submission or request.submission,
            policy=in_force.policy,
            spent=spent,
            setting=in_force.setting,
            taken=in_force.taken,
            now_ms=request.created_at_ms,
            own=[replace(reservation, held=True) for reservation in request.reservations],
        ),
        state,
    )
    if decision.outcome == "deny" or (decision.outcome == "escalate" and request.state is not State.APPROVED):
        message = "Policy has changed since the decision, and would not allow this now."
        return Refuse(_refused(claim, ReasonCode.SECURITY_POLICY_CHANGED, message))
    expires_at_ms = expiry_s(now_ms, request.execute_by(execute_within_ms)) * _MS
    claimed = Claim(envelope.principal_id, envelope.tenant_id or None, now_ms, expires_at_ms)
    says = {
        "grantId": request.grant_id,
        "actionDigest": claim.action_digest,
        "audience": claim.audience,
        "expiresAt": expires_at_ms,
        "policyVersions": in_force.policy.versions,
        "agentVersions": in_force.standing.versions,
    }
    if in_force.setting.tools_version:
        says["toolsVersion"] = in_force.setting.tools_version
    return Grant(request, claimed, says, _actor(envelope))


def decide_outcome(
    reported: ReportedOutcome, request: RequestRecord | None, envelope: Envelope, now_ms: int
) -> Refuse | Keep | KeptAlready:
    """Decide what becomes of an outcome reported at ``now_ms`` of the grant of ``request``, as stored."""
    if request is None or request.claim is None:
        return Refuse(no_such_grant(reported.request_id))
    claim = request.claim
    # Whoever claimed in no tenant's name has namesakes in others, and the request may be one tenant's.
    own_claim = is_own(envelope, principal_id=claim.principal_id, tenant_id=claim.tenant_id)
    if not own_claim or other_tenant(envelope, request.submission.tenant_id):
        message = "The grant was claimed by another principal."
        return Refuse(refusal_of(ReasonCode.SECURITY_GRANT_UNAUTHORIZED, message, request_id=reported.request_id))
    if request.report is None:
        report = Report(reported.status, reported.digest, now_ms)
        says = {
            "grantId": request.grant_id,
            "outcome": reported.status,
            "resultDigest": reported.result_digest,
            "detail": reported.detail,
        }
        given = {name: value for name, value in says.items() if value is not None}
        return Keep(request, report, given, _actor(envelope))
    if request.report.digest == reported.digest:
        return KeptAlready(request, request.report)
    message = f"The outcome of the grant was reported already: {request.report.status}."
    return Refuse(refusal_of(ReasonCode.SECURITY_OUTCOME_ALREADY_REPORTED, message, request_id=reported.request_id))


def expiry_s(now_ms: int, execute_by_ms: int) -> int:
    """Give until when a grant claimed at ``now_ms`` is good, in epoch seconds: a minute, or till it is too late."""
    return min(now_ms + MAX_LIFETIME_MS, execute_by_ms) // _MS


def _is_late(request: RequestRecord, now_ms: int, execute_within_ms: int) -> bool:
    """Say whether a grant that is claimed at ``now_ms`` would have expired when it is given."""
    return expiry_s(now_ms, request.execute_by(execute_within_ms)) <= now_ms // _MS


def _too_late(claim: GrantClaim) -> Refusal:
    return _refused(claim, ReasonCode.SECURITY_GRANT_EXPIRED, "The time to execute the request has passed.")


def grant_claims(
    request: RequestRecord, claimed: Claim, in_force: InForce, *, issuer: str, audience: str
) -> dict[str, Any]:
    """Give the claims of the grant of ``request``, whose chain has the claim in it."""
    submission = request.submission
    issued_s = claimed.at_ms // _MS
    versions = {reach: version for reach, version in in_force.policy.versions.items() if version}
    claims = {
        "iss": issuer,
        "aud": audience,
        "sub": submission.agent_id,
        "jti": request.grant_id,
        "iat": issued_s,
        "nbf": issued_s,
        "exp": claimed.expires_at_ms // _MS,
        "req": request.request_id,
        "act": submission.action_digest,
        "ten": submission.tenant_id,
        "prn": submission.principal_id,
        "apr": in_force.approver,
        "pol": versions,
        "evh": request.chain.head,
    }
    return {name: value for name, value in claims.items() if value is not None}


def _agent_state(in_force: InForce, now_ms: int) -> AgentState:
    has_policy, unknown = in_force.policy.names_agent, in_force.unknown_agents
    return in_force.standing.state_among(now_ms, has_policy=has_policy, unknown=unknown)


def _actor(envelope: Envelope) -> dict[str, Any]:
    tenant = {"tenantId": envelope.tenant_id} if envelope.tenant_id else {}
    return {"actor": envelope.principal_id, "subjectType": envelope.subject_type, **tenant}


def no_such_grant(request_id: str | None = None) -> Refusal:
    """Give the refusal of what names no grant that was claimed."""
    return refusal_of(ReasonCode.SECURITY_GRANT_NOT_FOUND, "No grant has this id.", request_id=request_id)


def _refused(claim: GrantClaim, reason: ReasonCode, message: str) -> Refusal:
    return refusal_of(reason, message, request_id=claim.request_id)
