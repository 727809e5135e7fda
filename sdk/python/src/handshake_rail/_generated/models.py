"""Types of bodies, made from openapi/handshake.json by `python -m ops.openapi.sdk`: do not edit."""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypeAlias, TypedDict

ActionDigest: TypeAlias = str
"""
Binds everything that was decided on, each argument included: what is executed must have it.
"""


ActionName: TypeAlias = str


ActionType: TypeAlias = Literal["payment", "data_access", "credential_use", "external_call", "other"]


AgentState: TypeAlias = Literal["active", "escalate_all", "stopped"]
"""
The states of an agent, from the most lenient to the strictest.
"""


class BlastRadius(TypedDict):
    """
    Counts the agents that a policy would decide otherwise for.
    """

    affectedAgents: int
    highRiskAgents: int


BucketName: TypeAlias = Literal["hour", "day"]


ValueItem: TypeAlias = str


ContextHash: TypeAlias = str


class EscalationCause(TypedDict):
    """
    The rule that asked for a person, its limit, and the value that crossed it.
    """

    limit: Any
    rule: str
    value: Any


class ExecutionAuthorized(TypedDict):
    """
    The effect may go ahead.
    """

    allowed: Literal[True]
    reasonCode: Literal["security_artifact_authorized"]
    responseClass: Literal["ok"]
    status: Literal["ok"]


Family: TypeAlias = Literal["trust_context", "security", "policy", "hitl", "adapter", "unknown"]


class FamilyShare(TypedDict):
    """
    Counts the events of one family of reasons.
    """

    count: int
    percentage: float
    reasonFamily: Family


Id: TypeAlias = str


class IdentityEnvelope(TypedDict):
    """
    Asserts, as the JSON of x-identity-envelope, who is asking.

    Texts are trimmed, and then each is a NewId; roles and scopes are sets.
    """

    issuer: NotRequired[Id]
    principalId: Id
    roles: NotRequired[list[Id]]
    scopes: NotRequired[list[Id]]
    sessionId: NotRequired[Id]
    subjectType: NotRequired[Literal["human", "service", "agent"]]
    tenantId: NotRequired[Id]


MetricName: TypeAlias = Literal[
    "uair",
    "airt_p50_ms",
    "airt_p95_ms",
    "gar",
    "tca",
    "security_denial_total",
    "security_replay_detected_total",
    "security_replay_guard_unavailable_total",
]


NewId: TypeAlias = str
"""
Has one spelling: it is in NFC, holds no control, format, private-use, unassigned or invisible character
of Unicode 14.0.0, and has no white space at either end.
"""


Outcome: TypeAlias = Literal["allow", "deny", "escalate"]


class OutcomeKept(TypedDict):
    """
    An outcome that is in evidence, reported by this call or by the same one before.
    """

    grantId: str
    outcome: Literal["succeeded", "failed", "unknown"]
    reportedAt: int
    requestId: Id
    status: Literal["ok"]


PayloadRef: TypeAlias = str
"""
Has one spelling: it is in NFC, holds no control, format, private-use, unassigned or invisible character
of Unicode 14.0.0, and has no white space at either end.
"""


class Point(TypedDict):
    """
    One bucket; its timestamp is where it begins.
    """

    dimension: NotRequired[Literal["reported"]]
    """
    Where events that callers reported are among its samples.
    """
    sampleCount: int
    timestamp: int
    value: float


PolicyVersion: TypeAlias = str


class PredictedChange(TypedDict):
    """
    A kind of request that would be decided otherwise.
    """

    after: Outcome
    before: Outcome
    requestClass: str


class PresentedArtifact(TypedDict):
    """
    The artifact as it was received; more of it may be sent along.
    """

    decision: Outcome
    decisionContextHash: ContextHash


class PublicKey(TypedDict):
    """
    A public key that verifies grants (RFC 7517).
    """

    alg: Literal["ES256"]
    crv: Literal["P-256"]
    kid: str
    kty: Literal["EC"]
    use: Literal["sig"]
    x: str
    y: str


ReasonCode: TypeAlias = Literal[
    "trust_context_invalid_request_shape",
    "trust_context_missing_binding",
    "trust_context_invalid_timestamp",
    "trust_context_timestamp_skew_fail_closed",
    "policy_allow",
    "security_missing_identity_envelope",
    "security_invalid_identity_envelope",
    "security_identity_envelope_required",
    "security_missing_internal_trust_context",
    "security_invalid_internal_trust_context",
    "security_internal_trust_context_expired",
    "security_internal_trust_config_missing",
    "security_missing_authorization_header",
    "security_identity_claim_missing",
    "security_token_invalid",
    "security_identity_provider_not_configured",
    "security_handshake_required_bypass_denied",
    "security_side_channel_denied",
    "security_escalation_flood_throttled",
    "security_missing_decision_artifact",
    "security_non_allow_artifact",
    "security_artifact_authorized",
    "security_identity_subject_mismatch",
    "security_read_scope_denied",
    "security_read_tenant_mismatch",
    "hitl_approval_unauthorized",
    "security_grant_unauthorized",
    "security_artifact_request_not_found",
    "hitl_request_not_found",
    "policy_version_not_found",
    "security_grant_not_found",
    "security_agent_stopped",
    "security_scope_missing",
    "security_agent_not_found",
    "security_decision_context_mismatch",
    "security_artifact_state_not_authorized",
    "security_grant_required",
    "security_replay_detected",
    "hitl_sensitive_ambiguous_escalated",
    "hitl_boundary_escalated",
    "hitl_request_mismatch",
    "hitl_terminal_state_immutable",
    "hitl_timeout_fail_closed",
    "hitl_deadline_not_extendable",
    "hitl_rejected",
    "hitl_approved",
    "policy_version_conflict",
    "security_grant_consumed",
    "security_grant_expired",
    "security_policy_changed",
    "security_outcome_already_reported",
    "hitl_agent_restricted_escalated",
    "policy_sensitive_scope_denied",
    "policy_invalid_policy",
    "policy_invalid_request",
    "policy_daily_limit_exceeded",
    "policy_category_not_allowed",
    "policy_outside_allowed_hours",
    "policy_max_transaction_exceeded",
    "policy_denied",
    "security_replay_guard_unavailable",
    "adapter_store_unavailable",
    "adapter_privileged_mutations_paused",
    "adapter_signer_unavailable",
]
"""
Every reason code a caller can see, in the order of the contract's table.
"""


class RecentDecisions(TypedDict):
    """
    Counts what was decided of an agent's submissions in the last 24 hours, up to a minute ago.
    """

    allow: int
    deny: int
    escalate: int


ResponseClass: TypeAlias = Literal["ok", "retryable", "blocked", "unknown"]


class Revocation(TypedDict):
    """
    Takes back what was allowed or approved, before it is claimed.
    """

    reason: str
    """
    Why, in the person's own words, kept in evidence.
    """
    requestId: Id


RiskTier: TypeAlias = Literal["low", "medium", "high", "critical"]


ScopeKind: TypeAlias = Literal["global", "agent"]


class Simulated(TypedDict):
    """
    Tells what recorded requests say of a proposal.
    """

    blastRadius: BlastRadius
    decision: Outcome
    predictedChanges: list[PredictedChange]
    reasons: list[str]
    status: Literal["ok"]
    tier: int


State: TypeAlias = Literal[
    "allowed_terminal",
    "denied_terminal",
    "escalated_pending",
    "escalated_approved_terminal",
    "escalated_rejected_terminal",
    "escalated_expired_terminal",
]
"""
The states of a request. Every one but ``escalated_pending`` is terminal and never changes.
"""


class StoredRule(TypedDict):
    """
    A rule as its operator wrote it.
    """

    id: Id
    key: str
    value: float | str | list[str]


class SubmissionRefusal(TypedDict):
    """
    A submission that was not even decided.
    """

    decision: Literal["deny"]
    decisionContextHash: ContextHash
    """
    Of no decision where the facts could not be read.
    """
    error: str
    """
    The same as ``reasonCode``.
    """
    message: str
    reasonCode: str
    requestId: Id | None
    responseClass: ResponseClass
    state: Literal["denied_terminal"]
    status: Literal["error"]
    tier: int


class TrustClaims(TypedDict):
    """
    Claims of the token in x-internal-trust-context. Its times are epoch seconds.
    """

    aud: Literal["handshake-core"]
    bodySha256: NotRequired[str]
    """
    SHA-256 of the body's bytes, which no other body then has.
    """
    exp: float
    iat: float
    iss: Literal["handshake-edge"]
    jti: str
    principalId: NotRequired[Id]
    stack: NotRequired[str]
    """
    The stack's name: no other stack then takes the token.
    """
    sub: Literal["policy.apply"]
    traceId: NotRequired[Id]


WindowName: TypeAlias = Literal["24h", "7d", "30d"]


class Action(TypedDict):
    """
    Says exactly what is to be done. The request's ``actionDigest`` binds all of it.
    """

    arguments: NotRequired[dict[str, Any] | None]
    """
    Numbers that a double does not keep are refused: send them as strings. With all else, at most
    32768 bytes as canonical JSON and 16 levels deep.
    """
    operation: ActionName
    resource: NotRequired[NewId | None]
    tool: NotRequired[ActionName | None]
    toolVersion: NotRequired[NewId | None]


class Agent(TypedDict):
    """
    An agent's record; without ``tenantId`` it is that of the id in all tenants.
    """

    agentId: Id
    changedAt: int
    changedBy: Id
    decisions24h: RecentDecisions
    lastDecisionAt: NotRequired[int]
    """
    When a submission of the agent was last decided.
    """
    owner: NotRequired[str]
    """
    Who answers for the agent.
    """
    reason: NotRequired[str]
    """
    Why it is in this state, in the words of whoever put it there.
    """
    state: AgentState
    """
    The state in force now: ``active`` once ``until`` has passed.
    """
    tenantId: NotRequired[Id]
    until: NotRequired[int]
    """
    When the state ends as ``active``, or has ended.
    """


class AgentChange(TypedDict):
    """
    Says in which state an agent is to be, and why.
    """

    owner: NotRequired[str | None]
    """
    Who answers for the agent. Left out or null, it stays as it is; "" is nobody.
    """
    reason: str
    """
    Kept in evidence. Not blank.
    """
    state: AgentState
    """
    ``escalate_all``: what would be allowed waits for a person. ``stopped``: all is denied.
    """
    until: NotRequired[int | None]
    """
    A time ahead, epoch ms, at which the state ends as ``active``.
    """


class Agents(TypedDict):
    """
    Agents' records, in the order of tenants and ids.
    """

    agents: list[Agent]
    nextCursor: NotRequired[str]


class AmountRule(TypedDict):
    """
    A limit on a payment, or on what an agent spends in a UTC day. Keys are read in any case.
    """

    id: NewId
    key: Literal["max_transaction", "maxtransaction", "max_payment", "daily_spend_limit", "dailyspendlimit"]
    value: float


class AppliedVersion(TypedDict):
    """
    One immutable version of a policy.
    """

    appliedAt: int
    auditEventId: str
    policyVersion: PolicyVersion
    rules: list[StoredRule]


class Artifact(TypedDict):
    """
    A decision, as an execution is authorized with.
    """

    decision: Outcome
    decisionContextHash: ContextHash
    hitlRequestId: NotRequired[str]
    """
    Once a person was asked.
    """
    reasonCode: ReasonCode
    requestId: Id
    responseClass: ResponseClass
    tier: int
    timestamp: int
    """
    When it was decided.
    """
    txnId: NotRequired[str]
    """
    While the decision is allow: the idempotency key to give a payment provider.
    """


class CategoriesRule(TypedDict):
    """
    Allows payments of these categories only: names, or one text of names between commas.
    """

    id: NewId
    key: Literal["allowed_categories"]
    value: list[ValueItem] | str


class CountRule(TypedDict):
    """
    A limit on the escalations of a principal and agent within ten minutes.
    """

    id: Id
    key: Literal["escalations_per_window"]
    value: int


class DeadlineRule(TypedDict):
    """
    Gives people this many seconds to decide on an escalation, in place of the stack's own deadline.
    """

    id: Id
    key: Literal["escalation_ttl_seconds"]
    value: int


class Decided(TypedDict):
    """
    Tells the decision on a submission.
    """

    actionDigest: ActionDigest
    decision: Outcome
    decisionContextHash: ContextHash
    hitlRequestId: NotRequired[str]
    """
    Once a person was asked.
    """
    reasonCode: ReasonCode
    requestId: Id
    requestTimestamp: int
    """
    The ``timestamp`` that the request was first submitted with: what authorize-execution must be shown.
    """
    responseClass: ResponseClass
    state: State
    tier: int
    timestamp: int
    """
    When it was decided.
    """
    txnId: NotRequired[str]
    """
    While the decision is allow: the idempotency key to give a payment provider.
    """


class DecisionAction(TypedDict):
    """
    Says what to do with an escalation.
    """

    action: Literal["approve", "APPROVE", "reject", "REJECT", "deny", "DENY", "withdraw", "WITHDRAW"]
    """
    ``deny`` means reject; ``withdraw`` is for the requester itself.
    """
    hitlRequestId: NotRequired[str | None]
    reason: NotRequired[str | None]
    """
    The person's own words, kept in evidence.
    """
    requestId: Id


class EventKept(TypedDict):
    """
    Says whether the event was new.
    """

    duplicate: bool
    eventId: Id
    projectorVersion: Literal["v1"]
    schemaVersion: Literal["v1"]
    status: Literal["ok"]


class EvidencePayload(TypedDict):
    """
    Records what happened, linked to what happened before.
    """

    actionDigest: NotRequired[ActionDigest]
    """
    Of the decision on a request that has an action.
    """
    decision: Outcome
    """
    Of a refused action: deny.
    """
    decisionContextHash: ContextHash
    event: str
    """
    What happened: `decided`, `closed`, `extended`, `revoked` or `refused` (an action).
    """
    hash: str
    hitlRequestId: NotRequired[str]
    previousHash: str
    reasonCode: ReasonCode
    sequence: int
    """
    From 1 in the chain; 0 for a refused action, which stands beside it.
    """
    source: Literal["audit", "lineage"]
    state: State
    """
    Of the request, once this had happened.
    """
    timestamp: int


class ExecutionOutcome(TypedDict):
    """
    Reports what came of the effect, once.
    """

    detail: NotRequired[str | None]
    """
    The executor's own words, kept in evidence.
    """
    resultDigest: NotRequired[NewId | None]
    """
    Of the result, as the executor digests it.
    """
    status: Literal["succeeded", "failed", "unknown"]
    """
    ``unknown`` where nobody can tell.
    """


class ExecutionRefusal(TypedDict):
    """
    An execution that must not go ahead.
    """

    allowed: Literal[False]
    error: str
    """
    The same as ``reasonCode``.
    """
    message: str
    reasonCode: str
    responseClass: ResponseClass
    status: Literal["error"]


class Extended(TypedDict):
    """
    An escalation whose deadline is later now.
    """

    expiresAt: int
    """
    The deadline by which a person decides.
    """
    extensionsLeft: int
    """
    How often it can be extended yet.
    """
    requestId: Id
    status: Literal["ok"]


class Extension(TypedDict):
    """
    Asks for more time to decide on an escalation.
    """

    reason: NotRequired[str | None]
    """
    The person's own words, kept in evidence.
    """
    requestId: Id
    seconds: int
    """
    Added to the deadline that it has.
    """


class GrantClaim(TypedDict):
    """
    Claims the one grant of a request that may be executed.
    """

    actionDigest: Id
    """
    Of what is about to be executed.
    """
    audience: NotRequired[NewId | None]
    """
    Who is to take the grant; `handshake-executor` where absent.
    """
    requestId: Id


class Granted(TypedDict):
    """
    A grant, for whoever executes what it says, once.
    """

    actionDigest: ActionDigest
    executeBy: int
    """
    When the effect must have begun.
    """
    expiresAt: int
    """
    Until when the grant is good.
    """
    grant: str
    """
    A JWS: ``ES256``, typ ``handshake-grant+jwt``.
    """
    grantId: str
    requestId: Id
    status: Literal["ok"]


class HoursRule(TypedDict):
    """
    Allows payments at these times only, UTC; an end before the start spans midnight.
    """

    id: NewId
    key: Literal["allowed_hours"]
    value: str


class KeySet(TypedDict):
    """
    Holds every public key that verifies grants, those that do not sign yet included.
    """

    keys: list[PublicKey]


class MetricsReasons(TypedDict):
    """
    Events by family of reasons, largest first.
    """

    families: list[FamilyShare]
    projectorVersion: Literal["v1"]
    schemaVersion: Literal["v1"]
    total: int
    window: WindowName


class MetricsSeries(TypedDict):
    """
    One metric, bucket by bucket, oldest first.
    """

    bucket: BucketName
    metric: MetricName
    projectorVersion: Literal["v1"]
    schemaVersion: Literal["v1"]
    series: list[Point]
    window: WindowName


class MetricsSummary(TypedDict):
    """
    Every metric over a window.
    """

    airtP50Ms: float
    airtP95Ms: float
    denialEvents: int
    gar: float
    projectorVersion: Literal["v1"]
    replayDetectedEvents: int
    replayGuardUnavailableEvents: int
    schemaVersion: Literal["v1"]
    tca: float
    totalEvents: int
    uair: float
    window: WindowName


class PolicyApplied(TypedDict):
    """
    The policy now in force.
    """

    auditEventId: str
    message: str
    policyVersion: PolicyVersion
    status: Literal["ok"]


class PolicyChange1(TypedDict):
    """
    Rules to put in force for a scope, or an earlier version of its own to put in force again.
    """

    expectedPolicyVersion: NotRequired[str | None]
    """
    The version believed active; if another is, nothing changes.
    """
    policyVersion: NotRequired[str | None]
    """
    An earlier version, instead of rules.
    """
    rules: list[AmountRule | HoursRule | CategoriesRule | CountRule | DeadlineRule]
    """
    Rules, each with an id of its own.
    """
    scope: ScopeKind
    scopeId: NotRequired[NewId | None]
    """
    The agent; not read beside global scope.
    """
    tenantId: NotRequired[NewId | Literal[""] | None]
    """
    With agent scope: the one tenant in which the policy applies to the agent; in every tenant when left out.
    """


class PolicyChange2(TypedDict):
    """
    Rules to put in force for a scope, or an earlier version of its own to put in force again.
    """

    expectedPolicyVersion: NotRequired[str | None]
    """
    The version believed active; if another is, nothing changes.
    """
    policyVersion: str | None
    """
    An earlier version, instead of rules.
    """
    rules: NotRequired[list[AmountRule | HoursRule | CategoriesRule | CountRule | DeadlineRule]]
    """
    Rules, each with an id of its own.
    """
    scope: ScopeKind
    scopeId: NotRequired[NewId | None]
    """
    The agent; not read beside global scope.
    """
    tenantId: NotRequired[NewId | Literal[""] | None]
    """
    With agent scope: the one tenant in which the policy applies to the agent; in every tenant when left out.
    """


PolicyChange: TypeAlias = PolicyChange1 | PolicyChange2
"""
Rules to put in force for a scope, or an earlier version of its own to put in force again.
"""


class PolicyConfig(TypedDict):
    """
    Shows the rules that a scope stores, or the defaults that stand in for it.
    """

    policyVersion: NotRequired[PolicyVersion]
    rules: list[StoredRule]
    scope: ScopeKind
    scopeId: NotRequired[Id]
    tenantId: NotRequired[Id]


class PolicyProposal(TypedDict):
    """
    Rules for a scope, to see what they would change.
    """

    rules: list[AmountRule | HoursRule | CategoriesRule | CountRule | DeadlineRule]
    """
    Rules, each with an id of its own.
    """
    scope: ScopeKind
    scopeId: NotRequired[NewId | None]
    """
    The agent; not read beside global scope.
    """
    tenantId: NotRequired[NewId | Literal[""] | None]
    """
    With agent scope: the one tenant in which the policy applies to the agent; in every tenant when left out.
    """


class PolicyVersions(TypedDict):
    """
    The versions of a scope, newest first.
    """

    nextCursor: NotRequired[str]
    scope: ScopeKind
    scopeId: NotRequired[Id]
    tenantId: NotRequired[Id]
    versions: list[AppliedVersion]


class Refusal(TypedDict):
    """
    Says why a call was refused. ``reasonCode`` and ``responseClass`` are for programs, ``message`` is for people.
    """

    error: str
    """
    The same as ``reasonCode``.
    """
    message: str
    reasonCode: str
    responseClass: ResponseClass
    status: Literal["error"]


class ReportedEvent(TypedDict):
    """
    One decision that was made elsewhere. An optional field that is null counts as left out.
    """

    computeCostUnits: NotRequired[float | None]
    decision: Outcome
    escalationOverheadUnits: NotRequired[float | None]
    eventId: NewId
    """
    The first event of an id stays as it is.
    """
    hasValidLineage: NotRequired[bool | None]
    humanMinutes: NotRequired[float | None]
    incidentDetectedTsMs: NotRequired[float | None]
    isTerminal: NotRequired[bool | None]
    reasonCode: NewId
    reasonFamily: NewId
    """
    The registry's word goes over it.
    """
    requestId: NewId
    riskTier: RiskTier | Literal["unknown"] | int
    terminalDecisionTsMs: NotRequired[float | None]
    """
    Not before ``incidentDetectedTsMs``.
    """
    timestampMs: float
    """
    Like every time here from 2020 on, and at most five minutes ahead.
    """


class RequestStatus(TypedDict):
    """
    Tells where a request stands.
    """

    actionDigest: ActionDigest
    actionType: ActionType
    agentId: Id
    artifact: Artifact
    decisionContextHash: ContextHash
    hitlRequestId: NotRequired[str]
    payloadRef: str
    principalId: Id
    requestId: Id
    requestTimestamp: int
    """
    The ``timestamp`` that the request was first submitted with: what authorize-execution must be shown.
    """
    revokedAt: NotRequired[int]
    """
    Once what it authorized was taken back.
    """
    state: State
    terminal: bool


class Revoked(TypedDict):
    """
    A request that authorizes nothing any more.
    """

    requestId: Id
    revokedAt: int
    """
    When it was first revoked.
    """
    state: State
    """
    As it was: what was decided stays decided.
    """
    status: Literal["ok"]


class Room(TypedDict):
    """
    Shows a person what to decide on.
    """

    action: NotRequired[Action]
    """
    Without its arguments in a list, and once they were erased.
    """
    actionDigest: ActionDigest
    actionType: ActionType
    agentId: Id
    amount: NotRequired[Any]
    """
    As the agent sent it.
    """
    argumentsErasedAt: NotRequired[int]
    artifact: Artifact
    canonicalAction: NotRequired[str]
    """
    The very text that ``actionDigest`` is of (RFC 8785); in no list, and gone once it was erased.
    """
    category: NotRequired[Any]
    """
    As the agent sent it.
    """
    escalatedBy: NotRequired[EscalationCause]
    expiresAt: NotRequired[int]
    hitlRequestId: NotRequired[str]
    payloadRef: str
    principalId: Id
    reasonFamily: Family
    requestId: Id
    requestTimestamp: int
    """
    The ``timestamp`` that the request was first submitted with: what authorize-execution must be shown.
    """
    revokedAt: NotRequired[int]
    """
    Once what it authorized was taken back.
    """
    riskTier: RiskTier
    state: State


class StoredOutcome(TypedDict):
    """
    Tells how a request stands, or what came of the first use of a key that is used again.
    """

    artifact: Artifact
    state: State


class Submission(TypedDict):
    """
    An action that an agent wants to take.
    """

    action: NotRequired[Action | None]
    """
    A payment's ``amount`` and ``category`` may stand in its arguments, in ``context``, or alike
    in both.
    """
    actionType: ActionType
    agentId: NewId
    context: NotRequired[dict[str, Any] | None]
    """
    What decides: ``amount``, ``category`` and limits of the caller's own that narrow the policy
    (``maxTransaction``, ``dailySpendLimit``, ``allowedHours``, ``allowedCategories``) of a payment;
    ``sensitivity`` and ``authorizedSensitiveScope`` of a data access. What cannot be understood denies.
    """
    payloadRef: PayloadRef
    principalId: NewId
    privilegedPath: NotRequired[bool | None]
    """
    False is refused: a privileged path cannot opt out.
    """
    requestId: NewId
    """
    Submitting it again answers what was decided first.
    """
    tenantId: NotRequired[NewId | Literal[""] | None]
    """
    "" is none.
    """
    timestamp: float
    """
    The caller's clock, epoch ms, within 5 minutes of the server's.
    """


class ActionDone(TypedDict):
    """
    An escalation that is closed now.
    """

    artifact: Artifact
    decision: Literal["allow", "deny"]
    reasonCode: Literal["hitl_approved", "hitl_rejected"]
    requestId: Id
    status: Literal["ok"]


class ActionRefusal(TypedDict):
    """
    A decision action that was not carried out.
    """

    artifact: Artifact | None
    """
    Of the refusal; null where the action names no request.
    """
    decision: Literal["deny"]
    error: str
    """
    The same as ``reasonCode``.
    """
    message: str
    reasonCode: str
    requestId: Id | None
    responseClass: ResponseClass
    status: Literal["error"]
    stored: NotRequired[StoredOutcome]
    """
    Only for those who may read or resolve the request.
    """


class EvidenceEvent(TypedDict):
    """
    One immutable event of a request.
    """

    id: str
    payload: EvidencePayload
    reasonCode: ReasonCode
    requestId: Id
    timestamp: int


class ExecutionRequest(TypedDict):
    """
    A request and the artifact that allows it.
    """

    artifact: PresentedArtifact
    request: Submission


class Queue(TypedDict):
    """
    Requests that wait for a person, soonest deadline first.
    """

    nextCursor: NotRequired[str]
    requests: list[Room]
