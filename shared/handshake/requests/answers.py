"""Answers of the workflow, and the bodies of its refusals (contract.md section 3)."""

from typing import Annotated, Any, Literal, NotRequired, TypedDict, get_args

from handshake.agents.standing import AgentState
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
    described,
)
from handshake.core.text import MAX_PAYLOAD_REF_LENGTH
from handshake.requests.action import MAX_NAME_LENGTH
from handshake.requests.ending import ENDS, EXPIRY
from handshake.requests.evidence import Source
from handshake.requests.polling import MAX_POLL_MS, MIN_POLL_MS
from handshake.requests.record import MAX_EXTENSIONS, OutcomeStatus, State
from handshake.requests.submission import ACTION_TYPES
from handshake.trust.grant_token import Jwk
from handshake.trust.identity import Assurance

ActionType = Annotated[str, Schema("ActionType", enum=list(ACTION_TYPES))]
PayloadLabel = Annotated[str, Schema(minLength=1, maxLength=MAX_PAYLOAD_REF_LENGTH)]
RequestTimestamp = Annotated[
    EpochMs,
    "The ``timestamp`` that the request was first submitted with: what authorize-execution must be shown.",
]
RevokedAt = Annotated[EpochMs, "Once what it authorized was taken back."]
ContextHash = Annotated[str, Schema("ContextHash", pattern="^ctx_[0-9a-f]{64}$")]
ActionDigest = Annotated[
    str,
    Schema(
        "ActionDigest",
        pattern="^sha256:[0-9a-f]{64}$",
        description="Binds everything that was decided on, each argument included: what is executed must have it.",
    ),
]


ActionName = Annotated[str, Schema("ActionName", minLength=1, maxLength=MAX_NAME_LENGTH, pattern="^[A-Za-z0-9._:/-]+$")]


@closed
class ShownAction(TypedDict):
    """What is to be done. The request's ``actionDigest`` binds all of it."""

    operation: ActionName
    tool: NotRequired[ActionName]
    toolVersion: NotRequired[Id]
    resource: NotRequired[Id]
    arguments: NotRequired[dict[str, Any]]


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
    txnId: NotRequired[Annotated[str, "While the decision is allow: the idempotency key to give a payment provider."]]


class Polled(TypedDict):
    """Member that the answer has while a person is awaited."""

    pollAfterMs: NotRequired[
        Annotated[
            int,
            Schema(minimum=MIN_POLL_MS, maximum=MAX_POLL_MS),
            "While a person is awaited: in how many milliseconds to ask again.",
        ]
    ]


@closed
class Decided(Artifact, Polled):
    """Tells the decision on a submission."""

    state: State
    requestTimestamp: RequestTimestamp
    actionDigest: ActionDigest


@closed
class RequestStatus(Polled):
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
    revokedAt: NotRequired[RevokedAt]


@closed
class Extended(TypedDict):
    """An escalation whose deadline is later now."""

    status: Literal["ok"]
    requestId: Id
    expiresAt: Annotated[EpochMs, "The deadline by which a person decides."]
    extensionsLeft: Annotated[int, Schema(minimum=0, maximum=MAX_EXTENSIONS), "How often it can be extended yet."]


@closed
class Revoked(TypedDict):
    """A request that authorizes nothing any more."""

    status: Literal["ok"]
    requestId: Id
    state: Annotated[State, "As it was: what was decided stays decided."]
    revokedAt: Annotated[EpochMs, "When it was first revoked."]


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
class RoomAgent(TypedDict):
    """The record that an agent stands by: its own, or without ``tenantId`` that of its id in all tenants."""

    agentId: Id
    tenantId: NotRequired[Id]
    state: Annotated[AgentState, "The state in force now: ``active`` once ``until`` has passed."]
    owner: NotRequired[Annotated[str, "Who answers for the agent."]]
    reason: Annotated[str, "Why it is in this state, in the words of whoever put it there."]
    until: NotRequired[EpochMs]
    changedAt: EpochMs
    changedBy: Id


@closed
class PastEscalation(TypedDict):
    """Another escalation in a line, of those that the reader may read."""

    requestId: Id
    agentId: Id
    principalId: Id
    actionType: ActionType
    payloadRef: PayloadLabel
    riskTier: RiskTier
    state: State
    requestedAt: EpochMs
    decidedAt: NotRequired[EpochMs]
    operation: NotRequired[ActionName]
    amount: NotRequired[Annotated[Any, "As the agent sent it."]]
    category: NotRequired[Annotated[Any, "As the agent sent it."]]


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
    requestedAt: Annotated[EpochMs, "When it was submitted, by the service's own clock."]
    actionDigest: ActionDigest
    canonicalAction: NotRequired[
        Annotated[str, "The very text that ``actionDigest`` is of (RFC 8785); in no list, and gone once it was erased."]
    ]
    argumentsErasedAt: NotRequired[EpochMs]
    action: NotRequired[Annotated[ShownAction, "Without its arguments in a list, and once they were erased."]]
    hitlRequestId: NotRequired[str]
    expiresAt: NotRequired[EpochMs]
    revokedAt: NotRequired[RevokedAt]
    amount: NotRequired[Annotated[Any, "As the agent sent it."]]
    category: NotRequired[Annotated[Any, "As the agent sent it."]]
    escalatedBy: NotRequired[EscalationCause]
    decidedBy: NotRequired[list[DecidingPolicy]]
    policyMessage: NotRequired[Annotated[str, "What the deciding policy says to people."]]
    budgetLeft: NotRequired[Annotated[list[BudgetLeft], "Of a request that is read by itself, not in a list."]]
    policyVersions: NotRequired[
        Annotated[
            dict[str, str | None],
            "By what each reaches, the versions that decided, null where none is stored; in no list.",
        ]
    ]
    agent: NotRequired[Annotated[RoomAgent, "The record that the agent stands by, where it has one; in no list."]]
    agentEscalations: NotRequired[
        Annotated[list[PastEscalation], "The agent's last ten, of an escalation, newest first; in no list."]
    ]
    sameOperation: NotRequired[
        Annotated[list[PastEscalation], "Ten earlier ones of the same operation, newest first; in no list."]
    ]


@closed
class Ended(TypedDict):
    """Says how an escalation ended."""

    outcome: Annotated[str, Schema(enum=list(ENDS))]
    actor: Annotated[str, f"The principal who decided; `{EXPIRY}` where nobody did in time."]
    decidedAt: EpochMs
    reason: NotRequired[Annotated[str, "Why, in the person's own words."]]
    extensions: NotRequired[
        Annotated[int, Schema(minimum=1, maximum=MAX_EXTENSIONS), "How often its deadline was moved, where it was."]
    ]
    assurance: NotRequired[
        Annotated[
            Assurance,
            "On what it rests that it was the actor: an issuer's word, or a sign-in. Earlier releases kept none.",
        ]
    ]


@closed
class PastDecision(Room, Ended):
    """A closed escalation: what was asked, and who decided what and why."""


@closed
class History(TypedDict):
    """Closed escalations, newest first. A page may hold less than its limit and have a next one."""

    decisions: list[PastDecision]
    nextCursor: NotRequired[Cursor]


@closed
class Queue(TypedDict):
    """Requests that wait for a person, soonest deadline first."""

    requests: list[Room]
    nextCursor: NotRequired[Cursor]


@described(additionalProperties=True)
class EvidencePayload(TypedDict):
    """Records what happened, linked to what happened before. The details of its event are members beside these."""

    source: Source
    event: Annotated[str, "What happened: `decided`, `closed`, `extended`, `revoked` or `refused` (an action)."]
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


@closed
class Granted(TypedDict):
    """A grant, for whoever executes what it says, once."""

    status: Literal["ok"]
    requestId: Id
    grantId: str
    actionDigest: ActionDigest
    grant: Annotated[str, "A JWS: ``ES256``, typ ``handshake-grant+jwt``."]
    executeBy: Annotated[EpochMs, "When the effect must have begun."]
    expiresAt: Annotated[EpochMs, "Until when the grant is good."]


@closed
class OutcomeKept(TypedDict):
    """An outcome that is in evidence, reported by this call or by the same one before."""

    status: Literal["ok"]
    requestId: Id
    grantId: str
    outcome: Annotated[str, Schema(enum=list(get_args(OutcomeStatus)))]
    reportedAt: EpochMs


@closed
class PublicKey(Jwk):
    """A public key that verifies grants (RFC 7517)."""


@closed
class KeySet(TypedDict):
    """Holds every public key that verifies grants, those that do not sign yet included."""

    keys: list[PublicKey]
