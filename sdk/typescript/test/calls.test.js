/** What is sent, sent again, and raised, on a real server. */
import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { Handshake, HandshakeError, NEVER, edgeToken, sigV4 } from "../src/index.js";
import { json, serving } from "./server.js";

const REQUEST = {
  requestId: "req-1", principalId: "ana", agentId: "buyer", actionType: "payment", payloadRef: "invoice:17", timestamp: 1,
};
const ANA = { principalId: "ana", subjectType: "human" };
const refusal = (code, message = "no") => ({ status: "error", error: code, reasonCode: code, responseClass: "blocked", message });
const instantly = { sleep: async () => {} };
const open = [];

afterEach(async () => {
  for (const server of open.splice(0)) await server.close();
});

async function server(answer) {
  const made = await serving(answer);
  open.push(made);
  return made;
}

test("sends an envelope where a call needs one, and a submitter's where one may go", async () => {
  const { url, calls } = await server((_, response) => json(response, 200, {}));
  const handshake = new Handshake(url, { envelope: { ...ANA, tenantId: "große" }, submitter: () => ({ principalId: "agent" }) });
  await handshake.api.GET("/workflow/requests/{requestId}", { params: { path: { requestId: "a/b'%41" } } });
  await handshake.submit(REQUEST);
  await handshake.api.GET("/metrics/summary");
  assert.equal(calls[0].url, "/workflow/requests/a%2Fb%27%2541");
  assert.equal(calls[0].headers["x-identity-envelope"], '{"principalId":"ana","subjectType":"human","tenantId":"gro\\u00dfe"}');
  assert.equal(calls[1].headers["x-identity-envelope"], '{"principalId":"agent"}');
  assert.equal(calls[2].headers["x-identity-envelope"], undefined);
});

test("asks for a token with the bytes that it is bound to", async () => {
  const { url, calls } = await server((_, response) => json(response, 200, {}));
  const handshake = new Handshake(url, { envelope: ANA, trustToken: (body) => `token-of-${body.length}` });
  await handshake.api.POST("/policy/apply", { body: { scope: "global", rules: [] } });
  assert.equal(calls[0].headers["x-internal-trust-context"], `token-of-${calls[0].body.length}`);
});

test("sends a keyed action again with the same key, and says how often it was sent", async () => {
  const { url, calls } = await server(({ number }, response) =>
    number < 4 ? json(response, 503, refusal("adapter_store_unavailable"), { "retry-after": "1" }) : json(response, 200, {}),
  );
  const waits = [];
  const handshake = new Handshake(url, { envelope: ANA, sleep: async (seconds) => waits.push(seconds) });
  await handshake.api.POST("/workflow/decision-room/action", { body: { requestId: "req-1", action: "approve" } });
  assert.equal(new Set(calls.map((call) => call.headers["x-idempotency-key"])).size, 1);
  assert.equal(calls.length, 4);
  assert.ok(waits.every((seconds) => seconds >= 1));
});

test("does not wait longer than it was allowed to", async () => {
  const { url, calls } = await server((_, response) =>
    json(response, 503, refusal("adapter_store_unavailable"), { "retry-after": "60" }),
  );
  await assert.rejects(new Handshake(url, instantly).submit(REQUEST), { reasonCode: "adapter_store_unavailable", retryAfterS: 60 });
  assert.equal(calls.length, 1);
});

test("raises what the service refuses, with its fields, and does not ask again", async () => {
  const { url, calls } = await server((_, response) =>
    json(response, 409, { ...refusal("security_decision_context_mismatch", "other facts"), requestId: "req-1" }, { "x-correlation-id": "c-1" }),
  );
  const error = await new Handshake(url, instantly).submit(REQUEST).catch((raised) => raised);
  assert.ok(error instanceof HandshakeError);
  assert.deepEqual(
    [error.reasonCode, error.status, error.correlationId, error.attempts, error.retry, error.fields],
    ["security_decision_context_mismatch", 409, "c-1", 1, "do_not_retry", { requestId: "req-1" }],
  );
  assert.equal(calls.length, 1);
});

test("is led nowhere else", async () => {
  const elsewhere = await server((_, response) => json(response, 200, {}));
  const { url } = await server((_, response) => response.writeHead(307, { location: elsewhere.url }).end());
  await assert.rejects(new Handshake(url, instantly).submit(REQUEST), { reasonCode: "unknown", status: 307 });
  assert.equal(elsewhere.calls.length, 0);
});

test("submits again where the connection was lost, and does not apply a policy again", async () => {
  const { url, calls } = await server(({ number }, response) =>
    number % 2 ? response.socket.destroy() : json(response, 200, { state: "allowed_terminal" }),
  );
  const handshake = new Handshake(url, { ...instantly, envelope: ANA, trustToken: () => "token" });
  assert.equal((await handshake.submit(REQUEST)).state, "allowed_terminal");
  const applied = handshake.api.POST("/policy/apply", { body: { scope: "global", rules: [] } });
  await assert.rejects(applied, { reasonCode: "no_answer", attempts: 1 });
  assert.equal(calls.length, 3);
});

test("takes half an answer for none", async () => {
  const { url } = await server((_, response) => {
    response.writeHead(200, { "content-type": "application/json", "content-length": "100" }).write('{"state":');
    setTimeout(() => response.socket.destroy(), 20);
  });
  await assert.rejects(new Handshake(url, { retry: NEVER }).submit(REQUEST), { reasonCode: "no_answer" });
});

test("gives a silent service up", async () => {
  const { url } = await server(() => {});
  await assert.rejects(new Handshake(url, { timeoutMs: 50 }).submit(REQUEST), { reasonCode: "no_answer", attempts: 1 });
});

test("knows a page that is no answer of the API", async () => {
  const { url } = await server((_, response) => response.writeHead(502, { "content-type": "text/html" }).end("<h1>bad</h1>"));
  await assert.rejects(new Handshake(url).submit(REQUEST), { reasonCode: "unknown", status: 502 });
});

test("does not send headers that API Gateway would refuse", async () => {
  const { url, calls } = await server((_, response) => json(response, 200, {}));
  const handshake = new Handshake(url, { envelope: { ...ANA, scopes: ["x".repeat(11_000)] } });
  await assert.rejects(handshake.api.GET("/workflow/decision-room"), { reasonCode: "trust_context_invalid_request_shape" });
  assert.equal(calls.length, 0);
});

test("signs what carries identity and keys", async () => {
  const { url, calls } = await server((_, response) => json(response, 200, {}));
  const credentials = { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "example", sessionToken: "session" };
  await new Handshake(url, { authorize: sigV4("eu-central-1", credentials), submitter: ANA }).submit(REQUEST);
  const [, scope, signed] = /Credential=AKIDEXAMPLE\/\d{8}\/(\S+), SignedHeaders=(\S+),/.exec(calls[0].headers.authorization);
  assert.equal(scope, "eu-central-1/execute-api/aws4_request");
  for (const name of ["host", "content-type", "x-identity-envelope", "x-correlation-id", "x-amz-security-token"]) {
    assert.ok(signed.split(";").includes(name), `${name} is not signed`);
  }
});

test("shows an edge its token, and does not quote what is none", async () => {
  const { url, calls } = await server((_, response) => json(response, 200, {}));
  await new Handshake(url, { authorize: edgeToken("authorization: Bearer t0ken\n") }).submit(REQUEST);
  assert.equal(calls[0].headers.authorization, "Bearer t0ken");
  assert.throws(() => edgeToken("t0ken"), (error) => !error.message.includes("t0ken"));
});

test("waits under one requestId until a person decides", async () => {
  const { url, calls } = await server(({ number }, response) =>
    json(response, 200, { state: number < 3 ? "escalated_pending" : "escalated_approved_terminal" }),
  );
  const decided = await new Handshake(url, instantly).waitForDecision(REQUEST);
  assert.equal(decided.state, "escalated_approved_terminal");
  assert.deepEqual(new Set(calls.map((call) => JSON.parse(call.body).requestId)), new Set(["req-1"]));
});

test("waits no longer than it was told to", async () => {
  const { url } = await server((_, response) => json(response, 200, { state: "escalated_pending" }));
  const decided = await new Handshake(url).waitForDecision(REQUEST, { timeoutS: 0.05 });
  assert.equal(decided.state, "escalated_pending");
});
