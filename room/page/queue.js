// The queue: what waits for this person, soonest deadline first.

import { get } from "./api.js";
import { h, said } from "./dom.js";
import { announce, notice, poll } from "./notice.js";
import { countdown } from "./time.js";
import { TYPES, sentence } from "./words.js";

const EVERY_MS = 10_000;
const PAGE = 100;
const MOST_PAGES = 10;

// The ids in the order last shown: J and K go along it on a request's own screen too.
let order = [];
const filters = { text: "", type: "", tier: "" };

/** Give the id of the request before or after another one in the queue, if there is one. */
export function neighbour(requestId, step) {
  return order[order.indexOf(requestId) + step];
}

/** Show the queue. */
export function queueScreen({ view, signal }) {
  const list = h("ul", { class: "cards", id: "queue" });
  const status = h("p", { class: "quiet", id: "count" });
  const trouble = h("div", {});
  let rooms = null;
  let more = false;

  const draw = () => {
    const shown = rooms.filter(matches);
    order = shown.map((room) => room.requestId);
    const focused = document.activeElement?.closest?.("#queue [data-id]")?.dataset.id;
    list.replaceChildren(...shown.map(card));
    if (focused !== undefined) (cardOf(list, focused) ?? list.querySelector("a"))?.focus();
    status.replaceChildren(summary(shown.length, rooms.length, more));
    list.hidden = shown.length === 0;
  };
  const filter = (name) => (event) => {
    filters[name] = event.target.value;
    if (rooms) draw();
  };
  view.replaceChildren(
    h("h1", { tabindex: "-1" }, "Waiting for you"),
    h(
      "form",
      { class: "filters", role: "search", onsubmit: (event) => event.preventDefault() },
      h("label", {}, "Find ", h("input", { type: "search", value: filters.text, placeholder: "agent, person, id", oninput: filter("text") })),
      choice("Kind", "type", [["", "any"], ...Object.entries(TYPES)], filter),
      choice("Tier", "tier", [["", "any"], ["critical", "critical"], ["high", "high"]], filter),
    ),
    trouble,
    status,
    list,
  );
  poll(
    async () => {
      const before = rooms?.length;
      [rooms, more] = await readAll(signal);
      draw();
      if (before !== undefined && rooms.length > before) announce(`${rooms.length} requests wait for you.`);
    },
    { everyMs: () => EVERY_MS, signal, failed: (fault) => trouble.replaceChildren(...(fault ? [notice(fault)] : [])) },
  );
}

async function readAll(signal) {
  const rooms = [];
  let cursor;
  for (let page = 0; page < MOST_PAGES; page += 1) {
    const answer = await get("/workflow/decision-room", { limit: PAGE, cursor }, signal);
    rooms.push(...answer.requests);
    cursor = answer.nextCursor;
    if (cursor === undefined) break;
  }
  return [rooms, cursor !== undefined];
}

const cardOf = (list, id) => [...list.children].find((item) => item.dataset.id === id)?.querySelector("a");

function card(room) {
  return h(
    "li",
    { class: `card tier-${room.artifact.tier}`, "data-id": room.requestId },
    h("a", { href: `#/requests/${encodeURIComponent(room.requestId)}` }, sentence(room, { linked: true })),
    h("p", { class: "meta" }, h("span", { class: "tier" }, room.riskTier), " for ", said(room.principalId), " · about ", said(room.payloadRef)),
    room.expiresAt !== undefined && h("p", { class: "deadline" }, countdown(room.expiresAt)),
  );
}

function choice(label, name, options, filter) {
  return h(
    "label",
    {},
    `${label} `,
    h("select", { onchange: filter(name) }, options.map(([value, text]) => h("option", { value, selected: filters[name] === value }, text))),
  );
}

function matches(room) {
  const text = filters.text.trim().toLowerCase();
  const where = [room.agentId, room.principalId, room.requestId, room.payloadRef, room.action?.operation ?? ""];
  return (
    (filters.type === "" || room.actionType === filters.type) &&
    (filters.tier === "" || room.riskTier === filters.tier) &&
    (text === "" || where.some((value) => value.toLowerCase().includes(text)))
  );
}

function summary(shown, all, more) {
  if (all === 0) {
    return h(
      "span",
      { id: "empty" },
      "Nothing waits for you. When an agent asks for something that policy leaves to a person, it appears here by itself, " +
        "soonest deadline first, and waits until its deadline. Nobody answers for you: what is not decided in time is refused.",
    );
  }
  if (shown === 0) return `None of the ${all} that wait match. Change what you look for.`;
  const count = shown === all ? `${all}${more ? " or more" : ""}` : `${shown} of ${all}${more ? " or more" : ""}`;
  return `${count} ${all === 1 && !more ? "waits" : "wait"}, soonest deadline first.`;
}
