/** A grant is good for what it was given for, by whom it was given, once. */
import assert from "node:assert/strict";
import { createHmac, generateKeyPairSync, sign } from "node:crypto";
import { test } from "node:test";
import { GrantError, MemoryReplays, actionDigest, verifyGrant } from "../src/index.js";

const NOW_S = 1_790_000_000;
const ISSUER = "handshake:test";
const REQUEST = {
  requestId: "req-1",
  principalId: "ana",
  agentId: "buyer",
  actionType: "payment",
  payloadRef: "invoice:17",
  timestamp: 1,
  context: { amount: 150 },
};
const OURS = generateKeyPairSync("ec", { namedCurve: "P-256" });
const OTHER = generateKeyPairSync("ec", { namedCurve: "P-256" });
const JWKS = { keys: [{ ...OURS.publicKey.export({ format: "jwk" }), kid: "ours" }] };
const CLAIMS = {
  iss: ISSUER, aud: "handshake-executor", sub: "buyer", jti: "grant-1", iat: NOW_S, nbf: NOW_S, exp: NOW_S + 60,
  req: "req-1", act: await actionDigest(REQUEST), prn: "ana", ten: null, evh: "0".repeat(64),
};
const HEADER = { alg: "ES256", typ: "handshake-grant+jwt", kid: "ours" };

const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");

function granted({ header = {}, claims = {}, key = OURS.privateKey } = {}) {
  const signed = `${part({ ...HEADER, ...header })}.${part({ ...CLAIMS, ...claims })}`;
  return `${signed}.${sign("sha256", Buffer.from(signed), { key, dsaEncoding: "ieee-p1363" }).toString("base64url")}`;
}

const options = () => ({ issuer: ISSUER, replays: new MemoryReplays(), now: NOW_S });

test("gives the claims of a grant for what is about to be executed", async () => {
  assert.equal((await verifyGrant(granted(), REQUEST, JWKS, options())).grantId, "grant-1");
});

test("takes a grant once", async () => {
  const shared = options();
  await verifyGrant(granted(), REQUEST, JWKS, shared);
  await assert.rejects(verifyGrant(granted(), REQUEST, JWKS, shared), GrantError);
});

test("allows half a minute between two clocks, and no more", async () => {
  for (const [exp, nbf, taken] of [[-29, -60, true], [-30, -60, false], [60, 30, true], [60, 31, false]]) {
    const grant = granted({ claims: { exp: NOW_S + exp, nbf: NOW_S + nbf } });
    const verified = verifyGrant(grant, REQUEST, JWKS, options());
    await (taken ? verified : assert.rejects(verified, GrantError));
  }
});

const symmetric = () => {
  const signed = `${part({ ...HEADER, alg: "HS256" })}.${part(CLAIMS)}`;
  const secret = OURS.publicKey.export({ format: "pem", type: "spki" });
  return `${signed}.${createHmac("sha256", secret).update(signed).digest("base64url")}`;
};
const altered = (grant, place) => {
  const parts = grant.split(".");
  const raw = Buffer.from(parts[place], "base64url");
  raw[raw.length >> 1] ^= 1;
  parts[place] = raw.toString("base64url");
  return parts.join(".");
};

for (const [what, [fault, grant]] of Object.entries({
  "unsigned": ["malformed", `${part({ ...HEADER, alg: "none" })}.${part(CLAIMS)}.`],
  "of no algorithm, with a signature": ["wrong_type", granted({ header: { alg: "none" } })],
  "signed with the public key as a secret": ["wrong_type", symmetric()],
  "of another type": ["wrong_type", granted({ header: { typ: "JWT" } })],
  "of no type": ["wrong_type", granted({ header: { typ: undefined } })],
  "with a key of its own": ["wrong_signature", granted({ header: { jwk: OTHER.publicKey.export({ format: "jwk" }) }, key: OTHER.privateKey })],
  "of an unknown key": ["unknown_key", granted({ header: { kid: "theirs" }, key: OTHER.privateKey })],
  "signed by another key under our name": ["wrong_signature", granted({ key: OTHER.privateKey })],
  "with a critical extension": ["wrong_type", granted({ header: { crit: ["b64"], b64: false } })],
  "with an altered payload": ["wrong_signature", altered(granted(), 1)],
  "with an altered signature": ["wrong_signature", altered(granted(), 2)],
  "of another stack": ["other_issuer", granted({ claims: { iss: "handshake:other" } })],
  "for another executor": ["other_audience", granted({ claims: { aud: "somebody" } })],
  "for many executors": ["malformed", granted({ claims: { aud: ["handshake-executor"] } })],
  "without times": ["malformed", granted({ claims: { exp: undefined } })],
  "with a time that is text": ["malformed", granted({ claims: { exp: String(NOW_S + 60) } })],
  "without an id": ["malformed", granted({ claims: { jti: undefined } })],
  "with a fourth part": ["malformed", `${granted()}.x`],
  "with padding": ["malformed", `${granted()}=`],
  "that is no JWS": ["malformed", "grant"],
  "over long": ["malformed", `${granted()}${"A".repeat(40_000)}`],
})) {
  test(`refuses a grant ${what}`, () => assert.rejects(verifyGrant(grant, REQUEST, JWKS, options()), { fault }));
}

test("does not forget that a grant was used while it is still taken", async () => {
  const replays = new MemoryReplays();
  const at = (now) => verifyGrant(granted(), REQUEST, JWKS, { issuer: ISSUER, replays, now });
  await at(NOW_S);
  await assert.rejects(at(NOW_S + 89), { fault: "used" });
  await assert.rejects(at(NOW_S + 90), { fault: "expired" });
});

test("refuses another action than was granted", async () => {
  for (const change of [{ payloadRef: "invoice:18" }, { agentId: "other" }, { tenantId: "acme" }, { context: { amount: 151 } }]) {
    await assert.rejects(verifyGrant(granted(), { ...REQUEST, ...change }, JWKS, options()), GrantError);
  }
});
