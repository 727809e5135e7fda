// One request: all that a person needs to decide on it, and what can be done to it.

import { get, path } from "./api.js";
import { approve, changeAgent, closeDialogs, extend, reject, revoke } from "./decide.js";
import { facts, h, said, section, visible } from "./dom.js";
import { announce, isFault, notice, poll } from "./notice.js";
import { may, me } from "./me.js";
import { neighbour } from "./queue.js";
import { ago, countdown, moment } from "./time.js";
import { ASSURANCES, STATES, TYPES, argumentTable, crossed, endingOf, eventTitle, sentence } from "./words.js";

const EVERY_MS = 5_000;
const CLOSED_EVERY_MS = 20_000; // it may yet be claimed, or taken back
// A request in one of these has nothing more to come from a person but being taken back.
const PENDING = "escalated_pending";
const AUTHORIZES = ["allowed_terminal", "escalated_approved_terminal"];

/** Show one request. Returns what the keys A, R and E do here. */
export function requestScreen({ view, signal, id }) {
  const trouble = h("div", {});
  const outcome = h("div", { id: "outcome" });
  const body = h("div", { id: "request" });
  const actions = {};
  let room, shown, evidence;

  view.replaceChildren(h("h1", { tabindex: "-1" }, "Request"), trouble, outcome, body);

  const read = async () => {
    room = await get(path`/workflow/decision-room/${id}`, {}, signal);
    const signature = JSON.stringify(room);
    if (signature === shown) return;
    evidence = await get(path`/workflow/evidence/${id}`, {}, signal);
    const before = shown === undefined ? undefined : JSON.parse(shown).state;
    shown = signature;
    if (before === PENDING && room.state !== PENDING) {
      const end = ending(room, evidence);
      if (end) tell(end.text, ...end.parts);
    }
    draw();
  };
  const again = poll(read, {
    everyMs: () => (room === undefined || room.state === PENDING ? EVERY_MS : CLOSED_EVERY_MS),
    signal,
    failed: (fault) => trouble.replaceChildren(...(fault ? [notice(fault, () => void again())] : [])),
  });
  view.addEventListener("overdue", () => void again(), { signal });
  signal.addEventListener("abort", closeDialogs);

  const tell = (text, ...parts) => {
    outcome.replaceChildren(h("p", { class: "outcome" }, parts.length ? parts : text));
    announce(text);
  };
  const refresh = async () => {
    shown = undefined;
    await again();
  };
  const done = (text) => (answer) => {
    tell(typeof text === "function" ? text(answer) : text);
    void refresh();
  };
  // A refusal that means that the request is no longer as shown: read it, and say who was first.
  const lost = (mine) => async (fault) => {
    const over = ["hitl_terminal_state_immutable", "hitl_timeout_fail_closed", "security_replay_detected"].includes(fault.code);
    if (!over) return false;
    try {
      shown = undefined;
      await read();
    } catch (error) {
      if (!isFault(error)) throw error;
      return false;
    }
    const end = ending(room, evidence);
    if (end === null) return false;
    // The same key, used before: what was sent then is what happened.
    if (fault.code === "security_replay_detected") tell(end.text, ...end.parts);
    else tell(`Too late. ${end.text} ${mine}`, "Too late. ", end.parts, ` ${mine}`);
    return true;
  };

  function draw() {
    const pending = room.state === PENDING;
    for (const name of Object.keys(actions)) delete actions[name];
    if (pending) {
      actions.a = () => approve(room, done("You approved this. The agent may do it now, once."), lost("Your approval changed nothing."));
      actions.r = () => reject(room, done("You rejected this."), lost("Your rejection changed nothing."));
      actions.e = () => extend(room, done((answer) => `It waits for longer now, and can be extended ${answer.extensionsLeft} times more.`), lost("Nothing was extended."));
    } else if (AUTHORIZES.includes(room.state) && room.revokedAt === undefined && !claimOf(evidence)) {
      actions.revoke = () => revoke(room, done("You took this back. Nothing begins on it any more."), () => false);
    }
    document.title = `${TYPES[room.actionType] ?? "request"} · Handshake`;
    view.querySelector("h1").replaceChildren(...sentence(room));
    const unfolded = body.querySelector("#hashed")?.open;
    const focused = body.contains(document.activeElement) ? document.activeElement.id : "";
    body.replaceChildren(standing(room), buttons(actions), ...details(room, evidence, refresh, tell));
    // Drawn anew because something changed: what the reader had open, and where they were, stays.
    if (unfolded) body.querySelector("#hashed")?.setAttribute("open", "");
    if (focused) (document.getElementById(focused) ?? view.querySelector("h1")).focus({ preventScroll: true });
  }
  return {
    actions,
    move: (step) => {
      const next = neighbour(id, step);
      if (next !== undefined) location.hash = `#/requests/${encodeURIComponent(next)}`;
    },
  };
}

function standing(room) {
  const pending = room.state === PENDING;
  return h(
    "div",
    { class: `standing ${pending ? "pending" : "closed"}`, id: "standing" },
    h("p", {}, h("span", { class: `tier tier-${room.artifact.tier}` }, `tier ${room.artifact.tier}, ${room.riskTier}`), " ", h("strong", { id: "state" }, STATES[room.state] ?? room.state)),
    pending && room.expiresAt !== undefined && h("p", { class: "deadline" }, countdown(room.expiresAt), " · until ", moment(room.expiresAt)),
    room.revokedAt !== undefined && h("p", {}, "Taken back ", moment(room.revokedAt), ": it authorizes nothing."),
  );
}

function buttons(actions) {
  const button = (name, text, letter, primary = false) =>
    actions[name] && h("button", { type: "button", class: primary ? "primary" : "", id: `do-${text.toLowerCase().replaceAll(" ", "-")}`, onclick: () => actions[name]?.() }, text, letter && h("kbd", { "aria-hidden": "true" }, letter));
  return h(
    "div",
    { class: "bar", role: "group", "aria-label": "Decide" },
    button("a", "Approve", "A", true),
    button("r", "Reject", "R"),
    button("e", "Extend", "E"),
    button("revoke", "Take it back", ""),
  );
}

function details(room, evidence, refresh, tell) {
  const first = evidence.find((event) => event.payload.event === "decided");
  return [
    section(
      "What is asked",
      facts([
        ["Kind", TYPES[room.actionType] ?? room.actionType],
        ["Amount", room.amount !== undefined && said(JSON.stringify(room.amount))],
        ["Category", room.category !== undefined && said(room.category)],
        ["About", said(room.payloadRef)],
        ["Operation", room.action?.operation && said(room.action.operation)],
        ["Tool", room.action?.tool && [said(room.action.tool), room.action.toolVersion ? [" ", said(room.action.toolVersion)] : null]],
        ["On", room.action?.resource && said(room.action.resource)],
        ["By agent", h("a", { href: agentHref(room) }, said(room.agentId))],
        ["For", said(room.principalId)],
        ["Asked", moment(room.requestedAt ?? first?.timestamp ?? room.requestTimestamp)],
        ["Request", said(room.requestId, { class: "code" })],
      ]),
    ),
    argumentsOf(room),
    section("Why it came to a person", crossed(room, first?.reasonCode ?? room.artifact.reasonCode)),
    room.budgetLeft?.length > 0 && section("What budgets have left", h("ul", {}, room.budgetLeft.map(budget))),
    earlier("What this agent asked before", room.agentEscalations),
    earlier("Earlier requests for the same operation", room.sameOperation),
    agentSection(room, refresh, tell),
    section("What happened", timeline(evidence)),
  ].filter(Boolean);
}

const agentHref = (room) => `#/agents/${encodeURIComponent(room.agentId)}`;

function argumentsOf(room) {
  return section(
    "Arguments",
    room.argumentsErasedAt !== undefined && h("p", {}, "They were erased ", moment(room.argumentsErasedAt), ". Their digest is in evidence."),
    argumentTable(room) ?? h("p", { class: "quiet" }, "There are none beside what stands above."),
    room.canonicalAction !== undefined &&
      h(
        "details",
        { id: "hashed" },
        h("summary", {}, "The text that was hashed"),
        h("p", { class: "quiet" }, "What you decide on is this, to the letter. Its digest: ", said(room.actionDigest, { class: "code" })),
        h("pre", { tabindex: "0" }, said(room.canonicalAction)),
      ),
  );
}

function budget({ id, scope, window, left, max, share, held }) {
  return h("li", {}, said(id, { class: "code" }), ` (${scope}, ${window}): ${left} of ${max} left. `, held ? `This request holds ${share} of it already.` : `Approving takes ${share}.`);
}

function earlier(title, rooms) {
  if (!Array.isArray(rooms)) return null;
  return section(
    title,
    rooms.length === 0
      ? h("p", { class: "quiet" }, "None.")
      : h("ul", { class: "earlier" }, rooms.map(past)),
  );
}

function past(room) {
  const { requestId, operation, state, requestedAt } = room;
  const asked = sentence({ ...room, action: operation === undefined ? undefined : { operation } }, { linked: true });
  return h(
    "li",
    {},
    h("a", { href: `#/requests/${encodeURIComponent(requestId)}` }, asked),
    h("p", { class: "quiet" }, `${STATES[state] ?? state} · asked `, moment(requestedAt)),
  );
}

function agentSection(room, refresh, tell) {
  const changed = (agent) => {
    tell(agent.state === "stopped" ? "You stopped the agent. You can still reject what it asked for." : "The agent's state is changed.");
    void refresh();
  };
  const stopped = room.agent?.state === "stopped";
  return section(
    "The agent",
    h("p", {}, h("a", { href: agentHref(room) }, said(room.agentId)), room.agent ? ` is ${AGENT_STATES[room.agent.state]}.` : "", room.agent?.reason !== undefined && [" “", said(room.agent.reason), "”"]),
    may("agents:manage") && !stopped && h("button", { type: "button", id: "do-stop", class: "danger", onclick: () => changeAgent(room.agentId, "stopped", changed) }, "Stop the agent"),
  );
}

export const AGENT_STATES = { active: "active", escalate_all: "restricted: a person looks at all it asks for", stopped: "stopped" };

function claimOf(evidence) {
  return evidence.find((event) => event.payload.event === "claimed");
}

/** Show evidence as a timeline, of each thing that happened the event that says who did it. */
export function timeline(evidence) {
  const events = evidence.filter((event) => event.payload.source === "audit");
  return h(
    "ol",
    { class: "timeline" },
    events.map((event) => {
      const { actor, principalId, reason, status, assurance } = event.payload;
      const who = actor ?? principalId;
      return h(
        "li",
        { class: event.payload.event },
        h("p", {}, h("strong", {}, eventTitle(event)), who !== undefined && who !== "hitl_expiry" && [", by ", said(who)], status !== undefined && [": ", said(status)]),
        reason !== undefined && h("blockquote", {}, said(reason)),
        h("p", { class: "quiet" }, moment(event.timestamp), assurance !== undefined && ` · ${ASSURANCES[assurance] ?? assurance}`),
      );
    }),
  );
}

/** Say who or what closed a request, when and why: as text, and as parts to show. Null while it waits. */
function ending(room, evidence) {
  if (room.state === PENDING) return null;
  const closed = evidence.findLast((event) => event.payload.event === "closed" && event.payload.source === "audit");
  if (room.state === "escalated_expired_terminal") {
    const text = "It expired: nobody decided in time, which is a refusal.";
    return { text, parts: [text] };
  }
  if (!closed) return null;
  const { actor, reason } = closed.payload;
  const who = actor === me().principalId ? "You" : actor;
  const what = endingOf(closed);
  const when = ago(closed.timestamp);
  return {
    text: `${visible(who)} ${what === "withdrawn" ? "withdrew" : what} this ${when}.`,
    parts: [said(who), ` ${what === "withdrawn" ? "withdrew" : what} this ${when}`, reason === undefined ? "." : [": “", said(reason), "”."]],
  };
}
