"""Describes what each route is called, takes and refuses: what its handler cannot say of itself."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from handshake.agents.bodies import AgentChange, AgentQuery, AgentsQuery
from handshake.api.people import PREFIX
from handshake.core.reasons import Reason, ReasonCode, describe
from handshake.core.shapes import PageQuery, Refusal
from handshake.metrics.bodies import SeriesQuery, WindowQuery
from handshake.metrics.query import INVALID_METRIC_QUERY
from handshake.metrics.reported_event import INVALID_METRICS_EVENT, ReportedEvent
from handshake.policy.bodies import ConfigQuery, PolicyChange, PolicyProposal, ShadowQuery, ToolList, VersionsQuery
from handshake.requests.answers import ActionRefusal, ExecutionRefusal, SubmissionRefusal
from handshake.requests.bodies import (
    DecisionAction,
    ExecutionOutcome,
    ExecutionRequest,
    Extension,
    GrantClaim,
    HistoryQuery,
    Revocation,
    Submission,
)

Codes = Mapping[Reason, type]


def _codes(*codes: ReasonCode | Reason, shape: type = Refusal) -> dict[Reason, type]:
    return {code if isinstance(code, Reason) else describe(code): shape for code in codes}


# The gateway's own, and what any call may meet: two envelopes or tokens are refused where none is needed, too.
_ANYWHERE: Final = _codes(
    ReasonCode.TRUST_CONTEXT_INVALID_REQUEST_SHAPE,
    ReasonCode.SECURITY_MISSING_AUTHORIZATION_HEADER,
    ReasonCode.SECURITY_TOKEN_INVALID,
    ReasonCode.SECURITY_INVALID_IDENTITY_ENVELOPE,
    ReasonCode.SECURITY_INVALID_INTERNAL_TRUST_CONTEXT,
    ReasonCode.ADAPTER_STORE_UNAVAILABLE,
)
_OF_ENVELOPE: Final = _codes(
    ReasonCode.SECURITY_MISSING_IDENTITY_ENVELOPE, ReasonCode.SECURITY_INVALID_IDENTITY_ENVELOPE
)
_OF_TOKEN: Final = _codes(
    ReasonCode.SECURITY_MISSING_INTERNAL_TRUST_CONTEXT,
    ReasonCode.SECURITY_INVALID_INTERNAL_TRUST_CONTEXT,
    ReasonCode.SECURITY_INTERNAL_TRUST_CONTEXT_EXPIRED,
    ReasonCode.SECURITY_INTERNAL_TRUST_CONFIG_MISSING,
    ReasonCode.SECURITY_IDENTITY_SUBJECT_MISMATCH,
)
_OF_READING: Final = _codes(
    ReasonCode.HITL_REQUEST_NOT_FOUND,
    ReasonCode.SECURITY_READ_SCOPE_DENIED,
    ReasonCode.SECURITY_READ_TENANT_MISMATCH,
)
# With SubmissionIdentity=envelope, or where a call carries an envelope though none is needed.
_OF_SUBMITTER: Final = _codes(ReasonCode.SECURITY_MISSING_IDENTITY_ENVELOPE)
_OF_SUBMITTER_ON_BODY: Final = (
    ReasonCode.SECURITY_IDENTITY_SUBJECT_MISMATCH,
    ReasonCode.SECURITY_READ_TENANT_MISMATCH,
)
_OF_PRIVILEGE: Final = _codes(
    ReasonCode.SECURITY_REPLAY_GUARD_UNAVAILABLE, ReasonCode.ADAPTER_PRIVILEGED_MUTATIONS_PAUSED
)

_OF_DECIDING: Final = _codes(
    ReasonCode.TRUST_CONTEXT_MISSING_BINDING,
    ReasonCode.HITL_REQUEST_NOT_FOUND,
    ReasonCode.SECURITY_IDENTITY_SUBJECT_MISMATCH,
    ReasonCode.HITL_APPROVAL_UNAUTHORIZED,
)


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One route, beside what its handler says: its answer is the type that the handler returns.

    ``query`` and ``body`` are shapes of the layer; ``codes`` are its own refusals, with the shapes of their bodies.
    ``envelope`` and ``token`` say what it needs beside a signature (contract.md section 8), ``submitter`` that an
    envelope may go with it, ``opens`` the operations that take the requestId it answers.
    """

    id: str
    summary: str
    description: str = ""
    query: Any = None
    body: Any = None
    envelope: bool = False
    submitter: bool = False
    token: bool = False
    idempotency_key: bool = False
    codes: Codes = field(default_factory=dict)
    opens: tuple[str, ...] = ()

    @property
    def refusals(self) -> Codes:
        """Collect every refusal that a caller may get, with the shape of its body."""
        return {
            **_ANYWHERE,
            **(_OF_ENVELOPE if self.envelope else {}),
            **(_OF_TOKEN if self.token else {}),
            **self.codes,
        }


OPERATIONS: Final[Mapping[tuple[str, str], Operation]] = {
    ("POST", "/workflow/requests"): Operation(
        id="submitRequest",
        summary="Submit an action for a decision",
        body=Submission,
        submitter=True,
        codes={
            **_codes(
                ReasonCode.TRUST_CONTEXT_INVALID_REQUEST_SHAPE,
                ReasonCode.TRUST_CONTEXT_MISSING_BINDING,
                ReasonCode.TRUST_CONTEXT_INVALID_TIMESTAMP,
                ReasonCode.TRUST_CONTEXT_TIMESTAMP_SKEW_FAIL_CLOSED,
                ReasonCode.SECURITY_HANDSHAKE_REQUIRED_BYPASS_DENIED,
                ReasonCode.SECURITY_SIDE_CHANNEL_DENIED,
                shape=SubmissionRefusal,
            ),
            **_OF_SUBMITTER,
            **_codes(*_OF_SUBMITTER_ON_BODY, shape=SubmissionRefusal),
            **_codes(ReasonCode.SECURITY_DECISION_CONTEXT_MISMATCH),
        },
        opens=("getRequest", "getEvidence", "getDecisionRoom"),
    ),
    ("GET", "/workflow/requests/{requestId}"): Operation(
        id="getRequest",
        summary="Show where a request stands",
        envelope=True,
        codes=_OF_READING,
    ),
    ("GET", "/workflow/evidence/{requestId}"): Operation(
        id="getEvidence",
        summary="List what happened to a request, oldest first",
        envelope=True,
        codes=_OF_READING,
    ),
    ("POST", "/workflow/authorize-execution"): Operation(
        id="authorizeExecution",
        summary="Ask whether a privileged effect may go ahead",
        body=ExecutionRequest,
        submitter=True,
        codes=_OF_SUBMITTER
        | _codes(
            *_OF_SUBMITTER_ON_BODY,
            ReasonCode.TRUST_CONTEXT_INVALID_REQUEST_SHAPE,
            ReasonCode.TRUST_CONTEXT_MISSING_BINDING,
            ReasonCode.TRUST_CONTEXT_INVALID_TIMESTAMP,
            ReasonCode.SECURITY_HANDSHAKE_REQUIRED_BYPASS_DENIED,
            ReasonCode.SECURITY_SIDE_CHANNEL_DENIED,
            ReasonCode.ADAPTER_PRIVILEGED_MUTATIONS_PAUSED,
            ReasonCode.SECURITY_MISSING_DECISION_ARTIFACT,
            ReasonCode.SECURITY_NON_ALLOW_ARTIFACT,
            ReasonCode.SECURITY_DECISION_CONTEXT_MISMATCH,
            ReasonCode.SECURITY_ARTIFACT_REQUEST_NOT_FOUND,
            ReasonCode.SECURITY_ARTIFACT_STATE_NOT_AUTHORIZED,
            ReasonCode.SECURITY_AGENT_STOPPED,
            ReasonCode.SECURITY_GRANT_REQUIRED,
            ReasonCode.SECURITY_GRANT_EXPIRED,
            ReasonCode.SECURITY_GRANT_CONSUMED,
            shape=ExecutionRefusal,
        ),
    ),
    ("GET", "/workflow/decision-room"): Operation(
        id="listDecisionRooms",
        summary="Requests that wait for the caller, or for the caller's tenant",
        query=PageQuery,
        envelope=True,
    ),
    ("GET", "/workflow/decision-room/{requestId}"): Operation(
        id="getDecisionRoom",
        summary="Show what a person sees before deciding",
        envelope=True,
        codes=_OF_READING,
    ),
    ("GET", "/workflow/decisions"): Operation(
        id="listDecisions",
        summary="Closed escalations of the caller, or of the caller's tenant, newest first",
        description="who decided what and why; the tenant's with the scope workflow:read:tenant",
        query=HistoryQuery,
        envelope=True,
    ),
    ("POST", "/workflow/decision-room/action"): Operation(
        id="resolveRequest",
        summary="Approve or reject an escalated request, or withdraw one's own",
        body=DecisionAction,
        envelope=True,
        idempotency_key=True,
        codes={
            **_OF_PRIVILEGE,
            **_codes(
                ReasonCode.TRUST_CONTEXT_INVALID_REQUEST_SHAPE,
                ReasonCode.TRUST_CONTEXT_MISSING_BINDING,
                ReasonCode.HITL_REQUEST_NOT_FOUND,
                ReasonCode.SECURITY_IDENTITY_SUBJECT_MISMATCH,
                ReasonCode.HITL_APPROVAL_UNAUTHORIZED,
                ReasonCode.SECURITY_IDENTITY_ASSURANCE_INSUFFICIENT,
                ReasonCode.SECURITY_REPLAY_DETECTED,
                ReasonCode.HITL_REQUEST_MISMATCH,
                ReasonCode.HITL_TERMINAL_STATE_IMMUTABLE,
                ReasonCode.HITL_TIMEOUT_FAIL_CLOSED,
                ReasonCode.POLICY_DAILY_LIMIT_EXCEEDED,
                ReasonCode.SECURITY_AGENT_STOPPED,
                shape=ActionRefusal,
            ),
        },
    ),
    ("POST", "/workflow/decision-room/extend"): Operation(
        id="extendDeadline",
        summary="Give an escalated request more time",
        description="by who may approve it, three times at most; goes on while mutations are paused",
        body=Extension,
        envelope=True,
        idempotency_key=True,
        codes=_OF_DECIDING
        | _codes(
            ReasonCode.SECURITY_REPLAY_GUARD_UNAVAILABLE,
            ReasonCode.SECURITY_IDENTITY_ASSURANCE_INSUFFICIENT,
            ReasonCode.SECURITY_REPLAY_DETECTED,
            ReasonCode.HITL_DEADLINE_NOT_EXTENDABLE,
        ),
    ),
    ("POST", "/workflow/decision-room/revoke"): Operation(
        id="revokeRequest",
        summary="Take back what a request authorizes",
        description="by who may approve it, before it is claimed; goes on while mutations are paused",
        body=Revocation,
        envelope=True,
        codes=_OF_DECIDING
        | _codes(ReasonCode.SECURITY_ARTIFACT_STATE_NOT_AUTHORIZED, ReasonCode.SECURITY_GRANT_CONSUMED),
    ),
    ("POST", "/workflow/grants"): Operation(
        id="claimGrant",
        summary="Claim the one grant of a request",
        description="signed, good for a minute at most; with a key, a repeat is told the same grant",
        body=GrantClaim,
        envelope=True,
        idempotency_key=True,
        codes={
            **_OF_PRIVILEGE,
            **_codes(
                ReasonCode.TRUST_CONTEXT_MISSING_BINDING,
                ReasonCode.SECURITY_ARTIFACT_REQUEST_NOT_FOUND,
                ReasonCode.SECURITY_GRANT_UNAUTHORIZED,
                ReasonCode.SECURITY_DECISION_CONTEXT_MISMATCH,
                ReasonCode.SECURITY_REPLAY_DETECTED,
                ReasonCode.SECURITY_GRANT_CONSUMED,
                ReasonCode.SECURITY_ARTIFACT_STATE_NOT_AUTHORIZED,
                ReasonCode.SECURITY_GRANT_EXPIRED,
                ReasonCode.SECURITY_AGENT_STOPPED,
                ReasonCode.SECURITY_POLICY_CHANGED,
                ReasonCode.ADAPTER_SIGNER_UNAVAILABLE,
            ),
        },
    ),
    ("POST", "/workflow/grants/{grantId}/outcome"): Operation(
        id="reportOutcome",
        summary="Report what came of the effect that a grant allowed",
        description="once, by who claimed it; goes on while mutations are paused",
        body=ExecutionOutcome,
        envelope=True,
        codes=_codes(
            ReasonCode.SECURITY_GRANT_NOT_FOUND,
            ReasonCode.SECURITY_GRANT_UNAUTHORIZED,
            ReasonCode.SECURITY_OUTCOME_ALREADY_REPORTED,
        ),
    ),
    ("GET", "/.well-known/jwks.json"): Operation(
        id="getGrantKeys",
        summary="List the public keys that verify grants",
        description="the next one a day before it signs",
        codes=_codes(ReasonCode.ADAPTER_SIGNER_UNAVAILABLE),
    ),
    ("POST", "/policy/apply"): Operation(
        id="applyPolicy",
        summary="Put a policy in force",
        body=PolicyChange,
        envelope=True,
        token=True,
        codes={
            **_OF_PRIVILEGE,
            **_codes(
                ReasonCode.TRUST_CONTEXT_MISSING_BINDING,
                ReasonCode.POLICY_INVALID_POLICY,
                ReasonCode.SECURITY_REPLAY_DETECTED,
                ReasonCode.POLICY_VERSION_CONFLICT,
                ReasonCode.POLICY_VERSION_NOT_FOUND,
            ),
        },
    ),
    ("POST", "/policy/tools"): Operation(
        id="registerTools",
        summary="Register the tools of an action type",
        body=ToolList,
        envelope=True,
        token=True,
        codes={
            **_OF_PRIVILEGE,
            **_codes(ReasonCode.POLICY_INVALID_POLICY, ReasonCode.SECURITY_REPLAY_DETECTED),
        },
    ),
    ("GET", "/policy/tools"): Operation(id="getTools", summary="Show the registered tools"),
    ("GET", "/policy/config"): Operation(
        id="getPolicyConfig",
        summary="The policy of a scope",
        description="where global scope stores nothing, the defaults that stand in for it",
        query=ConfigQuery,
        codes=_codes(ReasonCode.TRUST_CONTEXT_MISSING_BINDING, ReasonCode.POLICY_VERSION_NOT_FOUND),
    ),
    ("GET", "/policy/shadow"): Operation(
        id="getPolicyShadow",
        summary="Tell what the shadow of a scope would have decided otherwise",
        description="the most frequent change first, some seconds late",
        query=ShadowQuery,
        codes=_codes(ReasonCode.TRUST_CONTEXT_MISSING_BINDING),
    ),
    ("GET", "/policy/versions"): Operation(
        id="listPolicyVersions",
        summary="The versions of a scope's policy",
        description="newest first",
        query=VersionsQuery,
        codes=_codes(ReasonCode.TRUST_CONTEXT_MISSING_BINDING),
    ),
    ("POST", "/policy/simulate"): Operation(
        id="simulatePolicy",
        summary="Simulate what a policy would have changed",
        body=PolicyProposal,
        codes=_codes(ReasonCode.TRUST_CONTEXT_MISSING_BINDING, ReasonCode.POLICY_INVALID_POLICY),
    ),
    ("GET", "/agents"): Operation(
        id="listAgents",
        summary="Agents that operators have named, with how each stands",
        description="those of the envelope's tenant; for an admin without a tenant, all",
        query=AgentsQuery,
        envelope=True,
        codes=_codes(ReasonCode.SECURITY_READ_SCOPE_DENIED),
    ),
    ("GET", "/agents/{agentId}"): Operation(
        id="getAgent",
        summary="Show how an agent stands",
        query=AgentQuery,
        envelope=True,
        codes=_codes(
            ReasonCode.SECURITY_READ_SCOPE_DENIED,
            ReasonCode.SECURITY_READ_TENANT_MISMATCH,
            ReasonCode.SECURITY_AGENT_NOT_FOUND,
        ),
    ),
    ("PUT", "/agents/{agentId}"): Operation(
        id="putAgent",
        summary="Stop an agent, restrict it, or let it act again",
        description="the agent of the envelope's tenant; by an admin without a tenant, the id in all tenants",
        body=AgentChange,
        envelope=True,
        codes=_codes(ReasonCode.SECURITY_SCOPE_MISSING),
    ),
    ("GET", "/metrics/summary"): Operation(
        id="getMetricsSummary",
        summary="Every metric over a window",
        query=WindowQuery,
        codes=_codes(INVALID_METRIC_QUERY),
    ),
    ("GET", "/metrics/series"): Operation(
        id="getMetricsSeries",
        summary="One metric, bucket by bucket",
        query=SeriesQuery,
        codes=_codes(INVALID_METRIC_QUERY),
    ),
    ("GET", "/metrics/reasons"): Operation(
        id="getMetricsReasons",
        summary="Events by family of reasons",
        query=WindowQuery,
        codes=_codes(INVALID_METRIC_QUERY),
    ),
    ("POST", "/metrics/project"): Operation(
        id="projectEvent",
        summary="Report a decision that was made elsewhere",
        body=ReportedEvent,
        codes=_codes(INVALID_METRICS_EVENT),
    ),
}

_PEOPLES: Final = (
    ("GET", "/workflow/requests/{requestId}"),
    ("GET", "/workflow/evidence/{requestId}"),
    ("GET", "/workflow/decision-room"),
    ("GET", "/workflow/decision-room/{requestId}"),
    ("GET", "/workflow/decisions"),
    ("POST", "/workflow/decision-room/action"),
    ("POST", "/workflow/decision-room/extend"),
    ("POST", "/workflow/decision-room/revoke"),
    ("GET", "/agents"),
    ("GET", "/agents/{agentId}"),
    ("PUT", "/agents/{agentId}"),
)
_OF_PEOPLE: Final = _codes(ReasonCode.SECURITY_PERSON_UNKNOWN, ReasonCode.SECURITY_PERSON_DISABLED)
PEOPLES_OPERATIONS: Final[Mapping[tuple[str, str], Operation]] = {
    ("GET", f"{PREFIX}/me"): Operation(id="getMe", summary="Who has signed in, by their record", codes=_OF_PEOPLE),
    **{
        (method, PREFIX + resource): replace(
            OPERATIONS[method, resource], envelope=False, codes={**OPERATIONS[method, resource].codes, **_OF_PEOPLE}
        )
        for method, resource in _PEOPLES
    },
}
"""What people do who have signed in: the same operations, behind a door that makes the envelope of their record."""
