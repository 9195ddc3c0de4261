// Making nodes, and keeping those that did not change. Text only ever becomes text nodes.

const PROPERTIES = new Set(["value", "checked", "disabled", "selected", "hidden", "required"]);

/** An element: h("p", {class: "x", onclick: f}, "text", child, [children]). Empty values are left out. */
export function h(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name === "class") node.className = value;
    else if (PROPERTIES.has(name)) node[name] = value;
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat(Infinity).filter((one) => one !== undefined && one !== null && one !== false));
  return node;
}

const drawnFrom = new WeakMap();

/** Makes `parent` show one node per item, in order. A node stays while its item says the same. */
export function patch(parent, items, { key, draw, salt = "" }) {
  const focused = parent.contains(document.activeElement) ? document.activeElement.dataset.focus : undefined;
  const old = new Map([...parent.children].map((node) => [node.dataset.key, node]));
  let before = parent.firstElementChild;
  for (const item of items) {
    const name = String(key(item));
    const print = salt + JSON.stringify(item);
    let node = old.get(name);
    old.delete(name);
    if (!node || drawnFrom.get(node) !== print) {
      const fresh = draw(item, node);
      fresh.dataset.key = name;
      drawnFrom.set(fresh, print);
      if (node) {
        if (before === node) before = fresh;
        node.replaceWith(fresh);
      }
      node = fresh;
    }
    if (node === before) before = before.nextElementSibling;
    else parent.insertBefore(node, before);
  }
  for (const node of old.values()) node.remove();
  if (focused && !parent.contains(document.activeElement))
    parent.querySelector(`[data-focus="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
}

let lastId = 0;
/** An id for aria references. */
export const newId = (prefix) => `${prefix}-${++lastId}`;

/** A short message that goes away by itself and is read aloud. */
export function toast(text, kind = "error") {
  const note = h("div", { class: `toast ${kind}` }, text);
  const over = [...document.querySelectorAll("dialog[open]")].at(-1); // a modal lies over everything else
  (over ?? document.getElementById("toasts")).append(note);
  setTimeout(() => note.remove(), 7000);
}
