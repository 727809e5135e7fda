"""A request as it is stored: its decision, its state, and the views callers see (contract.md section 3)."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from handshake.core.reasons import REGISTRY, ReasonCode
from handshake.core.tiers import RISK_TIERS, Outcome, RiskTier
from handshake.policy.budgets import Reservation
from handshake.policy.rule_keys import Spend, Trigger
from handshake.policy.verdict import Named
from handshake.requests.decision import Decision, spend_day
from handshake.requests.evidence import Chain
from handshake.requests.submission import Submission

if TYPE_CHECKING:
    from handshake.requests.answers import ActionDone, Artifact, Decided, RequestStatus, Room


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


@dataclass(frozen=True)
class RequestRecord:
    """One stored request. Times are epoch ms; ``expires_at_ms`` is set on escalated requests only.

    ``policies`` name what of policy decided, ``message`` is its word for people, and ``notify`` the paths of arguments
    that messages may show.
    ``reservations`` are its shares of budgets as they were when it was decided; what became of them its state says.
    A ``synthetic`` one is the release gate's, and left out of metrics even where its deadline is what closes it.
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

    @classmethod
    def decided(
        cls, submission: Submission, decision: Decision, *, now_ms: int, escalation_ttl_ms: int
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
        )

    @property
    def spend_day(self) -> str:
        """Name the UTC day that a payment counts towards, whenever it is approved (contract.md section 9.24)."""
        return spend_day(self.submission.timestamp_ms, self.created_at_ms)

    def is_overdue(self, now_ms: int) -> bool:
        """Tell whether the escalation is still pending although its deadline has come."""
        return self.state is State.PENDING and self.expires_at_ms is not None and now_ms >= self.expires_at_ms

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

    @property
    def request_id(self) -> str:
        return self.submission.request_id

    @property
    def hitl_request_id(self) -> str | None:
        """Name this request in the decision room; None when it was never escalated."""
        return f"hitl_{self.request_id}" if self.expires_at_ms is not None else None

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

    def result_view(self) -> "Decided":
        """Show what submitting the request answers, first or repeated."""
        return {
            **self.artifact(),
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

    def status_view(self) -> "RequestStatus":
        """Show where the request stands."""
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
        return view

    def room_view(self) -> "Room":
        """Show what a person needs to see before deciding."""
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
            "actionDigest": submission.action_digest,
        }
        if self.hitl_request_id:
            view["hitlRequestId"] = self.hitl_request_id
        if self.expires_at_ms is not None:
            view["expiresAt"] = self.expires_at_ms
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
