// Builds elements. Text is only ever text: nothing here, or anywhere on this page, reads markup from a string.

/**
 * Make an element. `props` are attributes; a function under `onclick` and the like is a listener, `true` an attribute
 * without a value, and false, null or undefined leaves it out. Children are elements, text, or lists of them.
 */
export function h(name, props = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(props)) {
    if (value === false || value === null || value === undefined) continue;
    if (typeof value === "function") element.addEventListener(key.slice(2), value);
    else element.setAttribute(key, value === true ? "" : String(value));
  }
  element.append(...children.flat(3).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

// What a reader cannot see, or what moves what they see: controls, formats (bidirectional ones too), surrogates without
// a partner, private and unassigned characters, separators of lines, every space but the plain one.
const HIDDEN =
  /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\u2800\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]+/gu;
const MAX_MARKED = 500;

/** Write every character that does not print as `\u{…}`. */
export function visible(text) {
  return String(text).replace(HIDDEN, (run) =>
    Array.from(run, (character) => `\\u{${character.codePointAt(0).toString(16).toUpperCase()}}`).join(""),
  );
}

/**
 * Show text that somebody else wrote: apart from what surrounds it whichever way it runs, and with what does not print
 * escaped, and marked as escaped, since text may hold a backslash of its own.
 */
export function said(text, props = {}) {
  const whole = String(text);
  const parts = [];
  let from = 0;
  for (const found of whole.matchAll(HIDDEN)) {
    if (parts.length > MAX_MARKED) break;
    parts.push(whole.slice(from, found.index), h("span", { class: "escaped" }, visible(found[0])));
    from = found.index + found[0].length;
  }
  return h("bdi", { ...props, class: `said ${props.class ?? ""}` }, parts, visible(whole.slice(from)));
}

/** Make a list of terms; rows without a value are left out. */
export function facts(rows) {
  return h(
    "dl",
    {},
    rows
      .filter(([, value]) => value !== null && value !== undefined && value !== "" && value !== false)
      .map(([term, value]) => h("div", {}, h("dt", {}, term), h("dd", {}, value))),
  );
}

/** Make a section with a heading. */
export function section(title, ...children) {
  return h("section", {}, h("h2", {}, title), children);
}
