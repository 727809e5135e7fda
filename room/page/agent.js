// One agent: how it stands, and stopping it.

import { get, path } from "./api.js";
import { changeAgent } from "./decide.js";
import { facts, h, said, section } from "./dom.js";
import { may } from "./me.js";
import { announce, notice, poll } from "./notice.js";
import { AGENT_STATES } from "./request.js";
import { moment } from "./time.js";

const EVERY_MS = 15_000;

/** Show one agent. */
export function agentScreen({ view, signal, id }) {
  const trouble = h("div", {});
  const body = h("div", { id: "agent" });
  view.replaceChildren(h("h1", { tabindex: "-1" }, "Agent ", said(id)), trouble, body);
  const changed = (agent) => {
    announce(`The agent is ${AGENT_STATES[agent.state]}.`);
    void again();
  };
  const draw = (agent) => {
    const button = (state, text, style = "") =>
      agent?.state !== state && h("button", { type: "button", class: style, onclick: () => changeAgent(id, state, changed) }, text);
    body.replaceChildren(
      ...(agent
        ? [
            facts([
              ["State", h("strong", { id: "agent-state" }, AGENT_STATES[agent.state])],
              ["Why", agent.reason && said(agent.reason)],
              ["Until", agent.until !== undefined && moment(agent.until)],
              ["Owner", agent.owner && said(agent.owner)],
              ["Changed", moment(agent.changedAt)],
              ["By", said(agent.changedBy)],
              ["Last asked", agent.lastDecisionAt !== undefined && moment(agent.lastDecisionAt)],
            ]),
            section("In the last 24 hours", facts([["Allowed", String(agent.decisions24h.allow)], ["Denied", String(agent.decisions24h.deny)], ["Left to a person", String(agent.decisions24h.escalate)]])),
          ]
        : [h("p", {}, "Nobody has said anything of this agent yet, so policy alone decides on what it asks for.")]),
      may("agents:manage")
        ? h("div", { class: "bar", role: "group", "aria-label": "Change" }, button("stopped", "Stop it", "danger"), button("escalate_all", "Restrict it"), button("active", "Let it act again"))
        : h("p", { class: "quiet" }, "You may not change agents. Your operators can: `ops agents stop`."),
    );
  };
  const again = poll(
    async () => {
      try {
        draw(await get(path`/agents/${id}`, {}, signal));
      } catch (fault) {
        if (fault.code !== "security_agent_not_found") throw fault;
        draw(null);
      }
    },
    { everyMs: () => EVERY_MS, signal, failed: (fault) => trouble.replaceChildren(...(fault ? [notice(fault, () => void again())] : [])) },
  );
}
