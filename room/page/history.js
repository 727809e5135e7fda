// What was decided: by whom and why, newest first.

import { get } from "./api.js";
import { h, said } from "./dom.js";
import { isFault, notice } from "./notice.js";
import { moment } from "./time.js";
import { ENDINGS, sentence } from "./words.js";

const PAGE = 50;
const filters = { outcome: "", actor: "", from: "", to: "" };

/** Show the history. */
export function historyScreen({ view, signal }) {
  const list = h("ul", { class: "cards", id: "history" });
  const status = h("p", { class: "quiet", id: "count" });
  const trouble = h("div", {});
  const more = h("button", { type: "button", hidden: true, onclick: () => void read(cursor) }, "Earlier ones");
  let cursor;
  let asked = 0;

  async function read(after = undefined) {
    asked += 1;
    const mine = asked;
    try {
      const answer = await get("/workflow/decisions", { ...query(), limit: PAGE, cursor: after }, signal);
      if (mine !== asked) return; // somebody has asked for something else meanwhile
      if (after === undefined) list.replaceChildren();
      list.append(...answer.decisions.map(card));
      cursor = answer.nextCursor;
      more.hidden = cursor === undefined;
      trouble.replaceChildren();
      status.textContent = list.children.length === 0 ? "Nothing was decided that matches. What waits is in the queue." : "";
    } catch (fault) {
      if (signal.aborted) return;
      if (!isFault(fault)) throw fault;
      trouble.replaceChildren(notice(fault, () => void read(after)));
    }
  }
  const field = (label, name, input) => {
    input.addEventListener("change", () => {
      filters[name] = input.value;
      void read();
    });
    return h("label", {}, `${label} `, input);
  };
  view.replaceChildren(
    h("h1", { tabindex: "-1" }, "What was decided"),
    h(
      "form",
      { class: "filters", role: "search", onsubmit: (event) => event.preventDefault() },
      field("Ended as", "outcome", h("select", {}, ["", ...Object.keys(ENDINGS)].map((value) => h("option", { value, selected: filters.outcome === value }, value || "any")))),
      field("By", "actor", h("input", { type: "search", value: filters.actor, placeholder: "who decided, in full" })),
      field("From", "from", h("input", { type: "date", value: filters.from })),
      field("To", "to", h("input", { type: "date", value: filters.to })),
    ),
    trouble,
    status,
    list,
    more,
  );
  void read();
}

// Days are the reader's own: from their first moment to their last.
function query() {
  const start = (day, plus) => {
    const [year, month, date] = day.split("-").map(Number);
    return new Date(year, month - 1, date + plus).getTime();
  };
  return {
    outcome: filters.outcome,
    actor: filters.actor.trim(),
    from: filters.from === "" ? "" : start(filters.from, 0),
    to: filters.to === "" ? "" : start(filters.to, 1),
  };
}

function card(decision) {
  const { requestId, outcome, actor, reason, decidedAt } = decision;
  return h(
    "li",
    { class: "card", "data-id": requestId },
    h("a", { href: `#/requests/${encodeURIComponent(requestId)}` }, sentence(decision, { linked: true })),
    h("p", {}, h("strong", {}, ENDINGS[outcome] ?? outcome), outcome !== "expired" && actor !== undefined && [", by ", said(actor)]),
    reason !== undefined && h("blockquote", {}, said(reason)),
    h("p", { class: "quiet" }, moment(decidedAt)),
  );
}
