/** When a call is sent again. */

/**
 * Bounded backoff: up to `attempts` in all, waits double from `baseS`, with jitter, and never exceed `maxWaitS`. A service
 * that asks for more than that is not waited for.
 * @typedef {{attempts: number, baseS: number, maxWaitS: number}} Retry
 */

/** @type {Retry} */
export const DEFAULT_RETRY = { attempts: 4, baseS: 0.2, maxWaitS: 10 };

/** Send every call once. @type {Retry} */
export const NEVER = { ...DEFAULT_RETRY, attempts: 1 };

/**
 * Give the time to wait before the next attempt, in seconds; null where there is to be none.
 *
 * A refusal is retried where the registry advises it (`adapter_*`). A call that nobody answered is retried only if sending
 * it twice does what sending it once does, and the connection was refused or closed: it may have been carried out.
 * @param {Retry} retry
 * @param {import("./errors.js").HandshakeError} error
 * @param {{idempotent: boolean}} call
 */
export function waitBefore(retry, error, { idempotent }) {
  const askedS = error.retryAfterS ?? 0;
  const again = error.retryable || (idempotent && isConnectionLost(error.cause));
  if (!again || error.attempts >= retry.attempts || askedS > retry.maxWaitS) return null;
  const backoffS = Math.min(retry.baseS * 2 ** (error.attempts - 1), retry.maxWaitS);
  return Math.max(askedS, backoffS * (0.5 + Math.random() / 2));
}

const LOST = new Set(["ECONNREFUSED", "ECONNRESET", "EPIPE", "UND_ERR_SOCKET"]);

/** @param {unknown} fault */
function isConnectionLost(fault) {
  const cause = fault instanceof Error ? fault.cause : undefined;
  return cause instanceof Error && "code" in cause && LOST.has(String(cause.code));
}
