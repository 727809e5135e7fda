// Who is signed in, what they may do, and how they like this page.

import { get } from "./api.js";
import { facts, h, said, section } from "./dom.js";
import { sessionTimes, signOut } from "./session.js";
import { moment } from "./time.js";

const KEYS = "handshake-keys";
const SCOPES = {
  "workflow:resolve": "decide what your organisation's agents ask",
  "workflow:read:tenant": "read your organisation's requests and history",
  "workflow:read:any": "read every request",
  "workflow:execute": "claim grants",
  "workflow:submit:any": "submit in anybody's name",
  "agents:read": "see how agents stand",
  "agents:manage": "stop agents, and let them act again",
};

let person = { principalId: "", scopes: [] };

/** Give who is signed in. */
export const me = () => person;

/** Say whether the person has a scope. What they may do is the service's to say: this only hides what it would refuse. */
export const may = (scope) => (person.scopes ?? []).includes(scope);

/** Ask the service who is signed in. */
export async function readMe() {
  person = await get("/me");
  return person;
}

/** Say whether keys of one letter do something: they get in the way of those who speak to their machine. */
export const usesKeys = () => localStorage.getItem(KEYS) !== "off";

/** Show who one is. */
export function meScreen({ view }) {
  const times = sessionTimes();
  const scopes = person.scopes ?? [];
  const keys = h("input", { type: "checkbox", id: "keys", checked: usesKeys(), onchange: () => localStorage.setItem(KEYS, keys.checked ? "on" : "off") });
  view.replaceChildren(
    h("h1", { tabindex: "-1" }, "You"),
    facts([
      ["You are", said(person.principalId)],
      ["Of", person.tenantId ? said(person.tenantId) : "no organisation"],
      ["Signed in", times?.since > 0 && moment(times.since)],
      ["Until", times?.until > 0 && moment(times.until)],
    ]),
    section(
      "What you may do",
      h("ul", {}, h("li", {}, "decide what is asked in your own name"), scopes.map((scope) => h("li", {}, SCOPES[scope] ?? "", " ", said(scope, { class: "code quiet" })))),
      h("p", { class: "quiet" }, "Your operators keep this, with `ops people`. A change holds from your next click on."),
    ),
    section("This page", h("p", {}, keys, h("label", { for: "keys" }, " Keys of one letter (press ? to see them)"))),
    h("p", {}, h("button", { type: "button", id: "sign-out", onclick: signOut }, "Sign out")),
  );
}
