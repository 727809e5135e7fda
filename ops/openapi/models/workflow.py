# ruff: noqa: N815 - the fields bear the names they have on the wire
"""The workflow's bodies (contract.md section 3)."""

from typing import Annotated, Any, Literal, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from handshake.core.reasons import ReasonCode
from handshake.requests.decision_action import MAX_REASON_LENGTH
from handshake.requests.evidence import Source
from handshake.requests.record import State
from ops.openapi.models.caller import Refusal
from ops.openapi.models.common import (
    ActionType,
    ContextHash,
    Count,
    Cursor,
    EpochMs,
    Family,
    Id,
    Outcome,
    ResponseClass,
    RiskTier,
    Tier,
    closed_object,
    open_object,
)


@open_object
class Submission(TypedDict):
    """An action that an agent wants to take."""

    requestId: Id
    """Submitting it again answers what was decided first."""
    principalId: Id
    agentId: Id
    tenantId: NotRequired[Id | None]
    actionType: ActionType
    payloadRef: Id
    timestamp: float
    """The caller's clock, epoch ms, within 5 minutes of the server's."""
    privilegedPath: NotRequired[bool | None]
    """False is refused: a privileged path cannot opt out."""
    context: NotRequired[dict[str, Any] | None]
    """What decides: ``amount``, ``category`` and limits of the caller's own that narrow the policy
    (``maxTransaction``, ``dailySpendLimit``, ``allowedHours``, ``allowedCategories``) of a payment;
    ``sensitivity`` and ``authorizedSensitiveScope`` of a data access. What cannot be understood denies."""


@closed_object
class Artifact(TypedDict):
    """A decision, as an execution is authorized with."""

    requestId: Id
    decision: Outcome
    reasonCode: ReasonCode
    tier: Tier
    timestamp: EpochMs
    """When it was decided."""
    decisionContextHash: ContextHash
    responseClass: ResponseClass
    hitlRequestId: NotRequired[str]
    """Once a person was asked."""
    txnId: NotRequired[str]
    """While the decision is allow."""


@closed_object
class Decided(Artifact):
    """What was decided of a submission."""

    state: State


@closed_object
class SubmissionRefusal(Refusal):
    """A submission that was not even decided."""

    requestId: Id | None
    decision: Literal["deny"]
    tier: Tier
    decisionContextHash: ContextHash | None
    state: Literal["denied_terminal"]


@closed_object
class ExecutionRefusal(Refusal):
    """An execution that must not go ahead."""

    allowed: Literal[False]


@closed_object
class ActionRefusal(Refusal):
    """A decision action that was not carried out."""

    requestId: Id | None
    decision: Outcome
    artifact: Artifact | None
    """Only for those who may know it."""


@closed_object
class RequestStatus(TypedDict):
    """Where a request stands."""

    requestId: Id
    principalId: Id
    agentId: Id
    actionType: ActionType
    payloadRef: Id
    state: State
    terminal: bool
    decisionContextHash: ContextHash
    artifact: Artifact
    hitlRequestId: NotRequired[str]


@closed_object
class EscalationCause(TypedDict):
    """The rule that asked for a person, its limit, and the value that crossed it."""

    rule: str
    limit: Any
    value: Any


@closed_object
class Room(TypedDict):
    """What a person sees before deciding."""

    requestId: Id
    agentId: Id
    principalId: Id
    riskTier: RiskTier
    reasonFamily: Family
    artifact: Artifact
    state: State
    actionType: ActionType
    payloadRef: Id
    hitlRequestId: NotRequired[str]
    expiresAt: NotRequired[EpochMs]
    amount: NotRequired[Any]
    """As the agent sent it."""
    category: NotRequired[Any]
    """As the agent sent it."""
    escalatedBy: NotRequired[EscalationCause]


@closed_object
class Queue(TypedDict):
    """Requests that wait for a person, soonest deadline first."""

    requests: list[Room]
    nextCursor: NotRequired[Cursor]


@open_object
class EvidencePayload(TypedDict):
    """What happened, linked to what happened before."""

    source: Source
    sequence: Count
    """From 1 in the chain; 0 for a refused action, which stands beside it."""
    previousHash: str
    hash: str


@closed_object
class EvidenceEvent(TypedDict):
    """One immutable event of a request."""

    id: str
    requestId: Id
    timestamp: EpochMs
    reasonCode: ReasonCode
    payload: EvidencePayload


@open_object
class DecisionAction(TypedDict):
    """What to do with an escalation."""

    requestId: Id
    hitlRequestId: NotRequired[str | None]
    action: Literal["approve", "reject", "deny"]
    """``deny`` means reject."""
    reason: NotRequired[Annotated[str, Field(max_length=MAX_REASON_LENGTH)] | None]
    """The person's own words, kept in evidence."""


@closed_object
class ActionDone(TypedDict):
    """An escalation that is closed now."""

    status: Literal["ok"]
    requestId: Id
    decision: Literal["allow", "deny"]
    reasonCode: Literal["hitl_approved", "hitl_rejected"]
    artifact: Artifact


@open_object
class PresentedArtifact(TypedDict):
    """The artifact as it was received; more of it may be sent along."""

    decision: Literal["allow"]
    decisionContextHash: ContextHash


@open_object
class ExecutionRequest(TypedDict):
    """A request and the artifact that allows it."""

    request: Submission
    artifact: PresentedArtifact


@closed_object
class ExecutionAuthorized(TypedDict):
    """The effect may go ahead."""

    status: Literal["ok"]
    allowed: Literal[True]
    reasonCode: Literal["security_artifact_authorized"]
    responseClass: Literal["ok"]
