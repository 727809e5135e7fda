/** The digest that binds a request to what is done, as the service computes it: openapi/vectors/action-digest.json. */
import canonicalize from "canonicalize";

const MEMBERS = ["operation", "tool", "toolVersion", "resource", "arguments"];
const BINDINGS = ["tenantId", "principalId", "agentId", "actionType", "payloadRef"];
/** @type {Record<string, string[]>} */
const FACTS = {
  payment: ["amount", "category", "maxTransaction", "dailySpendLimit", "allowedHours", "allowedCategories"],
  data_access: ["sensitivity", "authorizedSensitiveScope"],
};
/** @type {Record<string, string[]>} */
const ALSO_IN_ARGUMENTS = { payment: ["amount", "category"] };
const WORDS = ["category", "sensitivity"];
const NAME = /^[A-Za-z0-9._:/-]{1,128}$/;
// What the service trims of a word: other than String.prototype.trim, U+001C to U+001F and U+0085, and not U+FEFF.
const SPACE = "[\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]+";
const AROUND = new RegExp(`^${SPACE}|${SPACE}$`, "g");
const UNSEEN = /[\p{Cc}\p{Cf}\p{Co}\p{Cs}]/u;
const MAX_BYTES = 32 * 1024;
const MAX_LEVELS = 16;
const MAX_ID_LENGTH = 256;

/** A request of which there is no digest, because the service refuses it. The message says why. */
export class ActionError extends TypeError {
  name = "ActionError";
}

/**
 * Give the digest of `request`: `sha256:` and the hex of all of it but its id and time. Raises ActionError.
 * @param {object} request a submission
 */
export async function actionDigest(request) {
  const text = new TextEncoder().encode(canonicalAction(request));
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", text));
  return `sha256:${Array.from(hash, (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}

/**
 * Give the text whose digest binds `request`, which the decision room shows. Raises ActionError.
 * @param {object} request a submission
 */
export function canonicalAction(request) {
  const body = asSent(request);
  const action = body["action"] ?? undefined;
  if (action !== undefined) ensureAction(action);
  const bindings = Object.fromEntries(BINDINGS.map((name) => [name, body[name] ?? undefined]));
  return canonical({
    v: 1,
    ...bindings,
    tenantId: body["tenantId"] || undefined, // "" is none
    facts: facts(String(body["actionType"]), body["context"] ?? {}, action?.arguments ?? {}),
    action: action && present(action),
  });
}

/** Read a request as the service reads what is sent of it. @param {object} request @returns {Record<string, any>} */
function asSent(request) {
  const body = JSON.parse(JSON.stringify(request, finite) ?? "null");
  if (!isObject(body) || !isObject(body["context"] ?? {})) throw new ActionError("the request and its context are objects");
  if (!isWellFormed(body)) throw new ActionError("the request is no JSON: it has a lone surrogate");
  return body;
}

/** @param {string} _ @param {unknown} value */
function finite(_, value) {
  if (typeof value === "number" && !Number.isFinite(value)) throw new ActionError("a number of the request is not finite");
  return value;
}

/**
 * Give the facts that decide: of the context, and a payment's of its action's arguments, too.
 * @param {string} actionType @param {Record<string, unknown>} context @param {Record<string, unknown>} args
 */
function facts(actionType, context, args) {
  const known = kept(context, FACTS[actionType]);
  const stated = kept(args, ALSO_IN_ARGUMENTS[actionType]);
  for (const name of Object.keys(stated)) {
    if (name in known && canonical(known[name]) !== canonical(stated[name])) {
      throw new ActionError(`${name} differs between context and action.arguments`);
    }
  }
  const defaults = actionType === "payment" ? { category: "ops" } : {};
  return numbersAsText({ ...defaults, ...stated, ...known });
}

/** @param {Record<string, unknown>} given @param {string[]} [names] @returns {Record<string, unknown>} */
function kept(given, names = []) {
  const named = names.filter((name) => Object.hasOwn(given, name) && given[name] !== null);
  return Object.fromEntries(named.map((name) => [name, WORDS.includes(name) ? folded(given[name]) : given[name]]));
}

/** @param {unknown} value */
function folded(value) {
  return typeof value === "string" ? value.replace(AROUND, "").toLowerCase() : value;
}

/** @param {unknown} value @returns {unknown} */
function numbersAsText(value) {
  if (typeof value === "number") return plain(value);
  if (Array.isArray(value)) return value.map(numbersAsText);
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, child]) => [name, numbersAsText(child)]));
}

/** Write a number as the shortest decimal that is read as it, without an exponent. @param {number} value */
function plain(value) {
  const [, sign, whole, fraction = "", exponent = "0"] =
    /** @type {RegExpExecArray} */ (/^(-?)(\d+)(?:\.(\d+))?(?:e([+-]\d+))?$/.exec(String(value)));
  const digits = /** @type {string} */ (whole) + fraction;
  const point = /** @type {string} */ (whole).length + Number(exponent);
  if (point <= 0) return `${sign}0.${"0".repeat(-point)}${digits}`;
  if (point >= digits.length) return sign + digits.padEnd(point, "0");
  return `${sign}${digits.slice(0, point)}.${digits.slice(point)}`;
}

/** Hold an action to what the service takes. @param {unknown} action */
function ensureAction(action) {
  if (!isObject(action)) throw new ActionError("action is not an object");
  if (Object.keys(action).some((name) => !MEMBERS.includes(name))) {
    throw new ActionError(`action has another member than ${MEMBERS.join(", ")}`);
  }
  if (!isWithin(action, MAX_LEVELS)) throw new ActionError(`action nests deeper than ${MAX_LEVELS} levels`);
  const members = present(action);
  for (const name of ["operation", "tool"]) {
    if ((name in members || name === "operation") && !isName(members[name])) {
      throw new ActionError(`action.${name} is not 1 to 128 characters of A-Z a-z 0-9 . _ : / -`);
    }
  }
  for (const name of ["toolVersion", "resource"]) {
    if (name in members && !isId(members[name])) {
      throw new ActionError(`action.${name} is not 1 to ${MAX_ID_LENGTH} visible characters in NFC, trimmed`);
    }
  }
  if (!isObject(members["arguments"] ?? {})) throw new ActionError("action.arguments is not an object");
  if (!isExact(action)) throw new ActionError("action holds a number beyond what every reader keeps; send it as a string");
  if (new TextEncoder().encode(canonical(members)).length > MAX_BYTES) {
    throw new ActionError(`action has more than ${MAX_BYTES} bytes as canonical JSON`);
  }
}

// Its types say a module with a default, and it is CommonJS: the function itself is what is imported.
const serialize = /** @type {(value: unknown) => string} */ (/** @type {unknown} */ (canonicalize));

/** @param {unknown} value */
function canonical(value) {
  return serialize(value);
}

/** @param {Record<string, unknown>} members */
function present(members) {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== null));
}

/** @param {unknown} value @returns {value is Record<string, any>} */
function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** @param {unknown} value @param {number} levels @returns {boolean} */
function isWithin(value, levels) {
  if (typeof value !== "object" || value === null) return true;
  return levels > 0 && Object.values(value).every((child) => isWithin(child, levels - 1));
}

/** @param {unknown} value */
function isName(value) {
  return typeof value === "string" && NAME.test(value);
}

/** Tell whether `value` looks like an id. The service knows more characters that nobody sees. @param {unknown} value */
function isId(value) {
  if (typeof value !== "string") return false;
  const length = [...value].length;
  const isPlain = value.replace(AROUND, "") === value && value.normalize("NFC") === value && !UNSEEN.test(value);
  return isPlain && 1 <= length && length <= MAX_ID_LENGTH;
}

/** @param {unknown} value @returns {boolean} */
function isExact(value) {
  if (typeof value === "number") return Math.abs(value) <= Number.MAX_SAFE_INTEGER;
  return typeof value !== "object" || value === null || Object.values(value).every(isExact);
}

/** @param {unknown} value @returns {boolean} */
function isWellFormed(value) {
  if (typeof value === "string") return value.isWellFormed();
  if (typeof value !== "object" || value === null) return true;
  return Object.entries(value).every(([name, child]) => name.isWellFormed() && isWellFormed(child));
}
