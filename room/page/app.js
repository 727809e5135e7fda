// Begins: the session, the screens by their addresses, and the keyboard.

import { agentScreen } from "./agent.js";
import { h } from "./dom.js";
import { historyScreen } from "./history.js";
import { isFault, notice } from "./notice.js";
import { meScreen, readMe, usesKeys } from "./me.js";
import { queueScreen } from "./queue.js";
import { requestScreen } from "./request.js";
import { isSignedIn, openSession, signIn } from "./session.js";
import { startClock } from "./time.js";

const view = document.querySelector("#view");
const nav = document.querySelector("nav");
const SCREENS = { "": queueScreen, requests: requestScreen, history: historyScreen, agents: agentScreen, me: meScreen };
const TITLES = { "": "Waiting for you", requests: "Request", history: "What was decided", agents: "Agent", me: "You" };
const HELP = [
  ["J, K", "next and previous request"],
  ["Enter", "open the request"],
  ["A", "approve"],
  ["R", "reject"],
  ["E", "more time"],
  ["Q", "back to the queue"],
  ["Escape", "close what is open"],
  ["?", "this list"],
];

let leaving = new AbortController();
let screen = {};

/** Show the screen that the address names. */
function show() {
  leaving.abort();
  leaving = new AbortController();
  const [, name = "", rest = ""] = /^#\/([a-z]*)(?:\/(.*))?$/.exec(location.hash) ?? [];
  let id;
  try {
    id = decodeURIComponent(rest);
  } catch {
    id = rest; // somebody's own typing: it names nothing, and is looked for as it is
  }
  const known = Object.hasOwn(SCREENS, name) ? name : "";
  document.title = `${TITLES[known]} · Handshake`;
  for (const link of nav.querySelectorAll("a")) {
    if (link.getAttribute("href") === `#/${known}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  screen = SCREENS[known]({ view, signal: leaving.signal, id }) ?? {};
  view.querySelector("h1")?.focus({ preventScroll: true });
  scrollTo(0, 0);
}

function askToSignIn(trouble) {
  nav.hidden = true;
  view.replaceChildren(
    h("h1", { tabindex: "-1" }, "Handshake"),
    h("p", {}, "Agents ask; people decide. Sign in to see what waits for you."),
    trouble && h("p", { class: "notice", role: "alert" }, trouble),
    h("button", { type: "button", class: "primary", id: "sign-in", onclick: () => void signIn() }, "Sign in"),
  );
}

async function enter() {
  try {
    await readMe();
  } catch (fault) {
    if (!isFault(fault)) throw fault;
    view.replaceChildren(h("h1", { tabindex: "-1" }, "Handshake"), notice(fault, () => void enter()));
    return;
  }
  nav.hidden = false;
  addEventListener("hashchange", show);
  document.addEventListener("keydown", onKey);
  show();
}

function onKey(event) {
  const typing = event.target.closest?.("input, textarea, select, dialog");
  if (typing || event.ctrlKey || event.metaKey || event.altKey || !usesKeys()) return;
  const key = event.key.toLowerCase();
  if (key === "?") showHelp();
  else if (key === "q") location.hash = "#/";
  else if (key === "j" || key === "k") move(key === "j" ? 1 : -1);
  else if (Object.hasOwn(screen.actions ?? {}, key) && "are".includes(key)) screen.actions[key]();
  else return;
  event.preventDefault();
}

function move(step) {
  if (screen.move) {
    screen.move(step);
    return;
  }
  const links = [...view.querySelectorAll("#queue li a")];
  const at = links.indexOf(document.activeElement);
  const next = at < 0 ? (step > 0 ? 0 : links.length - 1) : at + step;
  links[next]?.focus();
}

function showHelp() {
  const dialog = h(
    "dialog",
    { "aria-labelledby": "help-title" },
    h("h2", { id: "help-title" }, "Keys"),
    h("dl", {}, HELP.map(([keys, what]) => h("div", {}, h("dt", {}, h("kbd", {}, keys)), h("dd", {}, what)))),
    h("p", { class: "quiet" }, "Turn them off under You."),
    h("div", { class: "buttons" }, h("button", { type: "button", onclick: () => dialog.close() }, "Close")),
  );
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

// Addresses here name screens, so this one moves the focus by hand.
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  view.focus();
});
for (const state of ["online", "offline"]) {
  addEventListener(state, () => {
    document.querySelector("#offline").hidden = navigator.onLine;
  });
}
startClock();
const trouble = await openSession().catch(() => "The page could not be opened: you may be offline. Load it again.");
if (!isSignedIn()) askToSignIn(trouble);
else await enter();
