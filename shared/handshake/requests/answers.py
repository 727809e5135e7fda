"""Answers of the workflow, and the bodies of its refusals (contract.md section 3)."""

from typing import Annotated, Any, Literal, NotRequired, TypedDict

from handshake.core.reasons import ReasonCode
from handshake.core.shapes import (
    Count,
    Cursor,
    EpochMs,
    Family,
    Id,
    Outcome,
    Refusal,
    ResponseClass,
    RiskTier,
    Schema,
    Tier,
    closed,
)
from handshake.core.text import MAX_PAYLOAD_REF_LENGTH
from handshake.requests.evidence import Source
from handshake.requests.record import State
from handshake.requests.submission import ACTION_TYPES

ActionType = Annotated[str, Schema("ActionType", enum=list(ACTION_TYPES))]
PayloadLabel = Annotated[str, Schema(minLength=1, maxLength=MAX_PAYLOAD_REF_LENGTH)]
RequestTimestamp = Annotated[
    EpochMs,
    "The ``timestamp`` that the request was first submitted with: what authorize-execution must be shown.",
]
ContextHash = Annotated[str, Schema("ContextHash", pattern="^ctx_[0-9a-f]{64}$")]
ActionDigest = Annotated[
    str,
    Schema(
        "ActionDigest",
        pattern="^sha256:[0-9a-f]{64}$",
        description="Binds everything that was decided on, each argument included: what is executed must have it.",
    ),
]


@closed
class Artifact(TypedDict):
    """A decision, as an execution is authorized with."""

    requestId: Id
    decision: Outcome
    reasonCode: ReasonCode
    tier: Tier
    timestamp: Annotated[EpochMs, "When it was decided."]
    decisionContextHash: ContextHash
    responseClass: ResponseClass
    hitlRequestId: NotRequired[Annotated[str, "Once a person was asked."]]
    txnId: NotRequired[Annotated[str, "While the decision is allow."]]


@closed
class Decided(Artifact):
    """Tells the decision on a submission."""

    state: State
    requestTimestamp: RequestTimestamp
    actionDigest: ActionDigest


@closed
class RequestStatus(TypedDict):
    """Tells where a request stands."""

    requestId: Id
    principalId: Id
    agentId: Id
    actionType: ActionType
    payloadRef: PayloadLabel
    requestTimestamp: RequestTimestamp
    state: State
    terminal: bool
    actionDigest: ActionDigest
    decisionContextHash: ContextHash
    artifact: Artifact
    hitlRequestId: NotRequired[str]


@closed
class DecidingPolicy(TypedDict):
    """Names a policy that decided: the Cedar policy's @id, or what of its scope stood in for none."""

    scope: str
    version: str
    policy: str


@closed
class EscalationCause(TypedDict):
    """The rule that asked for a person, its limit, and the value that crossed it."""

    rule: str
    limit: Any
    value: Any


@closed
class BudgetLeft(TypedDict):
    """What a budget has left in its window, of which the request takes a share."""

    scope: Annotated[str, "Of which policy: ``global``, ``tenant``, ``agent`` or ``agentInTenant``."]
    id: str
    window: Annotated[str, "The UTC hour, day or month."]
    left: float
    max: float
    share: Annotated[float, "What the request takes of it."]
    held: Annotated[bool, "Whether it is taken already; else it is once a person approves."]


@closed
class Room(TypedDict):
    """Shows a person what to decide on."""

    requestId: Id
    agentId: Id
    principalId: Id
    riskTier: RiskTier
    reasonFamily: Family
    artifact: Artifact
    state: State
    actionType: ActionType
    payloadRef: PayloadLabel
    requestTimestamp: RequestTimestamp
    actionDigest: ActionDigest
    hitlRequestId: NotRequired[str]
    expiresAt: NotRequired[EpochMs]
    amount: NotRequired[Annotated[Any, "As the agent sent it."]]
    category: NotRequired[Annotated[Any, "As the agent sent it."]]
    escalatedBy: NotRequired[EscalationCause]
    decidedBy: NotRequired[list[DecidingPolicy]]
    policyMessage: NotRequired[Annotated[str, "What the deciding policy says to people."]]
    budgetLeft: NotRequired[Annotated[list[BudgetLeft], "Of a request that is read by itself, not in a list."]]


@closed
class Queue(TypedDict):
    """Requests that wait for a person, soonest deadline first."""

    requests: list[Room]
    nextCursor: NotRequired[Cursor]


class EvidencePayload(TypedDict):
    """Records what happened, linked to what happened before."""

    source: Source
    event: Annotated[str, "What happened: `decided`, `closed` or `refused` (an action)."]
    reasonCode: Annotated[str, Schema(like=ReasonCode)]
    timestamp: EpochMs
    decision: Annotated[Outcome, "Of a refused action: deny."]
    state: Annotated[State, "Of the request, once this had happened."]
    decisionContextHash: ContextHash
    hitlRequestId: NotRequired[str]
    actionDigest: NotRequired[Annotated[ActionDigest, "Of the decision on a request that has an action."]]
    sequence: Annotated[Count, "From 1 in the chain; 0 for a refused action, which stands beside it."]
    previousHash: str
    hash: str


@closed
class EvidenceEvent(TypedDict):
    """One immutable event of a request."""

    id: str
    requestId: Id
    timestamp: EpochMs
    reasonCode: Annotated[str, Schema(like=ReasonCode)]
    # Beside what is always there, a payload holds the details of its event.
    payload: Annotated[dict[str, Any], Schema(like=EvidencePayload)]


@closed
class ActionDone(TypedDict):
    """An escalation that is closed now."""

    status: Literal["ok"]
    requestId: Id
    decision: Annotated[Outcome, Schema(like=Literal["allow", "deny"])]
    reasonCode: Annotated[ReasonCode, Schema(like=Literal[ReasonCode.HITL_APPROVED, ReasonCode.HITL_REJECTED])]
    artifact: Artifact


@closed
class ExecutionAuthorized(TypedDict):
    """The effect may go ahead."""

    status: Literal["ok"]
    allowed: Literal[True]
    reasonCode: Literal[ReasonCode.SECURITY_ARTIFACT_AUTHORIZED]
    responseClass: Literal["ok"]


class RefusedSubmission(TypedDict):
    """Members that the refusal of a submission adds."""

    requestId: Id | None
    decision: Literal["deny"]
    tier: Tier
    decisionContextHash: Annotated[ContextHash, "Of no decision where the facts could not be read."]
    state: Literal["denied_terminal"]


@closed
class SubmissionRefusal(Refusal, RefusedSubmission):
    """A submission that was not even decided."""


class RefusedExecution(TypedDict):
    """Members that the refusal of an execution adds."""

    allowed: Literal[False]


@closed
class ExecutionRefusal(Refusal, RefusedExecution):
    """An execution that must not go ahead."""


@closed
class StoredOutcome(TypedDict):
    """Tells how a request stands, or what came of the first use of a key that is used again."""

    state: State
    artifact: Artifact


class RefusedAction(TypedDict):
    """Members that the refusal of a decision action adds."""

    requestId: Id | None
    decision: Literal["deny"]
    artifact: Annotated[Artifact | None, "Of the refusal; null where the action names no request."]
    stored: NotRequired[Annotated[StoredOutcome, "Only for those who may read or resolve the request."]]


@closed
class ActionRefusal(Refusal, RefusedAction):
    """A decision action that was not carried out."""
