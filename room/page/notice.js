// What went wrong and what to do, the same way on every screen.

import { h } from "./dom.js";
import { signIn } from "./session.js";
import { advice, endsSession } from "./words.js";

/** Show a fault; `again` is called by a button, where trying again may help. */
export function notice(fault, again = undefined) {
  const [what, todo] = advice(fault);
  return h(
    "div",
    { class: "notice", role: "alert" },
    h("p", {}, h("strong", {}, what), " ", todo),
    fault.code && h("p", { class: "quiet" }, "Code: ", h("code", {}, fault.code)),
    endsSession(fault)
      ? h("button", { type: "button", onclick: () => void signIn() }, "Sign in")
      : again && h("button", { type: "button", onclick: again }, "Try again"),
  );
}

/** Throw on what is not for a person to see: a fault of this page itself, or a screen that was left. */
export function isFault(error) {
  return error.name === "Refused" || error.name === "Unanswered";
}

/** Read aloud, without moving the focus, what has just happened. */
export function announce(text) {
  document.querySelector("#live").textContent = text;
}

/**
 * Call `read` now and every `everyMs` while somebody looks, until `signal` ends it; back from another tab or back
 * online, at once. `failed` is told of a fault, and null once it is over. Whom the service does not let in is not let in
 * by asking again: then only what this returns, called by a person, asks once more.
 */
export function poll(read, { everyMs, signal, failed }) {
  let timer, running;
  let shutOut = false;
  const once = async () => {
    clearTimeout(timer);
    if (running || signal.aborted) return;
    running = true;
    shutOut = false;
    try {
      await read();
      if (!signal.aborted) failed(null);
    } catch (error) {
      if (!signal.aborted && isFault(error)) {
        shutOut = error.status === 401 || error.status === 403;
        failed(error);
      } else if (!signal.aborted) throw error;
    } finally {
      running = false;
      if (!signal.aborted && !document.hidden && !shutOut) timer = setTimeout(once, everyMs());
    }
  };
  const back = () => !document.hidden && !shutOut && void once();
  document.addEventListener("visibilitychange", back, { signal });
  addEventListener("online", back, { signal });
  signal.addEventListener("abort", () => clearTimeout(timer));
  void once();
  return once;
}
