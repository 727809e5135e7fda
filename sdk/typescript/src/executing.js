/** Executing a request at most once: decided, claimed, verified, done, reported. */
import { answered } from "./answered.js";
import { NotAllowedError } from "./denial.js";
import { actionDigest } from "./digest.js";
import { HandshakeError } from "./errors.js";
import { GrantError, verifyGrant } from "./grant.js";
import { ascii } from "./transport.js";
import { unanswered } from "./waiting.js";

/** @typedef {import("./schema.d.ts").components["schemas"]} Schemas */
/** @typedef {import("./grant.js").Grant} Grant */

const PAUSES_S = [1, 2, 4];

/** Raise it, or one of its kind, from an effect that knows it has done nothing, and never will: it has failed. */
export class NotDoneError extends Error {
  name = "NotDoneError";
}

/**
 * What was done: `result` is what the effect gave, on `grant`. `unreported` is why the outcome could not be reported, null
 * where it was: report it, for `grant.grantId`.
 * @template T
 * @typedef {{decided: Schemas["Decided"], grant: Grant, result: T, unreported: HandshakeError | null}} Executed
 */

/**
 * @typedef {{
 *   api: import("openapi-fetch").Client<import("./schema.d.ts").paths>,
 *   sleep: (seconds: number) => Promise<void>,
 *   envelope?: import("./transport.js").Envelope | undefined,
 *   replays: import("./grant.js").Replays,
 *   audience: string,
 *   issuer?: string | undefined,
 * }} Executor
 */

/**
 * Do `effect` once, and only on a grant for exactly this request, which `decided` says is allowed.
 *
 * The claim's key lives as long as this call, so that an answer which was lost is had again, and a second process, or a
 * second run after a crash, is not: it is refused, and does nothing.
 * @template T
 * @param {Schemas["Submission"]} request
 * @param {Schemas["Decided"]} decided
 * @param {(grant: Grant) => T | Promise<T>} effect
 * @param {Executor} executor
 * @returns {Promise<Executed<T>>}
 */
export async function executed(request, decided, effect, executor) {
  if (decided.decision !== "allow") throw new NotAllowedError(decided);
  const { api, replays, audience, issuer, sleep } = executor;
  const actionDigestOfIt = await actionDigest(request);
  // Before the claim, so that nothing is claimed which cannot be verified.
  const keys = answered(await api.GET("/.well-known/jwks.json"));
  const headers = executor.envelope ? { "x-identity-envelope": ascii(executor.envelope) } : {};
  const body = { requestId: request.requestId, actionDigest: actionDigestOfIt, audience };
  const keyed = { ...headers, "x-idempotency-key": crypto.randomUUID() };
  const claimed = await untilAnswered(sleep, async () => answered(await api.POST("/workflow/grants", { body, headers: keyed })));

  /** @param {Schemas["ExecutionOutcome"]} outcome */
  const report = async (outcome) => {
    const params = { path: { grantId: claimed.grantId } };
    try {
      await untilAnswered(sleep, () => api.POST("/workflow/grants/{grantId}/outcome", { params, body: outcome, headers }));
    } catch (error) {
      if (error instanceof HandshakeError) return error;
      throw error;
    }
    return null;
  };

  let grant;
  try {
    grant = await verifyGrant(claimed.grant, request, keys, { replays, audience, issuer });
  } catch (error) {
    if (error instanceof GrantError) await report({ status: "failed", detail: `the grant was not accepted: ${error.fault}` });
    throw error;
  }
  let result;
  try {
    result = await effect(grant);
  } catch (error) {
    // Unless it says otherwise, it may have been done before it raised.
    const status = error instanceof NotDoneError ? "failed" : "unknown";
    await report({ status, detail: error instanceof Error ? error.name : "Error" });
    throw error;
  }
  return { decided, grant, result, unreported: await report({ status: "succeeded" }) };
}

/**
 * Make a call, which may be carried out twice, again while nobody answers it.
 * @template T
 * @param {(seconds: number) => Promise<void>} sleep
 * @param {() => Promise<T>} call
 * @returns {Promise<T>}
 */
async function untilAnswered(sleep, call) {
  for (const pauseS of PAUSES_S) {
    try {
      return await call();
    } catch (error) {
      if (!(error instanceof HandshakeError) || !unanswered(error)) throw error;
    }
    await sleep(pauseS);
  }
  return call();
}
