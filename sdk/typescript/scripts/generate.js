/** Makes what the OpenAPI document says: `schema.d.ts`, its types, `reasons.js`, its reason codes, and `operations.js`. */
import { readFile, writeFile } from "node:fs/promises";
import { pathToFileURL } from "node:url";
import openapiTS, { astToString } from "openapi-typescript";

const SOURCE = new URL("../../../openapi/handshake.json", import.meta.url);
// What an envelope may go with, and must where the stack has SubmissionIdentity=envelope.
const SUBMITTING = ["submitRequest", "authorizeExecution"];
const MADE_FROM = "made from openapi/handshake.json by `npm run generate`: do not edit.";

const folder = process.argv[2] ? pathToFileURL(`${process.argv[2]}/`) : new URL("../src/", import.meta.url);
const document = JSON.parse(await readFile(SOURCE, "utf8"));
const codes = Object.entries(document["x-reason-codes"].codes)
  .map(([code, reason]) => `  ${code}: ${JSON.stringify(reason)},`)
  .join("\n");

await write("schema.d.ts", `/** The API's types, ${MADE_FROM} */\n${astToString(await openapiTS(document))}`);
await write(
  "reasons.js",
  `/** The reason codes, ${MADE_FROM} */

/**
 * What the registry says of a reason code.
 * @typedef {{family: string, status: number, responseClass: string, retry: string}} Reason
 */

export const REGISTRY_VERSION = ${JSON.stringify(document["x-reason-codes"].version)};

/** @type {Readonly<Record<string, Reason>>} */
export const REASONS = Object.freeze({
${codes}
});
`,
);

await write(
  "operations.js",
  `/** What each operation takes beside a signature, ${MADE_FROM} */

/**
 * @typedef {{envelope: boolean, submitter: boolean, token: boolean, idempotencyKey: boolean}} Operation
 */

/** @type {Readonly<Record<string, Operation>>} */
export const OPERATIONS = Object.freeze({
${[...operations()].join("\n")}
});
`,
);

function* operations() {
  for (const [path, item] of Object.entries(document.paths)) {
    for (const [method, operation] of Object.entries(item)) {
      const needs = new Set(operation.security.flatMap(Object.keys));
      const takes = {
        envelope: needs.has("identityEnvelope"),
        submitter: SUBMITTING.includes(operation.operationId),
        token: needs.has("internalTrustContext"),
        idempotencyKey: operation.parameters.some((/** @type {{$ref?: string}} */ taken) =>
          taken.$ref?.endsWith("/idempotencyKey"),
        ),
      };
      yield `  "${method.toUpperCase()} ${path}": ${JSON.stringify(takes)},`;
    }
  }
}

/** @param {string} name @param {string} text */
async function write(name, text) {
  await writeFile(new URL(name, folder), text);
}
