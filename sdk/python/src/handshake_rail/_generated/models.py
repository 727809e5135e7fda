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


class BudgetLeft(TypedDict):
    """
    What a budget has left in its window, of which the request takes a share.
    """

    held: bool
    """
    Whether it is taken already; else it is once a person approves.
    """
    id: str
    left: float
    max: float
    scope: str
    """
    Of which policy: ``global``, ``tenant``, ``agent`` or ``agentInTenant``.
    """
    share: float
    """
    What the request takes of it.
    """
    window: str
    """
    The UTC hour, day or month.
    """


ValueItem: TypeAlias = str


ContextHash: TypeAlias = str


class DecidingPolicy(TypedDict):
    """
    Names a policy that decided: the Cedar policy's @id, or what of its scope stood in for none.
    """

    policy: str
    scope: str
    version: str


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
    reasonFamily: Family | str


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


Mode: TypeAlias = Literal["active", "shadow"]


NewId: TypeAlias = str
"""
Has one spelling: it is in NFC, holds no control, format, private-use, unassigned or invisible character
of Unicode 14.0.0, and has no white space at either end.
"""


NewIdOrNone: TypeAlias = str
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
    outcome: Literal["succeeded", "failed", "unknown"] | str
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

    after: Outcome | str
    before: Outcome | str
    count: NotRequired[int]
    examples: NotRequired[list[Id]]
    """
    Some requests that it is so for.
    """
    policy: NotRequired[str]
    """
    The policy or budget that makes the difference, where it is no rule.
    """
    requestClass: str


class PresentedArtifact(TypedDict):
    """
    The artifact as it was answered, or that answer itself. The first two members are looked at; allow is needed.
    """

    decision: str
    """
    As it was answered: any other than ``allow`` authorizes nothing.
    """
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
    "security_identity_assurance_insufficient",
    "security_person_unknown",
    "security_person_disabled",
    "security_scope_missing",
    "security_agent_not_found",
    "security_decision_context_mismatch",
    "security_artifact_state_not_authorized",
    "security_grant_required",
    "security_replay_detected",
    "hitl_sensitive_ambiguous_escalated",
    "hitl_boundary_escalated",
    "hitl_policy_escalated",
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
    "hitl_budget_escalated",
    "policy_sensitive_scope_denied",
    "policy_invalid_policy",
    "policy_invalid_request",
    "policy_daily_limit_exceeded",
    "policy_category_not_allowed",
    "policy_outside_allowed_hours",
    "policy_max_transaction_exceeded",
    "policy_denied",
    "policy_evaluation_failed",
    "policy_unmatched_denied",
    "policy_budget_exceeded",
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


class RegisteredTool(TypedDict):
    """
    A tool that policies can name. ``unchecked`` are the paths of its input that Cedar is never told.
    """

    actionType: str
    inputSchema: dict[str, Any]
    name: str
    unchecked: list[str]
    version: NotRequired[Id]


class RegisteredTools(TypedDict):
    """
    Every registered tool, by type and then in the order of its list.
    """

    tools: list[RegisteredTool]
    toolsVersion: NotRequired[PolicyVersion]


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


class RoomAgent(TypedDict):
    """
    The record that an agent stands by: its own, or without ``tenantId`` that of its id in all tenants.
    """

    agentId: Id
    changedAt: int
    changedBy: Id
    owner: NotRequired[str]
    """
    Who answers for the agent.
    """
    reason: str
    """
    Why it is in this state, in the words of whoever put it there.
    """
    state: AgentState | str
    """
    The state in force now: ``active`` once ``until`` has passed.
    """
    tenantId: NotRequired[Id]
    until: NotRequired[int]


ScopeKind: TypeAlias = Literal["global", "tenant", "agent"]


ShadowChange = TypedDict(
    "ShadowChange",
    {
        "count": int,
        "examples": list[Id],
        "from": Outcome | str,
        "policy": str,
        "to": Outcome | str,
    },
)


class ShownAction(TypedDict):
    """
    What is to be done. The request's ``actionDigest`` binds all of it.
    """

    arguments: NotRequired[dict[str, Any]]
    operation: ActionName
    resource: NotRequired[Id]
    tool: NotRequired[ActionName]
    toolVersion: NotRequired[Id]


class Simulated(TypedDict):
    """
    Tells what recorded requests say of a proposal.
    """

    blastRadius: BlastRadius
    decision: Outcome | str
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


class StoredBudget(TypedDict):
    """
    Bounds how much, or how often, within a window of UTC, as its operator wrote it.
    """

    currency: NotRequired[str | None]
    """
    Only calls in this currency count; without it each by itself.
    """
    id: Id
    max: float
    measure: Literal["count", "sum"] | str
    of: NotRequired[str | None]
    """
    What a sum is of: ``amount``, or ``input.`` and a path into arguments.
    """
    over: Literal["deny", "escalate"] | str
    """
    What becomes of a call that it has no room for.
    """
    per: Literal["agent", "principal", "tenant", "tool"] | str
    """
    Whose calls are counted together.
    """
    shards: NotRequired[int | None]
    """
    Spreads what counts; each shard may hold its share of ``max``.
    """
    window: Literal["hour", "day", "month"] | str


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
    responseClass: ResponseClass | str
    state: Literal["denied_terminal"]
    status: Literal["error"]
    tier: int


class ToolsRegistered(TypedDict):
    """
    The list of tools that is now that of its type.
    """

    auditEventId: str
    message: str
    status: Literal["ok"]
    toolsVersion: PolicyVersion


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
    sub: Literal["policy.apply", "policy.tools"]
    traceId: NotRequired[Id]


Unmatched: TypeAlias = Literal["allow", "escalate", "deny"]


UnmatchedTools: TypeAlias = Literal["allow", "deny"]


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
    state: AgentState | str
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
    budgets: NotRequired[list[StoredBudget]]
    cedarSha256: NotRequired[str]
    """
    Of its text of Cedar.
    """
    mode: NotRequired[Mode | str]
    """
    ``shadow`` of a version that was applied as one.
    """
    policyVersion: PolicyVersion
    rules: list[StoredRule]
    unmatched: NotRequired[Unmatched | str]
    """
    What becomes of a call that no Cedar policy matches.
    """
    unmatchedTools: NotRequired[UnmatchedTools | str]


class Artifact(TypedDict):
    """
    A decision, as an execution is authorized with.
    """

    decision: Outcome | str
    decisionContextHash: ContextHash
    hitlRequestId: NotRequired[str]
    """
    Once a person was asked.
    """
    reasonCode: ReasonCode | str
    requestId: Id
    responseClass: ResponseClass | str
    tier: int
    timestamp: int
    """
    When it was decided.
    """
    txnId: NotRequired[str]
    """
    While the decision is allow: the idempotency key to give a payment provider.
    """


class Budget(TypedDict):
    """
    Bounds how much, or how often, within a UTC hour, day or month. What is allowed or escalated takes its share.
    """

    currency: NotRequired[str | None]
    """
    Only calls in this currency count. Without it each currency counts by itself: none are added together.
    """
    id: NewId
    """
    Distinct within its scope.
    """
    max: float
    """
    A whole number of calls, or the largest sum.
    """
    measure: Literal["count", "sum"]
    """
    Calls, or the sum of what ``of`` names.
    """
    of: NotRequired[str | None]
    """
    With ``sum``, and only then: ``amount``, or ``input.`` and a path into the arguments.
    """
    over: Literal["deny", "escalate"]
    """
    What becomes of a call that it has no room for.
    """
    per: Literal["agent", "principal", "tenant", "tool"]
    """
    Whose calls are counted together; those of no tenant, or of no tool, are too.
    """
    shards: NotRequired[int | None]
    """
    Spreads what counts over items, each of which may hold its share: never over, possibly early.
    """
    window: Literal["hour", "day", "month"]


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
    decision: Outcome | str
    decisionContextHash: ContextHash
    hitlRequestId: NotRequired[str]
    """
    Once a person was asked.
    """
    pollAfterMs: NotRequired[int]
    """
    While a person is awaited: in how many milliseconds to ask again.
    """
    reasonCode: ReasonCode | str
    requestId: Id
    requestTimestamp: int
    """
    The ``timestamp`` that the request was first submitted with: what authorize-execution must be shown.
    """
    responseClass: ResponseClass | str
    state: State | str
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
    projectorVersion: Literal["v1"] | str
    schemaVersion: Literal["v1"] | str
    status: Literal["ok"]


class EvidencePayload(TypedDict):
    """
    Records what happened, linked to what happened before. The details of its event are members beside these.
    """

    actionDigest: NotRequired[ActionDigest]
    """
    Of the decision on a request that has an action.
    """
    decision: Outcome | str
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
    reasonCode: ReasonCode | str
    sequence: int
    """
    From 1 in the chain; 0 for a refused action, which stands beside it.
    """
    source: Literal["audit", "lineage"] | str
    state: State | str
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
    responseClass: ResponseClass | str
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


class GivenTool(TypedDict):
    """
    A tool as MCP's tools/list gives it; what else it says of itself is passed over.
    """

    inputSchema: dict[str, Any]
    """
    A JSON Schema of an object. x-policy: false keeps a member from policy.
    """
    name: str
    version: NotRequired[NewId | None]


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
    projectorVersion: Literal["v1"] | str
    schemaVersion: Literal["v1"] | str
    total: int
    window: WindowName | str


class MetricsSeries(TypedDict):
    """
    One metric, bucket by bucket, oldest first.
    """

    bucket: BucketName | str
    metric: MetricName | str
    projectorVersion: Literal["v1"] | str
    schemaVersion: Literal["v1"] | str
    series: list[Point]
    window: WindowName | str


class MetricsSummary(TypedDict):
    """
    Every metric over a window.
    """

    airtP50Ms: float
    airtP95Ms: float
    denialEvents: int
    gar: float
    projectorVersion: Literal["v1"] | str
    replayDetectedEvents: int
    replayGuardUnavailableEvents: int
    schemaVersion: Literal["v1"] | str
    tca: float
    totalEvents: int
    uair: float
    window: WindowName | str


class PastEscalation(TypedDict):
    """
    Another escalation in a line, of those that the reader may read.
    """

    actionType: ActionType | str
    agentId: Id
    amount: NotRequired[Any]
    """
    As the agent sent it.
    """
    category: NotRequired[Any]
    """
    As the agent sent it.
    """
    decidedAt: NotRequired[int]
    operation: NotRequired[ActionName]
    payloadRef: str
    principalId: Id
    requestId: Id
    requestedAt: int
    riskTier: RiskTier | str
    state: State | str


class PolicyApplied(TypedDict):
    """
    The policy now in force, or in the shadow of the active one.
    """

    auditEventId: str
    message: str
    policyVersion: PolicyVersion
    status: Literal["ok"]
    warnings: NotRequired[list[str]]
    """
    What an operator may not expect of it.
    """


class PolicyChange(TypedDict):
    """
    Members to put in force for a scope, or an earlier version of its own to put in force again, all of it.
    """

    budgets: NotRequired[list[Budget] | None]
    cedar: NotRequired[str | None]
    """
    Cedar policies, at most 65536 bytes in UTF-8.
    """
    expectedPolicyVersion: NotRequired[str | None]
    """
    The version believed active; if another is, nothing changes.
    """
    mode: NotRequired[Mode | None]
    """
    ``shadow``: judged beside the active policy, and never decides. An empty one, or one that holds what is
    active, ends the shadow.
    """
    policyVersion: NotRequired[str | None]
    """
    An earlier version, instead of members.
    """
    rules: NotRequired[list[AmountRule | HoursRule | CategoriesRule | CountRule | DeadlineRule] | None]
    scope: ScopeKind
    scopeId: NotRequired[NewId | None]
    """
    The tenant or the agent; not read beside global scope.
    """
    tenantId: NotRequired[NewIdOrNone | None]
    """
    With agent scope: the one tenant in which the policy applies to the agent; in every tenant when left out.
    """
    unmatched: NotRequired[Unmatched | Literal[""] | None]
    """
    What becomes of a call that no Cedar policy of the scope matches; a set with a permit must name it.
    """
    unmatchedTools: NotRequired[UnmatchedTools | Literal[""] | None]
    """
    With global scope: what becomes of a call of a tool that is not registered, where others of its type are.
    """


class PolicyConfig(TypedDict):
    """
    Shows the policy that a scope stores, or the defaults that stand in for its rules.
    """

    budgets: NotRequired[list[StoredBudget]]
    cedar: NotRequired[str]
    """
    The text of its Cedar policies.
    """
    mode: NotRequired[Mode | str]
    """
    ``shadow`` of a version that was applied as one.
    """
    policyVersion: NotRequired[PolicyVersion]
    rules: list[StoredRule]
    scope: ScopeKind | str
    scopeId: NotRequired[Id]
    tenantId: NotRequired[Id]
    unmatched: NotRequired[Unmatched | str]
    """
    What becomes of a call that no Cedar policy matches.
    """
    unmatchedTools: NotRequired[UnmatchedTools | str]


class PolicyProposal(TypedDict):
    """
    Members of a policy for a scope, to see what they would change; others are as the active policy has them.
    """

    budgets: NotRequired[list[Budget] | None]
    cedar: NotRequired[str | None]
    """
    Cedar policies, at most 65536 bytes in UTF-8.
    """
    mode: NotRequired[Mode | None]
    """
    ``shadow``: judged beside the active policy, and never decides. An empty one, or one that holds what is
    active, ends the shadow.
    """
    rules: NotRequired[list[AmountRule | HoursRule | CategoriesRule | CountRule | DeadlineRule] | None]
    scope: ScopeKind
    scopeId: NotRequired[NewId | None]
    """
    The tenant or the agent; not read beside global scope.
    """
    tenantId: NotRequired[NewIdOrNone | None]
    """
    With agent scope: the one tenant in which the policy applies to the agent; in every tenant when left out.
    """
    unmatched: NotRequired[Unmatched | Literal[""] | None]
    """
    What becomes of a call that no Cedar policy of the scope matches; a set with a permit must name it.
    """
    unmatchedTools: NotRequired[UnmatchedTools | Literal[""] | None]
    """
    With global scope: what becomes of a call of a tool that is not registered, where others of its type are.
    """


class PolicyShadow(TypedDict):
    """
    Tells what a shadow would have decided otherwise, some seconds late; without ``version`` there is none.
    """

    changes: list[ShadowChange]
    judged: int
    """
    How many requests the shadow was judged on.
    """
    scope: ScopeKind | str
    scopeId: NotRequired[Id]
    since: NotRequired[int]
    tenantId: NotRequired[Id]
    version: NotRequired[PolicyVersion]


class PolicyVersions(TypedDict):
    """
    The versions of a scope, newest first.
    """

    nextCursor: NotRequired[str]
    scope: ScopeKind | str
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
    responseClass: ResponseClass | str
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
    actionType: ActionType | str
    agentId: Id
    artifact: Artifact
    decisionContextHash: ContextHash
    hitlRequestId: NotRequired[str]
    payloadRef: str
    pollAfterMs: NotRequired[int]
    """
    While a person is awaited: in how many milliseconds to ask again.
    """
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
    state: State | str
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
    state: State | str
    """
    As it was: what was decided stays decided.
    """
    status: Literal["ok"]


class Room(TypedDict):
    """
    Shows a person what to decide on.
    """

    action: NotRequired[ShownAction]
    """
    Without its arguments in a list, and once they were erased.
    """
    actionDigest: ActionDigest
    actionType: ActionType | str
    agent: NotRequired[RoomAgent]
    """
    The record that the agent stands by, where it has one; in no list.
    """
    agentEscalations: NotRequired[list[PastEscalation]]
    """
    The agent's last ten, of an escalation, newest first; in no list.
    """
    agentId: Id
    amount: NotRequired[Any]
    """
    As the agent sent it.
    """
    argumentsErasedAt: NotRequired[int]
    artifact: Artifact
    budgetLeft: NotRequired[list[BudgetLeft]]
    """
    Of a request that is read by itself, not in a list.
    """
    canonicalAction: NotRequired[str]
    """
    The very text that ``actionDigest`` is of (RFC 8785); in no list, and gone once it was erased.
    """
    category: NotRequired[Any]
    """
    As the agent sent it.
    """
    decidedBy: NotRequired[list[DecidingPolicy]]
    escalatedBy: NotRequired[EscalationCause]
    expiresAt: NotRequired[int]
    hitlRequestId: NotRequired[str]
    payloadRef: str
    policyMessage: NotRequired[str]
    """
    What the deciding policy says to people.
    """
    policyVersions: NotRequired[dict[str, Any]]
    """
    By what each reaches, the versions that decided, null where none is stored; in no list.
    """
    principalId: Id
    reasonFamily: Family | str
    requestId: Id
    requestTimestamp: int
    """
    The ``timestamp`` that the request was first submitted with: what authorize-execution must be shown.
    """
    requestedAt: int
    """
    When it was submitted, by the service's own clock.
    """
    revokedAt: NotRequired[int]
    """
    Once what it authorized was taken back.
    """
    riskTier: RiskTier | str
    sameOperation: NotRequired[list[PastEscalation]]
    """
    Ten earlier ones of the same operation, newest first; in no list.
    """
    state: State | str


class StoredOutcome(TypedDict):
    """
    Tells how a request stands, or what came of the first use of a key that is used again.
    """

    artifact: Artifact
    state: State | str


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
    tenantId: NotRequired[NewIdOrNone | None]
    """
    "" is none.
    """
    timestamp: float
    """
    The caller's clock, epoch ms, within 5 minutes of the server's.
    """


class ToolList(TypedDict):
    """
    The tools of an action type, which replace those that it had. A name belongs to one type.
    """

    actionType: Literal["payment", "data_access", "credential_use", "external_call", "other"]
    """
    Their type.
    """
    tools: list[GivenTool]


class ActionDone(TypedDict):
    """
    An escalation that is closed now.
    """

    artifact: Artifact
    decision: Literal["allow", "deny"] | str
    reasonCode: Literal["hitl_approved", "hitl_rejected"] | str
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
    responseClass: ResponseClass | str
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
    reasonCode: ReasonCode | str
    requestId: Id
    timestamp: int


class ExecutionRequest(TypedDict):
    """
    A request and the artifact that allows it.
    """

    artifact: PresentedArtifact
    request: Submission


class PastDecision(TypedDict):
    """
    A closed escalation: what was asked, and who decided what and why.
    """

    action: NotRequired[ShownAction]
    """
    Without its arguments in a list, and once they were erased.
    """
    actionDigest: ActionDigest
    actionType: ActionType | str
    actor: str
    """
    The principal who decided; `hitl_expiry` where nobody did in time.
    """
    agent: NotRequired[RoomAgent]
    """
    The record that the agent stands by, where it has one; in no list.
    """
    agentEscalations: NotRequired[list[PastEscalation]]
    """
    The agent's last ten, of an escalation, newest first; in no list.
    """
    agentId: Id
    amount: NotRequired[Any]
    """
    As the agent sent it.
    """
    argumentsErasedAt: NotRequired[int]
    artifact: Artifact
    assurance: NotRequired[Literal["issuer_asserted", "oidc"] | str]
    """
    On what it rests that it was the actor: an issuer's word, or a sign-in. Earlier releases kept none.
    """
    budgetLeft: NotRequired[list[BudgetLeft]]
    """
    Of a request that is read by itself, not in a list.
    """
    canonicalAction: NotRequired[str]
    """
    The very text that ``actionDigest`` is of (RFC 8785); in no list, and gone once it was erased.
    """
    category: NotRequired[Any]
    """
    As the agent sent it.
    """
    decidedAt: int
    decidedBy: NotRequired[list[DecidingPolicy]]
    escalatedBy: NotRequired[EscalationCause]
    expiresAt: NotRequired[int]
    extensions: NotRequired[int]
    """
    How often its deadline was moved, where it was.
    """
    hitlRequestId: NotRequired[str]
    outcome: Literal["approved", "rejected", "withdrawn", "expired"] | str
    payloadRef: str
    policyMessage: NotRequired[str]
    """
    What the deciding policy says to people.
    """
    policyVersions: NotRequired[dict[str, Any]]
    """
    By what each reaches, the versions that decided, null where none is stored; in no list.
    """
    principalId: Id
    reason: NotRequired[str]
    """
    Why, in the person's own words.
    """
    reasonFamily: Family | str
    requestId: Id
    requestTimestamp: int
    """
    The ``timestamp`` that the request was first submitted with: what authorize-execution must be shown.
    """
    requestedAt: int
    """
    When it was submitted, by the service's own clock.
    """
    revokedAt: NotRequired[int]
    """
    Once what it authorized was taken back.
    """
    riskTier: RiskTier | str
    sameOperation: NotRequired[list[PastEscalation]]
    """
    Ten earlier ones of the same operation, newest first; in no list.
    """
    state: State | str


class Queue(TypedDict):
    """
    Requests that wait for a person, soonest deadline first.
    """

    nextCursor: NotRequired[str]
    requests: list[Room]


class History(TypedDict):
    """
    Closed escalations, newest first. A page may hold less than its limit and have a next one.
    """

    decisions: list[PastDecision]
    nextCursor: NotRequired[str]
