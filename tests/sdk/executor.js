/**
 * An executor, as a process that can be killed: `node executor.js URL ORDER EFFECTS [DIES]`.
 *
 * It executes the request in the file ORDER; the effect adds a line to the file EFFECTS. DIES says where in its effect the
 * process kills itself: `before` that line is written, or `after`. TIMEOUT_S of the environment is the patience of a call.
 * Prints what came of it.
 */
import { appendFileSync, readFileSync } from "node:fs";
import { GrantError, Handshake, HandshakeError } from "../../sdk/typescript/src/index.js";

const [url, orderFile, effects, dies] = process.argv.slice(2);
const order = JSON.parse(readFileSync(orderFile, "utf8"));
const agent = { principalId: order.agentId, subjectType: "agent", tenantId: order.tenantId };
const handshake = new Handshake(url, {
  envelope: agent,
  retry: { attempts: 4, baseS: 0.01, maxWaitS: 10 },
  timeoutMs: Number(process.env.TIMEOUT_S ?? "10") * 1000,
});

async function kill() {
  process.kill(process.pid, "SIGKILL");
  await new Promise(() => {});
}

async function effect(grant) {
  if (dies === "before") await kill();
  appendFileSync(effects, `${grant.grantId}\n`, { flush: true });
  if (dies === "after") await kill();
  return "done";
}

try {
  console.log((await handshake.execute(order, effect)).result);
} catch (error) {
  if (error instanceof GrantError) console.log(error.fault);
  else if (error instanceof HandshakeError) console.log(error.reasonCode);
  else throw error;
}
