/** What each operation takes beside a signature, made from openapi/handshake.json by `npm run generate`: do not edit. */

/**
 * @typedef {{envelope: boolean, submitter: boolean, token: boolean, idempotencyKey: boolean}} Operation
 */

/** @type {Readonly<Record<string, Operation>>} */
export const OPERATIONS = Object.freeze({
  "GET /.well-known/jwks.json": {"envelope":false,"submitter":false,"token":false,"idempotencyKey":false},
  "GET /agents": {"envelope":true,"submitter":false,"token":false,"idempotencyKey":false},
  "GET /agents/{agentId}": {"envelope":true,"submitter":false,"token":false,"idempotencyKey":false},
  "PUT /agents/{agentId}": {"envelope":true,"submitter":false,"token":false,"idempotencyKey":false},
  "POST /metrics/project": {"envelope":false,"submitter":false,"token":false,"idempotencyKey":false},
  "GET /metrics/reasons": {"envelope":false,"submitter":false,"token":false,"idempotencyKey":false},
  "GET /metrics/series": {"envelope":false,"submitter":false,"token":false,"idempotencyKey":false},
  "GET /metrics/summary": {"envelope":false,"submitter":false,"token":false,"idempotencyKey":false},
  "POST /policy/apply": {"envelope":true,"submitter":false,"token":true,"idempotencyKey":false},
  "GET /policy/config": {"envelope":false,"submitter":false,"token":false,"idempotencyKey":false},
  "GET /policy/shadow": {"envelope":false,"submitter":false,"token":false,"idempotencyKey":false},
  "POST /policy/simulate": {"envelope":false,"submitter":false,"token":false,"idempotencyKey":false},
  "GET /policy/tools": {"envelope":false,"submitter":false,"token":false,"idempotencyKey":false},
  "POST /policy/tools": {"envelope":true,"submitter":false,"token":true,"idempotencyKey":false},
  "GET /policy/versions": {"envelope":false,"submitter":false,"token":false,"idempotencyKey":false},
  "POST /workflow/authorize-execution": {"envelope":false,"submitter":true,"token":false,"idempotencyKey":false},
  "GET /workflow/decision-room": {"envelope":true,"submitter":false,"token":false,"idempotencyKey":false},
  "POST /workflow/decision-room/action": {"envelope":true,"submitter":false,"token":false,"idempotencyKey":true},
  "POST /workflow/decision-room/extend": {"envelope":true,"submitter":false,"token":false,"idempotencyKey":true},
  "POST /workflow/decision-room/revoke": {"envelope":true,"submitter":false,"token":false,"idempotencyKey":false},
  "GET /workflow/decision-room/{requestId}": {"envelope":true,"submitter":false,"token":false,"idempotencyKey":false},
  "GET /workflow/decisions": {"envelope":true,"submitter":false,"token":false,"idempotencyKey":false},
  "GET /workflow/evidence/{requestId}": {"envelope":true,"submitter":false,"token":false,"idempotencyKey":false},
  "POST /workflow/grants": {"envelope":true,"submitter":false,"token":false,"idempotencyKey":true},
  "POST /workflow/grants/{grantId}/outcome": {"envelope":true,"submitter":false,"token":false,"idempotencyKey":false},
  "POST /workflow/requests": {"envelope":false,"submitter":true,"token":false,"idempotencyKey":false},
  "GET /workflow/requests/{requestId}": {"envelope":true,"submitter":false,"token":false,"idempotencyKey":false},
});
