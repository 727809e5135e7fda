/** Prints, for each request on a line of standard input, its text as this client sends it and its digest, null where refused. */
import { createInterface } from "node:readline";
import { ActionError, actionDigest } from "../../sdk/typescript/src/index.js";

for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity })) {
  const request = JSON.parse(line);
  const digest = await actionDigest(request).catch((error) => {
    if (!(error instanceof ActionError)) throw error;
    return null;
  });
  console.log(JSON.stringify([JSON.stringify(request), digest]));
}
