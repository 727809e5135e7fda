/** A typed client of Handshake, which decides what an AI agent may do. */
export { ActionError, actionDigest, canonicalAction } from "./digest.js";
export { Handshake } from "./client.js";
export { NotAllowedError } from "./denial.js";
export { HandshakeError, NO_ANSWER, UNKNOWN } from "./errors.js";
export { REASONS, REGISTRY_VERSION } from "./reasons.js";
export { NotDoneError } from "./executing.js";
export { GrantError, MemoryReplays, verifyGrant } from "./grant.js";
export { DEFAULT_RETRY, NEVER } from "./retry.js";
export { edgeToken, sigV4 } from "./sigv4.js";
