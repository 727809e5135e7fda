/** The client: every operation of the API by its path, and what callers do with several of them. */
import createClient, { defaultPathSerializer } from "openapi-fetch";
import { answered } from "./answered.js";
import { canonicalAction } from "./digest.js";
import { executed } from "./executing.js";
import { AUDIENCE, MemoryReplays } from "./grant.js";
import { DEFAULT_RETRY } from "./retry.js";
import { guarded, identities } from "./transport.js";
import { TIMEOUT_S, waited } from "./waiting.js";

/** @typedef {import("./schema.d.ts").paths} paths */
/** @typedef {import("./schema.d.ts").components["schemas"]} Schemas */
/** @typedef {Schemas["Submission"]} Submission */
/** @typedef {Schemas["Decided"]} Decided */

/**
 * The API at `baseUrl`. Every call raises HandshakeError where it is refused or not answered.
 *
 * `api` has every operation, typed by the API's own document: `api.POST("/workflow/requests", { body })`,
 * `api.GET("/workflow/requests/{requestId}", { params: { path: { requestId } } })`; a header that is given to a call stands
 * in for that of the settings.
 */
export class Handshake {
  #replays = new MemoryReplays();
  #sleep;

  /**
   * @param {string} baseUrl
   * @param {Partial<import("./transport.js").Settings>} [settings]
   */
  constructor(baseUrl, settings = {}) {
    const whole = { retry: DEFAULT_RETRY, sleep: pause, ...settings };
    this.#sleep = whole.sleep;
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
   * Submit `request`, as often as it takes until it is decided or `timeoutS` is over.
   *
   * A repeat answers what is stored, so waiting for what was submitted earlier is right too, whenever that was. Where the
   * time is over the answer is still `escalate`, and the request can be waited for again.
   * @param {Submission} request
   * @param {{timeoutS?: number}} [options]
   * @returns {Promise<Decided>}
   */
  async waitForDecision(request, { timeoutS = TIMEOUT_S } = {}) {
    return waited((fresh) => this.submit(fresh), request, { timeoutS, sleep: this.#sleep });
  }

  /**
   * Do `effect` once `request` is allowed: submit, wait, claim its grant, verify that, do it, report it.
   *
   * Never twice, whatever crashes and whoever else tries: a request has one grant, and `effect` is given it. `envelope` is
   * whose claim it is, of the request's principal or agent or of who has `workflow:execute`; `replays`, `audience` and
   * `issuer` are those of `verifyGrant`. What `effect` raises is reported as `unknown` and raised, a NotDoneError as
   * `failed`. Raises NotAllowedError where it is not allowed or, after `timeoutS`, not decided; GrantError for a grant that
   * is none; ActionError; and HandshakeError, with `security_grant_consumed` where it was, or is, being done.
   * @template T
   * @param {Submission} request
   * @param {(grant: import("./grant.js").Grant) => T | Promise<T>} effect
   * @param {{timeoutS?: number, envelope?: import("./transport.js").Envelope, replays?: import("./grant.js").Replays,
   *   audience?: string, issuer?: string}} [options]
   * @returns {Promise<import("./executing.js").Executed<T>>}
   */
  async execute(request, effect, { timeoutS = TIMEOUT_S, envelope, replays = this.#replays, audience = AUDIENCE, issuer } = {}) {
    canonicalAction(request); // what has no digest is not submitted
    const decided = await this.waitForDecision(request, { timeoutS });
    const executor = { api: this.api, sleep: this.#sleep, envelope, replays, audience, issuer };
    return executed(request, decided, effect, executor);
  }
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
