/** One call: its headers, its attempts, and the error that it ends with. */
import { HandshakeError, NO_ANSWER, UNKNOWN } from "./errors.js";
import { OPERATIONS } from "./operations.js";
import { waitBefore } from "./retry.js";

/** API Gateway's own limit on all headers of a request, with names, separators, line ends and the signature. */
export const MAX_HEADERS_BYTES = 10_240;
// API Gateway itself gives up after 29 s.
const DEFAULT_TIMEOUT_MS = 30_000;

/** @typedef {import("./schema.d.ts").components["schemas"]["IdentityEnvelope"]} Envelope */
/** @template T @typedef {T | (() => T | Promise<T>)} Source */

/**
 * What goes with every call. `envelope` says for whom, where a call needs one; `submitter` goes with submissions and
 * authorized executions, which a stack with SubmissionIdentity=envelope needs; `trustToken` is asked for at each change of
 * policy, with the body's bytes, for a token is good for one. `authorize` signs: `sigV4(...)` for an API behind IAM,
 * `edgeToken(...)` for the signing edge of a deployed stack, nothing for that of a local one.
 * @typedef {{
 *   envelope?: Source<Envelope>,
 *   submitter?: Source<Envelope>,
 *   trustToken?: (body: Uint8Array) => string | Promise<string>,
 *   authorize?: import("./sigv4.js").Authorize,
 *   retry: import("./retry.js").Retry,
 *   timeoutMs?: number,
 *   fetch?: typeof globalThis.fetch,
 *   sleep: (seconds: number) => Promise<void>,
 * }} Settings
 */

/**
 * Give the middleware of openapi-fetch that adds what an operation takes beside a signature.
 * @param {Settings} settings
 * @returns {import("openapi-fetch").Middleware}
 */
export function identities(settings) {
  return {
    async onRequest({ request, schemaPath }) {
      const takes = OPERATIONS[`${request.method} ${schemaPath}`];
      const { headers } = request;
      if (!headers.has("x-correlation-id")) headers.set("x-correlation-id", crypto.randomUUID());
      if (takes?.idempotencyKey && !headers.has("x-idempotency-key")) {
        headers.set("x-idempotency-key", crypto.randomUUID());
      }
      const identity = takes?.envelope ? settings.envelope : takes?.submitter ? settings.submitter : undefined;
      if (identity && !headers.has("x-identity-envelope")) {
        headers.set("x-identity-envelope", ascii(await given(identity)));
      }
      if (takes?.token && settings.trustToken && !headers.has("x-internal-trust-context")) {
        const body = new Uint8Array(await request.clone().arrayBuffer());
        headers.set("x-internal-trust-context", await settings.trustToken(body));
      }
      return request;
    },
  };
}

/**
 * Give a `fetch` that signs, retries and raises HandshakeError for whatever is not a success.
 * @param {Settings} settings
 * @returns {(request: Request) => Promise<Response>}
 */
export function guarded(settings) {
  return async (request) => {
    const body = request.body ? new Uint8Array(await request.arrayBuffer()) : undefined;
    const call = { method: request.method, url: new URL(request.url), headers: Object.fromEntries(request.headers), body };
    for (let attempts = 1; ; attempts += 1) {
      const answer = await attempt(call, attempts, settings);
      if (!(answer instanceof HandshakeError)) return answer;
      const waitS = waitBefore(settings.retry, answer, { idempotent: isIdempotent(call) });
      if (waitS === null) throw answer;
      await settings.sleep(waitS);
    }
  };
}

/**
 * @param {{method: string, url: URL, headers: Record<string, string>, body: Uint8Array<ArrayBuffer> | undefined}} call
 * @param {number} attempts
 * @param {Settings} settings
 * @returns {Promise<Response | HandshakeError>}
 */
async function attempt(call, attempts, settings) {
  const correlationId = call.headers["x-correlation-id"] ?? "";
  const headers = settings.authorize ? await settings.authorize(call) : call.headers;
  const size = Object.entries(headers).reduce((sum, [name, value]) => sum + name.length + value.length + 4, 0);
  if (size > MAX_HEADERS_BYTES) {
    const message = `the headers are ${size} bytes together, over the ${MAX_HEADERS_BYTES} allowed`;
    throw new HandshakeError("trust_context_invalid_request_shape", message, { correlationId, attempts: attempts - 1 });
  }
  try {
    const response = await (settings.fetch ?? globalThis.fetch)(call.url, {
      method: call.method,
      headers,
      // A redirect would lead a signed call, its envelope and its key elsewhere.
      redirect: "manual",
      signal: AbortSignal.timeout(settings.timeoutMs ?? DEFAULT_TIMEOUT_MS),
      ...(call.body ? { body: call.body } : {}),
    });
    return await read(response, correlationId, attempts);
  } catch (cause) {
    const message = cause instanceof Error ? `${cause.name}: ${cause.message}` : "no answer";
    return new HandshakeError(NO_ANSWER, message, { correlationId, attempts, cause });
  }
}

/**
 * Give the answer whole, so that half of one is no answer; as an error where it is not a success of the API.
 * @param {Response} response
 * @param {string} correlationId
 * @param {number} attempts
 */
async function read(response, correlationId, attempts) {
  const text = await response.text();
  const body = parsed(text);
  if (response.ok && body) return new Response(text, { status: response.status, headers: response.headers });
  const fields = body ?? {};
  return new HandshakeError(
    String(fields["reasonCode"] ?? fields["error"] ?? UNKNOWN),
    String(fields["message"] ?? `HTTP status ${response.status} without an answer of the API`),
    {
      status: response.status,
      correlationId: response.headers.get("x-correlation-id") ?? correlationId,
      attempts,
      retryAfterS: seconds(response.headers.get("retry-after")),
      body: fields,
    },
  );
}

/** @param {string} text @returns {Record<string, unknown> | undefined} */
function parsed(text) {
  try {
    const body = JSON.parse(text);
    return typeof body === "object" && body !== null ? body : undefined;
  } catch {
    return undefined;
  }
}

/** Give Retry-After in seconds, the only form this API sends. @param {string | null} text */
function seconds(text) {
  return text !== null && /^\d+$/.test(text) ? Number(text) : null;
}

/** Reads, submissions, and what carries a key that is good for one call. @param {{method: string, url: URL, headers: Record<string, string>}} call */
function isIdempotent({ method, url, headers }) {
  return method === "GET" || "x-idempotency-key" in headers || url.pathname.endsWith("/workflow/requests");
}

/** Write `envelope` in the characters that a header may have. @param {Envelope} envelope */
export function ascii(envelope) {
  return JSON.stringify(envelope).replace(
    /[\u007f-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** @template T @param {Source<T>} source @returns {Promise<T>} */
async function given(source) {
  return typeof source === "function" ? await /** @type {() => T | Promise<T>} */ (source)() : source;
}
