/** The API's types, made from openapi/handshake.json by `npm run generate`: do not edit. */
export interface paths {
    "/.well-known/jwks.json": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the public keys that verify grants
         * @description the next one a day before it signs
         */
        get: operations["getGrantKeys"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/agents": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Agents that operators have named, with how each stands
         * @description those of the envelope's tenant; for an admin without a tenant, all
         */
        get: operations["listAgents"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/agents/{agentId}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Show how an agent stands */
        get: operations["getAgent"];
        /**
         * Stop an agent, restrict it, or let it act again
         * @description the agent of the envelope's tenant; by an admin without a tenant, the id in all tenants
         */
        put: operations["putAgent"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/metrics/project": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Report a decision that was made elsewhere */
        post: operations["projectEvent"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/metrics/reasons": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Events by family of reasons */
        get: operations["getMetricsReasons"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/metrics/series": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One metric, bucket by bucket */
        get: operations["getMetricsSeries"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/metrics/summary": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Every metric over a window */
        get: operations["getMetricsSummary"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/policy/apply": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Put a policy in force */
        post: operations["applyPolicy"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/policy/config": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The policy of a scope
         * @description where global scope stores nothing, the defaults that stand in for it
         */
        get: operations["getPolicyConfig"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/policy/shadow": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Tell what the shadow of a scope would have decided otherwise
         * @description the most frequent change first, some seconds late
         */
        get: operations["getPolicyShadow"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/policy/simulate": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Simulate what a policy would have changed */
        post: operations["simulatePolicy"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/policy/tools": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Show the registered tools */
        get: operations["getTools"];
        put?: never;
        /** Register the tools of an action type */
        post: operations["registerTools"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/policy/versions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The versions of a scope's policy
         * @description newest first
         */
        get: operations["listPolicyVersions"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/workflow/authorize-execution": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Ask whether a privileged effect may go ahead */
        post: operations["authorizeExecution"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/workflow/decision-room": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Requests that wait for the caller, or for the caller's tenant */
        get: operations["listDecisionRooms"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/workflow/decision-room/action": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Approve or reject an escalated request, or withdraw one's own */
        post: operations["resolveRequest"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/workflow/decision-room/extend": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Give an escalated request more time
         * @description by who may approve it, three times at most; goes on while mutations are paused
         */
        post: operations["extendDeadline"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/workflow/decision-room/revoke": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Take back what a request authorizes
         * @description by who may approve it, before it is claimed; goes on while mutations are paused
         */
        post: operations["revokeRequest"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/workflow/decision-room/{requestId}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Show what a person sees before deciding */
        get: operations["getDecisionRoom"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/workflow/decisions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Closed escalations of the caller, or of the caller's tenant, newest first
         * @description who decided what and why; the tenant's with the scope workflow:read:tenant
         */
        get: operations["listDecisions"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/workflow/evidence/{requestId}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List what happened to a request, oldest first */
        get: operations["getEvidence"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/workflow/grants": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Claim the one grant of a request
         * @description signed, good for a minute at most; with a key, a repeat is told the same grant
         */
        post: operations["claimGrant"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/workflow/grants/{grantId}/outcome": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Report what came of the effect that a grant allowed
         * @description once, by who claimed it; goes on while mutations are paused
         */
        post: operations["reportOutcome"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/workflow/requests": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Submit an action for a decision */
        post: operations["submitRequest"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/workflow/requests/{requestId}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Show where a request stands */
        get: operations["getRequest"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        /**
         * Action
         * @description Says exactly what is to be done. The request's ``actionDigest`` binds all of it.
         */
        Action: {
            /**
             * @description Numbers that a double does not keep are refused: send them as strings. With all else, at most
             *     32768 bytes as canonical JSON and 16 levels deep.
             */
            arguments?: {
                [key: string]: unknown;
            } | null;
            operation: components["schemas"]["ActionName"];
            resource?: components["schemas"]["NewId"] | null;
            tool?: components["schemas"]["ActionName"] | null;
            toolVersion?: components["schemas"]["NewId"] | null;
        };
        /** @description Binds everything that was decided on, each argument included: what is executed must have it. */
        ActionDigest: string;
        /**
         * ActionDone
         * @description An escalation that is closed now.
         */
        ActionDone: {
            artifact: components["schemas"]["Artifact"];
            decision: ("allow" | "deny") | string;
            reasonCode: ("hitl_approved" | "hitl_rejected") | string;
            requestId: components["schemas"]["Id"];
            /** @constant */
            status: "ok";
        };
        ActionName: string;
        /**
         * ActionRefusal
         * @description A decision action that was not carried out.
         */
        ActionRefusal: {
            /** @description Of the refusal; null where the action names no request. */
            artifact: components["schemas"]["Artifact"] | null;
            /** @constant */
            decision: "deny";
            /** @description The same as ``reasonCode``. */
            error: string;
            message: string;
            reasonCode: string;
            requestId: components["schemas"]["Id"] | null;
            responseClass: components["schemas"]["ResponseClass"] | string;
            /** @constant */
            status: "error";
            /** @description Only for those who may read or resolve the request. */
            stored?: components["schemas"]["StoredOutcome"];
        };
        /** @enum {string} */
        ActionType: "payment" | "data_access" | "credential_use" | "external_call" | "other";
        /**
         * Agent
         * @description An agent's record; without ``tenantId`` it is that of the id in all tenants.
         */
        Agent: {
            agentId: components["schemas"]["Id"];
            changedAt: number;
            changedBy: components["schemas"]["Id"];
            decisions24h: components["schemas"]["RecentDecisions"];
            /** @description When a submission of the agent was last decided. */
            lastDecisionAt?: number;
            /** @description Who answers for the agent. */
            owner?: string;
            /** @description Why it is in this state, in the words of whoever put it there. */
            reason?: string;
            /** @description The state in force now: ``active`` once ``until`` has passed. */
            state: components["schemas"]["AgentState"] | string;
            tenantId?: components["schemas"]["Id"];
            /** @description When the state ends as ``active``, or has ended. */
            until?: number;
        };
        /**
         * AgentChange
         * @description Says in which state an agent is to be, and why.
         */
        AgentChange: {
            /** @description Who answers for the agent. Left out or null, it stays as it is; "" is nobody. */
            owner?: string | null;
            /** @description Kept in evidence. Not blank. */
            reason: string;
            /** @description ``escalate_all``: what would be allowed waits for a person. ``stopped``: all is denied. */
            state: components["schemas"]["AgentState"];
            /** @description A time ahead, epoch ms, at which the state ends as ``active``. */
            until?: number | null;
        };
        /**
         * AgentState
         * @description The states of an agent, from the most lenient to the strictest.
         * @enum {string}
         */
        AgentState: "active" | "escalate_all" | "stopped";
        /**
         * Agents
         * @description Agents' records, in the order of tenants and ids.
         */
        Agents: {
            agents: components["schemas"]["Agent"][];
            nextCursor?: string;
        };
        /**
         * AmountRule
         * @description A limit on a payment, or on what an agent spends in a UTC day. Keys are read in any case.
         */
        AmountRule: {
            id: components["schemas"]["NewId"];
            /** @enum {string} */
            key: "max_transaction" | "maxtransaction" | "max_payment" | "daily_spend_limit" | "dailyspendlimit";
            value: number;
        };
        /**
         * AppliedVersion
         * @description One immutable version of a policy.
         */
        AppliedVersion: {
            appliedAt: number;
            auditEventId: string;
            budgets?: components["schemas"]["StoredBudget"][];
            /** @description Of its text of Cedar. */
            cedarSha256?: string;
            /** @description ``shadow`` of a version that was applied as one. */
            mode?: components["schemas"]["Mode"] | string;
            policyVersion: components["schemas"]["PolicyVersion"];
            rules: components["schemas"]["StoredRule"][];
            /** @description What becomes of a call that no Cedar policy matches. */
            unmatched?: components["schemas"]["Unmatched"] | string;
            unmatchedTools?: components["schemas"]["UnmatchedTools"] | string;
        };
        /**
         * Artifact
         * @description A decision, as an execution is authorized with.
         */
        Artifact: {
            decision: components["schemas"]["Outcome"] | string;
            decisionContextHash: components["schemas"]["ContextHash"];
            /** @description Once a person was asked. */
            hitlRequestId?: string;
            reasonCode: components["schemas"]["ReasonCode"] | string;
            requestId: components["schemas"]["Id"];
            responseClass: components["schemas"]["ResponseClass"] | string;
            tier: number;
            /** @description When it was decided. */
            timestamp: number;
            /** @description While the decision is allow: the idempotency key to give a payment provider. */
            txnId?: string;
        };
        /**
         * BlastRadius
         * @description Counts the agents that a policy would decide otherwise for.
         */
        BlastRadius: {
            affectedAgents: number;
            highRiskAgents: number;
        };
        /** @enum {string} */
        BucketName: "hour" | "day";
        /**
         * Budget
         * @description Bounds how much, or how often, within a UTC hour, day or month. What is allowed or escalated takes its share.
         */
        Budget: {
            /** @description Only calls in this currency count. Without it each currency counts by itself: none are added together. */
            currency?: string | null;
            /** @description Distinct within its scope. */
            id: components["schemas"]["NewId"];
            /** @description A whole number of calls, or the largest sum. */
            max: number;
            /**
             * @description Calls, or the sum of what ``of`` names.
             * @enum {string}
             */
            measure: "count" | "sum";
            /** @description With ``sum``, and only then: ``amount``, or ``input.`` and a path into the arguments. */
            of?: string | null;
            /**
             * @description What becomes of a call that it has no room for.
             * @enum {string}
             */
            over: "deny" | "escalate";
            /**
             * @description Whose calls are counted together; those of no tenant, or of no tool, are too.
             * @enum {string}
             */
            per: "agent" | "principal" | "tenant" | "tool";
            /** @description Spreads what counts over items, each of which may hold its share: never over, possibly early. */
            shards?: number | null;
            /** @enum {string} */
            window: "hour" | "day" | "month";
        };
        /**
         * BudgetLeft
         * @description What a budget has left in its window, of which the request takes a share.
         */
        BudgetLeft: {
            /** @description Whether it is taken already; else it is once a person approves. */
            held: boolean;
            id: string;
            left: number;
            max: number;
            /** @description Of which policy: ``global``, ``tenant``, ``agent`` or ``agentInTenant``. */
            scope: string;
            /** @description What the request takes of it. */
            share: number;
            /** @description The UTC hour, day or month. */
            window: string;
        };
        /**
         * CategoriesRule
         * @description Allows payments of these categories only: names, or one text of names between commas.
         */
        CategoriesRule: {
            id: components["schemas"]["NewId"];
            /** @enum {string} */
            key: "allowed_categories";
            value: string[] | string;
        };
        ContextHash: string;
        /**
         * CountRule
         * @description A limit on the escalations of a principal and agent within ten minutes.
         */
        CountRule: {
            id: components["schemas"]["Id"];
            /** @enum {string} */
            key: "escalations_per_window";
            value: number;
        };
        /**
         * DeadlineRule
         * @description Gives people this many seconds to decide on an escalation, in place of the stack's own deadline.
         */
        DeadlineRule: {
            id: components["schemas"]["Id"];
            /** @enum {string} */
            key: "escalation_ttl_seconds";
            value: number;
        };
        /**
         * Decided
         * @description Tells the decision on a submission.
         */
        Decided: {
            actionDigest: components["schemas"]["ActionDigest"];
            decision: components["schemas"]["Outcome"] | string;
            decisionContextHash: components["schemas"]["ContextHash"];
            /** @description Once a person was asked. */
            hitlRequestId?: string;
            /** @description While a person is awaited: in how many milliseconds to ask again. */
            pollAfterMs?: number;
            reasonCode: components["schemas"]["ReasonCode"] | string;
            requestId: components["schemas"]["Id"];
            /** @description The ``timestamp`` that the request was first submitted with: what authorize-execution must be shown. */
            requestTimestamp: number;
            responseClass: components["schemas"]["ResponseClass"] | string;
            state: components["schemas"]["State"] | string;
            tier: number;
            /** @description When it was decided. */
            timestamp: number;
            /** @description While the decision is allow: the idempotency key to give a payment provider. */
            txnId?: string;
        };
        /**
         * DecidingPolicy
         * @description Names a policy that decided: the Cedar policy's @id, or what of its scope stood in for none.
         */
        DecidingPolicy: {
            policy: string;
            scope: string;
            version: string;
        };
        /**
         * DecisionAction
         * @description Says what to do with an escalation.
         */
        DecisionAction: {
            /**
             * @description ``deny`` means reject; ``withdraw`` is for the requester itself.
             * @enum {string}
             */
            action: "approve" | "APPROVE" | "reject" | "REJECT" | "deny" | "DENY" | "withdraw" | "WITHDRAW";
            hitlRequestId?: string | null;
            /** @description The person's own words, kept in evidence. */
            reason?: string | null;
            requestId: components["schemas"]["Id"];
        };
        /**
         * EscalationCause
         * @description The rule that asked for a person, its limit, and the value that crossed it.
         */
        EscalationCause: {
            limit: unknown;
            rule: string;
            value: unknown;
        };
        /**
         * EventKept
         * @description Says whether the event was new.
         */
        EventKept: {
            duplicate: boolean;
            eventId: components["schemas"]["Id"];
            projectorVersion: "v1" | string;
            schemaVersion: "v1" | string;
            /** @constant */
            status: "ok";
        };
        /**
         * EvidenceEvent
         * @description One immutable event of a request.
         */
        EvidenceEvent: {
            id: string;
            payload: components["schemas"]["EvidencePayload"];
            reasonCode: components["schemas"]["ReasonCode"] | string;
            requestId: components["schemas"]["Id"];
            timestamp: number;
        };
        /**
         * EvidencePayload
         * @description Records what happened, linked to what happened before. The details of its event are members beside these.
         */
        EvidencePayload: {
            /** @description Of the decision on a request that has an action. */
            actionDigest?: components["schemas"]["ActionDigest"];
            /** @description Of a refused action: deny. */
            decision: components["schemas"]["Outcome"] | string;
            decisionContextHash: components["schemas"]["ContextHash"];
            /** @description What happened: `decided`, `closed`, `extended`, `revoked` or `refused` (an action). */
            event: string;
            hash: string;
            hitlRequestId?: string;
            previousHash: string;
            reasonCode: components["schemas"]["ReasonCode"] | string;
            /** @description From 1 in the chain; 0 for a refused action, which stands beside it. */
            sequence: number;
            source: ("audit" | "lineage") | string;
            /** @description Of the request, once this had happened. */
            state: components["schemas"]["State"] | string;
            timestamp: number;
        } & {
            [key: string]: unknown;
        };
        /**
         * ExecutionAuthorized
         * @description The effect may go ahead.
         */
        ExecutionAuthorized: {
            /** @constant */
            allowed: true;
            /** @constant */
            reasonCode: "security_artifact_authorized";
            /** @constant */
            responseClass: "ok";
            /** @constant */
            status: "ok";
        };
        /**
         * ExecutionOutcome
         * @description Reports what came of the effect, once.
         */
        ExecutionOutcome: {
            /** @description The executor's own words, kept in evidence. */
            detail?: string | null;
            /** @description Of the result, as the executor digests it. */
            resultDigest?: components["schemas"]["NewId"] | null;
            /**
             * @description ``unknown`` where nobody can tell.
             * @enum {string}
             */
            status: "succeeded" | "failed" | "unknown";
        };
        /**
         * ExecutionRefusal
         * @description An execution that must not go ahead.
         */
        ExecutionRefusal: {
            /** @constant */
            allowed: false;
            /** @description The same as ``reasonCode``. */
            error: string;
            message: string;
            reasonCode: string;
            responseClass: components["schemas"]["ResponseClass"] | string;
            /** @constant */
            status: "error";
        };
        /**
         * ExecutionRequest
         * @description A request and the artifact that allows it.
         */
        ExecutionRequest: {
            artifact: components["schemas"]["PresentedArtifact"];
            request: components["schemas"]["Submission"];
        };
        /**
         * Extended
         * @description An escalation whose deadline is later now.
         */
        Extended: {
            /** @description The deadline by which a person decides. */
            expiresAt: number;
            /** @description How often it can be extended yet. */
            extensionsLeft: number;
            requestId: components["schemas"]["Id"];
            /** @constant */
            status: "ok";
        };
        /**
         * Extension
         * @description Asks for more time to decide on an escalation.
         */
        Extension: {
            /** @description The person's own words, kept in evidence. */
            reason?: string | null;
            requestId: components["schemas"]["Id"];
            /** @description Added to the deadline that it has. */
            seconds: number;
        };
        /** @enum {string} */
        Family: "trust_context" | "security" | "policy" | "hitl" | "adapter" | "unknown";
        /**
         * FamilyShare
         * @description Counts the events of one family of reasons.
         */
        FamilyShare: {
            count: number;
            percentage: number;
            reasonFamily: components["schemas"]["Family"] | string;
        };
        /**
         * GivenTool
         * @description A tool as MCP's tools/list gives it; what else it says of itself is passed over.
         */
        GivenTool: {
            /** @description A JSON Schema of an object. x-policy: false keeps a member from policy. */
            inputSchema: {
                [key: string]: unknown;
            };
            name: string;
            version?: components["schemas"]["NewId"] | null;
        };
        /**
         * GrantClaim
         * @description Claims the one grant of a request that may be executed.
         */
        GrantClaim: {
            /** @description Of what is about to be executed. */
            actionDigest: components["schemas"]["Id"];
            /** @description Who is to take the grant; `handshake-executor` where absent. */
            audience?: components["schemas"]["NewId"] | null;
            requestId: components["schemas"]["Id"];
        };
        /**
         * Granted
         * @description A grant, for whoever executes what it says, once.
         */
        Granted: {
            actionDigest: components["schemas"]["ActionDigest"];
            /** @description When the effect must have begun. */
            executeBy: number;
            /** @description Until when the grant is good. */
            expiresAt: number;
            /** @description A JWS: ``ES256``, typ ``handshake-grant+jwt``. */
            grant: string;
            grantId: string;
            requestId: components["schemas"]["Id"];
            /** @constant */
            status: "ok";
        };
        /**
         * History
         * @description Closed escalations, newest first. A page may hold less than its limit and have a next one.
         */
        History: {
            decisions: components["schemas"]["PastDecision"][];
            nextCursor?: string;
        };
        /**
         * HoursRule
         * @description Allows payments at these times only, UTC; an end before the start spans midnight.
         */
        HoursRule: {
            id: components["schemas"]["NewId"];
            /** @enum {string} */
            key: "allowed_hours";
            value: string;
        };
        Id: string;
        /**
         * IdentityEnvelope
         * @description Asserts, as the JSON of x-identity-envelope, who is asking.
         *
         *     Texts are trimmed, and then each is a NewId; roles and scopes are sets.
         */
        IdentityEnvelope: {
            issuer?: components["schemas"]["Id"];
            principalId: components["schemas"]["Id"];
            roles?: components["schemas"]["Id"][];
            scopes?: components["schemas"]["Id"][];
            sessionId?: components["schemas"]["Id"];
            /** @enum {string} */
            subjectType?: "human" | "service" | "agent";
            tenantId?: components["schemas"]["Id"];
        };
        /**
         * KeySet
         * @description Holds every public key that verifies grants, those that do not sign yet included.
         */
        KeySet: {
            keys: components["schemas"]["PublicKey"][];
        };
        /** @enum {string} */
        MetricName: "uair" | "airt_p50_ms" | "airt_p95_ms" | "gar" | "tca" | "security_denial_total" | "security_replay_detected_total" | "security_replay_guard_unavailable_total";
        /**
         * MetricsReasons
         * @description Events by family of reasons, largest first.
         */
        MetricsReasons: {
            families: components["schemas"]["FamilyShare"][];
            projectorVersion: "v1" | string;
            schemaVersion: "v1" | string;
            total: number;
            window: components["schemas"]["WindowName"] | string;
        };
        /**
         * MetricsSeries
         * @description One metric, bucket by bucket, oldest first.
         */
        MetricsSeries: {
            bucket: components["schemas"]["BucketName"] | string;
            metric: components["schemas"]["MetricName"] | string;
            projectorVersion: "v1" | string;
            schemaVersion: "v1" | string;
            series: components["schemas"]["Point"][];
            window: components["schemas"]["WindowName"] | string;
        };
        /**
         * MetricsSummary
         * @description Every metric over a window.
         */
        MetricsSummary: {
            airtP50Ms: number;
            airtP95Ms: number;
            denialEvents: number;
            gar: number;
            projectorVersion: "v1" | string;
            replayDetectedEvents: number;
            replayGuardUnavailableEvents: number;
            schemaVersion: "v1" | string;
            tca: number;
            totalEvents: number;
            uair: number;
            window: components["schemas"]["WindowName"] | string;
        };
        /** @enum {string} */
        Mode: "active" | "shadow";
        /**
         * @description Has one spelling: it is in NFC, holds no control, format, private-use, unassigned or invisible character
         *     of Unicode 14.0.0, and has no white space at either end.
         */
        NewId: string;
        /**
         * @description Has one spelling: it is in NFC, holds no control, format, private-use, unassigned or invisible character
         *     of Unicode 14.0.0, and has no white space at either end.
         */
        NewIdOrNone: string;
        /** @enum {string} */
        Outcome: "allow" | "deny" | "escalate";
        /**
         * OutcomeKept
         * @description An outcome that is in evidence, reported by this call or by the same one before.
         */
        OutcomeKept: {
            grantId: string;
            outcome: ("succeeded" | "failed" | "unknown") | string;
            reportedAt: number;
            requestId: components["schemas"]["Id"];
            /** @constant */
            status: "ok";
        };
        /**
         * PastDecision
         * @description A closed escalation: what was asked, and who decided what and why.
         */
        PastDecision: {
            /** @description Without its arguments in a list, and once they were erased. */
            action?: components["schemas"]["ShownAction"];
            actionDigest: components["schemas"]["ActionDigest"];
            actionType: components["schemas"]["ActionType"] | string;
            /** @description The principal who decided; `hitl_expiry` where nobody did in time. */
            actor: string;
            /** @description The record that the agent stands by, where it has one; in no list. */
            agent?: components["schemas"]["RoomAgent"];
            /** @description The agent's last ten, of an escalation, newest first; in no list. */
            agentEscalations?: components["schemas"]["PastEscalation"][];
            agentId: components["schemas"]["Id"];
            /** @description As the agent sent it. */
            amount?: unknown;
            argumentsErasedAt?: number;
            artifact: components["schemas"]["Artifact"];
            /** @description On what it rests that it was the actor: an issuer's word, or a sign-in. Earlier releases kept none. */
            assurance?: ("issuer_asserted" | "oidc") | string;
            /** @description Of a request that is read by itself, not in a list. */
            budgetLeft?: components["schemas"]["BudgetLeft"][];
            /** @description The very text that ``actionDigest`` is of (RFC 8785); in no list, and gone once it was erased. */
            canonicalAction?: string;
            /** @description As the agent sent it. */
            category?: unknown;
            decidedAt: number;
            decidedBy?: components["schemas"]["DecidingPolicy"][];
            escalatedBy?: components["schemas"]["EscalationCause"];
            expiresAt?: number;
            /** @description How often its deadline was moved, where it was. */
            extensions?: number;
            hitlRequestId?: string;
            outcome: ("approved" | "rejected" | "withdrawn" | "expired") | string;
            payloadRef: string;
            /** @description What the deciding policy says to people. */
            policyMessage?: string;
            /** @description By what each reaches, the versions that decided, null where none is stored; in no list. */
            policyVersions?: {
                [key: string]: unknown;
            };
            principalId: components["schemas"]["Id"];
            /** @description Why, in the person's own words. */
            reason?: string;
            reasonFamily: components["schemas"]["Family"] | string;
            requestId: components["schemas"]["Id"];
            /** @description The ``timestamp`` that the request was first submitted with: what authorize-execution must be shown. */
            requestTimestamp: number;
            /** @description When it was submitted, by the service's own clock. */
            requestedAt: number;
            /** @description Once what it authorized was taken back. */
            revokedAt?: number;
            riskTier: components["schemas"]["RiskTier"] | string;
            /** @description Ten earlier ones of the same operation, newest first; in no list. */
            sameOperation?: components["schemas"]["PastEscalation"][];
            state: components["schemas"]["State"] | string;
        };
        /**
         * PastEscalation
         * @description Another escalation in a line, of those that the reader may read.
         */
        PastEscalation: {
            actionType: components["schemas"]["ActionType"] | string;
            agentId: components["schemas"]["Id"];
            /** @description As the agent sent it. */
            amount?: unknown;
            /** @description As the agent sent it. */
            category?: unknown;
            decidedAt?: number;
            operation?: components["schemas"]["ActionName"];
            payloadRef: string;
            principalId: components["schemas"]["Id"];
            requestId: components["schemas"]["Id"];
            requestedAt: number;
            riskTier: components["schemas"]["RiskTier"] | string;
            state: components["schemas"]["State"] | string;
        };
        /**
         * @description Has one spelling: it is in NFC, holds no control, format, private-use, unassigned or invisible character
         *     of Unicode 14.0.0, and has no white space at either end.
         */
        PayloadRef: string;
        /**
         * Point
         * @description One bucket; its timestamp is where it begins.
         */
        Point: {
            /**
             * @description Where events that callers reported are among its samples.
             * @constant
             */
            dimension?: "reported";
            sampleCount: number;
            timestamp: number;
            value: number;
        };
        /**
         * PolicyApplied
         * @description The policy now in force, or in the shadow of the active one.
         */
        PolicyApplied: {
            auditEventId: string;
            message: string;
            policyVersion: components["schemas"]["PolicyVersion"];
            /** @constant */
            status: "ok";
            /** @description What an operator may not expect of it. */
            warnings?: string[];
        };
        /**
         * PolicyChange
         * @description Members to put in force for a scope, or an earlier version of its own to put in force again, all of it.
         */
        PolicyChange: {
            budgets?: components["schemas"]["Budget"][] | null;
            /** @description Cedar policies, at most 65536 bytes in UTF-8. */
            cedar?: string | null;
            /** @description The version believed active; if another is, nothing changes. */
            expectedPolicyVersion?: string | null;
            /**
             * @description ``shadow``: judged beside the active policy, and never decides. An empty one, or one that holds what is
             *     active, ends the shadow.
             */
            mode?: components["schemas"]["Mode"] | null;
            /** @description An earlier version, instead of members. */
            policyVersion?: string | null;
            rules?: (components["schemas"]["AmountRule"] | components["schemas"]["HoursRule"] | components["schemas"]["CategoriesRule"] | components["schemas"]["CountRule"] | components["schemas"]["DeadlineRule"])[] | null;
            scope: components["schemas"]["ScopeKind"];
            /** @description The tenant or the agent; not read beside global scope. */
            scopeId?: components["schemas"]["NewId"] | null;
            /** @description With agent scope: the one tenant in which the policy applies to the agent; in every tenant when left out. */
            tenantId?: components["schemas"]["NewIdOrNone"] | null;
            /** @description What becomes of a call that no Cedar policy of the scope matches; a set with a permit must name it. */
            unmatched?: components["schemas"]["Unmatched"] | "" | null;
            /** @description With global scope: what becomes of a call of a tool that is not registered, where others of its type are. */
            unmatchedTools?: components["schemas"]["UnmatchedTools"] | "" | null;
        } & (unknown & unknown & unknown & (unknown | unknown | unknown | unknown | unknown | unknown) & unknown);
        /**
         * PolicyConfig
         * @description Shows the policy that a scope stores, or the defaults that stand in for its rules.
         */
        PolicyConfig: {
            budgets?: components["schemas"]["StoredBudget"][];
            /** @description The text of its Cedar policies. */
            cedar?: string;
            /** @description ``shadow`` of a version that was applied as one. */
            mode?: components["schemas"]["Mode"] | string;
            policyVersion?: components["schemas"]["PolicyVersion"];
            rules: components["schemas"]["StoredRule"][];
            scope: components["schemas"]["ScopeKind"] | string;
            scopeId?: components["schemas"]["Id"];
            tenantId?: components["schemas"]["Id"];
            /** @description What becomes of a call that no Cedar policy matches. */
            unmatched?: components["schemas"]["Unmatched"] | string;
            unmatchedTools?: components["schemas"]["UnmatchedTools"] | string;
        };
        /**
         * PolicyProposal
         * @description Members of a policy for a scope, to see what they would change; others are as the active policy has them.
         */
        PolicyProposal: {
            budgets?: components["schemas"]["Budget"][] | null;
            /** @description Cedar policies, at most 65536 bytes in UTF-8. */
            cedar?: string | null;
            /**
             * @description ``shadow``: judged beside the active policy, and never decides. An empty one, or one that holds what is
             *     active, ends the shadow.
             */
            mode?: components["schemas"]["Mode"] | null;
            rules?: (components["schemas"]["AmountRule"] | components["schemas"]["HoursRule"] | components["schemas"]["CategoriesRule"] | components["schemas"]["CountRule"] | components["schemas"]["DeadlineRule"])[] | null;
            scope: components["schemas"]["ScopeKind"];
            /** @description The tenant or the agent; not read beside global scope. */
            scopeId?: components["schemas"]["NewId"] | null;
            /** @description With agent scope: the one tenant in which the policy applies to the agent; in every tenant when left out. */
            tenantId?: components["schemas"]["NewIdOrNone"] | null;
            /** @description What becomes of a call that no Cedar policy of the scope matches; a set with a permit must name it. */
            unmatched?: components["schemas"]["Unmatched"] | "" | null;
            /** @description With global scope: what becomes of a call of a tool that is not registered, where others of its type are. */
            unmatchedTools?: components["schemas"]["UnmatchedTools"] | "" | null;
        } & (unknown & unknown & unknown & (unknown | unknown | unknown | unknown | unknown));
        /**
         * PolicyShadow
         * @description Tells what a shadow would have decided otherwise, some seconds late; without ``version`` there is none.
         */
        PolicyShadow: {
            changes: components["schemas"]["ShadowChange"][];
            /** @description How many requests the shadow was judged on. */
            judged: number;
            scope: components["schemas"]["ScopeKind"] | string;
            scopeId?: components["schemas"]["Id"];
            since?: number;
            tenantId?: components["schemas"]["Id"];
            version?: components["schemas"]["PolicyVersion"];
        };
        PolicyVersion: string;
        /**
         * PolicyVersions
         * @description The versions of a scope, newest first.
         */
        PolicyVersions: {
            nextCursor?: string;
            scope: components["schemas"]["ScopeKind"] | string;
            scopeId?: components["schemas"]["Id"];
            tenantId?: components["schemas"]["Id"];
            versions: components["schemas"]["AppliedVersion"][];
        };
        /**
         * PredictedChange
         * @description A kind of request that would be decided otherwise.
         */
        PredictedChange: {
            after: components["schemas"]["Outcome"] | string;
            before: components["schemas"]["Outcome"] | string;
            count?: number;
            /** @description Some requests that it is so for. */
            examples?: components["schemas"]["Id"][];
            /** @description The policy or budget that makes the difference, where it is no rule. */
            policy?: string;
            requestClass: string;
        };
        /**
         * PresentedArtifact
         * @description The artifact as it was answered, or that answer itself. The first two members are looked at; allow is needed.
         */
        PresentedArtifact: {
            actionDigest?: string;
            /** @description As it was answered: any other than ``allow`` authorizes nothing. */
            decision: string;
            decisionContextHash: components["schemas"]["ContextHash"];
            hitlRequestId?: string;
            pollAfterMs?: number;
            reasonCode?: string;
            /** @description Of the request, where it is sent along. */
            requestId?: string;
            requestTimestamp?: number;
            responseClass?: string;
            state?: string;
            tier?: number;
            timestamp?: number;
            txnId?: string;
        };
        /**
         * PublicKey
         * @description A public key that verifies grants (RFC 7517).
         */
        PublicKey: {
            /** @constant */
            alg: "ES256";
            /** @constant */
            crv: "P-256";
            kid: string;
            /** @constant */
            kty: "EC";
            /** @constant */
            use: "sig";
            x: string;
            y: string;
        };
        /**
         * Queue
         * @description Requests that wait for a person, soonest deadline first.
         */
        Queue: {
            nextCursor?: string;
            requests: components["schemas"]["Room"][];
        };
        /**
         * ReasonCode
         * @description Every reason code a caller can see, in the order of the contract's table.
         * @enum {string}
         */
        ReasonCode: "trust_context_invalid_request_shape" | "trust_context_missing_binding" | "trust_context_invalid_timestamp" | "trust_context_timestamp_skew_fail_closed" | "policy_allow" | "security_missing_identity_envelope" | "security_invalid_identity_envelope" | "security_identity_envelope_required" | "security_missing_internal_trust_context" | "security_invalid_internal_trust_context" | "security_internal_trust_context_expired" | "security_internal_trust_config_missing" | "security_missing_authorization_header" | "security_identity_claim_missing" | "security_token_invalid" | "security_identity_provider_not_configured" | "security_handshake_required_bypass_denied" | "security_side_channel_denied" | "security_escalation_flood_throttled" | "security_missing_decision_artifact" | "security_non_allow_artifact" | "security_artifact_authorized" | "security_identity_subject_mismatch" | "security_read_scope_denied" | "security_read_tenant_mismatch" | "hitl_approval_unauthorized" | "security_grant_unauthorized" | "security_artifact_request_not_found" | "hitl_request_not_found" | "policy_version_not_found" | "security_grant_not_found" | "security_agent_stopped" | "security_identity_assurance_insufficient" | "security_person_unknown" | "security_person_disabled" | "security_scope_missing" | "security_agent_not_found" | "security_decision_context_mismatch" | "security_artifact_state_not_authorized" | "security_grant_required" | "security_replay_detected" | "hitl_sensitive_ambiguous_escalated" | "hitl_boundary_escalated" | "hitl_policy_escalated" | "hitl_request_mismatch" | "hitl_terminal_state_immutable" | "hitl_timeout_fail_closed" | "hitl_deadline_not_extendable" | "hitl_rejected" | "hitl_approved" | "policy_version_conflict" | "security_grant_consumed" | "security_grant_expired" | "security_policy_changed" | "security_outcome_already_reported" | "hitl_agent_restricted_escalated" | "hitl_budget_escalated" | "policy_sensitive_scope_denied" | "policy_invalid_policy" | "policy_invalid_request" | "policy_daily_limit_exceeded" | "policy_category_not_allowed" | "policy_outside_allowed_hours" | "policy_max_transaction_exceeded" | "policy_denied" | "policy_evaluation_failed" | "policy_unmatched_denied" | "policy_budget_exceeded" | "security_replay_guard_unavailable" | "adapter_store_unavailable" | "adapter_privileged_mutations_paused" | "adapter_signer_unavailable";
        /**
         * RecentDecisions
         * @description Counts what was decided of an agent's submissions in the last 24 hours, up to a minute ago.
         */
        RecentDecisions: {
            allow: number;
            deny: number;
            escalate: number;
        };
        /**
         * Refusal
         * @description Says why a call was refused. ``reasonCode`` and ``responseClass`` are for programs, ``message`` is for people.
         */
        Refusal: {
            /** @description The same as ``reasonCode``. */
            error: string;
            message: string;
            reasonCode: string;
            responseClass: components["schemas"]["ResponseClass"] | string;
            /** @constant */
            status: "error";
        };
        /**
         * RegisteredTool
         * @description A tool that policies can name. ``unchecked`` are the paths of its input that Cedar is never told.
         */
        RegisteredTool: {
            actionType: string;
            inputSchema: {
                [key: string]: unknown;
            };
            name: string;
            unchecked: string[];
            version?: components["schemas"]["Id"];
        };
        /**
         * RegisteredTools
         * @description Every registered tool, by type and then in the order of its list.
         */
        RegisteredTools: {
            tools: components["schemas"]["RegisteredTool"][];
            toolsVersion?: components["schemas"]["PolicyVersion"];
        };
        /**
         * ReportedEvent
         * @description One decision that was made elsewhere. An optional field that is null counts as left out.
         */
        ReportedEvent: {
            computeCostUnits?: number | null;
            decision: components["schemas"]["Outcome"];
            escalationOverheadUnits?: number | null;
            /** @description The first event of an id stays as it is. */
            eventId: components["schemas"]["NewId"];
            hasValidLineage?: boolean | null;
            humanMinutes?: number | null;
            incidentDetectedTsMs?: number | null;
            isTerminal?: boolean | null;
            reasonCode: components["schemas"]["NewId"];
            /** @description The registry's word goes over it. */
            reasonFamily: components["schemas"]["NewId"];
            requestId: components["schemas"]["NewId"];
            riskTier: components["schemas"]["RiskTier"] | "unknown" | number;
            /** @description Not before ``incidentDetectedTsMs``. */
            terminalDecisionTsMs?: number | null;
            /** @description Like every time here from 2020 on, and at most five minutes ahead. */
            timestampMs: number;
        };
        /**
         * RequestStatus
         * @description Tells where a request stands.
         */
        RequestStatus: {
            actionDigest: components["schemas"]["ActionDigest"];
            actionType: components["schemas"]["ActionType"] | string;
            agentId: components["schemas"]["Id"];
            artifact: components["schemas"]["Artifact"];
            decisionContextHash: components["schemas"]["ContextHash"];
            hitlRequestId?: string;
            payloadRef: string;
            /** @description While a person is awaited: in how many milliseconds to ask again. */
            pollAfterMs?: number;
            principalId: components["schemas"]["Id"];
            requestId: components["schemas"]["Id"];
            /** @description The ``timestamp`` that the request was first submitted with: what authorize-execution must be shown. */
            requestTimestamp: number;
            /** @description Once what it authorized was taken back. */
            revokedAt?: number;
            state: components["schemas"]["State"] | string;
            terminal: boolean;
        };
        /** @enum {string} */
        ResponseClass: "ok" | "retryable" | "blocked" | "unknown";
        /**
         * Revocation
         * @description Takes back what was allowed or approved, before it is claimed.
         */
        Revocation: {
            /** @description Why, in the person's own words, kept in evidence. */
            reason: string;
            requestId: components["schemas"]["Id"];
        };
        /**
         * Revoked
         * @description A request that authorizes nothing any more.
         */
        Revoked: {
            requestId: components["schemas"]["Id"];
            /** @description When it was first revoked. */
            revokedAt: number;
            /** @description As it was: what was decided stays decided. */
            state: components["schemas"]["State"] | string;
            /** @constant */
            status: "ok";
        };
        /** @enum {string} */
        RiskTier: "low" | "medium" | "high" | "critical";
        /**
         * Room
         * @description Shows a person what to decide on.
         */
        Room: {
            /** @description Without its arguments in a list, and once they were erased. */
            action?: components["schemas"]["ShownAction"];
            actionDigest: components["schemas"]["ActionDigest"];
            actionType: components["schemas"]["ActionType"] | string;
            /** @description The record that the agent stands by, where it has one; in no list. */
            agent?: components["schemas"]["RoomAgent"];
            /** @description The agent's last ten, of an escalation, newest first; in no list. */
            agentEscalations?: components["schemas"]["PastEscalation"][];
            agentId: components["schemas"]["Id"];
            /** @description As the agent sent it. */
            amount?: unknown;
            argumentsErasedAt?: number;
            artifact: components["schemas"]["Artifact"];
            /** @description Of a request that is read by itself, not in a list. */
            budgetLeft?: components["schemas"]["BudgetLeft"][];
            /** @description The very text that ``actionDigest`` is of (RFC 8785); in no list, and gone once it was erased. */
            canonicalAction?: string;
            /** @description As the agent sent it. */
            category?: unknown;
            decidedBy?: components["schemas"]["DecidingPolicy"][];
            escalatedBy?: components["schemas"]["EscalationCause"];
            expiresAt?: number;
            hitlRequestId?: string;
            payloadRef: string;
            /** @description What the deciding policy says to people. */
            policyMessage?: string;
            /** @description By what each reaches, the versions that decided, null where none is stored; in no list. */
            policyVersions?: {
                [key: string]: unknown;
            };
            principalId: components["schemas"]["Id"];
            reasonFamily: components["schemas"]["Family"] | string;
            requestId: components["schemas"]["Id"];
            /** @description The ``timestamp`` that the request was first submitted with: what authorize-execution must be shown. */
            requestTimestamp: number;
            /** @description When it was submitted, by the service's own clock. */
            requestedAt: number;
            /** @description Once what it authorized was taken back. */
            revokedAt?: number;
            riskTier: components["schemas"]["RiskTier"] | string;
            /** @description Ten earlier ones of the same operation, newest first; in no list. */
            sameOperation?: components["schemas"]["PastEscalation"][];
            state: components["schemas"]["State"] | string;
        };
        /**
         * RoomAgent
         * @description The record that an agent stands by: its own, or without ``tenantId`` that of its id in all tenants.
         */
        RoomAgent: {
            agentId: components["schemas"]["Id"];
            changedAt: number;
            changedBy: components["schemas"]["Id"];
            /** @description Who answers for the agent. */
            owner?: string;
            /** @description Why it is in this state, in the words of whoever put it there. */
            reason: string;
            /** @description The state in force now: ``active`` once ``until`` has passed. */
            state: components["schemas"]["AgentState"] | string;
            tenantId?: components["schemas"]["Id"];
            until?: number;
        };
        /** @enum {string} */
        ScopeKind: "global" | "tenant" | "agent";
        /** ShadowChange */
        ShadowChange: {
            count: number;
            /** @description Some requests that it was so for. */
            examples: components["schemas"]["Id"][];
            from: components["schemas"]["Outcome"] | string;
            /** @description What of the shadow decided: a policy, rule or budget, or else a reason code. */
            policy: string;
            /** @description What the shadow would have decided. */
            to: components["schemas"]["Outcome"] | string;
        };
        /**
         * ShownAction
         * @description What is to be done. The request's ``actionDigest`` binds all of it.
         */
        ShownAction: {
            arguments?: {
                [key: string]: unknown;
            };
            operation: components["schemas"]["ActionName"];
            resource?: components["schemas"]["Id"];
            tool?: components["schemas"]["ActionName"];
            toolVersion?: components["schemas"]["Id"];
        };
        /**
         * Simulated
         * @description Tells what recorded requests say of a proposal.
         */
        Simulated: {
            blastRadius: components["schemas"]["BlastRadius"];
            decision: components["schemas"]["Outcome"] | string;
            predictedChanges: components["schemas"]["PredictedChange"][];
            reasons: string[];
            /** @constant */
            status: "ok";
            tier: number;
        };
        /**
         * State
         * @description The states of a request. Every one but ``escalated_pending`` is terminal and never changes.
         * @enum {string}
         */
        State: "allowed_terminal" | "denied_terminal" | "escalated_pending" | "escalated_approved_terminal" | "escalated_rejected_terminal" | "escalated_expired_terminal";
        /**
         * StoredBudget
         * @description Bounds how much, or how often, within a window of UTC, as its operator wrote it.
         */
        StoredBudget: {
            /** @description Only calls in this currency count; without it each by itself. */
            currency?: string | null;
            id: components["schemas"]["Id"];
            max: number;
            measure: ("count" | "sum") | string;
            /** @description What a sum is of: ``amount``, or ``input.`` and a path into arguments. */
            of?: string | null;
            /** @description What becomes of a call that it has no room for. */
            over: ("deny" | "escalate") | string;
            /** @description Whose calls are counted together. */
            per: ("agent" | "principal" | "tenant" | "tool") | string;
            /** @description Spreads what counts; each shard may hold its share of ``max``. */
            shards?: number | null;
            window: ("hour" | "day" | "month") | string;
        };
        /**
         * StoredOutcome
         * @description Tells how a request stands, or what came of the first use of a key that is used again.
         */
        StoredOutcome: {
            artifact: components["schemas"]["Artifact"];
            state: components["schemas"]["State"] | string;
        };
        /**
         * StoredRule
         * @description A rule as its operator wrote it.
         */
        StoredRule: {
            id: components["schemas"]["Id"];
            key: string;
            value: number | string | string[];
        };
        /**
         * Submission
         * @description An action that an agent wants to take.
         */
        Submission: {
            /**
             * @description A payment's ``amount`` and ``category`` may stand in its arguments, in ``context``, or alike
             *     in both.
             */
            action?: components["schemas"]["Action"] | null;
            actionType: components["schemas"]["ActionType"];
            agentId: components["schemas"]["NewId"];
            /**
             * @description What decides: ``amount``, ``category`` and limits of the caller's own that narrow the policy
             *     (``maxTransaction``, ``dailySpendLimit``, ``allowedHours``, ``allowedCategories``) of a payment;
             *     ``sensitivity`` and ``authorizedSensitiveScope`` of a data access. What cannot be understood denies.
             */
            context?: {
                [key: string]: unknown;
            } | null;
            payloadRef: components["schemas"]["PayloadRef"];
            principalId: components["schemas"]["NewId"];
            /** @description False is refused: a privileged path cannot opt out. */
            privilegedPath?: boolean | null;
            /** @description Submitting it again answers what was decided first. */
            requestId: components["schemas"]["NewId"];
            /** @description "" is none. */
            tenantId?: components["schemas"]["NewIdOrNone"] | null;
            /** @description The caller's clock, epoch ms, within 5 minutes of the server's. */
            timestamp: number;
        };
        /**
         * SubmissionRefusal
         * @description A submission that was not even decided.
         */
        SubmissionRefusal: {
            /** @constant */
            decision: "deny";
            /** @description Of no decision where the facts could not be read. */
            decisionContextHash: components["schemas"]["ContextHash"];
            /** @description The same as ``reasonCode``. */
            error: string;
            message: string;
            reasonCode: string;
            requestId: components["schemas"]["Id"] | null;
            responseClass: components["schemas"]["ResponseClass"] | string;
            /** @constant */
            state: "denied_terminal";
            /** @constant */
            status: "error";
            tier: number;
        };
        /**
         * ToolList
         * @description The tools of an action type, which replace those that it had. A name belongs to one type.
         */
        ToolList: {
            /**
             * @description Their type.
             * @enum {string}
             */
            actionType: "payment" | "data_access" | "credential_use" | "external_call" | "other";
            tools: components["schemas"]["GivenTool"][];
        };
        /**
         * ToolsRegistered
         * @description The list of tools that is now that of its type.
         */
        ToolsRegistered: {
            auditEventId: string;
            message: string;
            /** @constant */
            status: "ok";
            toolsVersion: components["schemas"]["PolicyVersion"];
        };
        /**
         * TrustClaims
         * @description Claims of the token in x-internal-trust-context. Its times are epoch seconds.
         */
        TrustClaims: {
            /** @enum {string} */
            aud: "handshake-core";
            /** @description SHA-256 of the body's bytes, which no other body then has. */
            bodySha256?: string;
            exp: number;
            iat: number;
            /** @enum {string} */
            iss: "handshake-edge";
            jti: string;
            principalId?: components["schemas"]["Id"];
            /** @description The stack's name: no other stack then takes the token. */
            stack?: string;
            /** @enum {string} */
            sub: "policy.apply" | "policy.tools";
            traceId?: components["schemas"]["Id"];
        };
        /** @enum {string} */
        Unmatched: "allow" | "escalate" | "deny";
        /** @enum {string} */
        UnmatchedTools: "allow" | "deny";
        /** @enum {string} */
        WindowName: "24h" | "7d" | "30d";
    };
    responses: never;
    parameters: {
        /** @example buyer */
        agentId: components["schemas"]["Id"];
        /** @description Echoed when it has 1 to 128 printable ASCII characters; else one is made. */
        correlationId: string;
        /**
         * @description As the claim answered it.
         * @example grant_pay-18
         */
        grantId: string;
        /**
         * @description Good for one action of the principal who sends it.
         * @example extend-pay-18
         */
        idempotencyKey: string;
        /**
         * @description Who is asking, as JSON. Demanded where the operation's security names it.
         * @example {"principalId": "bob", "subjectType": "human", "tenantId": "acme"}
         */
        identityEnvelope: string;
        /** @description A compact JWT of TrustClaims. Demanded where the operation's security names it. */
        internalTrustContext: string;
        /** @example pay-17 */
        requestId: components["schemas"]["Id"];
    };
    requestBodies: never;
    headers: {
        /** @description Names the call in logs and traces. */
        CorrelationId: string;
        /** @description Seconds. */
        RetryAfter: number;
    };
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    getGrantKeys: {
        parameters: {
            query?: never;
            header?: {
                /** @description Echoed when it has 1 to 128 printable ASCII characters; else one is made. */
                "x-correlation-id"?: components["parameters"]["correlationId"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description List the public keys that verify grants */
            200: {
                headers: {
                    "x-correlation-id": components["headers"]["CorrelationId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["KeySet"];
                };
            };
            /** @description Refused: trust_context_invalid_request_shape. */
            400: {
                headers: {
                    "x-correlation-id": components["headers"]["CorrelationId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Refused: security_missing_authorization_header, security_token_invalid, security_invalid_identity_envelope, security_invalid_internal_trust_context. */
            401: {
                headers: {
                    "x-correlation-id": components["headers"]["CorrelationId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Refused: adapter_store_unavailable, adapter_signer_unavailable. */
            503: {
                headers: {
                    "Retry-After": components["headers"]["RetryAfter"];
                    "x-correlation-id": components["headers"]["CorrelationId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
        };
    };
    listAgents: {
        parameters: {
            query?: {
                /** @description How many at once. */
                limit?: number;
                /** @description The last page's ``nextCursor``; the first page when left out or empty. */
                cursor?: string;
                /**
                 * @description The state in force now.
                 * @example stopped
                 */
                state?: components["schemas"]["AgentState"];
            };
            header?: {
                /**
                 * @description Who is asking, as JSON. Demanded where the operation's security names it.
                 * @example {"principalId": "bob", "subjectType": "human", "tenantId": "acme"}
                 */
                "x-identity-envelope"?: components["parameters"]["identityEnvelope"];
                /** @description Echoed when it has 1 to 128 printable ASCII characters; else one is made. */
                "x-correlation-id"?: components["parameters"]["correlationId"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Agents that operators have named, with how each stands */
            200: {
                headers: {
                    "x-correlation-id": components["headers"]["CorrelationId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Agents"];
                };
            };
            /** @description Refused: trust_context_invalid_request_shape. */
            400: {
                headers: {
                    "x-correlation-id": components["headers"]["CorrelationId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Refused: security_missing_authorization_header, security_token_invalid, security_invalid_identity_envelope, security_invalid_internal_trust_context, security_missing_identity_envelope. */
            401: {
                headers: {
                    "x-correlation-id": components["headers"]["CorrelationId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Refused: security_read_scope_denied. */
            403: {
                headers: {
                    "x-correlation-id": components["headers"]["CorrelationId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Refused: adapter_store_unavailable. */
            503: {
                headers: {
                    "Retry-After": components["headers"]["RetryAfter"];
                    "x-correlation-id": components["headers"]["CorrelationId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
        };
    };
    getAgent: {
        parameters: {
            query?: {
                /** @description Whose record: for an admin without a tenant, who is shown that of all tenants without it. */
                tenantId?: string;
            };
            header?: {
                /**
                 * @description Who is asking, as JSON. Demanded where the operation's security names it.
                 * @example {"principalId": "bob", "subjectType": "human", "tenantId": "acme"}
                 */
                "x-identity-envelope"?: components["parameters"]["identityEnvelope"];
                /** @description Echoed when it has 1 to 128 printable ASCII characters; else one is made. */
                "x-correlation-id"?: components["parameters"]["correlationId"];
            };
            path: {
                /** @example buyer */
                agentId: components["parameters"]["agentId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Show how an agent stands */
            200: {
                headers: {
                    "x-correlation-id": components["headers"]["CorrelationId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Agent"];
                };
            };
            /** @description Refused: trust_context_invalid_request_shape. */
            400: {
                headers: {
                    "x-correlation-id": components["headers"]["CorrelationId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Refused: security_missing_authorization_header, security_token_invalid, security_invalid_identity_envelope, security_invalid_internal_trust_context, security_missing_identity_envelope. */
            401: {
                headers: {
                    "x-correlation-id": components["headers"]["CorrelationId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Refused: security_read_scope_denied, security_read_tenant_mismatch. */
            403: {
                headers: {
                    "x-correlation-id": components["headers"]["CorrelationId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Refused: security_agent_not_found. */
            404: {
                headers: {
                    "x-correlation-id": components["headers"]["CorrelationId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Refused: adapter_store_unavailable. */
            503: {
                headers: {
                    "Retry-After": components["headers"]["RetryAfter"];
                    "x-correlation-id": components["headers"]["CorrelationId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
        };
    };
    putAgent: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description Who is asking, as JSON. Demanded where the operation's security names it.
                 * @example {"principalId": "bob", "subjectType": "human", "tenantId": "acme"}
                 */
                "x-identity-envelope"?: components["parameters"]["identityEnvelope"];
                /** @description Echoed when it has 1 to 128 printable ASCII characters; else one is made. */
                "x-correlation-id"?: components["parameters"]["correlationId"];
            };
            path: {
                /** @example buyer */
                agentId: components["parameters"]["agentId"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["AgentChange"];
            };
        };
        responses: {
            /** @description Stop an agent, restrict it, or let it act again */
            200: {
                headers: {
                    "x-correlation-id": components["headers"]["CorrelationId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Agent"];
                };
            };
            /** @description Refused: trust_context_invalid_request_shape. */
            400: {
                headers: {
                    "x-correlation-id": components["headers"]["CorrelationId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Refused: security_missing_authorization_header, security_token_invalid, security_invalid_identity_envelope, security_invalid_internal_trust_context, security_missing_identity_envelope. */
            401: {
                headers: {
                    "x-correlation-id": components["headers"]["CorrelationId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Refused: security_scope_missing. */
            403: {
                headers: {
                    "x-correlation-id": components["headers"]["CorrelationId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Refused: adapter_store_unavailable. */
            503: {
                headers: {
                    "Retry-After": components["headers"]["RetryAfter"];
                    "x-correlation-id": components["headers"]["CorrelationId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
        };
    };
    projectEvent: {
        parameters: {
            query?: never;
            header?: {
                /** @description Echoed when it has 1 to 128 printable ASCII characters; else one is made. */
                "x-correlation-id"?: components["parameters"]["correlationId"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ReportedEvent"];
            };
        };
        responses: {
            /** @description Report a decision that was made elsewhere */
            200: {
                headers: {
                    "x-correlation-id": components["headers"]["CorrelationId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["EventKept"];
                };
            };
            /** @description Refused: trust_context_invalid_request_shape, invalid_metrics_event. */
            400: {
                headers: {
                    "x-correlation-id": components["headers"]["CorrelationId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Refused: security_missing_authorization_header, security_token_invalid, security_invalid_identity_envelope, security_invalid_internal_trust_context. */
            401: {
                headers: {
                    "x-correlation-id": components["headers"]["CorrelationId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Refused: adapter_store_unavailable. */
            503: {
                headers: {
                    "Retry-After": components["headers"]["RetryAfter"];
                    "x-correlation-id": components["headers"]["CorrelationId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
        };
    };
    getMetricsReasons: {
        parameters: {
            query?: {
                /**
                 * @description The last 24 hours when left out.
                 * @example 24h
                 */
                window?: components["schemas"]["WindowName"];
            };
            header?: {
                /** @description Echoed when it has 1 to 128 printable ASCII characters; else one is made. */
                "x-correlation-id"?: components["parameters"]["correlationId"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Events by family of reasons */
            200: {
                headers: {
                    "x-correlation-id": components["headers"]["CorrelationId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["MetricsReasons"];
                };
            };
            /** @description Refused: trust_context_invalid_request_shape, invalid_metric_query. */
            400: {
                headers: {
                    "x-correlation-id": components["headers"]["CorrelationId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Refused: security_missing_authorization_header, security_token_invalid, security_invalid_identity_envelope, security_invalid_internal_trust_context. */
            401: {
                headers: {
                    "x-correlation-id": components["headers"]["CorrelationId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Refused: adapter_store_unavailable. */
            503: {
                headers: {
                    "Retry-After": components["headers"]["RetryAfter"];
                    "x-correlation-id": components["headers"]["CorrelationId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
        };
    };
    getMetricsSeries: {
        parameters: {
            query?: {
                /**
                 * @description The last 24 hours when left out.
                 * @example 24h
                 */
                window?: components["schemas"]["WindowName"];
                /**
                 * @description ``security_denial_total`` when left out.
                 * @example uair
                 */
                metric?: components["schemas"]["MetricName"];
                /**
                 * @description Hours when left out.
                 * @example hour
                 */
                bucket?: components["schemas"]["BucketName"];
            };
            header?: {
                /** @description Echoed when it has 1 to 128 printable ASCII characters; else one is made. */
                "x-correlation-id"?: components["parameters"]["correlationId"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description One metric, bucket by bucket */
            200: {
                headers: {
                    "x-correlation-id": components["headers"]["CorrelationId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["MetricsSeries"];
                };
            };
            /** @description Refused: trust_context_invalid_request_shape, invalid_metric_query. */
            400: {
                headers: {
                    "x-correlation-id": components["headers"]["CorrelationId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Refused: security_missing_authorization_header, security_token_invalid, security_invalid_identity_envelope, security_invalid_internal_trust_context. */
            401: {
                headers: {
                    "x-correlation-id": components["headers"]["CorrelationId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Refused: adapter_store_unavailable. */
            503: {
                headers: {
                    "Retry-After": components["headers"]["RetryAfter"];
                    "x-correlation-id": components["headers"]["CorrelationId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
        };
    };
    getMetricsSummary: {
        parameters: {
            query?: {
                /**
                 * @description The last 24 hours when left out.
                 * @example 24h
                 */
                window?: components["schemas"]["WindowName"];
            };
            header?: {
                /** @description Echoed when it has 1 to 128 printable ASCII characters; else one is made. */
                "x-correlation-id"?: components["parameters"]["correlationId"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Every metric over a window */
            200: {
                headers: {
                    "x-correlation-id": components["headers"]["CorrelationId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["MetricsSummary"];
                };
            };
            /** @description Refused: trust_context_invalid_request_shape, invalid_metric_query. */
            400: {
                headers: {
                    "x-correlation-id": components["headers"]["CorrelationId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Refused: security_missing_authorization_header, security_token_invalid, security_invalid_identity_envelope, security_invalid_internal_trust_context. */
            401: {
                headers: {
                    "x-correlation-id": components["headers"]["CorrelationId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Refused: adapter_store_unavailable. */
            503: {
                headers: {
                    "Retry-After": components["headers"]["RetryAfter"];
                    "x-correlation-id": components["headers"]["CorrelationId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
        };
    };
    applyPolicy: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description Who is asking, as JSON. Demanded where the operation's security names it.
                 * @example {"principalId": "bob", "subjectType": "human", "tenantId": "acme"}
                 */
                "x-identity-envelope"?: components["parameters"]["identityEnvelope"];
                /** @description A compact JWT of TrustClaims. Demanded where the operation's security names it. */
                "x-internal-trust-context"?: components["parameters"]["internalTrustContext"];
                /** @description Echoed when it has 1 to 128 printable ASCII characters; else one is made. */
                "x-correlation-id"?: components["parameters"]["correlationId"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["PolicyChange"];
            };
        };
        responses: {
            /** @description Put a policy in force */
            200: {
                headers: {
                    "x-correlation-id": components["headers"]["CorrelationId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PolicyApplied"];
                };
            };
            /** @description Refused: trust_context_invalid_request_shape, trust_context_missing_binding. */
            400: {
                headers: {
                    "x-correlation-id": components["headers"]["CorrelationId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Refused: security_missing_authorization_header, security_token_invalid, security_invalid_identity_envelope, security_invalid_internal_trust_context, security_missing_identity_envelope, security_missing_internal_trust_context, security_internal_trust_context_expired, security_internal_trust_config_missing. */
            401: {
                headers: {
                    "x-correlation-id": components["headers"]["CorrelationId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Refused: security_identity_subject_mismatch. */
            403: {
                headers: {
                    "x-correlation-id": components["headers"]["CorrelationId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Refused: policy_version_not_found. */
            404: {
                headers: {
                    "x-correlation-id": components["headers"]["CorrelationId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Refused: security_replay_detected, policy_version_conflict. */
            409: {
                headers: {
                    "x-correlation-id": components["headers"]["CorrelationId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Refused: policy_invalid_policy. */
            422: {
                headers: {
                    "x-correlation-id": components["headers"]["CorrelationId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Refused: adapter_store_unavailable, security_replay_guard_unavailable, adapter_privileged_mutations_paused. */
            503: {
                headers: {
                    "Retry-After": components["headers"]["RetryAfter"];
                    "x-correlation-id": components["headers"]["CorrelationId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
        };
    };
    getPolicyConfig: {
        parameters: {
            query?: {
                /**
                 * @description The tenant or the agent; required with their scopes, not read beside global.
                 * @example buyer
                 */
                scopeId?: components["schemas"]["Id"];
                /** @description With agent scope: the policy that applies in this tenant only. */
                tenantId?: components["schemas"]["Id"];
                /**
                 * @description Whose policy; global when left out.
                 * @example agent
                 */
                scope?: components["schemas"]["ScopeKind"];
                /** @description One version of it; the active one when left out. */
                policyVersion?: components["schemas"]["Id"];
            };
            header?: {
                /** @description Echoed when it has 1 to 128 printable ASCII characters; else one is made. */
                "x-correlation-id"?: components["parameters"]["correlationId"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The policy of a scope */
            200: {
                headers: {
                    "x-correlation-id": components["headers"]["CorrelationId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PolicyConfig"];
                };
            };
            /** @description Refused: trust_context_invalid_request_shape, trust_context_missing_binding. */
            400: {
                headers: {
                    "x-correlation-id": components["headers"]["CorrelationId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Refused: security_missing_authorization_header, security_token_invalid, security_invalid_identity_envelope, security_invalid_internal_trust_context. */
            401: {
                headers: {
                    "x-correlation-id": components["headers"]["CorrelationId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Refused: policy_version_not_found. */
            404: {
                headers: {
                    "x-correlation-id": components["headers"]["CorrelationId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Refused: adapter_store_unavailable. */
            503: {
                headers: {
                    "Retry-After": components["headers"]["RetryAfter"];
                    "x-correlation-id": components["headers"]["CorrelationId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
        };
    };
    getPolicyShadow: {
        parameters: {
            query: {
                /**
                 * @description The tenant or the agent; required with their scopes, not read beside global.
                 * @example buyer
                 */
                scopeId?: components["schemas"]["Id"];
                /** @description With agent scope: the policy that applies in this tenant only. */
                tenantId?: components["schemas"]["Id"];
                /**
                 * @description Whose policy.
                 * @example agent
                 */
                scope: components["schemas"]["ScopeKind"];
            };
            header?: {
                /** @description Echoed when it has 1 to 128 printable ASCII characters; else one is made. */
                "x-correlation-id"?: components["parameters"]["correlationId"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Tell what the shadow of a scope would have decided otherwise */
            200: {
                headers: {
                    "x-correlation-id": components["headers"]["CorrelationId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PolicyShadow"];
                };
            };
            /** @description Refused: trust_context_invalid_request_shape, trust_context_missing_binding. */
            400: {
                headers: {
                    "x-correlation-id": components["headers"]["CorrelationId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Refused: security_missing_authorization_header, security_token_invalid, security_invalid_identity_envelope, security_invalid_internal_trust_context. */
            401: {
                headers: {
                    "x-correlation-id": components["headers"]["CorrelationId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Refused: adapter_store_unavailable. */
            503: {
                headers: {
                    "Retry-After": components["headers"]["RetryAfter"];
                    "x-correlation-id": components["headers"]["CorrelationId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
        };
    };
    simulatePolicy: {
        parameters: {
            query?: never;
            header?: {
                /** @description Echoed when it has 1 to 128 printable ASCII characters; else one is made. */
                "x-correlation-id"?: components["parameters"]["correlationId"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["PolicyProposal"];
            };
        };
        responses: {
            /** @description Simulate what a policy would have changed */
            200: {
                headers: {
                    "x-correlation-id": components["headers"]["CorrelationId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Simulated"];
                };
            };
            /** @description Refused: trust_context_invalid_request_shape, trust_context_missing_binding. */
            400: {
                headers: {
                    "x-correlation-id": components["headers"]["CorrelationId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Refused: security_missing_authorization_header, security_token_invalid, security_invalid_identity_envelope, security_invalid_internal_trust_context. */
            401: {
                headers: {
                    "x-correlation-id": components["headers"]["CorrelationId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Refused: policy_invalid_policy. */
            422: {
                headers: {
                    "x-correlation-id": components["headers"]["CorrelationId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Refused: adapter_store_unavailable. */
            503: {
                headers: {
                    "Retry-After": components["headers"]["RetryAfter"];
                    "x-correlation-id": components["headers"]["CorrelationId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
        };
    };
    getTools: {
        parameters: {
            query?: never;
            header?: {
                /** @description Echoed when it has 1 to 128 printable ASCII characters; else one is made. */
                "x-correlation-id"?: components["parameters"]["correlationId"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Show the registered tools */
            200: {
                headers: {
                    "x-correlation-id": components["headers"]["CorrelationId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RegisteredTools"];
                };
            };
            /** @description Refused: trust_context_invalid_request_shape. */
            400: {
                headers: {
                    "x-correlation-id": components["headers"]["CorrelationId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Refused: security_missing_authorization_header, security_token_invalid, security_invalid_identity_envelope, security_invalid_internal_trust_context. */
            401: {
                headers: {
                    "x-correlation-id": components["headers"]["CorrelationId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Refused: adapter_store_unavailable. */
            503: {
                headers: {
                    "Retry-After": components["headers"]["RetryAfter"];
                    "x-correlation-id": components["headers"]["CorrelationId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
        };
    };
    registerTools: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description Who is asking, as JSON. Demanded where the operation's security names it.
                 * @example {"principalId": "bob", "subjectType": "human", "tenantId": "acme"}
                 */
                "x-identity-envelope"?: components["parameters"]["identityEnvelope"];
                /** @description A compact JWT of TrustClaims. Demanded where the operation's security names it. */
                "x-internal-trust-context"?: components["parameters"]["internalTrustContext"];
                /** @description Echoed when it has 1 to 128 printable ASCII characters; else one is made. */
                "x-correlation-id"?: components["parameters"]["correlationId"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ToolList"];
            };
        };
        responses: {
            /** @description Register the tools of an action type */
            200: {
                headers: {
                    "x-correlation-id": components["headers"]["CorrelationId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ToolsRegistered"];
                };
            };
            /** @description Refused: trust_context_invalid_request_shape. */
            400: {
                headers: {
                    "x-correlation-id": components["headers"]["CorrelationId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Refused: security_missing_authorization_header, security_token_invalid, security_invalid_identity_envelope, security_invalid_internal_trust_context, security_missing_identity_envelope, security_missing_internal_trust_context, security_internal_trust_context_expired, security_internal_trust_config_missing. */
            401: {
                headers: {
                    "x-correlation-id": components["headers"]["CorrelationId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Refused: security_identity_subject_mismatch. */
            403: {
                headers: {
                    "x-correlation-id": components["headers"]["CorrelationId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Refused: security_replay_detected. */
            409: {
                headers: {
                    "x-correlation-id": components["headers"]["CorrelationId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Refused: policy_invalid_policy. */
            422: {
                headers: {
                    "x-correlation-id": components["headers"]["CorrelationId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Refused: adapter_store_unavailable, security_replay_guard_unavailable, adapter_privileged_mutations_paused. */
            503: {
                headers: {
                    "Retry-After": components["headers"]["RetryAfter"];
                    "x-correlation-id": components["headers"]["CorrelationId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
        };
    };
    listPolicyVersions: {
        parameters: {
            query: {
                /**
                 * @description The tenant or the agent; required with their scopes, not read beside global.
                 * @example buyer
                 */
                scopeId?: components["schemas"]["Id"];
                /** @description With agent scope: the policy that applies in this tenant only. */
                tenantId?: components["schemas"]["Id"];
                /**
                 * @description How many at once.
                 * @example 10
                 */
                limit?: number;
                /** @description The last page's ``nextCursor``; the first page when left out or empty. */
                cursor?: string;
                /**
                 * @description Whose policy.
                 * @example agent
                 */
                scope: components["schemas"]["ScopeKind"];
            };
            header?: {
                /** @description Echoed when it has 1 to 128 printable ASCII characters; else one is made. */
                "x-correlation-id"?: components["parameters"]["correlationId"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The versions of a scope's policy */
            200: {
                headers: {
                    "x-correlation-id": components["headers"]["CorrelationId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PolicyVersions"];
                };
            };
            /** @description Refused: trust_context_invalid_request_shape, trust_context_missing_binding. */
            400: {
                headers: {
                    "x-correlation-id": components["headers"]["CorrelationId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Refused: security_missing_authorization_header, security_token_invalid, security_invalid_identity_envelope, security_invalid_internal_trust_context. */
            401: {
                headers: {
                    "x-correlation-id": components["headers"]["CorrelationId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Refused: adapter_store_unavailable. */
            503: {
                headers: {
                    "Retry-After": components["headers"]["RetryAfter"];
                    "x-correlation-id": components["headers"]["CorrelationId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
        };
    };
    authorizeExecution: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description Who is asking, as JSON. Demanded where the operation's security names it.
                 * @example {"principalId": "bob", "subjectType": "human", "tenantId": "acme"}
                 */
                "x-identity-envelope"?: components["parameters"]["identityEnvelope"];
                /** @description Echoed when it has 1 to 128 printable ASCII characters; else one is made. */
                "x-correlation-id"?: components["parameters"]["correlationId"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ExecutionRequest"];
            };
        };
        responses: {
            /** @description Ask whether a privileged effect may go ahead */
            200: {
                headers: {
                    "x-correlation-id": components["headers"]["CorrelationId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ExecutionAuthorized"];
                };
            };
            /** @description Refused: trust_context_invalid_request_shape, trust_context_missing_binding, trust_context_invalid_timestamp. */
            400: {
                headers: {
                    "x-correlation-id": components["headers"]["CorrelationId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ExecutionRefusal"];
                };
            };
            /** @description Refused: security_missing_authorization_header, security_token_invalid, security_invalid_identity_envelope, security_invalid_internal_trust_context, security_missing_identity_envelope. */
            401: {
                headers: {
                    "x-correlation-id": components["headers"]["CorrelationId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Refused: security_identity_subject_mismatch, security_read_tenant_mismatch, security_handshake_required_bypass_denied, security_side_channel_denied, security_missing_decision_artifact, security_non_allow_artifact, security_agent_stopped. */
            403: {
                headers: {
                    "x-correlation-id": components["headers"]["CorrelationId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ExecutionRefusal"];
                };
            };
            /** @description Refused: security_artifact_request_not_found. */
            404: {
                headers: {
                    "x-correlation-id": components["headers"]["CorrelationId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ExecutionRefusal"];
                };
            };
            /** @description Refused: security_decision_context_mismatch, security_artifact_state_not_authorized, security_grant_required, security_grant_expired, security_grant_consumed. */
            409: {
                headers: {
                    "x-correlation-id": components["headers"]["CorrelationId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ExecutionRefusal"];
                };
            };
            /** @description Refused: adapter_store_unavailable, adapter_privileged_mutations_paused. */
            503: {
                headers: {
                    "Retry-After": components["headers"]["RetryAfter"];
                    "x-correlation-id": components["headers"]["CorrelationId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ExecutionRefusal"] | components["schemas"]["Refusal"];
                };
            };
        };
    };
    listDecisionRooms: {
        parameters: {
            query?: {
                /**
                 * @description How many at once.
                 * @example 10
                 */
                limit?: number;
                /** @description The last page's ``nextCursor``; the first page when left out or empty. */
                cursor?: string;
            };
            header?: {
                /**
                 * @description Who is asking, as JSON. Demanded where the operation's security names it.
                 * @example {"principalId": "bob", "subjectType": "human", "tenantId": "acme"}
                 */
                "x-identity-envelope"?: components["parameters"]["identityEnvelope"];
                /** @description Echoed when it has 1 to 128 printable ASCII characters; else one is made. */
                "x-correlation-id"?: components["parameters"]["correlationId"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Requests that wait for the caller, or for the caller's tenant */
            200: {
                headers: {
                    "x-correlation-id": components["headers"]["CorrelationId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Queue"];
                };
            };
            /** @description Refused: trust_context_invalid_request_shape. */
            400: {
                headers: {
                    "x-correlation-id": components["headers"]["CorrelationId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Refused: security_missing_authorization_header, security_token_invalid, security_invalid_identity_envelope, security_invalid_internal_trust_context, security_missing_identity_envelope. */
            401: {
                headers: {
                    "x-correlation-id": components["headers"]["CorrelationId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Refused: adapter_store_unavailable. */
            503: {
                headers: {
                    "Retry-After": components["headers"]["RetryAfter"];
                    "x-correlation-id": components["headers"]["CorrelationId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
        };
    };
    resolveRequest: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description Who is asking, as JSON. Demanded where the operation's security names it.
                 * @example {"principalId": "bob", "subjectType": "human", "tenantId": "acme"}
                 */
                "x-identity-envelope"?: components["parameters"]["identityEnvelope"];
                /**
                 * @description Good for one action of the principal who sends it.
                 * @example extend-pay-18
                 */
                "x-idempotency-key"?: components["parameters"]["idempotencyKey"];
                /** @description Echoed when it has 1 to 128 printable ASCII characters; else one is made. */
                "x-correlation-id"?: components["parameters"]["correlationId"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["DecisionAction"];
            };
        };
        responses: {
            /** @description Approve or reject an escalated request, or withdraw one's own */
            200: {
                headers: {
                    "x-correlation-id": components["headers"]["CorrelationId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ActionDone"];
                };
            };
            /** @description Refused: trust_context_invalid_request_shape, trust_context_missing_binding. */
            400: {
                headers: {
                    "x-correlation-id": components["headers"]["CorrelationId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ActionRefusal"];
                };
            };
            /** @description Refused: security_missing_authorization_header, security_token_invalid, security_invalid_identity_envelope, security_invalid_internal_trust_context, security_missing_identity_envelope. */
            401: {
                headers: {
                    "x-correlation-id": components["headers"]["CorrelationId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Refused: security_identity_subject_mismatch, hitl_approval_unauthorized, security_identity_assurance_insufficient, security_agent_stopped. */
            403: {
                headers: {
                    "x-correlation-id": components["headers"]["CorrelationId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ActionRefusal"];
                };
            };
            /** @description Refused: hitl_request_not_found. */
            404: {
                headers: {
                    "x-correlation-id": components["headers"]["CorrelationId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ActionRefusal"];
                };
            };
            /** @description Refused: security_replay_detected, hitl_request_mismatch, hitl_terminal_state_immutable, hitl_timeout_fail_closed. */
            409: {
                headers: {
                    "x-correlation-id": components["headers"]["CorrelationId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ActionRefusal"];
                };
            };
            /** @description Refused: policy_daily_limit_exceeded. */
            422: {
                headers: {
                    "x-correlation-id": components["headers"]["CorrelationId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ActionRefusal"];
                };
            };
            /** @description Refused: adapter_store_unavailable, security_replay_guard_unavailable, adapter_privileged_mutations_paused. */
            503: {
                headers: {
                    "Retry-After": components["headers"]["RetryAfter"];
                    "x-correlation-id": components["headers"]["CorrelationId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
        };
    };
    extendDeadline: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description Who is asking, as JSON. Demanded where the operation's security names it.
                 * @example {"principalId": "bob", "subjectType": "human", "tenantId": "acme"}
                 */
                "x-identity-envelope"?: components["parameters"]["identityEnvelope"];
                /**
                 * @description Good for one action of the principal who sends it.
                 * @example extend-pay-18
                 */
                "x-idempotency-key"?: components["parameters"]["idempotencyKey"];
                /** @description Echoed when it has 1 to 128 printable ASCII characters; else one is made. */
                "x-correlation-id"?: components["parameters"]["correlationId"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["Extension"];
            };
        };
        responses: {
            /** @description Give an escalated request more time */
            200: {
                headers: {
                    "x-correlation-id": components["headers"]["CorrelationId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Extended"];
                };
            };
            /** @description Refused: trust_context_invalid_request_shape, trust_context_missing_binding. */
            400: {
                headers: {
                    "x-correlation-id": components["headers"]["CorrelationId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Refused: security_missing_authorization_header, security_token_invalid, security_invalid_identity_envelope, security_invalid_internal_trust_context, security_missing_identity_envelope. */
            401: {
                headers: {
                    "x-correlation-id": components["headers"]["CorrelationId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Refused: security_identity_subject_mismatch, hitl_approval_unauthorized, security_identity_assurance_insufficient. */
            403: {
                headers: {
                    "x-correlation-id": components["headers"]["CorrelationId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Refused: hitl_request_not_found. */
            404: {
                headers: {
                    "x-correlation-id": components["headers"]["CorrelationId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Refused: security_replay_detected, hitl_deadline_not_extendable. */
            409: {
                headers: {
                    "x-correlation-id": components["headers"]["CorrelationId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Refused: adapter_store_unavailable, security_replay_guard_unavailable. */
            503: {
                headers: {
                    "Retry-After": components["headers"]["RetryAfter"];
                    "x-correlation-id": components["headers"]["CorrelationId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
        };
    };
    revokeRequest: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description Who is asking, as JSON. Demanded where the operation's security names it.
                 * @example {"principalId": "bob", "subjectType": "human", "tenantId": "acme"}
                 */
                "x-identity-envelope"?: components["parameters"]["identityEnvelope"];
                /** @description Echoed when it has 1 to 128 printable ASCII characters; else one is made. */
                "x-correlation-id"?: components["parameters"]["correlationId"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["Revocation"];
            };
        };
        responses: {
            /** @description Take back what a request authorizes */
            200: {
                headers: {
                    "x-correlation-id": components["headers"]["CorrelationId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Revoked"];
                };
            };
            /** @description Refused: trust_context_invalid_request_shape, trust_context_missing_binding. */
            400: {
                headers: {
                    "x-correlation-id": components["headers"]["CorrelationId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Refused: security_missing_authorization_header, security_token_invalid, security_invalid_identity_envelope, security_invalid_internal_trust_context, security_missing_identity_envelope. */
            401: {
                headers: {
                    "x-correlation-id": components["headers"]["CorrelationId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Refused: security_identity_subject_mismatch, hitl_approval_unauthorized. */
            403: {
                headers: {
                    "x-correlation-id": components["headers"]["CorrelationId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Refused: hitl_request_not_found. */
            404: {
                headers: {
                    "x-correlation-id": components["headers"]["CorrelationId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Refused: security_artifact_state_not_authorized, security_grant_consumed. */
            409: {
                headers: {
                    "x-correlation-id": components["headers"]["CorrelationId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Refused: adapter_store_unavailable. */
            503: {
                headers: {
                    "Retry-After": components["headers"]["RetryAfter"];
                    "x-correlation-id": components["headers"]["CorrelationId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
        };
    };
    getDecisionRoom: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description Who is asking, as JSON. Demanded where the operation's security names it.
                 * @example {"principalId": "bob", "subjectType": "human", "tenantId": "acme"}
                 */
                "x-identity-envelope"?: components["parameters"]["identityEnvelope"];
                /** @description Echoed when it has 1 to 128 printable ASCII characters; else one is made. */
                "x-correlation-id"?: components["parameters"]["correlationId"];
            };
            path: {
                /** @example pay-17 */
                requestId: components["parameters"]["requestId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Show what a person sees before deciding */
            200: {
                headers: {
                    "x-correlation-id": components["headers"]["CorrelationId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Room"];
                };
            };
            /** @description Refused: trust_context_invalid_request_shape. */
            400: {
                headers: {
                    "x-correlation-id": components["headers"]["CorrelationId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Refused: security_missing_authorization_header, security_token_invalid, security_invalid_identity_envelope, security_invalid_internal_trust_context, security_missing_identity_envelope. */
            401: {
                headers: {
                    "x-correlation-id": components["headers"]["CorrelationId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Refused: security_read_scope_denied, security_read_tenant_mismatch. */
            403: {
                headers: {
                    "x-correlation-id": components["headers"]["CorrelationId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Refused: hitl_request_not_found. */
            404: {
                headers: {
                    "x-correlation-id": components["headers"]["CorrelationId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Refused: adapter_store_unavailable. */
            503: {
                headers: {
                    "Retry-After": components["headers"]["RetryAfter"];
                    "x-correlation-id": components["headers"]["CorrelationId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
        };
    };
    listDecisions: {
        parameters: {
            query?: {
                /** @example forgotten */
                outcome?: "approved" | "rejected" | "withdrawn" | "expired";
                /** @description Who decided; `hitl_expiry` for what nobody decided in time. */
                actor?: components["schemas"]["Id"];
                /** @description Decided then or later, epoch ms. */
                from?: number;
                /** @description Decided before that, epoch ms. */
                to?: number;
                /**
                 * @description How many at once.
                 * @example 10
                 */
                limit?: number;
                /** @description The last page's ``nextCursor``; the first page when left out or empty. */
                cursor?: string;
            };
            header?: {
                /**
                 * @description Who is asking, as JSON. Demanded where the operation's security names it.
                 * @example {"principalId": "bob", "subjectType": "human", "tenantId": "acme"}
                 */
                "x-identity-envelope"?: components["parameters"]["identityEnvelope"];
                /** @description Echoed when it has 1 to 128 printable ASCII characters; else one is made. */
                "x-correlation-id"?: components["parameters"]["correlationId"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Closed escalations of the caller, or of the caller's tenant, newest first */
            200: {
                headers: {
                    "x-correlation-id": components["headers"]["CorrelationId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["History"];
                };
            };
            /** @description Refused: trust_context_invalid_request_shape. */
            400: {
                headers: {
                    "x-correlation-id": components["headers"]["CorrelationId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Refused: security_missing_authorization_header, security_token_invalid, security_invalid_identity_envelope, security_invalid_internal_trust_context, security_missing_identity_envelope. */
            401: {
                headers: {
                    "x-correlation-id": components["headers"]["CorrelationId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Refused: adapter_store_unavailable. */
            503: {
                headers: {
                    "Retry-After": components["headers"]["RetryAfter"];
                    "x-correlation-id": components["headers"]["CorrelationId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
        };
    };
    getEvidence: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description Who is asking, as JSON. Demanded where the operation's security names it.
                 * @example {"principalId": "bob", "subjectType": "human", "tenantId": "acme"}
                 */
                "x-identity-envelope"?: components["parameters"]["identityEnvelope"];
                /** @description Echoed when it has 1 to 128 printable ASCII characters; else one is made. */
                "x-correlation-id"?: components["parameters"]["correlationId"];
            };
            path: {
                /** @example pay-17 */
                requestId: components["parameters"]["requestId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description List what happened to a request, oldest first */
            200: {
                headers: {
                    "x-correlation-id": components["headers"]["CorrelationId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["EvidenceEvent"][];
                };
            };
            /** @description Refused: trust_context_invalid_request_shape. */
            400: {
                headers: {
                    "x-correlation-id": components["headers"]["CorrelationId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Refused: security_missing_authorization_header, security_token_invalid, security_invalid_identity_envelope, security_invalid_internal_trust_context, security_missing_identity_envelope. */
            401: {
                headers: {
                    "x-correlation-id": components["headers"]["CorrelationId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Refused: security_read_scope_denied, security_read_tenant_mismatch. */
            403: {
                headers: {
                    "x-correlation-id": components["headers"]["CorrelationId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Refused: hitl_request_not_found. */
            404: {
                headers: {
                    "x-correlation-id": components["headers"]["CorrelationId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Refused: adapter_store_unavailable. */
            503: {
                headers: {
                    "Retry-After": components["headers"]["RetryAfter"];
                    "x-correlation-id": components["headers"]["CorrelationId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
        };
    };
    claimGrant: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description Who is asking, as JSON. Demanded where the operation's security names it.
                 * @example {"principalId": "bob", "subjectType": "human", "tenantId": "acme"}
                 */
                "x-identity-envelope"?: components["parameters"]["identityEnvelope"];
                /**
                 * @description Good for one action of the principal who sends it.
                 * @example extend-pay-18
                 */
                "x-idempotency-key"?: components["parameters"]["idempotencyKey"];
                /** @description Echoed when it has 1 to 128 printable ASCII characters; else one is made. */
                "x-correlation-id"?: components["parameters"]["correlationId"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["GrantClaim"];
            };
        };
        responses: {
            /** @description Claim the one grant of a request */
            200: {
                headers: {
                    "x-correlation-id": components["headers"]["CorrelationId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Granted"];
                };
            };
            /** @description Refused: trust_context_invalid_request_shape, trust_context_missing_binding. */
            400: {
                headers: {
                    "x-correlation-id": components["headers"]["CorrelationId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Refused: security_missing_authorization_header, security_token_invalid, security_invalid_identity_envelope, security_invalid_internal_trust_context, security_missing_identity_envelope. */
            401: {
                headers: {
                    "x-correlation-id": components["headers"]["CorrelationId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Refused: security_grant_unauthorized, security_agent_stopped. */
            403: {
                headers: {
                    "x-correlation-id": components["headers"]["CorrelationId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Refused: security_artifact_request_not_found. */
            404: {
                headers: {
                    "x-correlation-id": components["headers"]["CorrelationId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Refused: security_decision_context_mismatch, security_replay_detected, security_grant_consumed, security_artifact_state_not_authorized, security_grant_expired, security_policy_changed. */
            409: {
                headers: {
                    "x-correlation-id": components["headers"]["CorrelationId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Refused: adapter_store_unavailable, security_replay_guard_unavailable, adapter_privileged_mutations_paused, adapter_signer_unavailable. */
            503: {
                headers: {
                    "Retry-After": components["headers"]["RetryAfter"];
                    "x-correlation-id": components["headers"]["CorrelationId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
        };
    };
    reportOutcome: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description Who is asking, as JSON. Demanded where the operation's security names it.
                 * @example {"principalId": "bob", "subjectType": "human", "tenantId": "acme"}
                 */
                "x-identity-envelope"?: components["parameters"]["identityEnvelope"];
                /** @description Echoed when it has 1 to 128 printable ASCII characters; else one is made. */
                "x-correlation-id"?: components["parameters"]["correlationId"];
            };
            path: {
                /**
                 * @description As the claim answered it.
                 * @example grant_pay-18
                 */
                grantId: components["parameters"]["grantId"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ExecutionOutcome"];
            };
        };
        responses: {
            /** @description Report what came of the effect that a grant allowed */
            200: {
                headers: {
                    "x-correlation-id": components["headers"]["CorrelationId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OutcomeKept"];
                };
            };
            /** @description Refused: trust_context_invalid_request_shape. */
            400: {
                headers: {
                    "x-correlation-id": components["headers"]["CorrelationId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Refused: security_missing_authorization_header, security_token_invalid, security_invalid_identity_envelope, security_invalid_internal_trust_context, security_missing_identity_envelope. */
            401: {
                headers: {
                    "x-correlation-id": components["headers"]["CorrelationId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Refused: security_grant_unauthorized. */
            403: {
                headers: {
                    "x-correlation-id": components["headers"]["CorrelationId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Refused: security_grant_not_found. */
            404: {
                headers: {
                    "x-correlation-id": components["headers"]["CorrelationId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Refused: security_outcome_already_reported. */
            409: {
                headers: {
                    "x-correlation-id": components["headers"]["CorrelationId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Refused: adapter_store_unavailable. */
            503: {
                headers: {
                    "Retry-After": components["headers"]["RetryAfter"];
                    "x-correlation-id": components["headers"]["CorrelationId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
        };
    };
    submitRequest: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description Who is asking, as JSON. Demanded where the operation's security names it.
                 * @example {"principalId": "bob", "subjectType": "human", "tenantId": "acme"}
                 */
                "x-identity-envelope"?: components["parameters"]["identityEnvelope"];
                /** @description Echoed when it has 1 to 128 printable ASCII characters; else one is made. */
                "x-correlation-id"?: components["parameters"]["correlationId"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["Submission"];
            };
        };
        responses: {
            /** @description Submit an action for a decision */
            200: {
                headers: {
                    "x-correlation-id": components["headers"]["CorrelationId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Decided"];
                };
            };
            /** @description Refused: trust_context_invalid_request_shape, trust_context_missing_binding, trust_context_invalid_timestamp, trust_context_timestamp_skew_fail_closed. */
            400: {
                headers: {
                    "x-correlation-id": components["headers"]["CorrelationId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SubmissionRefusal"];
                };
            };
            /** @description Refused: security_missing_authorization_header, security_token_invalid, security_invalid_identity_envelope, security_invalid_internal_trust_context, security_missing_identity_envelope. */
            401: {
                headers: {
                    "x-correlation-id": components["headers"]["CorrelationId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Refused: security_handshake_required_bypass_denied, security_side_channel_denied, security_identity_subject_mismatch, security_read_tenant_mismatch. */
            403: {
                headers: {
                    "x-correlation-id": components["headers"]["CorrelationId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SubmissionRefusal"];
                };
            };
            /** @description Refused: security_decision_context_mismatch. */
            409: {
                headers: {
                    "x-correlation-id": components["headers"]["CorrelationId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Refused: adapter_store_unavailable. */
            503: {
                headers: {
                    "Retry-After": components["headers"]["RetryAfter"];
                    "x-correlation-id": components["headers"]["CorrelationId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
        };
    };
    getRequest: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description Who is asking, as JSON. Demanded where the operation's security names it.
                 * @example {"principalId": "bob", "subjectType": "human", "tenantId": "acme"}
                 */
                "x-identity-envelope"?: components["parameters"]["identityEnvelope"];
                /** @description Echoed when it has 1 to 128 printable ASCII characters; else one is made. */
                "x-correlation-id"?: components["parameters"]["correlationId"];
            };
            path: {
                /** @example pay-17 */
                requestId: components["parameters"]["requestId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Show where a request stands */
            200: {
                headers: {
                    "x-correlation-id": components["headers"]["CorrelationId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RequestStatus"];
                };
            };
            /** @description Refused: trust_context_invalid_request_shape. */
            400: {
                headers: {
                    "x-correlation-id": components["headers"]["CorrelationId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Refused: security_missing_authorization_header, security_token_invalid, security_invalid_identity_envelope, security_invalid_internal_trust_context, security_missing_identity_envelope. */
            401: {
                headers: {
                    "x-correlation-id": components["headers"]["CorrelationId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Refused: security_read_scope_denied, security_read_tenant_mismatch. */
            403: {
                headers: {
                    "x-correlation-id": components["headers"]["CorrelationId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Refused: hitl_request_not_found. */
            404: {
                headers: {
                    "x-correlation-id": components["headers"]["CorrelationId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
            /** @description Refused: adapter_store_unavailable. */
            503: {
                headers: {
                    "Retry-After": components["headers"]["RetryAfter"];
                    "x-correlation-id": components["headers"]["CorrelationId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"];
                };
            };
        };
    };
}
