/** Waiting for a decision: asking for it again changes nothing once it is stored. */
import { HandshakeError, NO_ANSWER, UNKNOWN } from "./errors.js";

/** @typedef {import("./schema.d.ts").components["schemas"]} Schemas */

/** How long a decision is waited for unless somebody says otherwise: as long as people have unless a stack says so. */
export const TIMEOUT_S = 300;
const PENDING = "escalated_pending";
const FIRST_PAUSE_S = 1;
const LONGEST_PAUSE_S = 10;

/**
 * Submit a request, and again until it is decided or `timeoutS` is over: then the answer is still pending.
 *
 * Each time it has a fresh timestamp, which is no part of what must be the same. Raises HandshakeError for the first call
 * that is refused or not answered; later, while the service cannot be reached, only once the time is over.
 * @param {(request: Schemas["Submission"]) => Promise<Schemas["Decided"]>} submit
 * @param {Schemas["Submission"]} request
 * @param {{timeoutS: number, sleep: (seconds: number) => Promise<void>}} options
 * @returns {Promise<Schemas["Decided"]>}
 */
export async function waited(submit, request, { timeoutS, sleep }) {
  const ask = () => submit({ ...request, timestamp: Date.now() });
  const ends = performance.now() + timeoutS * 1000;
  const first = await ask();
  let decided = first;
  for (let pauseS = FIRST_PAUSE_S; decided.state === PENDING; pauseS = Math.min(pauseS * 2, LONGEST_PAUSE_S)) {
    const leftS = (ends - performance.now()) / 1000;
    if (leftS <= 0) break;
    const askedS = decided.pollAfterMs ? decided.pollAfterMs / 1000 : pauseS;
    await sleep(Math.min(askedS, leftS));
    try {
      decided = await ask();
    } catch (error) {
      if (!(error instanceof HandshakeError) || !(error.retryable || unanswered(error)) || performance.now() >= ends) throw error;
    }
    if (decided.requestTimestamp !== first.requestTimestamp) {
      const message = "what was waited for is gone, and another request has its id";
      throw new HandshakeError("security_decision_context_mismatch", message, { attempts: 1 });
    }
  }
  return decided;
}

/** Tell whether nobody answered, or not the API, or with half of its answer: what was asked may have been done. @param {HandshakeError} error */
export function unanswered({ reasonCode, status }) {
  return reasonCode === NO_ANSWER || (reasonCode === UNKNOWN && status !== null && !(300 <= status && status < 500));
}
