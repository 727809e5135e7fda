/** The client: every operation of the API by its path, and what callers do with several of them. */
import createClient, { defaultPathSerializer } from "openapi-fetch";
import { DEFAULT_RETRY } from "./retry.js";
import { guarded, identities } from "./transport.js";

/** @typedef {import("./schema.d.ts").paths} paths */
/** @typedef {import("./schema.d.ts").components["schemas"]} Schemas */
/** @typedef {Schemas["Submission"]} Submission */
/** @typedef {Schemas["Decided"]} Decided */

const PENDING = "escalated_pending";
const POLL_AFTER_MS = 2000;

/**
 * The API at `baseUrl`. Every call raises HandshakeError where it is refused or not answered.
 *
 * `api` has every operation, typed by the API's own document: `api.POST("/workflow/requests", { body })`,
 * `api.GET("/workflow/requests/{requestId}", { params: { path: { requestId } } })`; a header that is given to a call stands
 * in for that of the settings.
 */
export class Handshake {
  /**
   * @param {string} baseUrl
   * @param {Partial<import("./transport.js").Settings>} [settings]
   */
  constructor(baseUrl, settings = {}) {
    const whole = { retry: DEFAULT_RETRY, ...settings };
    this.api = /** @type {import("openapi-fetch").Client<paths>} */ (
      createClient({ baseUrl, fetch: guarded(whole), pathSerializer: asSigned })
    );
    this.api.use(identities(whole));
  }

  /**
   * Submit an action for a decision; again, with a fresh timestamp, it answers what was decided first.
   * @param {Submission} request
   * @returns {Promise<Decided>}
   */
  async submit(request) {
    return answered(await this.api.POST("/workflow/requests", { body: request }));
  }

  /**
   * Submit `request`, and ask again until it is decided, or `timeoutS` are over: then the answer is still pending.
   *
   * It is the same request however often it is asked, and ends as expired where nobody decides by its deadline.
   * @param {Submission} request
   * @param {{timeoutS?: number, sleep?: (seconds: number) => Promise<void>}} [options]
   * @returns {Promise<Decided>}
   */
  async waitForDecision(request, { timeoutS = 300, sleep = pause } = {}) {
    const until = Date.now() + timeoutS * 1000;
    for (;;) {
      const decided = await this.submit({ ...request, timestamp: Date.now() });
      const leftMs = until - Date.now();
      if (decided.state !== PENDING || leftMs <= 0) return decided;
      const pollAfterMs = "pollAfterMs" in decided ? Number(decided.pollAfterMs) : POLL_AFTER_MS;
      await sleep(Math.min(pollAfterMs, leftMs) / 1000);
    }
  }
}

/**
 * Give the data of an answer of openapi-fetch, whose errors `guarded` has raised.
 * @template T
 * @param {{data?: T}} answer
 * @returns {T}
 */
export function answered({ data }) {
  return /** @type {T} */ (data);
}

/** Spell a path as SigV4 does, so that what is signed is what arrives; "." and ".." would lead elsewhere. */
/** @type {typeof defaultPathSerializer} */
function asSigned(pathname, params) {
  const spelled = Object.entries(params).map(([name, value]) => {
    const text = String(value);
    if (text === "." || text === "..") return [name, text.replaceAll(".", "%2E")];
    return [name, encodeURIComponent(text).replace(/[!'()*]/g, (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`)];
  });
  return pathname.replace(/\{(\w+)\}/g, (whole, name) => Object.fromEntries(spelled)[name] ?? whole);
}

/** @param {number} seconds @returns {Promise<void>} */
function pause(seconds) {
  return new Promise((done) => setTimeout(done, seconds * 1000));
}
