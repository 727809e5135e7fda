/** What an executor does with a grant before an effect: alone, offline, with the stack's public keys. */
import { actionDigest } from "./digest.js";

const TYPE = "handshake-grant+jwt";
const ALGORITHM = "ES256";
export const AUDIENCE = "handshake-executor";
const SKEW_S = 30;
const MAX_LENGTH = 16_384;

/**
 * What a grant is refused for. Up to `wrong_signature` it is not known to be the service's at all.
 * @typedef {"malformed" | "wrong_type" | "unknown_key" | "wrong_signature" | "other_issuer" | "other_audience"
 *   | "other_action" | "not_yet_valid" | "expired" | "used"} Fault
 */

/** A grant that nothing may be done on. `fault` says why, to programs; the message says it to people, and quotes nothing. */
export class GrantError extends Error {
  name = "GrantError";

  /** @param {Fault} fault @param {string} message */
  constructor(fault, message) {
    super(message);
    this.fault = fault;
  }
}

/**
 * What a grant says, once it is verified. Times are epoch seconds, as in its token. `grantId` is what the system acted on
 * takes as its idempotency key, and what an outcome is reported for.
 * @typedef {{grantId: string, requestId: string, actionDigest: string, agentId: string, tenantId: string | null,
 *   principalId: string, issuer: string, audience: string, issuedAt: number, notBefore: number, expiresAt: number,
 *   claims: Readonly<Record<string, unknown>>}} Grant
 */

/**
 * Remembers which grants were used; one of several processes must be theirs together.
 * @typedef {{firstUse(grantId: string, until: number, now: number): boolean | Promise<boolean>}} Replays
 */

/** Remembers the grants of one process, until they expire. */
export class MemoryReplays {
  /** @type {Map<string, number>} */
  #until = new Map();

  /** Note a use, and tell whether it is the first. Times are epoch seconds. @type {Replays["firstUse"]} */
  firstUse(grantId, until, now) {
    for (const [used, end] of this.#until) if (end <= now) this.#until.delete(used);
    if (this.#until.has(grantId)) return false;
    this.#until.set(grantId, until);
    return true;
  }
}

/**
 * Verify that `grant` allows `action`, once, now. Raises GrantError, and ActionError for no action at all.
 *
 * `action` is what is about to be executed, in the members of a submission; its digest is computed here and not believed.
 * `jwks` are the stack's public keys, from `/.well-known/jwks.json`, fetched by whoever calls and kept for a day at most.
 * `issuer` is `handshake:` and the stack's name, for who has the keys of several. `now` is epoch seconds.
 * @param {string} grant
 * @param {object} action
 * @param {{keys: JsonWebKey[]}} jwks
 * @param {{replays: Replays, issuer?: string | undefined, audience?: string, now?: number}} options
 * @returns {Promise<Grant>}
 */
export async function verifyGrant(grant, action, jwks, { replays, issuer, audience = AUDIENCE, now = Date.now() / 1000 }) {
  const claims = await claimsOf(grant, jwks);
  if (issuer !== undefined && claims.iss !== issuer) throw new GrantError("other_issuer", "the grant is another stack's");
  if (claims.aud !== audience) throw new GrantError("other_audience", "the grant is for another executor");
  if (now < Math.max(claims.nbf, claims.iat) - SKEW_S) {
    throw new GrantError("not_yet_valid", "the grant is not valid yet, or this machine's clock is slow");
  }
  if (now >= claims.exp + SKEW_S) {
    throw new GrantError("expired", "the grant has expired, or this machine's clock is fast");
  }
  if (claims.act !== (await actionDigest(action))) {
    throw new GrantError("other_action", "the grant is for another action than the one about to be executed");
  }
  if (!(await replays.firstUse(claims.jti, claims.exp + SKEW_S, now))) {
    throw new GrantError("used", "the grant was used before");
  }
  return {
    grantId: claims.jti,
    requestId: claims.req,
    actionDigest: claims.act,
    agentId: claims.sub,
    tenantId: claims.ten ?? null,
    principalId: claims.prn,
    issuer: claims.iss,
    audience: claims.aud,
    issuedAt: claims.iat,
    notBefore: claims.nbf,
    expiresAt: claims.exp,
    claims,
  };
}

/**
 * @typedef {{iss: string, aud: string, sub: string, jti: string, req: string, act: string, prn: string, iat: number,
 *   nbf: number, exp: number, ten?: string | null}} Claims
 */

/** Give what a grant says that one of `jwks` signed. @param {string} grant @param {{keys: JsonWebKey[]}} jwks */
async function claimsOf(grant, jwks) {
  const parts = typeof grant === "string" && grant.length <= MAX_LENGTH ? grant.split(".") : [];
  const [head, body, tail] = parts;
  if (parts.length !== 3 || !head || !body || !tail) throw new GrantError("malformed", "the grant is no compact token");
  const header = decoded(head);
  const signature = bytes(tail);
  if (header["alg"] !== ALGORITHM || header["typ"] !== TYPE || "crit" in header) {
    throw new GrantError("wrong_type", `the token is no ${TYPE} signed by ${ALGORITHM}`);
  }
  // From the stack's keys alone: a key that the token brings, or points to, is whoever made it's.
  const key = await keyCalled(header["kid"], jwks);
  const signed = new TextEncoder().encode(`${head}.${body}`);
  if (!(await crypto.subtle.verify({ name: "ECDSA", hash: "SHA-256" }, key, signature, signed))) {
    throw new GrantError("wrong_signature", "the grant's signature is not its key's");
  }
  const claims = /** @type {Claims} */ (decoded(body));
  if (![claims.iss, claims.aud, claims.sub, claims.jti, claims.req, claims.act, claims.prn].every(isText)) {
    throw new GrantError("malformed", "the grant lacks a claim");
  }
  if (![claims.iat, claims.nbf, claims.exp].every(Number.isFinite)) {
    throw new GrantError("malformed", "a time of the grant is no number of seconds");
  }
  return claims;
}

/** @param {unknown} kid @param {{keys: JsonWebKey[]}} jwks */
async function keyCalled(kid, jwks) {
  // Read from wherever, and held to nothing so far.
  const keys = /** @type {unknown} */ (jwks?.keys);
  const named = (Array.isArray(keys) ? keys : []).filter((known) => known?.kid === kid);
  const [key] = named;
  if (typeof kid !== "string" || !key || named.length !== 1) {
    throw new GrantError("unknown_key", "the grant's key is none of the stack's, or newer than the keys at hand");
  }
  const { kty, crv, x, y, use = "sig", alg = ALGORITHM } = key;
  const isFit = kty === "EC" && crv === "P-256" && use === "sig" && alg === ALGORITHM && isText(x) && isText(y);
  if (!isFit) throw new GrantError("unknown_key", "the grant's key is none to verify grants with");
  return crypto.subtle
    .importKey("jwk", { kty, crv, x, y }, { name: "ECDSA", namedCurve: "P-256" }, false, ["verify"])
    .catch(() => {
      throw new GrantError("unknown_key", "the grant's key is no point of P-256");
    });
}

/** @param {unknown} value @returns {value is string} */
function isText(value) {
  return typeof value === "string" && value !== "";
}

/** @param {string} part @returns {Record<string, unknown>} */
function decoded(part) {
  try {
    const value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes(part)));
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value;
  } catch {
    // Said below, alike for all that is no JSON object.
  }
  throw new GrantError("malformed", "a part of the grant is no base64url of a JSON object");
}

/** @param {string} part */
function bytes(part) {
  const isBase64Url = /^[A-Za-z0-9_-]+$/.test(part) && part.length % 4 !== 1;
  if (!isBase64Url) throw new GrantError("malformed", "a part of the grant is no base64url of a JSON object");
  const raw = new Uint8Array(Buffer.from(part, "base64url"));
  // One spelling of each text: bits that no byte needs must be 0.
  if (Buffer.from(raw).toString("base64url") !== part) throw new GrantError("malformed", "a part of the grant is no base64url of a JSON object");
  return raw;
}
