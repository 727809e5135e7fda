/** What an executor does with a grant before an effect: alone, offline, with the stack's public keys. */
import { actionDigest } from "./digest.js";

const TYPE = "handshake-grant+jwt";
const AUDIENCE = "handshake-executor";
const SKEW_S = 30;
const MAX_LENGTH = 8192;

/** A grant that does not allow what is about to be executed. The message says why, and quotes nothing of it. */
export class GrantError extends Error {
  name = "GrantError";
}

/**
 * The claims of a grant: `req` the requestId, `sub` the agent, `prn` the principal, `ten` the tenant, `act` the digest.
 * @typedef {{iss: string, aud: string, sub: string, jti: string, iat: number, nbf: number, exp: number, req: string,
 *   act: string, prn: string, ten?: string | null, apr?: unknown, pol?: unknown, evh: string}} GrantClaims
 */

/** Remembers which grants were used, until they expire: one for each executor that shares it. */
export class UsedGrants {
  /** @type {Map<string, number>} */
  #until = new Map();

  /** Note a use, and tell whether it is the first. @param {string} jti @param {number} exp @param {number} nowS */
  first(jti, exp, nowS) {
    for (const [used, until] of this.#until) if (until < nowS) this.#until.delete(used);
    if (this.#until.has(jti)) return false;
    this.#until.set(jti, exp + SKEW_S);
    return true;
  }
}

/**
 * Hold `grant` to what is about to be executed, and give its claims. Raises GrantError, ActionError.
 *
 * `request` is what will be executed, as it was submitted: its digest is computed here. `jwks` are the stack's public keys,
 * as `GET /.well-known/jwks.json` has them, kept by the executor; `issuer` is `handshake:` and the stack's name. `used`
 * remembers grants, so that each is good for one effect.
 * @param {string} grant
 * @param {object} request
 * @param {{keys: JsonWebKey[]}} jwks
 * @param {{issuer: string, used: UsedGrants, audience?: string, now?: () => number}} options
 * @returns {Promise<GrantClaims>}
 */
export async function verifyGrant(grant, request, jwks, { issuer, used, audience = AUDIENCE, now = Date.now }) {
  const [header, payload, signature, ...rest] = grant.length <= MAX_LENGTH ? grant.split(".") : [];
  if (!header || !payload || !signature || rest.length) throw new GrantError("the grant is no compact JWS");
  const { alg, typ, kid, crit } = decoded(header);
  if (alg !== "ES256" || typ !== TYPE || crit !== undefined) throw new GrantError("the grant is of another algorithm or type");
  const key = jwks.keys.find((known) => "kid" in known && known.kid === kid);
  if (!key) throw new GrantError("the grant names a key that is none of the stack's");
  const signed = new TextEncoder().encode(`${header}.${payload}`);
  const { kty, crv, x, y } = key;
  const publicKey = await crypto.subtle
    .importKey("jwk", /** @type {JsonWebKey} */ ({ kty, crv, x, y }), { name: "ECDSA", namedCurve: "P-256" }, false, ["verify"])
    .catch(() => {
      throw new GrantError("the key that the grant names is no P-256 key");
    });
  const holds = await crypto.subtle.verify({ name: "ECDSA", hash: "SHA-256" }, publicKey, bytes(signature), signed);
  if (!holds) throw new GrantError("the grant's signature does not hold");
  const claims = /** @type {GrantClaims} */ (decoded(payload));
  const nowS = now() / 1000;
  if (claims.iss !== issuer || claims.aud !== audience) throw new GrantError("the grant is another stack's, or for another executor");
  if (![claims.iat, claims.nbf, claims.exp].every(Number.isFinite)) throw new GrantError("the grant has no times");
  if (nowS > claims.exp + SKEW_S) throw new GrantError("the grant has expired");
  if (nowS < claims.nbf - SKEW_S) throw new GrantError("the grant is not valid yet");
  if (claims.act !== (await actionDigest(request))) throw new GrantError("the grant is for another action");
  if (typeof claims.jti !== "string" || !used.first(claims.jti, claims.exp, nowS)) {
    throw new GrantError("the grant was used before");
  }
  return claims;
}

/** @param {string} part @returns {Record<string, unknown>} */
function decoded(part) {
  try {
    const value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes(part)));
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value;
  } catch {
    // Said below, alike for all that is no JSON object.
  }
  throw new GrantError("the grant is no compact JWS");
}

/** @param {string} part */
function bytes(part) {
  const isBase64Url = /^[A-Za-z0-9_-]+$/.test(part) && part.length % 4 !== 1;
  if (!isBase64Url) throw new GrantError("the grant is no compact JWS");
  const raw = new Uint8Array(Buffer.from(part, "base64url"));
  // One spelling of each text: bits that no byte needs must be 0.
  if (Buffer.from(raw).toString("base64url") !== part) throw new GrantError("the grant is no compact JWS");
  return raw;
}
