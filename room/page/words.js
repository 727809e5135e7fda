// What the API's codes and states mean, in words that say what to do.

import { h, said } from "./dom.js";

export const STATES = {
  escalated_pending: "waits for a person",
  escalated_approved_terminal: "approved",
  escalated_rejected_terminal: "rejected",
  escalated_expired_terminal: "expired: nobody decided in time",
  allowed_terminal: "allowed by policy",
  denied_terminal: "denied by policy",
};

export const TYPES = {
  payment: "pay",
  data_access: "read data",
  credential_use: "use a credential",
  external_call: "call another system",
  other: "do something",
};

const CROSSED = {
  hitl_boundary_escalated: "The amount is over the limit that policy allows without a person.",
  hitl_sensitive_ambiguous_escalated: "Nobody could tell whether the data is sensitive.",
  hitl_policy_escalated: "A policy asks for a person.",
  hitl_budget_escalated: "It takes more than a budget has left.",
  hitl_agent_restricted_escalated: "A person looks at all that this agent would be allowed.",
};

// What went wrong, and what to do about it. Where a code is not here, the service's own words stand.
const REFUSALS = {
  security_token_invalid: ["Your session has ended.", "Sign in again: you come back to this page."],
  security_missing_authorization_header: ["You are not signed in.", "Sign in: you come back to this page."],
  security_person_unknown: ["You are signed in, and this service does not know you.", "Ask your operators to add you: `ops people add`."],
  security_person_disabled: ["Your access has been disabled.", "Nothing that you do here is carried out. Ask your operators why."],
  security_read_scope_denied: ["You may not read this.", "Ask whoever may, or ask your operators for the right."],
  security_read_tenant_mismatch: ["This belongs to another organisation.", "If it should be yours, ask your operators."],
  hitl_approval_unauthorized: ["This is not yours to decide.", "Ask whoever may, or ask your operators for the right."],
  security_identity_subject_mismatch: ["Only a person may do this.", "Sign in as yourself."],
  security_identity_assurance_insufficient: ["This stack takes approvals of people who have signed in only.", "Sign in again."],
  security_agent_stopped: ["The agent has been stopped.", "You can still reject. If it is let act again before the deadline, you can approve then."],
  security_scope_missing: ["You may not change agents.", "Tell your operators: `ops agents stop`."],
  security_agent_not_found: ["There is no record of this agent.", "Nobody has said anything of it yet; it may still have asked for something."],
  hitl_request_not_found: ["There is no such request.", "Look at the queue, or at the history."],
  hitl_request_mismatch: ["This request is not what it was when this page read it.", "Load it again, and look at it again."],
  hitl_terminal_state_immutable: ["It was decided already.", "That stays. Load the page again to see how it ended."],
  security_replay_detected: ["This was already sent, and carried out once.", "Load the page again to see how it ended."],
  hitl_timeout_fail_closed: ["The deadline has passed.", "It is expired, which is a refusal. The agent has to ask anew."],
  hitl_deadline_not_extendable: ["The deadline cannot be moved further.", "It was extended as far as that goes, or it is decided. Decide now, or let it expire."],
  security_artifact_state_not_authorized: ["There is nothing to take back.", "It authorizes nothing."],
  security_grant_consumed: ["The agent has claimed this already, and may have begun.", "Taking it back does not undo that. Tell your operators now, and stop the agent."],
  policy_daily_limit_exceeded: ["Approving would take the agent over its limit for the day.", "It still waits. Reject it, or have the limit changed."],
  adapter_privileged_mutations_paused: ["Your operators have paused decisions.", "Nothing was decided. Try again in a while; extending goes on."],
  adapter_store_unavailable: ["The service cannot answer right now.", "Try again in a moment."],
  security_replay_guard_unavailable: ["The service cannot decide safely right now.", "Nothing was decided. Try again in a moment."],
};

/** Say what a refusal, or a missing answer, means and what to do: two sentences. */
export function advice(fault) {
  if (fault.code === undefined) return ["No answer came.", "You may be offline. When you are back, this page goes on by itself."];
  if (fault.code === "" && fault.status === 401) return REFUSALS.security_token_invalid;
  return REFUSALS[fault.code] ?? [visibleMessage(fault), "Try again; if that does not help, tell your operators the code below."];
}

const visibleMessage = (fault) => fault.message || "The service refused.";

/** Say whether signing in again is what helps. */
export const endsSession = (fault) => fault.status === 401;

/** Say in a sentence what is asked. */
export function sentence(room, { linked = false } = {}) {
  const action = room.action ?? {};
  const what = [TYPES[room.actionType] ?? TYPES.other];
  if (room.amount !== undefined) what.push(" ", said(amountOf(room), { class: "amount" }));
  const parts = [said(room.agentId), " asks to ", ...what];
  if (action.operation) parts.push(": ", said(action.operation, { class: "code" }));
  if (action.resource) parts.push(" on ", said(action.resource));
  if (!linked && room.category !== undefined) parts.push(", category ", said(room.category));
  if (!linked) parts.push(", for ", said(room.principalId));
  return parts;
}

/** Give the amount as it stands in the request, with its currency where one was hashed. */
export function amountOf(room) {
  const amount = typeof room.amount === "string" ? room.amount : JSON.stringify(room.amount);
  const currency = currencyOf(room);
  return currency === "" ? amount : `${amount} ${currency}`;
}

function currencyOf(room) {
  const currency = room.action?.arguments?.currency;
  return typeof currency === "string" ? currency : "";
}

/** Show every argument, as text; null where there are none. */
export function argumentTable(room) {
  const rows = room.action?.arguments ? [...leaves(room.action.arguments)] : [];
  if (rows.length === 0) return null;
  const code = (text) => said(text, { class: "code" });
  return h(
    "div",
    { class: "scroll", tabindex: "0", role: "region", "aria-label": "Arguments" },
    h(
      "table",
      {},
      h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "Name"), h("th", { scope: "col" }, "Value"))),
      h("tbody", {}, rows.map(([name, value]) => h("tr", {}, h("th", { scope: "row" }, code(name)), h("td", {}, code(value))))),
    ),
  );
}

// Every leaf with its path, as JSON writes it: "5" is a text, 5 a number.
function* leaves(value, name = "") {
  const members = value !== null && typeof value === "object" ? Object.entries(value) : [];
  if (members.length === 0) {
    yield [name, JSON.stringify(value)];
    return;
  }
  for (const [key, member] of members) {
    const step = Array.isArray(value) ? `[${key}]` : /^[\p{L}\p{N}_-]+$/u.test(key) ? key : JSON.stringify(key);
    yield* leaves(member, name === "" || Array.isArray(value) ? name + step : `${name}.${step}`);
  }
}

/** Show what was crossed: in the service's words, in the rule's, and in the policy's own. */
export function crossed(room, code) {
  const parts = [h("p", {}, CROSSED[code] ?? "Policy leaves this to a person.")];
  const by = room.escalatedBy;
  if (by) {
    const limit = by.limit === null || by.limit === undefined ? [] : [", limit ", said(JSON.stringify(by.limit))];
    parts.push(h("p", {}, "Rule ", said(by.rule, { class: "code" }), ": ", said(JSON.stringify(by.value)), limit, "."));
  }
  if (room.policyMessage !== undefined) parts.push(h("blockquote", {}, said(room.policyMessage)));
  for (const policy of room.decidedBy ?? []) {
    parts.push(h("p", { class: "quiet" }, "Policy ", said(policy.policy, { class: "code" }), ", scope ", said(policy.scope), ", version ", said(policy.version)));
  }
  const versions = Object.entries(room.policyVersions ?? {}).filter(([, version]) => version !== null);
  if (versions.length > 0) {
    parts.push(h("p", { class: "quiet" }, "Policies in force: ", versions.map(([scope, version], at) => [at > 0 && ", ", said(scope), " ", said(version)]), "."));
  }
  return parts;
}

// On what it rests that somebody was who they are said to be.
export const ASSURANCES = { oidc: "had signed in", issuer_asserted: "by the word of a system that operators trust" };

const EVENTS = {
  decided: "Submitted, and left to a person",
  closed: "Closed",
  extended: "Extended",
  revoked: "Taken back",
  refused: "Refused",
  claimed: "Claimed: the agent may have begun",
  reported: "Outcome reported",
  lapsed: "Never claimed: gave back what it had taken of a limit",
  erased: "Arguments erased",
};

/** Say what an event of the evidence is. */
export function eventTitle(event) {
  const { payload, reasonCode } = event;
  if (payload.event === "decided" && payload.decision !== "escalate") return `Submitted, and ${payload.decision === "allow" ? "allowed" : "denied"} by policy`;
  if (payload.event === "closed") return ENDINGS[endingOf(event)];
  if (payload.event === "refused") return `Refused: ${reasonCode}`;
  return EVENTS[payload.event] ?? "Something else";
}

export const ENDINGS = { approved: "Approved", rejected: "Rejected", withdrawn: "Withdrawn by who asked", expired: "Expired: nobody decided in time" };

/** Name how an event closed a request. */
export function endingOf({ payload, reasonCode }) {
  if (payload.outcome === "withdrawn") return "withdrawn";
  if (reasonCode === "hitl_approved") return "approved";
  return reasonCode === "hitl_rejected" ? "rejected" : "expired";
}
