"""The operations, made from openapi/handshake.json by `python -m ops.openapi.sdk`: do not edit."""

from abc import ABC, abstractmethod
from typing import Any, Final, cast

from handshake_rail._call import Call, Envelope, Operation
from handshake_rail._generated import models

GET_GRANT_KEYS: Final = Operation("getGrantKeys", "GET", "/.well-known/jwks.json")
LIST_AGENTS: Final = Operation("listAgents", "GET", "/agents", envelope=True)
GET_AGENT: Final = Operation("getAgent", "GET", "/agents/{agentId}", envelope=True)
PUT_AGENT: Final = Operation("putAgent", "PUT", "/agents/{agentId}", envelope=True)
PROJECT_EVENT: Final = Operation("projectEvent", "POST", "/metrics/project")
GET_METRICS_REASONS: Final = Operation("getMetricsReasons", "GET", "/metrics/reasons")
GET_METRICS_SERIES: Final = Operation("getMetricsSeries", "GET", "/metrics/series")
GET_METRICS_SUMMARY: Final = Operation("getMetricsSummary", "GET", "/metrics/summary")
APPLY_POLICY: Final = Operation("applyPolicy", "POST", "/policy/apply", envelope=True, token=True)
GET_POLICY_CONFIG: Final = Operation("getPolicyConfig", "GET", "/policy/config")
GET_POLICY_SHADOW: Final = Operation("getPolicyShadow", "GET", "/policy/shadow")
SIMULATE_POLICY: Final = Operation("simulatePolicy", "POST", "/policy/simulate")
GET_TOOLS: Final = Operation("getTools", "GET", "/policy/tools")
REGISTER_TOOLS: Final = Operation("registerTools", "POST", "/policy/tools", envelope=True, token=True)
LIST_POLICY_VERSIONS: Final = Operation("listPolicyVersions", "GET", "/policy/versions")
AUTHORIZE_EXECUTION: Final = Operation("authorizeExecution", "POST", "/workflow/authorize-execution")
LIST_DECISION_ROOMS: Final = Operation("listDecisionRooms", "GET", "/workflow/decision-room", envelope=True)
RESOLVE_REQUEST: Final = Operation(
    "resolveRequest", "POST", "/workflow/decision-room/action", envelope=True, idempotency_key=True
)
EXTEND_DEADLINE: Final = Operation(
    "extendDeadline", "POST", "/workflow/decision-room/extend", envelope=True, idempotency_key=True
)
REVOKE_REQUEST: Final = Operation("revokeRequest", "POST", "/workflow/decision-room/revoke", envelope=True)
GET_DECISION_ROOM: Final = Operation("getDecisionRoom", "GET", "/workflow/decision-room/{requestId}", envelope=True)
LIST_DECISIONS: Final = Operation("listDecisions", "GET", "/workflow/decisions", envelope=True)
GET_EVIDENCE: Final = Operation("getEvidence", "GET", "/workflow/evidence/{requestId}", envelope=True)
CLAIM_GRANT: Final = Operation("claimGrant", "POST", "/workflow/grants", envelope=True, idempotency_key=True)
REPORT_OUTCOME: Final = Operation("reportOutcome", "POST", "/workflow/grants/{grantId}/outcome", envelope=True)
SUBMIT_REQUEST: Final = Operation("submitRequest", "POST", "/workflow/requests")
GET_REQUEST: Final = Operation("getRequest", "GET", "/workflow/requests/{requestId}", envelope=True)


class Operations(ABC):
    """Every operation of the API, by name."""

    @abstractmethod
    def _send(self, call: Call) -> Any: ...

    def get_grant_keys(
        self,
        *,
        correlation_id: str | None = None,
    ) -> models.KeySet:
        """List the public keys that verify grants: ``GET /.well-known/jwks.json``.

        The next one a day before it signs.
        """
        call = Call(
            GET_GRANT_KEYS,
            correlation_id=correlation_id,
        )
        return cast("models.KeySet", self._send(call))

    def list_agents(
        self,
        *,
        limit: int | None = None,
        cursor: str | None = None,
        state: models.AgentState | None = None,
        envelope: Envelope | None = None,
        correlation_id: str | None = None,
    ) -> models.Agents:
        """Agents that operators have named, with how each stands: ``GET /agents``.

        Those of the envelope's tenant; for an admin without a tenant, all.
        """
        call = Call(
            LIST_AGENTS,
            query={"limit": limit, "cursor": cursor, "state": state},
            envelope=envelope,
            correlation_id=correlation_id,
        )
        return cast("models.Agents", self._send(call))

    def get_agent(
        self,
        agent_id: str,
        *,
        tenant_id: str | None = None,
        envelope: Envelope | None = None,
        correlation_id: str | None = None,
    ) -> models.Agent:
        """Show how an agent stands: ``GET /agents/{agentId}``."""
        call = Call(
            GET_AGENT,
            path={"agentId": agent_id},
            query={"tenantId": tenant_id},
            envelope=envelope,
            correlation_id=correlation_id,
        )
        return cast("models.Agent", self._send(call))

    def put_agent(
        self,
        agent_id: str,
        body: models.AgentChange,
        *,
        envelope: Envelope | None = None,
        correlation_id: str | None = None,
    ) -> models.Agent:
        """Stop an agent, restrict it, or let it act again: ``PUT /agents/{agentId}``.

        The agent of the envelope's tenant; by an admin without a tenant, the id in all tenants.
        """
        call = Call(
            PUT_AGENT,
            path={"agentId": agent_id},
            body=body,
            envelope=envelope,
            correlation_id=correlation_id,
        )
        return cast("models.Agent", self._send(call))

    def project_event(
        self,
        body: models.ReportedEvent,
        *,
        correlation_id: str | None = None,
    ) -> models.EventKept:
        """Report a decision that was made elsewhere: ``POST /metrics/project``."""
        call = Call(
            PROJECT_EVENT,
            body=body,
            correlation_id=correlation_id,
        )
        return cast("models.EventKept", self._send(call))

    def get_metrics_reasons(
        self,
        *,
        window: models.WindowName | None = None,
        correlation_id: str | None = None,
    ) -> models.MetricsReasons:
        """Events by family of reasons: ``GET /metrics/reasons``."""
        call = Call(
            GET_METRICS_REASONS,
            query={"window": window},
            correlation_id=correlation_id,
        )
        return cast("models.MetricsReasons", self._send(call))

    def get_metrics_series(
        self,
        *,
        window: models.WindowName | None = None,
        metric: models.MetricName | None = None,
        bucket: models.BucketName | None = None,
        correlation_id: str | None = None,
    ) -> models.MetricsSeries:
        """One metric, bucket by bucket: ``GET /metrics/series``."""
        call = Call(
            GET_METRICS_SERIES,
            query={"window": window, "metric": metric, "bucket": bucket},
            correlation_id=correlation_id,
        )
        return cast("models.MetricsSeries", self._send(call))

    def get_metrics_summary(
        self,
        *,
        window: models.WindowName | None = None,
        correlation_id: str | None = None,
    ) -> models.MetricsSummary:
        """Every metric over a window: ``GET /metrics/summary``."""
        call = Call(
            GET_METRICS_SUMMARY,
            query={"window": window},
            correlation_id=correlation_id,
        )
        return cast("models.MetricsSummary", self._send(call))

    def apply_policy(
        self,
        body: models.PolicyChange,
        *,
        envelope: Envelope | None = None,
        trust_token: str | None = None,
        correlation_id: str | None = None,
    ) -> models.PolicyApplied:
        """Put a policy in force: ``POST /policy/apply``."""
        call = Call(
            APPLY_POLICY,
            body=body,
            envelope=envelope,
            trust_token=trust_token,
            correlation_id=correlation_id,
        )
        return cast("models.PolicyApplied", self._send(call))

    def get_policy_config(
        self,
        *,
        scope_id: models.Id | None = None,
        tenant_id: models.Id | None = None,
        scope: models.ScopeKind | None = None,
        policy_version: models.Id | None = None,
        correlation_id: str | None = None,
    ) -> models.PolicyConfig:
        """The policy of a scope: ``GET /policy/config``.

        Where global scope stores nothing, the defaults that stand in for it.
        """
        call = Call(
            GET_POLICY_CONFIG,
            query={"scopeId": scope_id, "tenantId": tenant_id, "scope": scope, "policyVersion": policy_version},
            correlation_id=correlation_id,
        )
        return cast("models.PolicyConfig", self._send(call))

    def get_policy_shadow(
        self,
        *,
        scope_id: models.Id | None = None,
        tenant_id: models.Id | None = None,
        scope: models.ScopeKind,
        correlation_id: str | None = None,
    ) -> models.PolicyShadow:
        """Tell what the shadow of a scope would have decided otherwise: ``GET /policy/shadow``.

        The most frequent change first, some seconds late.
        """
        call = Call(
            GET_POLICY_SHADOW,
            query={"scopeId": scope_id, "tenantId": tenant_id, "scope": scope},
            correlation_id=correlation_id,
        )
        return cast("models.PolicyShadow", self._send(call))

    def simulate_policy(
        self,
        body: models.PolicyProposal,
        *,
        correlation_id: str | None = None,
    ) -> models.Simulated:
        """Simulate what a policy would have changed: ``POST /policy/simulate``."""
        call = Call(
            SIMULATE_POLICY,
            body=body,
            correlation_id=correlation_id,
        )
        return cast("models.Simulated", self._send(call))

    def get_tools(
        self,
        *,
        correlation_id: str | None = None,
    ) -> models.RegisteredTools:
        """Show the registered tools: ``GET /policy/tools``."""
        call = Call(
            GET_TOOLS,
            correlation_id=correlation_id,
        )
        return cast("models.RegisteredTools", self._send(call))

    def register_tools(
        self,
        body: models.ToolList,
        *,
        envelope: Envelope | None = None,
        trust_token: str | None = None,
        correlation_id: str | None = None,
    ) -> models.ToolsRegistered:
        """Register the tools of an action type: ``POST /policy/tools``."""
        call = Call(
            REGISTER_TOOLS,
            body=body,
            envelope=envelope,
            trust_token=trust_token,
            correlation_id=correlation_id,
        )
        return cast("models.ToolsRegistered", self._send(call))

    def list_policy_versions(
        self,
        *,
        scope_id: models.Id | None = None,
        tenant_id: models.Id | None = None,
        limit: int | None = None,
        cursor: str | None = None,
        scope: models.ScopeKind,
        correlation_id: str | None = None,
    ) -> models.PolicyVersions:
        """The versions of a scope's policy: ``GET /policy/versions``.

        Newest first.
        """
        call = Call(
            LIST_POLICY_VERSIONS,
            query={"scopeId": scope_id, "tenantId": tenant_id, "limit": limit, "cursor": cursor, "scope": scope},
            correlation_id=correlation_id,
        )
        return cast("models.PolicyVersions", self._send(call))

    def authorize_execution(
        self,
        body: models.ExecutionRequest,
        *,
        correlation_id: str | None = None,
    ) -> models.ExecutionAuthorized:
        """Ask whether a privileged effect may go ahead: ``POST /workflow/authorize-execution``."""
        call = Call(
            AUTHORIZE_EXECUTION,
            body=body,
            correlation_id=correlation_id,
        )
        return cast("models.ExecutionAuthorized", self._send(call))

    def list_decision_rooms(
        self,
        *,
        limit: int | None = None,
        cursor: str | None = None,
        envelope: Envelope | None = None,
        correlation_id: str | None = None,
    ) -> models.Queue:
        """Requests that wait for the caller, or for the caller's tenant: ``GET /workflow/decision-room``."""
        call = Call(
            LIST_DECISION_ROOMS,
            query={"limit": limit, "cursor": cursor},
            envelope=envelope,
            correlation_id=correlation_id,
        )
        return cast("models.Queue", self._send(call))

    def resolve_request(
        self,
        body: models.DecisionAction,
        *,
        envelope: Envelope | None = None,
        idempotency_key: str | None = None,
        correlation_id: str | None = None,
    ) -> models.ActionDone:
        """Approve or reject an escalated request, or withdraw one's own: ``POST /workflow/decision-room/action``."""
        call = Call(
            RESOLVE_REQUEST,
            body=body,
            envelope=envelope,
            idempotency_key=idempotency_key,
            correlation_id=correlation_id,
        )
        return cast("models.ActionDone", self._send(call))

    def extend_deadline(
        self,
        body: models.Extension,
        *,
        envelope: Envelope | None = None,
        idempotency_key: str | None = None,
        correlation_id: str | None = None,
    ) -> models.Extended:
        """Give an escalated request more time: ``POST /workflow/decision-room/extend``.

        By who may approve it, three times at most; goes on while mutations are paused.
        """
        call = Call(
            EXTEND_DEADLINE,
            body=body,
            envelope=envelope,
            idempotency_key=idempotency_key,
            correlation_id=correlation_id,
        )
        return cast("models.Extended", self._send(call))

    def revoke_request(
        self,
        body: models.Revocation,
        *,
        envelope: Envelope | None = None,
        correlation_id: str | None = None,
    ) -> models.Revoked:
        """Take back what a request authorizes: ``POST /workflow/decision-room/revoke``.

        By who may approve it, before it is claimed; goes on while mutations are paused.
        """
        call = Call(
            REVOKE_REQUEST,
            body=body,
            envelope=envelope,
            correlation_id=correlation_id,
        )
        return cast("models.Revoked", self._send(call))

    def get_decision_room(
        self,
        request_id: str,
        *,
        envelope: Envelope | None = None,
        correlation_id: str | None = None,
    ) -> models.Room:
        """Show what a person sees before deciding: ``GET /workflow/decision-room/{requestId}``."""
        call = Call(
            GET_DECISION_ROOM,
            path={"requestId": request_id},
            envelope=envelope,
            correlation_id=correlation_id,
        )
        return cast("models.Room", self._send(call))

    def list_decisions(
        self,
        *,
        outcome: str | None = None,
        actor: models.Id | None = None,
        from_: int | None = None,
        to: int | None = None,
        limit: int | None = None,
        cursor: str | None = None,
        envelope: Envelope | None = None,
        correlation_id: str | None = None,
    ) -> models.History:
        """Closed escalations of the caller, or of the caller's tenant, newest first: ``GET /workflow/decisions``.

        Who decided what and why; the tenant's with the scope workflow:read:tenant.
        """
        call = Call(
            LIST_DECISIONS,
            query={"outcome": outcome, "actor": actor, "from": from_, "to": to, "limit": limit, "cursor": cursor},
            envelope=envelope,
            correlation_id=correlation_id,
        )
        return cast("models.History", self._send(call))

    def get_evidence(
        self,
        request_id: str,
        *,
        envelope: Envelope | None = None,
        correlation_id: str | None = None,
    ) -> list[models.EvidenceEvent]:
        """List what happened to a request, oldest first: ``GET /workflow/evidence/{requestId}``."""
        call = Call(
            GET_EVIDENCE,
            path={"requestId": request_id},
            envelope=envelope,
            correlation_id=correlation_id,
        )
        return cast("list[models.EvidenceEvent]", self._send(call))

    def claim_grant(
        self,
        body: models.GrantClaim,
        *,
        envelope: Envelope | None = None,
        idempotency_key: str | None = None,
        correlation_id: str | None = None,
    ) -> models.Granted:
        """Claim the one grant of a request: ``POST /workflow/grants``.

        Signed, good for a minute at most; with a key, a repeat is told the same grant.
        """
        call = Call(
            CLAIM_GRANT,
            body=body,
            envelope=envelope,
            idempotency_key=idempotency_key,
            correlation_id=correlation_id,
        )
        return cast("models.Granted", self._send(call))

    def report_outcome(
        self,
        grant_id: str,
        body: models.ExecutionOutcome,
        *,
        envelope: Envelope | None = None,
        correlation_id: str | None = None,
    ) -> models.OutcomeKept:
        """Report what came of the effect that a grant allowed: ``POST /workflow/grants/{grantId}/outcome``.

        Once, by who claimed it; goes on while mutations are paused.
        """
        call = Call(
            REPORT_OUTCOME,
            path={"grantId": grant_id},
            body=body,
            envelope=envelope,
            correlation_id=correlation_id,
        )
        return cast("models.OutcomeKept", self._send(call))

    def submit_request(
        self,
        body: models.Submission,
        *,
        correlation_id: str | None = None,
    ) -> models.Decided:
        """Submit an action for a decision: ``POST /workflow/requests``."""
        call = Call(
            SUBMIT_REQUEST,
            body=body,
            correlation_id=correlation_id,
        )
        return cast("models.Decided", self._send(call))

    def get_request(
        self,
        request_id: str,
        *,
        envelope: Envelope | None = None,
        correlation_id: str | None = None,
    ) -> models.RequestStatus:
        """Show where a request stands: ``GET /workflow/requests/{requestId}``."""
        call = Call(
            GET_REQUEST,
            path={"requestId": request_id},
            envelope=envelope,
            correlation_id=correlation_id,
        )
        return cast("models.RequestStatus", self._send(call))


class AsyncOperations(ABC):
    """Every operation of the API, by name."""

    @abstractmethod
    async def _send(self, call: Call) -> Any: ...

    async def get_grant_keys(
        self,
        *,
        correlation_id: str | None = None,
    ) -> models.KeySet:
        """List the public keys that verify grants: ``GET /.well-known/jwks.json``.

        The next one a day before it signs.
        """
        call = Call(
            GET_GRANT_KEYS,
            correlation_id=correlation_id,
        )
        return cast("models.KeySet", await self._send(call))

    async def list_agents(
        self,
        *,
        limit: int | None = None,
        cursor: str | None = None,
        state: models.AgentState | None = None,
        envelope: Envelope | None = None,
        correlation_id: str | None = None,
    ) -> models.Agents:
        """Agents that operators have named, with how each stands: ``GET /agents``.

        Those of the envelope's tenant; for an admin without a tenant, all.
        """
        call = Call(
            LIST_AGENTS,
            query={"limit": limit, "cursor": cursor, "state": state},
            envelope=envelope,
            correlation_id=correlation_id,
        )
        return cast("models.Agents", await self._send(call))

    async def get_agent(
        self,
        agent_id: str,
        *,
        tenant_id: str | None = None,
        envelope: Envelope | None = None,
        correlation_id: str | None = None,
    ) -> models.Agent:
        """Show how an agent stands: ``GET /agents/{agentId}``."""
        call = Call(
            GET_AGENT,
            path={"agentId": agent_id},
            query={"tenantId": tenant_id},
            envelope=envelope,
            correlation_id=correlation_id,
        )
        return cast("models.Agent", await self._send(call))

    async def put_agent(
        self,
        agent_id: str,
        body: models.AgentChange,
        *,
        envelope: Envelope | None = None,
        correlation_id: str | None = None,
    ) -> models.Agent:
        """Stop an agent, restrict it, or let it act again: ``PUT /agents/{agentId}``.

        The agent of the envelope's tenant; by an admin without a tenant, the id in all tenants.
        """
        call = Call(
            PUT_AGENT,
            path={"agentId": agent_id},
            body=body,
            envelope=envelope,
            correlation_id=correlation_id,
        )
        return cast("models.Agent", await self._send(call))

    async def project_event(
        self,
        body: models.ReportedEvent,
        *,
        correlation_id: str | None = None,
    ) -> models.EventKept:
        """Report a decision that was made elsewhere: ``POST /metrics/project``."""
        call = Call(
            PROJECT_EVENT,
            body=body,
            correlation_id=correlation_id,
        )
        return cast("models.EventKept", await self._send(call))

    async def get_metrics_reasons(
        self,
        *,
        window: models.WindowName | None = None,
        correlation_id: str | None = None,
    ) -> models.MetricsReasons:
        """Events by family of reasons: ``GET /metrics/reasons``."""
        call = Call(
            GET_METRICS_REASONS,
            query={"window": window},
            correlation_id=correlation_id,
        )
        return cast("models.MetricsReasons", await self._send(call))

    async def get_metrics_series(
        self,
        *,
        window: models.WindowName | None = None,
        metric: models.MetricName | None = None,
        bucket: models.BucketName | None = None,
        correlation_id: str | None = None,
    ) -> models.MetricsSeries:
        """One metric, bucket by bucket: ``GET /metrics/series``."""
        call = Call(
            GET_METRICS_SERIES,
            query={"window": window, "metric": metric, "bucket": bucket},
            correlation_id=correlation_id,
        )
        return cast("models.MetricsSeries", await self._send(call))

    async def get_metrics_summary(
        self,
        *,
        window: models.WindowName | None = None,
        correlation_id: str | None = None,
    ) -> models.MetricsSummary:
        """Every metric over a window: ``GET /metrics/summary``."""
        call = Call(
            GET_METRICS_SUMMARY,
            query={"window": window},
            correlation_id=correlation_id,
        )
        return cast("models.MetricsSummary", await self._send(call))

    async def apply_policy(
        self,
        body: models.PolicyChange,
        *,
        envelope: Envelope | None = None,
        trust_token: str | None = None,
        correlation_id: str | None = None,
    ) -> models.PolicyApplied:
        """Put a policy in force: ``POST /policy/apply``."""
        call = Call(
            APPLY_POLICY,
            body=body,
            envelope=envelope,
            trust_token=trust_token,
            correlation_id=correlation_id,
        )
        return cast("models.PolicyApplied", await self._send(call))

    async def get_policy_config(
        self,
        *,
        scope_id: models.Id | None = None,
        tenant_id: models.Id | None = None,
        scope: models.ScopeKind | None = None,
        policy_version: models.Id | None = None,
        correlation_id: str | None = None,
    ) -> models.PolicyConfig:
        """The policy of a scope: ``GET /policy/config``.

        Where global scope stores nothing, the defaults that stand in for it.
        """
        call = Call(
            GET_POLICY_CONFIG,
            query={"scopeId": scope_id, "tenantId": tenant_id, "scope": scope, "policyVersion": policy_version},
            correlation_id=correlation_id,
        )
        return cast("models.PolicyConfig", await self._send(call))

    async def get_policy_shadow(
        self,
        *,
        scope_id: models.Id | None = None,
        tenant_id: models.Id | None = None,
        scope: models.ScopeKind,
        correlation_id: str | None = None,
    ) -> models.PolicyShadow:
        """Tell what the shadow of a scope would have decided otherwise: ``GET /policy/shadow``.

        The most frequent change first, some seconds late.
        """
        call = Call(
            GET_POLICY_SHADOW,
            query={"scopeId": scope_id, "tenantId": tenant_id, "scope": scope},
            correlation_id=correlation_id,
        )
        return cast("models.PolicyShadow", await self._send(call))

    async def simulate_policy(
        self,
        body: models.PolicyProposal,
        *,
        correlation_id: str | None = None,
    ) -> models.Simulated:
        """Simulate what a policy would have changed: ``POST /policy/simulate``."""
        call = Call(
            SIMULATE_POLICY,
            body=body,
            correlation_id=correlation_id,
        )
        return cast("models.Simulated", await self._send(call))

    async def get_tools(
        self,
        *,
        correlation_id: str | None = None,
    ) -> models.RegisteredTools:
        """Show the registered tools: ``GET /policy/tools``."""
        call = Call(
            GET_TOOLS,
            correlation_id=correlation_id,
        )
        return cast("models.RegisteredTools", await self._send(call))

    async def register_tools(
        self,
        body: models.ToolList,
        *,
        envelope: Envelope | None = None,
        trust_token: str | None = None,
        correlation_id: str | None = None,
    ) -> models.ToolsRegistered:
        """Register the tools of an action type: ``POST /policy/tools``."""
        call = Call(
            REGISTER_TOOLS,
            body=body,
            envelope=envelope,
            trust_token=trust_token,
            correlation_id=correlation_id,
        )
        return cast("models.ToolsRegistered", await self._send(call))

    async def list_policy_versions(
        self,
        *,
        scope_id: models.Id | None = None,
        tenant_id: models.Id | None = None,
        limit: int | None = None,
        cursor: str | None = None,
        scope: models.ScopeKind,
        correlation_id: str | None = None,
    ) -> models.PolicyVersions:
        """The versions of a scope's policy: ``GET /policy/versions``.

        Newest first.
        """
        call = Call(
            LIST_POLICY_VERSIONS,
            query={"scopeId": scope_id, "tenantId": tenant_id, "limit": limit, "cursor": cursor, "scope": scope},
            correlation_id=correlation_id,
        )
        return cast("models.PolicyVersions", await self._send(call))

    async def authorize_execution(
        self,
        body: models.ExecutionRequest,
        *,
        correlation_id: str | None = None,
    ) -> models.ExecutionAuthorized:
        """Ask whether a privileged effect may go ahead: ``POST /workflow/authorize-execution``."""
        call = Call(
            AUTHORIZE_EXECUTION,
            body=body,
            correlation_id=correlation_id,
        )
        return cast("models.ExecutionAuthorized", await self._send(call))

    async def list_decision_rooms(
        self,
        *,
        limit: int | None = None,
        cursor: str | None = None,
        envelope: Envelope | None = None,
        correlation_id: str | None = None,
    ) -> models.Queue:
        """Requests that wait for the caller, or for the caller's tenant: ``GET /workflow/decision-room``."""
        call = Call(
            LIST_DECISION_ROOMS,
            query={"limit": limit, "cursor": cursor},
            envelope=envelope,
            correlation_id=correlation_id,
        )
        return cast("models.Queue", await self._send(call))

    async def resolve_request(
        self,
        body: models.DecisionAction,
        *,
        envelope: Envelope | None = None,
        idempotency_key: str | None = None,
        correlation_id: str | None = None,
    ) -> models.ActionDone:
        """Approve or reject an escalated request, or withdraw one's own: ``POST /workflow/decision-room/action``."""
        call = Call(
            RESOLVE_REQUEST,
            body=body,
            envelope=envelope,
            idempotency_key=idempotency_key,
            correlation_id=correlation_id,
        )
        return cast("models.ActionDone", await self._send(call))

    async def extend_deadline(
        self,
        body: models.Extension,
        *,
        envelope: Envelope | None = None,
        idempotency_key: str | None = None,
        correlation_id: str | None = None,
    ) -> models.Extended:
        """Give an escalated request more time: ``POST /workflow/decision-room/extend``.

        By who may approve it, three times at most; goes on while mutations are paused.
        """
        call = Call(
            EXTEND_DEADLINE,
            body=body,
            envelope=envelope,
            idempotency_key=idempotency_key,
            correlation_id=correlation_id,
        )
        return cast("models.Extended", await self._send(call))

    async def revoke_request(
        self,
        body: models.Revocation,
        *,
        envelope: Envelope | None = None,
        correlation_id: str | None = None,
    ) -> models.Revoked:
        """Take back what a request authorizes: ``POST /workflow/decision-room/revoke``.

        By who may approve it, before it is claimed; goes on while mutations are paused.
        """
        call = Call(
            REVOKE_REQUEST,
            body=body,
            envelope=envelope,
            correlation_id=correlation_id,
        )
        return cast("models.Revoked", await self._send(call))

    async def get_decision_room(
        self,
        request_id: str,
        *,
        envelope: Envelope | None = None,
        correlation_id: str | None = None,
    ) -> models.Room:
        """Show what a person sees before deciding: ``GET /workflow/decision-room/{requestId}``."""
        call = Call(
            GET_DECISION_ROOM,
            path={"requestId": request_id},
            envelope=envelope,
            correlation_id=correlation_id,
        )
        return cast("models.Room", await self._send(call))

    async def list_decisions(
        self,
        *,
        outcome: str | None = None,
        actor: models.Id | None = None,
        from_: int | None = None,
        to: int | None = None,
        limit: int | None = None,
        cursor: str | None = None,
        envelope: Envelope | None = None,
        correlation_id: str | None = None,
    ) -> models.History:
        """Closed escalations of the caller, or of the caller's tenant, newest first: ``GET /workflow/decisions``.

        Who decided what and why; the tenant's with the scope workflow:read:tenant.
        """
        call = Call(
            LIST_DECISIONS,
            query={"outcome": outcome, "actor": actor, "from": from_, "to": to, "limit": limit, "cursor": cursor},
            envelope=envelope,
            correlation_id=correlation_id,
        )
        return cast("models.History", await self._send(call))

    async def get_evidence(
        self,
        request_id: str,
        *,
        envelope: Envelope | None = None,
        correlation_id: str | None = None,
    ) -> list[models.EvidenceEvent]:
        """List what happened to a request, oldest first: ``GET /workflow/evidence/{requestId}``."""
        call = Call(
            GET_EVIDENCE,
            path={"requestId": request_id},
            envelope=envelope,
            correlation_id=correlation_id,
        )
        return cast("list[models.EvidenceEvent]", await self._send(call))

    async def claim_grant(
        self,
        body: models.GrantClaim,
        *,
        envelope: Envelope | None = None,
        idempotency_key: str | None = None,
        correlation_id: str | None = None,
    ) -> models.Granted:
        """Claim the one grant of a request: ``POST /workflow/grants``.

        Signed, good for a minute at most; with a key, a repeat is told the same grant.
        """
        call = Call(
            CLAIM_GRANT,
            body=body,
            envelope=envelope,
            idempotency_key=idempotency_key,
            correlation_id=correlation_id,
        )
        return cast("models.Granted", await self._send(call))

    async def report_outcome(
        self,
        grant_id: str,
        body: models.ExecutionOutcome,
        *,
        envelope: Envelope | None = None,
        correlation_id: str | None = None,
    ) -> models.OutcomeKept:
        """Report what came of the effect that a grant allowed: ``POST /workflow/grants/{grantId}/outcome``.

        Once, by who claimed it; goes on while mutations are paused.
        """
        call = Call(
            REPORT_OUTCOME,
            path={"grantId": grant_id},
            body=body,
            envelope=envelope,
            correlation_id=correlation_id,
        )
        return cast("models.OutcomeKept", await self._send(call))

    async def submit_request(
        self,
        body: models.Submission,
        *,
        correlation_id: str | None = None,
    ) -> models.Decided:
        """Submit an action for a decision: ``POST /workflow/requests``."""
        call = Call(
            SUBMIT_REQUEST,
            body=body,
            correlation_id=correlation_id,
        )
        return cast("models.Decided", await self._send(call))

    async def get_request(
        self,
        request_id: str,
        *,
        envelope: Envelope | None = None,
        correlation_id: str | None = None,
    ) -> models.RequestStatus:
        """Show where a request stands: ``GET /workflow/requests/{requestId}``."""
        call = Call(
            GET_REQUEST,
            path={"requestId": request_id},
            envelope=envelope,
            correlation_id=correlation_id,
        )
        return cast("models.RequestStatus", await self._send(call))


OPERATIONS: Final = (
    GET_GRANT_KEYS,
    LIST_AGENTS,
    GET_AGENT,
    PUT_AGENT,
    PROJECT_EVENT,
    GET_METRICS_REASONS,
    GET_METRICS_SERIES,
    GET_METRICS_SUMMARY,
    APPLY_POLICY,
    GET_POLICY_CONFIG,
    GET_POLICY_SHADOW,
    SIMULATE_POLICY,
    GET_TOOLS,
    REGISTER_TOOLS,
    LIST_POLICY_VERSIONS,
    AUTHORIZE_EXECUTION,
    LIST_DECISION_ROOMS,
    RESOLVE_REQUEST,
    EXTEND_DEADLINE,
    REVOKE_REQUEST,
    GET_DECISION_ROOM,
    LIST_DECISIONS,
    GET_EVIDENCE,
    CLAIM_GRANT,
    REPORT_OUTCOME,
    SUBMIT_REQUEST,
    GET_REQUEST,
)
