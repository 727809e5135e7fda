/** The one exception: a call that was refused, or that nobody answered. */
import { REASONS } from "./reasons.js";

/** The `reasonCode` where nothing answered, so that whether the call was carried out is not known. */
export const NO_ANSWER = "no_answer";
/** The `reasonCode` of an answer that is not the API's own, say a proxy's. */
export const UNKNOWN = "unknown";

const COMMON = ["status", "error", "reasonCode", "responseClass", "message"];

/** A call that did not succeed. A decision to deny is no error: it is what was asked for. */
export class HandshakeError extends Error {
  /**
   * @param {string} reasonCode
   * @param {string} message
   * @param {{status?: number | null, correlationId?: string, attempts?: number, retryAfterS?: number | null,
   *   body?: Record<string, unknown>, cause?: unknown}} about
   */
  constructor(reasonCode, message, about = {}) {
    super(`${reasonCode}: ${message} (correlation id ${about.correlationId ?? "none"})`, { cause: about.cause });
    this.name = "HandshakeError";
    const known = REASONS[reasonCode];
    const body = about.body ?? {};
    /** From the registry (`REASONS`), or NO_ANSWER, UNKNOWN, or a code newer than this client. */
    this.reasonCode = reasonCode;
    this.family = known?.family ?? "unknown";
    /** `retryable`, `blocked` or `unknown`. */
    this.responseClass = String(body["responseClass"] ?? known?.responseClass ?? "unknown");
    /** The registry's advice; what is not in the registry is not retried. */
    this.retry = known?.retry ?? "do_not_retry";
    /** The HTTP status; null where nothing answered, or nothing was sent. */
    this.status = about.status ?? null;
    /** Names the call in the service's logs. */
    this.correlationId = about.correlationId ?? "";
    /** The number of times the call was sent. After more than one, `security_replay_detected` may be its own doing. */
    this.attempts = about.attempts ?? 0;
    /** The time the service asks to be left alone, in seconds. */
    this.retryAfterS = about.retryAfterS ?? null;
    /** Members of the answer beyond the common ones. */
    this.fields = Object.fromEntries(Object.entries(body).filter(([name]) => !COMMON.includes(name)));
  }

  /** Whether sending the same call again, after a while, is what the registry advises. */
  get retryable() {
    return this.retry === "retry_with_backoff";
  }
}
