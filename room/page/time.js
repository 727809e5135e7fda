// Times as people read them: the reader's own zone with UTC beside it, and how long is left.

import { h } from "./dom.js";

const LOCAL = { year: "numeric", month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit", timeZoneName: "short" };
const local = new Intl.DateTimeFormat(undefined, LOCAL);
const MAX_MS = 8.64e15;

// How far the server's clock is ahead of this one's, by what it said last. Deadlines are the server's.
let aheadMs = 0;

/** Take the server's time from the Date header of an answer, which is whole seconds. */
export function heardDate(header) {
  const differs = Date.parse(header ?? "") - Date.now();
  if (Number.isFinite(differs)) aheadMs = Math.abs(differs) > 2000 ? differs : 0;
}

/** Give the server's time, epoch ms. */
export const now = () => Date.now() + aheadMs;

/** Give `YYYY-MM-DD HH:MM:SS UTC`. */
export const utc = (ms) => `${new Date(ms).toISOString().slice(0, 19).replace("T", " ")} UTC`;

/** Show a time in the reader's zone with UTC beside it. */
export function moment(ms) {
  if (typeof ms !== "number" || Math.abs(ms) > MAX_MS) return h("span", {}, "unknown");
  const date = new Date(ms);
  return h("time", { datetime: date.toISOString() }, local.format(date), h("span", { class: "utc" }, ` (${utc(ms)})`));
}

/** Say a length of time in its two largest units. */
export function lasting(ms) {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const parts = [
    [Math.floor(seconds / 86400), "d"],
    [Math.floor(seconds / 3600) % 24, "h"],
    [Math.floor(seconds / 60) % 60, "min"],
    [seconds % 60, "s"],
  ];
  const first = parts.findIndex(([count]) => count > 0);
  if (first < 0) return "0 s";
  return parts.slice(first, first + 2).map(([count, unit]) => `${count} ${unit}`).join(" ");
}

/** Say how long ago something was. */
export const ago = (ms) => `${lasting(now() - ms)} ago`;

/** Show how long is left; it counts down by itself, and fires `overdue` once when nothing is left. */
export function countdown(untilMs) {
  const element = h("span", { class: "countdown", role: "timer", "data-until": untilMs });
  tick(element);
  return element;
}

function tick(element) {
  const left = Number(element.dataset.until) - now();
  element.textContent = left > 0 ? `${lasting(left)} left` : "time is up";
  element.classList.toggle("soon", left <= 60_000);
  if (left <= 0 && !element.dataset.over) {
    element.dataset.over = "yes";
    element.dispatchEvent(new CustomEvent("overdue", { bubbles: true }));
  }
}

/** Let every countdown on the page run. */
export function startClock() {
  setInterval(() => document.querySelectorAll("[data-until]").forEach(tick), 1000);
}
