/** The calls of the Workers version's own smoke test are sent and answered alike. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { HandshakeApiError, HandshakeClient } from "../src/workers.js";

const PERSON = { principalId: "p1", subjectType: "human", roles: ["operator"], scopes: ["workflow:resolve"] };
const SUBMISSION = {
  requestId: "s1", principalId: "p1", agentId: "a1", actionType: "payment", payloadRef: "x", timestamp: Date.now(),
};

function answering(status, body) {
  const seen = [];
  const fetchImpl = async (input, init) => {
    seen.push({ url: String(input), headers: new Headers(init.headers) });
    return Response.json(body, { status });
  };
  return { seen, client: new HandshakeClient({ baseUrl: "http://localhost", fetchImpl }) };
}

test("has the wrappers that callers know", async () => {
  const { client } = answering(200, { status: "ok" });
  const known = {
    workflow: ["submitRequest", "getRequest", "getDecisionRoom", "resolveAction", "evidence"],
    policy: ["config", "simulate", "apply"],
    agents: ["list", "get"],
  };
  for (const [rail, names] of Object.entries(known)) {
    for (const name of names) assert.equal(typeof client[rail][name], "function", `${rail}.${name}`);
  }
  assert.equal((await client.workflow.submitRequest(SUBMISSION)).status, "ok");
});

test("puts envelope, key and token into the headers of what is protected", async () => {
  const { client, seen } = answering(200, { status: "ok" });
  await client.workflow.getRequest("r1", PERSON);
  await client.workflow.getDecisionRoom("r1", PERSON);
  await client.workflow.evidence("r1", PERSON);
  await client.workflow.resolveAction({ requestId: "r1", hitlRequestId: "h1", action: "approve" }, PERSON, "idem-1");
  await client.policy.apply({ scope: "global", rules: [{ id: "r1", key: "max_payment", value: 50 }] }, PERSON, "trust-token");
  await client.agents.get("a/1", PERSON);
  for (const { headers } of seen) assert.equal(JSON.parse(headers.get("x-identity-envelope")).principalId, "p1");
  assert.equal(seen[3].headers.get("x-idempotency-key"), "idem-1");
  assert.equal(seen[4].headers.get("x-internal-trust-context"), "trust-token");
  assert.deepEqual(
    seen.map(({ url }) => new URL(url).pathname),
    [
      "/workflow/requests/r1", "/workflow/decision-room/r1", "/workflow/evidence/r1", "/workflow/decision-room/action",
      "/policy/apply", "/agents/a%2F1",
    ],
  );
});

test("raises what is refused with its reason, and says that trying again is no use", async () => {
  const code = "security_missing_identity_envelope";
  const { client } = answering(401, { status: "error", error: code, reasonCode: code, responseClass: "blocked", message: "no" });
  const error = await client.workflow.submitRequest(SUBMISSION).catch((raised) => raised);
  assert.ok(error instanceof HandshakeApiError);
  assert.deepEqual([error.reasonCode, error.responseClass, error.retryable], [code, "blocked", false]);
});
