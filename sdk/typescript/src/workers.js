/** The surface of the Workers version's client, for callers who move: `import { HandshakeClient } from "handshake-rail/workers"`. */
import { answered } from "./answered.js";
import { Handshake } from "./client.js";
import { HandshakeError as HandshakeApiError } from "./errors.js";
import { ascii } from "./transport.js";

export { HandshakeApiError };

/** @typedef {import("./schema.d.ts").components["schemas"]} Schemas */
/** @typedef {import("./transport.js").Envelope} IdentityEnvelope */

/**
 * As the Workers version's client. `authorize` signs where that took `authToken`: API Gateway admits signed calls alone.
 *
 * `agents` takes an envelope here, since reading agents needs one. There are no entities: nothing ever wrote one.
 */
export class HandshakeClient {
  /**
   * @param {{baseUrl: string, fetchImpl?: typeof globalThis.fetch, authorize?: import("./sigv4.js").Authorize,
   *   defaultHeaders?: Record<string, string>}} options
   */
  constructor({ baseUrl, fetchImpl, authorize, defaultHeaders = {} }) {
    const { api } = new Handshake(baseUrl, {
      ...(fetchImpl && { fetch: fetchImpl }),
      ...(authorize && { authorize }),
    });
    /** @param {IdentityEnvelope} envelope @param {Record<string, string>} [headers] */
    const as = (envelope, headers) => ({
      headers: { ...defaultHeaders, "x-identity-envelope": ascii(envelope), ...headers },
    });
    /** @param {string} requestId */
    const of = (requestId) => ({ params: { path: { requestId } } });

    this.workflow = {
      /** @param {Schemas["Submission"]} payload */
      submitRequest: async (payload) =>
        answered(await api.POST("/workflow/requests", { body: payload, headers: defaultHeaders })),

      /** @param {string} requestId @param {IdentityEnvelope} envelope */
      getRequest: async (requestId, envelope) =>
        answered(await api.GET("/workflow/requests/{requestId}", { ...of(requestId), ...as(envelope) })),

      /** @param {string} requestId @param {IdentityEnvelope} envelope */
      getDecisionRoom: async (requestId, envelope) =>
        answered(await api.GET("/workflow/decision-room/{requestId}", { ...of(requestId), ...as(envelope) })),

      /** @param {Schemas["DecisionAction"]} payload @param {IdentityEnvelope} envelope @param {string} [idempotencyKey] */
      resolveAction: async (payload, envelope, idempotencyKey) => {
        /** @type {Record<string, string>} */
        const keyed = idempotencyKey ? { "x-idempotency-key": idempotencyKey } : {};
        return answered(await api.POST("/workflow/decision-room/action", { body: payload, ...as(envelope, keyed) }));
      },

      /** @param {string} requestId @param {IdentityEnvelope} envelope */
      evidence: async (requestId, envelope) =>
        answered(await api.GET("/workflow/evidence/{requestId}", { ...of(requestId), ...as(envelope) })),
    };

    this.policy = {
      /** @param {Schemas["ScopeKind"]} [scope] @param {string} [scopeId] */
      config: async (scope, scopeId) => {
        const query = { ...(scope && { scope }), ...(scopeId && { scopeId }) };
        return answered(await api.GET("/policy/config", { params: { query }, headers: defaultHeaders }));
      },

      /** @param {Schemas["PolicyProposal"]} payload */
      simulate: async (payload) =>
        answered(await api.POST("/policy/simulate", { body: payload, headers: defaultHeaders })),

      /** @param {Schemas["PolicyChange"]} payload @param {IdentityEnvelope} envelope @param {string | (() => string)} token */
      apply: async (payload, envelope, token) => {
        const trusted = { "x-internal-trust-context": typeof token === "function" ? token() : token };
        // openapi-fetch reads a member that is null in one of two shapes as one that may never be there.
        const body = /** @type {any} */ (payload);
        return answered(await api.POST("/policy/apply", { body, ...as(envelope, trusted) }));
      },
    };

    this.agents = {
      /** @param {IdentityEnvelope} envelope */
      list: async (envelope) => answered(await api.GET("/agents", as(envelope))),

      /** @param {string} agentId @param {IdentityEnvelope} envelope */
      get: async (agentId, envelope) =>
        answered(await api.GET("/agents/{agentId}", { params: { path: { agentId } }, ...as(envelope) })),
    };
  }
}
