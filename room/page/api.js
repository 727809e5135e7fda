// Calls of the API under this page's own origin, as the person who is signed in.

import { idToken } from "./session.js";
import { heardDate } from "./time.js";

const TIMEOUT_MS = 35_000; // the gateway gives up after 29 s

/** The API answered, and it was no. */
export class Refused extends Error {
  name = "Refused";

  constructor(status, body) {
    super(typeof body?.message === "string" ? body.message : "The service did not say why.");
    this.status = status;
    this.code = typeof body?.reasonCode === "string" ? body.reasonCode : "";
    this.stored = body?.stored;
  }
}

/** No answer came. Whatever was asked may have been done. */
export class Unanswered extends Error {
  name = "Unanswered";
}

/** Build a path; each segment may hold anything. */
export function path(strings, ...segments) {
  const encoded = segments.map((segment) => {
    // A browser takes these two for steps in the path, however they are encoded.
    if (segment === "." || segment === "..") throw new Refused(404, { reasonCode: "hitl_request_not_found", message: "No address can hold this id." });
    return encodeURIComponent(segment);
  });
  return String.raw({ raw: strings }, ...encoded);
}

/** Read; `query` members without a value are left out. */
export function get(where, query = {}, signal = undefined) {
  const asked = Object.entries(query).filter(([, value]) => value !== undefined && value !== "");
  const suffix = asked.length ? `?${new URLSearchParams(asked)}` : "";
  return call("GET", where + suffix, undefined, {}, signal);
}

/** Post a body; with a `key` it happens once, however often it is sent. */
export const post = (where, body, key = undefined) =>
  call("POST", where, body, key === undefined ? {} : { "x-idempotency-key": key });

/** Put a body. */
export const put = (where, body) => call("PUT", where, body, {});

async function call(method, where, body, headers, signal) {
  const limits = [AbortSignal.timeout(TIMEOUT_MS), ...(signal ? [signal] : [])];
  let answer, parsed;
  try {
    answer = await fetch(`/api${where}`, {
      method,
      headers: { authorization: `Bearer ${await idToken()}`, ...(body === undefined ? {} : { "content-type": "application/json" }), ...headers },
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: AbortSignal.any(limits),
      credentials: "omit",
      cache: "no-store",
      redirect: "error",
    });
    heardDate(answer.headers.get("date"));
    parsed = await answer.text();
  } catch (fault) {
    if (signal?.aborted) throw fault;
    throw new Unanswered("No answer came.");
  }
  let value;
  try {
    value = JSON.parse(parsed);
  } catch {
    throw answer.ok ? new Unanswered("The answer was no JSON.") : new Refused(answer.status, {});
  }
  if (!answer.ok) throw new Refused(answer.status, value);
  return value;
}
