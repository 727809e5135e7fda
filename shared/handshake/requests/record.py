"""A request as it is stored: its decision, its state, and the views callers see (contract.md section 3)."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from handshake.core.reasons import REGISTRY, ReasonCode
from handshake.core.tiers import RISK_TIERS, Outcome, RiskTier
from handshake.policy.budgets import Reservation
from handshake.policy.rule_keys import Spend, Trigger
from handshake.policy.verdict import Named
from handshake.requests.action import named_members
from handshake.requests.decision import Decision, spend_day
from handshake.requests.evidence import Chain
from handshake.requests.polling import poll_after_ms
from handshake.requests.submission import Submission
from handshake.trust.identity import Assured

if TYPE_CHECKING:
    from handshake.requests.answers import (
        ActionDone,
        Artifact,
        Decided,
        Extended,
        Polled,
        RequestStatus,
        Revoked,
        Room,
    )

# Seconds that one extension adds.
MIN_EXTENSION_S: Final = 60
MAX_EXTENSION_S: Final = 24 * 60 * 60
MAX_EXTENSIONS: Final = 3
# How far beyond its first deadline an escalation may be extended, in all.
MAX_EXTENDED_MS: Final = 7 * 24 * 60 * 60 * 1000
# After this long, a claimed grant whose outcome nobody has reported is counted and alarmed (contract.md section 11).
REPORTED_WITHIN_MS: Final = 15 * 60 * 1000

GRANT_PREFIX: Final = "grant_"
DEFAULT_EXECUTE_WITHIN_MS: Final = 300_000
OutcomeStatus = Literal["succeeded", "failed", "unknown"]


class State(StrEnum):
    """The states of a request. Every one but ``escalated_pending`` is terminal and never changes."""

    ALLOWED = "allowed_terminal"
    DENIED = "denied_terminal"
    PENDING = "escalated_pending"
    APPROVED = "escalated_approved_terminal"
    REJECTED = "escalated_rejected_terminal"
    EXPIRED = "escalated_expired_terminal"

    @property
    def terminal(self) -> bool:
        """Tell whether the request can never change again."""
        return self is not State.PENDING

    @property
    def authorizes(self) -> bool:
        """Tell whether a privileged effect may follow."""
        return self in (State.ALLOWED, State.APPROVED)


FIRST_STATE: Mapping[Outcome, State] = {
    "allow": State.ALLOWED,
    "deny": State.DENIED,
    "escalate": State.PENDING,
}


class Claim(NamedTuple):
    """The one claim of a request's grant: who made it, of which tenant, when, and until when the grant is good (ms)."""

    principal_id: str
    tenant_id: str | None
    at_ms: int
    expires_at_ms: int


class Report(NamedTuple):
    """Keeps what a grant's claimer reported of the effect, when (epoch ms), and the digest of all that was said."""

    status: OutcomeStatus
    digest: str
    at_ms: int


@dataclass(frozen=True)
class RequestRecord:
    """One stored request. Times are epoch ms; ``expires_at_ms`` is set on escalated requests only.

    ``policies`` name what of policy decided, ``message`` is its word for people, and ``notify`` the paths of arguments
    that messages may show.
    ``reservations`` are its shares of budgets as they were when it was decided; what became of them its state says.
    ``first_expires_at_ms`` is the deadline that it was escalated with, set once that was extended, which was done
    ``extensions`` times. What was allowed or approved may be revoked, at ``revoked_at_ms``. ``execute_by_ms`` is until
    when the effect may begin, and ``approved_by`` the principal who approved it; what an earlier release decided has
    neither. ``assured`` says on what it rests who closed it: None where nobody did, or an earlier release kept it not.
    A ``synthetic`` one is the release gate's, and left out of metrics even where its deadline is what closes
    it. The arguments of its action were erased at ``arguments_erased_at_ms``. A ``bound`` one was submitted where each
    effect takes a grant; never claimed, it gave back at ``lapsed_at_ms`` what it had taken of a limit.
    """

    submission: Submission
    outcome: Outcome
    reason: ReasonCode
    tier: int
    state: State
    created_at_ms: int
    decided_at_ms: int
    expires_at_ms: int | None = None
    trigger: Trigger | None = None
    spend: Spend | None = None
    reservations: tuple[Reservation, ...] = ()
    policies: tuple[Named, ...] = ()
    message: str | None = None
    notify: tuple[str, ...] = ()
    chain: Chain = field(default_factory=Chain)
    synthetic: bool = False
    execute_by_ms: int | None = None
    approved_by: str | None = None
    assured: Assured | None = None
    claim: Claim | None = None
    report: Report | None = None
    extensions: int = 0
    first_expires_at_ms: int | None = None
    revoked_at_ms: int | None = None
    arguments_erased_at_ms: int | None = None
    bound: bool = False
    lapsed_at_ms: int | None = None

    @classmethod
    def decided(
        cls,
        submission: Submission,
        decision: Decision,
        *,
        now_ms: int,
        escalation_ttl_ms: int,
        execute_within_ms: int = DEFAULT_EXECUTE_WITHIN_MS,
    ) -> "RequestRecord":
        """Make the record of a fresh decision."""
        escalated = decision.outcome == "escalate"
        return cls(
            submission=submission,
            outcome=decision.outcome,
            reason=decision.reason,
            tier=decision.tier,
            state=FIRST_STATE[decision.outcome],
            created_at_ms=now_ms,
            decided_at_ms=now_ms,
            expires_at_ms=now_ms + escalation_ttl_ms if escalated else None,
            trigger=decision.trigger,
            spend=decision.spend,
            reservations=decision.reservations,
            policies=decision.policies,
            message=decision.message,
            notify=decision.notify,
            execute_by_ms=now_ms + execute_within_ms if decision.outcome == "allow" else None,
        )

    @property
    def spend_day(self) -> str:
        """Name the UTC day that a payment counts towards, whenever it is approved (contract.md section 9.24)."""
        return spend_day(self.submission.timestamp_ms, self.created_at_ms)

    def execute_by(self, execute_within_ms: int) -> int:
        """Give until when the effect may begin; what an earlier release decided has ``execute_within_ms`` for it."""
        return self.decided_at_ms + execute_within_ms if self.execute_by_ms is None else self.execute_by_ms

    def may_be_claimed(self, now_ms: int) -> bool:
        """Say whether, by itself, it can still have a grant at ``now_ms`` (epoch ms)."""
        taken = self.claim or self.revoked_at_ms is not None or self.lapsed_at_ms is not None
        return self.state.authorizes and not taken and now_ms < self.execute_by(DEFAULT_EXECUTE_WITHIN_MS)

    @property
    def lapses_at_ms(self) -> int | None:
        """Give from when on it gives back what it has taken of a limit, unless it is claimed; None where it never does.

        Only where no effect goes ahead without a grant can that be told (contract.md section 11).
        """
        is_open = self.state.authorizes and self.claim is None and self.lapsed_at_ms is None
        return self.execute_by_ms if self.bound and (self.spend or self.reservations) and is_open else None

    def lapsed(self, *, now_ms: int) -> "RequestRecord":
        """Give the record as it is once it has given back, at ``now_ms``, what it had taken of a limit."""
        return replace(self, lapsed_at_ms=now_ms)

    def is_overdue(self, now_ms: int) -> bool:
        """Tell whether the escalation is still pending although its deadline has come."""
        return self.state is State.PENDING and self.expires_at_ms is not None and now_ms >= self.expires_at_ms

    def time_used(self, now_ms: int) -> float:
        """Give the share that an escalation has waited of the time that it has, over 1 past its deadline."""
        length_ms = (self.expires_at_ms or self.created_at_ms) - self.created_at_ms
        return (now_ms - self.created_at_ms) / length_ms if length_ms > 0 else 0.0

    def expired(self, now_ms: int) -> "RequestRecord":
        """Give the record as it is once its deadline has closed it, at ``now_ms``."""
        return self.resolved(State.EXPIRED, ReasonCode.HITL_TIMEOUT_FAIL_CLOSED, now_ms=now_ms)

    def as_of(self, now_ms: int) -> "RequestRecord":
        """Give the record as readers are shown it: past its deadline it is expired, swept or not (9.27).

        Until it is swept its artifact says that the deadline decided, at its own time.
        """
        return self.expired(self.expires_at_ms) if self.expires_at_ms and self.is_overdue(now_ms) else self

    def resolved(self, state: State, reason: ReasonCode, *, now_ms: int) -> "RequestRecord":
        """Give the record as it is once a person, or the deadline, closed the escalation."""
        outcome: Outcome = "allow" if state.authorizes else "deny"
        return replace(self, state=state, reason=reason, outcome=outcome, decided_at_ms=now_ms)

    def extended(self, seconds: int, *, now_ms: int) -> "RequestRecord | None":
        """Give the record with ``seconds`` more to decide it in, None where it may not be extended so at ``now_ms``.

        Only what is pending can be, at most MAX_EXTENSIONS times and MAX_EXTENDED_MS beyond its first deadline
        (contract.md section 13).
        """
        deadline = self.expires_at_ms
        if self.state is not State.PENDING or deadline is None or self.is_overdue(now_ms):
            return None
        if not MIN_EXTENSION_S <= seconds <= MAX_EXTENSION_S:
            return None
        first, later = self.first_expires_at_ms or deadline, deadline + seconds * 1000
        if self.extensions >= MAX_EXTENSIONS or later > first + MAX_EXTENDED_MS:
            return None
        return replace(self, expires_at_ms=later, first_expires_at_ms=first, extensions=self.extensions + 1)

    def revoked(self, *, now_ms: int) -> "RequestRecord":
        """Give the record as it is once somebody took back, at ``now_ms``, what it authorizes."""
        return replace(self, revoked_at_ms=now_ms)

    def arguments_erased(self, *, now_ms: int) -> "RequestRecord":
        """Give the record as it is once the action's arguments were erased at ``now_ms``."""
        return replace(self, arguments_erased_at_ms=now_ms)

    @property
    def request_id(self) -> str:
        return self.submission.request_id

    @property
    def hitl_request_id(self) -> str | None:
        """Name this request in the decision room; None when it was never escalated."""
        return f"hitl_{self.request_id}" if self.expires_at_ms is not None else None

    @property
    def grant_id(self) -> str:
        """Name the one grant that this request can have. Claimed twice, it would still be one to who remembers it."""
        return f"{GRANT_PREFIX}{self.request_id}"

    @property
    def risk_tier(self) -> RiskTier:
        return RISK_TIERS[self.tier]

    def artifact(self) -> "Artifact":
        """Give the decision artifact: what authorize-execution is shown before a privileged effect."""
        artifact: Artifact = {
            "requestId": self.submission.request_id,
            "decision": self.outcome,
            "reasonCode": self.reason,
            "tier": self.tier,
            "timestamp": self.decided_at_ms,
            "decisionContextHash": self.submission.decision_context_hash,
            "responseClass": REGISTRY[self.reason].response_class,
        }
        if self.hitl_request_id:
            artifact["hitlRequestId"] = self.hitl_request_id
        if self.outcome == "allow":
            artifact["txnId"] = f"txn_{self.request_id}"
        return artifact

    def _polled(self, now_ms: int) -> "Polled":
        """Say in how long, from ``now_ms``, to ask for a pending decision again (contract.md section 14)."""
        if self.state is not State.PENDING or self.expires_at_ms is None:
            return {}
        waited_ms, left_ms = now_ms - self.created_at_ms, self.expires_at_ms - now_ms
        return {"pollAfterMs": poll_after_ms(waited_ms=waited_ms, left_ms=left_ms)}

    def result_view(self, now_ms: int) -> "Decided":
        """Show what submitting the request answers at ``now_ms``, first or repeated."""
        return {
            **self.artifact(),
            **self._polled(now_ms),
            "state": self.state,
            "requestTimestamp": self.submission.timestamp_ms,
            "actionDigest": self.submission.action_digest,
        }

    def action_view(self) -> "ActionDone":
        """Show what the decision action that closed the request answers."""
        return {
            "status": "ok",
            "requestId": self.request_id,
            "decision": self.outcome,
            "reasonCode": self.reason,
            "artifact": self.artifact(),
        }

    def extended_view(self) -> "Extended":
        """Show what the extension of the deadline answers."""
        left = MAX_EXTENSIONS - self.extensions
        return {
            "status": "ok",
            "requestId": self.request_id,
            "expiresAt": self.expires_at_ms or 0,
            "extensionsLeft": left,
        }

    def revoked_view(self) -> "Revoked":
        """Show what the revocation of what was authorized answers."""
        return {
            "status": "ok",
            "requestId": self.request_id,
            "state": self.state,
            "revokedAt": self.revoked_at_ms or 0,
        }

    def status_view(self, now_ms: int) -> "RequestStatus":
        """Show where the request stands at ``now_ms``."""
        submission = self.submission
        view: RequestStatus = {
            "requestId": self.request_id,
            "principalId": submission.principal_id,
            "agentId": submission.agent_id,
            "actionType": submission.action_type,
            "payloadRef": submission.payload_ref,
            "requestTimestamp": submission.timestamp_ms,
            "state": self.state,
            "terminal": self.state.terminal,
            "actionDigest": submission.action_digest,
            "decisionContextHash": submission.decision_context_hash,
            "artifact": self.artifact(),
        }
        if self.hitl_request_id:
            view["hitlRequestId"] = self.hitl_request_id
        if self.revoked_at_ms is not None:
            view["revokedAt"] = self.revoked_at_ms
        if polled := self._polled(now_ms):
            view["pollAfterMs"] = polled["pollAfterMs"]
        return view

    def room_view(self, canonical: str | None = None) -> "Room":
        """Show what a person needs to see before deciding; ``canonical`` is the text that was hashed, where it is."""
        submission = self.submission
        view: Room = {
            "requestId": self.request_id,
            "agentId": submission.agent_id,
            "principalId": submission.principal_id,
            "riskTier": self.risk_tier,
            "reasonFamily": REGISTRY[self.reason].family,
            "artifact": self.artifact(),
            "state": self.state,
            "actionType": submission.action_type,
            "payloadRef": submission.payload_ref,
            "requestTimestamp": submission.timestamp_ms,
            "requestedAt": self.created_at_ms,
            "actionDigest": submission.action_digest,
        }
        if canonical is not None:
            view["canonicalAction"] = canonical
        if submission.action:
            view["action"] = json.loads(canonical)["action"] if canonical else named_members(submission.action)
        if self.hitl_request_id:
            view["hitlRequestId"] = self.hitl_request_id
        if self.expires_at_ms is not None:
            view["expiresAt"] = self.expires_at_ms
        if self.revoked_at_ms is not None:
            view["revokedAt"] = self.revoked_at_ms
        if self.arguments_erased_at_ms is not None:
            view["argumentsErasedAt"] = self.arguments_erased_at_ms
        if submission.facts.get("amount") is not None:
            view["amount"] = submission.facts["amount"]
        if submission.facts.get("category") is not None:
            view["category"] = submission.facts["category"]
        if self.policies:
            view["decidedBy"] = [
                {"scope": by.scope, "version": by.version, "policy": by.policy} for by in self.policies
            ]
        if self.message is not None:
            view["policyMessage"] = self.message
        if self.trigger:
            view["escalatedBy"] = {
                "rule": self.trigger.rule,
                "limit": self.trigger.limit,
                "value": self.trigger.value,
            }
        return view
