// What a person does to a request: a dialog for each, and one key for each try, so that a try repeated is not done twice.

import { path, post, put } from "./api.js";
import { h, said } from "./dom.js";
import { isFault, notice } from "./notice.js";
import { moment } from "./time.js";
import { amountOf, argumentTable, sentence } from "./words.js";

const MAX_REASON = 500;
const EXTENSIONS = [[900, "15 minutes"], [3600, "1 hour"], [14_400, "4 hours"], [86_400, "1 day"]];

/** Give what has to be typed before a request of tier 3 or 4 is approved: its amount, its operation, or its type. */
export function typedFor(room) {
  if (room.artifact.tier < 3) return null;
  if (room.amount !== undefined) return { what: "the amount", text: amountOf({ amount: room.amount }) };
  if (room.action?.operation) return { what: "the operation", text: room.action.operation };
  return { what: "the kind of action", text: room.actionType };
}

/** Ask for an approval. `done` is told the answer; `lost` a refusal that says that somebody was first. */
export function approve(room, done, lost) {
  const typed = typedFor(room);
  ask({
    title: "Approve",
    says: ["The agent may then do this one thing, once."],
    // What is approved stands beside the button, whatever part of the page was read.
    shows: [h("p", { class: "asked" }, sentence(room)), argumentTable(room)],
    reason: "optional",
    typed,
    button: "Approve",
    done,
    lost,
    send: (fields, key) => post("/workflow/decision-room/action", action(room, "approve", fields), key),
  });
}

/** Ask for a rejection. */
export function reject(room, done, lost) {
  ask({
    title: "Reject",
    says: ["The agent may not do this, for good. It can ask anew."],
    reason: "optional",
    button: "Reject",
    done,
    lost,
    send: (fields, key) => post("/workflow/decision-room/action", action(room, "reject", fields), key),
  });
}

/** Ask for more time. */
export function extend(room, done, lost) {
  ask({
    title: "More time",
    says: ["It is added to the deadline of ", moment(room.expiresAt), ". Three times at most."],
    reason: "optional",
    seconds: true,
    button: "Extend",
    done,
    lost,
    send: ({ reason, seconds }, key) => post("/workflow/decision-room/extend", { requestId: room.requestId, seconds, ...words(reason) }, key),
  });
}

/** Ask to take back what was allowed or approved. */
export function revoke(room, done, lost) {
  ask({
    title: "Take it back",
    says: ["From then on nothing begins on it. What has begun is not undone."],
    reason: "required",
    button: "Take it back",
    done,
    lost,
    send: ({ reason }) => post("/workflow/decision-room/revoke", { requestId: room.requestId, reason }),
  });
}

/** Ask for another state of an agent. */
export function changeAgent(agentId, state, done) {
  const titles = { stopped: "Stop this agent", escalate_all: "Have a person look at all it asks for", active: "Let it act again" };
  const says = {
    stopped: "All that it asks for is denied, and what it was granted and has not begun is refused. What waits can be rejected.",
    escalate_all: "What policy would allow is left to a person.",
    active: "Policy alone decides again on what it asks for.",
  };
  ask({
    title: titles[state],
    says: [said(agentId), ". ", says[state]],
    reason: "required",
    button: titles[state],
    done,
    lost: () => false,
    send: async ({ reason }) => put(path`/agents/${agentId}`, { state, reason }),
  });
}

const words = (reason) => (reason === "" ? {} : { reason });

const action = (room, name, { reason }) => ({
  requestId: room.requestId,
  ...(room.hitlRequestId === undefined ? {} : { hitlRequestId: room.hitlRequestId }),
  action: name,
  ...words(reason),
});

function ask({ title, says, shows = [], reason, typed = null, seconds = false, button, send, done, lost }) {
  // One try, one key: pressing twice, or trying again when the answer was lost, does it once.
  const key = crypto.randomUUID();
  const trouble = h("div", {});
  const why = h("textarea", { id: "reason", rows: 3, maxlength: MAX_REASON, required: reason === "required" });
  const typing = typed && h("input", { id: "typed", autocomplete: "off", autocapitalize: "none", spellcheck: "false", "aria-describedby": "typed-hint" });
  const length = seconds && h("select", { id: "seconds" }, EXTENSIONS.map(([value, text]) => h("option", { value }, text)));
  const go = h("button", { type: "submit", class: "primary" }, button);
  const close = () => dialog.close();

  const submit = async (event) => {
    event.preventDefault();
    if (typed && typing.value.trim() !== typed.text) {
      trouble.replaceChildren(h("p", { class: "notice", role: "alert" }, `That is not ${typed.what}. Type it as it is shown: `, said(typed.text), "."));
      typing.focus();
      return;
    }
    go.disabled = true;
    trouble.replaceChildren(h("p", { role: "status" }, "Sending…"));
    try {
      const answer = await send({ reason: why.value.trim(), seconds: Number(length?.value) }, key);
      close();
      done(answer);
    } catch (fault) {
      if (!isFault(fault)) throw fault;
      if (await lost(fault)) close();
      else trouble.replaceChildren(notice(fault));
    } finally {
      go.disabled = false;
    }
  };

  const dialog = h(
    "dialog",
    { "aria-labelledby": "dialog-title" },
    h(
      "form",
      { onsubmit: submit, novalidate: reason !== "required" },
      h("h2", { id: "dialog-title" }, title),
      shows,
      h("p", {}, says),
      typed && [
        h("label", { for: "typed" }, `To approve, type ${typed.what}`),
        h("p", { class: "quiet", id: "typed-hint" }, "It reads ", said(typed.text, { class: "code" })),
        typing,
      ],
      seconds && [h("label", { for: "seconds" }, "How much longer"), length],
      h("label", { for: "reason" }, reason === "required" ? "Why" : "Why, in your own words (if you like)"),
      why,
      h("p", { class: "quiet" }, `At most ${MAX_REASON} characters, kept word for word with your name.`),
      trouble,
      h("div", { class: "buttons" }, go, h("button", { type: "button", onclick: close }, "Cancel")),
    ),
  );
  const before = document.activeElement;
  dialog.addEventListener("close", () => {
    dialog.remove();
    if (before?.isConnected) before.focus();
  });
  document.body.append(dialog);
  dialog.showModal();
  (typing || length || why).focus();
}

/** Close whatever dialog is open: the screen under it is going. */
export function closeDialogs() {
  document.querySelectorAll("dialog[open]").forEach((dialog) => dialog.close());
}
